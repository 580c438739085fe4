//! The formats that updaters in Kotlin read, and how each makes an entry of a record.

use super::super::Generation;
use super::super::entry::{Entry, EntryFault};
use super::fields::{CRDROID, DERPFEST, Field, PIXELOS, V1, V2, V2_VERSION};
use super::pixelos::build_pixelos;
use super::record::{Record, number, text};
use super::v2::{build_v2, sdk_level};

/// The format that an updater reads.
pub(super) struct Format {
    /// If the list is below `response`, whether that key is required.
    pub(super) response: Option<bool>,
    pub(super) fields: &'static [Field],
    /// Other keys are refused.
    pub(super) refuses_unknown: bool,
    pub(super) build: fn(Record) -> Result<Entry, EntryFault>,
}

pub(super) fn format(generation: Generation) -> Format {
    let array = |fields, build| Format {
        response: None,
        fields,
        refuses_unknown: false,
        build,
    };
    match generation {
        Generation::KotlinV1 => Format {
            response: Some(true),
            fields: V1,
            refuses_unknown: true,
            build: build_v1,
        },
        Generation::CrDroid16 => Format {
            response: Some(false),
            ..array(CRDROID, build_crdroid)
        },
        Generation::DerpFest16 => Format {
            response: Some(false),
            ..array(DERPFEST, build_v1)
        },
        Generation::PixelOs17 => array(PIXELOS, build_pixelos),
        Generation::KotlinVersion => array(V2_VERSION, build_v2),
        _ => array(V2, build_v2),
    }
}

fn build_v1(mut record: Record) -> Result<Entry, EntryFault> {
    Ok(Entry {
        datetime: number(&record, "datetime").unwrap_or_default(),
        size: number(&record, "size"),
        id: text(&mut record, "id"),
        filename: text(&mut record, "filename"),
        url: text(&mut record, "url"),
        version: text(&mut record, "version"),
        romtype: text(&mut record, "romtype"),
        ..Entry::default()
    })
}

fn build_crdroid(mut record: Record) -> Result<Entry, EntryFault> {
    Ok(Entry {
        datetime: number(&record, "timestamp").unwrap_or_default(),
        size: number(&record, "size"),
        sdk_level: sdk_level(&record),
        id: text(&mut record, "sha256"),
        filename: text(&mut record, "filename"),
        url: text(&mut record, "download"),
        version: text(&mut record, "version"),
        romtype: text(&mut record, "buildtype"),
        ..Entry::default()
    })
}

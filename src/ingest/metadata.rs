//! The metadata in `META-INF/com/android` of a package.

use ota_view::package::Package;
use ota_view::package::layout::Layout;
use ota_view::package::metadata::{self, OtaMetadata};

use super::Error;
use crate::model::build::{self, Kind};

/// Both forms of the metadata of a package.
pub(super) struct Metadata {
    pub(super) protobuf: Option<OtaMetadata>,
    pub(super) text: Option<OtaMetadata>,
}

impl Metadata {
    /// Reads both forms. A protobuf that cannot be decoded is ignored, since the text has the same
    /// facts.
    pub(super) fn read(
        package: &mut Package,
        warnings: &mut Vec<String>,
    ) -> Result<Metadata, Error> {
        let protobuf = package.read(metadata::PROTOBUF, metadata::MAX_SIZE)?;
        let text = package.read(metadata::TEXT, metadata::MAX_SIZE)?;
        let protobuf = match protobuf.as_deref().map(metadata::parse_pb) {
            None => None,
            Some(Ok(protobuf)) => Some(protobuf),
            Some(Err(_)) => {
                warnings.push(format!(
                    "{} is not a protobuf message; ignored",
                    metadata::PROTOBUF
                ));
                None
            }
        };
        Ok(Metadata {
            protobuf,
            text: text.as_deref().map(metadata::parse_text),
        })
    }

    /// Returns the kind of package; a delta with the incremental of its source.
    pub(super) fn kind(&self, is_delta: bool, layout: Layout) -> Kind {
        match is_delta {
            false => Kind::Full,
            true => Kind::Delta {
                source_incremental: self
                    .protobuf
                    .as_ref()
                    .or(self.text.as_ref())
                    .and_then(|metadata| metadata.source_incremental.clone()),
                is_block_based: layout != Layout::Payload,
            },
        }
    }

    /// Returns `ota-property-files` only if every updater can parse it: one malformed part makes
    /// phones reject a whole v2 feed.
    pub(super) fn property_files(&self, size: u64, warnings: &mut Vec<String>) -> Option<String> {
        let forms = [&self.protobuf, &self.text].into_iter().flatten();
        let value = forms
            .filter_map(|form| form.property_files.clone())
            .next()?;
        if build::are_property_files(&value, size) {
            return Some(value);
        }
        warnings.push(
            "ota-property-files is malformed and is left out of the feed; phones will not stream"
                .to_owned(),
        );
        None
    }
}

//! The property files in the metadata: where the entries are that phones stream.

use super::{Layout, METADATA, METADATA_PB, MetadataForms, Package};
use crate::{metadata::Metadata, payload, zip::Entry};

impl Package {
    pub(super) fn wants_property_files(&self, metadata: &Metadata) -> bool {
        let known = match self.layout {
            Layout::Files | Layout::Images => false,
            Layout::Block => self.sdk() >= 28,
            Layout::Payload => true,
        };
        known && self.metadata_forms != MetadataForms::None && !metadata.has_property_files()
    }

    /// Fills in the lists of names, offsets and lengths.
    ///
    /// The lists come before the entries they locate, so their own length must not depend on the
    /// offsets: space is reserved first and padded with spaces, as AOSP does.
    pub(super) fn with_property_files(&self, metadata: Metadata, body: &[Entry]) -> Metadata {
        let streaming = self.layout == Layout::Payload;
        let fill = |metadata: Metadata, lists: &(String, String)| {
            let metadata = metadata.property_files(&lists.0);
            if streaming {
                metadata.streaming_property_files(&lists.1)
            } else {
                metadata
            }
        };
        let draft = self.property_files(&metadata, body);
        let reserved = (
            " ".repeat(draft.0.len() + 25),
            " ".repeat(draft.1.len() + 25),
        );
        let places = self.property_files(&fill(metadata.clone(), &reserved), body);
        let pad = |list: &str, room: &str| format!("{list:<width$}", width = room.len());
        fill(
            metadata,
            &(pad(&places.0, &reserved.0), pad(&places.1, &reserved.1)),
        )
    }

    /// Returns the full list and the streaming list for the current package.
    fn property_files(&self, metadata: &Metadata, body: &[Entry]) -> (String, String) {
        let (zip, places) = self.assemble(metadata, body).build_with_offsets();
        let place = |name: &str| {
            let (_, offset, len) = places.iter().find(|(known, _, _)| known == name)?;
            let short = name.rsplit('/').next().unwrap_or(name);
            Some((
                format!("{short}:{offset}:{len}"),
                *offset as usize,
                *len as usize,
            ))
        };
        let mut list: Vec<String> = [
            "payload.bin",
            "payload_properties.txt",
            "apex_info.pb",
            "care_map.pb",
            METADATA,
            METADATA_PB,
        ]
        .into_iter()
        .filter_map(|name| Some(place(name)?.0))
        .collect();
        let streaming = list.join(",");
        if let Some((_, offset, len)) = place("payload.bin")
            && let Some(metadata_len) = stated_metadata_len(&zip[offset..offset + len])
        {
            list.insert(0, format!("payload_metadata.bin:{offset}:{metadata_len}"));
        }
        (list.join(","), streaming)
    }
}

/// Returns the length of header, manifest and signature, if the payload is long enough.
pub(super) fn stated_metadata_len(payload: &[u8]) -> Option<usize> {
    let manifest = u64::from_be_bytes(payload.get(12..20)?.try_into().ok()?);
    let signature = u32::from_be_bytes(payload.get(20..24)?.try_into().ok()?);
    let len = manifest.checked_add(24 + u64::from(signature))?;
    (len <= payload.len() as u64).then(|| payload::metadata_len(payload))
}

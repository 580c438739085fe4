//! The offset at which the Updater looks for `payload.bin`.
//!
//! Source: LineageOS `Updater`, `Utils.getZipEntryOffset` (cm-14.1 to 22.0). It does not read local
//! headers: for each entry of the central directory, in order, it adds 30 bytes, the characters of
//! the name, the central extra field and the compressed size.

use super::{Error, Findings, rules};
use crate::error_kind::ErrorKind;
use crate::package::zip::{EntryInfo, LOCAL_LEN, LocalHeader};
use crate::package::{Package, layout};

/// Most reasons in one message.
const MAX_REASONS: usize = 3;

/// Checks whether the Updater finds the payload at byte `payload` of the package.
pub(super) fn check(
    package: &Package,
    payload: u64,
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    let entries = package.in_order();
    let Some(at) = entries
        .iter()
        .position(|(name, _)| *name == layout::PAYLOAD)
    else {
        return Ok(());
    };
    let (before, rest) = entries.split_at(at);
    let all_of = |(name, info): &(&str, EntryInfo)| {
        header_len(name, info).saturating_add(info.compressed_size)
    };
    let expected = before.iter().map(all_of).fold(0, u64::saturating_add);
    let own = rest
        .first()
        .map_or(0, |(name, info)| header_len(name, info));
    let expected = expected.saturating_add(own);
    if expected == payload {
        return Ok(());
    }
    let reasons = explain(package, before)?;
    let mut message =
        format!("payload.bin begins at byte {payload}, and the Updater looks for it at {expected}");
    for (index, reason) in reasons.iter().take(MAX_REASONS).enumerate() {
        message += if index == 0 { ": " } else { "; " };
        message += reason;
    }
    if reasons.len() > MAX_REASONS {
        message += &format!("; and {} more", reasons.len() - MAX_REASONS);
    }
    findings.add(&rules::PAYLOAD_OFFSET, message);
    Ok(())
}

/// Returns the length of an entry's local header as the Updater computes it.
fn header_len(name: &str, info: &EntryInfo) -> u64 {
    // Java counts UTF-16 units.
    let name_len = name.encode_utf16().count() as u64;
    LOCAL_LEN
        .saturating_add(name_len)
        .saturating_add(info.extra_len.into())
}

/// Explains why the computed offset is wrong.
fn explain(package: &Package, before: &[(&str, EntryInfo)]) -> Result<Vec<String>, Error> {
    let mut reasons = Vec::new();
    if package.shift() > 0 {
        reasons.push(format!("{} bytes lie before the archive", package.shift()));
    }
    let mut ends_at = package.shift();
    let payload = package.entry(layout::PAYLOAD);
    let payload = payload.map(|info| (layout::PAYLOAD, info));
    for (name, info) in before.iter().copied().chain(payload) {
        let header = match package.local_header(name) {
            Ok(Some(header)) => header,
            Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Limit) => {
                return Err(error.into());
            }
            _ => {
                reasons.push(format!("`{name}` has no local header"));
                continue;
            }
        };
        if header.offset < ends_at {
            reasons.push(format!(
                "`{name}` is in another order in the file than in the central directory"
            ));
        } else if header.offset > ends_at {
            let gap = header.offset.saturating_sub(ends_at);
            reasons.push(format!(
                "{gap} bytes before `{name}` are not an entry, or an entry listed later"
            ));
        }
        reasons.extend(explain_header(name, &info, &header));
        let is_before = name != layout::PAYLOAD;
        if header.has_descriptor && is_before {
            reasons.push(format!("a data descriptor follows `{name}`"));
        }
        ends_at = end_of(&info, &header);
    }
    Ok(reasons)
}

fn explain_header(name: &str, info: &EntryInfo, header: &LocalHeader) -> Option<String> {
    let (local_len, central_len) = (header.extra.len(), usize::from(info.extra_len));
    if local_len != central_len {
        let kind = match header.is_zip64() {
            true => " (zip64)",
            false if local_len > central_len => " (padding, as of zipalign)",
            false => "",
        };
        return Some(format!(
            "the local extra field of `{name}` has {local_len} bytes{kind}, the central one {central_len}"
        ));
    }
    let num_chars = name.encode_utf16().count();
    (num_chars != usize::from(header.name_len)).then(|| {
        format!(
            "the name `{name}` has {num_chars} characters in {} bytes",
            header.name_len
        )
    })
}

/// Returns where the next entry should begin. A data descriptor has 12 to 24 bytes, depending on the
/// tool that wrote it.
fn end_of(info: &EntryInfo, header: &LocalHeader) -> u64 {
    let descriptor_len = match (header.has_descriptor, header.is_zip64()) {
        (false, _) => 0,
        (true, false) => 16,
        (true, true) => 24,
    };
    [
        LOCAL_LEN,
        header.name_len.into(),
        header.extra.len() as u64,
        info.compressed_size,
        descriptor_len,
    ]
    .into_iter()
    .fold(header.offset, u64::saturating_add)
}

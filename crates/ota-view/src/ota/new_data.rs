//! The new data of a partition of a block-based package.

use std::collections::BTreeMap;

use crate::codec::Codec;
use crate::package::Package;

/// The new data of a partition of a block-based package.
pub(crate) struct NewData {
    /// Its compression.
    pub(crate) codec: Option<Codec>,
    /// Its entries, in order.
    pub(crate) names: Vec<String>,
    /// Whether a part is missing.
    pub(crate) has_gap: bool,
    /// Another entry that could be the data: in another format, or the same part again.
    pub(crate) rival: Option<String>,
}

/// Finds the new data of a partition: `system.new.dat`, `.new.dat.br`, or in parts as
/// `.new.dat.0`, `.new.dat.br.0`.
pub(crate) fn find_new_data(package: &Package, partition: &str) -> NewData {
    let prefix = format!("{partition}.new.dat");
    let mut rival = None;
    let mut parts: BTreeMap<(Option<&str>, u32), &str> = BTreeMap::new();
    for name in package.names_with_prefix(&prefix) {
        let rest = name.strip_prefix(&prefix).unwrap_or_default();
        let mut extensions = rest.strip_prefix('.').unwrap_or(rest).split('.');
        let (codec, part) = match (extensions.next(), extensions.next(), extensions.next()) {
            (Some(""), None, None) => (None, 0),
            (Some(one), None, None) => match one.parse() {
                Ok(part) => (None, part),
                Err(_) => (Some(one), 0),
            },
            (Some(one), Some(part), None) => match part.parse() {
                Ok(part) => (Some(one), part),
                Err(_) => continue,
            },
            _ => continue,
        };
        if codec.is_none_or(|codec| Codec::from_extension(codec).is_some()) {
            rival = rival.or(parts.insert((codec, part), name));
        }
    }
    let form = parts.first_key_value().and_then(|((codec, _), _)| *codec);
    let ours = || parts.iter().filter(|((codec, _), _)| *codec == form);
    let mut others = parts.iter().filter(|((codec, _), _)| *codec != form);
    // Some tools count from 0, others from 1.
    let first = ours().next().map_or(0, |((_, part), _)| *part);
    let has_gap = first > 1 || ours().zip(first..).any(|(((_, part), _), n)| *part != n);
    NewData {
        codec: form.and_then(Codec::from_extension),
        names: ours().map(|(_, &name)| name.to_owned()).collect(),
        has_gap,
        rival: others
            .next()
            .map(|(_, name)| *name)
            .or(rival)
            .map(str::to_owned),
    }
}

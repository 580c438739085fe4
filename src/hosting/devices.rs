//! `devices.json`, in the official backend's schema, of what packages say of their devices.

use std::collections::BTreeSet;

use serde::Serialize;

/// A device as its packages tell of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KnownDevice {
    /// The codename.
    pub model: String,
    /// Who makes it; empty if the package does not tell.
    pub oem: String,
    /// Its name in shops, as far as the package knows; else the codename.
    pub name: String,
}

/// The maker as people write it: properties often have it in lower case.
#[must_use]
pub fn maker(property: &str) -> String {
    let mut chars = property.chars();
    match chars.next() {
        Some(first) if property.chars().all(|c| !c.is_uppercase()) => {
            first.to_uppercase().chain(chars).collect()
        }
        _ => property.to_owned(),
    }
}

/// Renders the list, sorted by codename.
///
/// # Errors
/// Those of JSON, which text has none of.
pub fn render_devices(devices: &[KnownDevice]) -> Result<String, serde_json::Error> {
    let sorted: BTreeSet<&KnownDevice> = devices.iter().collect();
    Ok(serde_json::to_string_pretty(&sorted)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_begin_in_upper_case() {
        assert_eq!(maker("samsung"), "Samsung");
        assert_eq!(maker("OnePlus"), "OnePlus");
        assert_eq!(maker(""), "");
    }

    #[test]
    fn the_list_is_sorted_and_escaped() {
        let device = |model: &str, name: &str| KnownDevice {
            model: model.to_owned(),
            oem: "X".to_owned(),
            name: name.to_owned(),
        };
        let text = render_devices(&[device("b", "\"\n"), device("a", "A")]).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read[0]["model"], "a");
        assert_eq!(read[1]["name"], "\"\n");
    }
}

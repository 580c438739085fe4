//! `devices.json` in the official backend's schema, from the packages of the devices.

use std::collections::BTreeSet;

use serde::Serialize;

/// A device with the facts in its packages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KnownDevice {
    /// The codename.
    pub model: String,
    /// The manufacturer; empty if the package does not name it.
    pub oem: String,
    /// The marketing name, or the codename if the package does not name it.
    pub name: String,
    /// The manufacturer's model numbers in the package.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

/// Whether a property has a model number such as `SM-G900F`, not a name such as `Pixel 7a`.
#[must_use]
pub fn is_model_number(property: &str) -> bool {
    property.contains(|c: char| c.is_ascii_digit()) && !property.contains(char::is_lowercase)
}

/// Returns the name of a manufacturer with a capital letter: properties often lack it.
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
/// An error of the JSON library, which does not occur for text.
pub fn render_devices(devices: &[KnownDevice]) -> Result<String, serde_json::Error> {
    let sorted: BTreeSet<&KnownDevice> = devices.iter().collect();
    Ok(serde_json::to_string_pretty(&sorted)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manufacturers_begin_with_a_capital_letter() {
        assert_eq!(maker("samsung"), "Samsung");
        assert_eq!(maker("OnePlus"), "OnePlus");
        assert_eq!(maker(""), "");
    }

    #[test]
    fn model_numbers_have_digits_and_capitals() {
        for number in ["SM-G900F", "ONEPLUS A6003", "2016070", "GT-I9100"] {
            assert!(is_model_number(number), "{number}");
        }
        for name in ["Pixel 7a", "mainline", "AOSP on ARM64", "ONEPLUS", ""] {
            assert!(!is_model_number(name), "{name}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_escaped() {
        let device = |model: &str, name: &str| KnownDevice {
            model: model.to_owned(),
            oem: "X".to_owned(),
            name: name.to_owned(),
            models: Vec::new(),
        };
        let text = render_devices(&[device("b", "\"\n"), device("a", "A")]).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read[0]["model"], "a");
        assert_eq!(read[1]["name"], "\"\n");
    }
}

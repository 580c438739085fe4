//! The names of the files in a folder, one for each device.

use crate::model::build::Device;

/// The ending of the files.
pub const ENDING: &str = "json";

/// Returns the name of a device's file.
#[must_use]
pub fn file_name(device: &Device) -> String {
    format!("{}.{ENDING}", device.as_str().to_ascii_lowercase())
}

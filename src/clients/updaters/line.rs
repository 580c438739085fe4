//! The line of text that GrapheneOS's updater reads.
//!
//! In: text. Out: a [`List`] with the build that it names. Source: `Service.onHandleIntent` of
//! GrapheneOS/platform_packages_apps_Updater: incremental, date, device and channel.

use super::entry::{Entry, List, ListFault};

pub(super) fn read(text: &str) -> Result<List, ListFault> {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    let fault = || ListFault::Line {
        line: line.to_owned(),
    };
    // `String.split` drops empty parts at the end.
    let mut parts = line.trim_end_matches(' ').split(' ');
    let mut next = || parts.next().ok_or_else(fault);
    let (incremental, datetime, device, channel) = (next()?, next()?, next()?, next()?);
    // Next to the file with the line. The updater asks for a delta from the phone's build first.
    let filename = format!("{device}-ota_update-{incremental}.zip");
    let entry = Entry {
        id: incremental.to_owned(),
        url: filename.clone(),
        filename,
        romtype: channel.to_owned(),
        datetime: datetime.parse().map_err(|_| fault())?,
        incremental: Some(incremental.to_owned()),
        device: Some(device.to_owned()),
        ..Entry::default()
    };
    Ok(List {
        entries: vec![entry],
        dropped: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_an_incremental_a_date_a_device_and_a_channel() {
        for text in [
            "2024 1700000000 dev stable",
            "2024 1700000000 dev stable more\nelse",
        ] {
            let entry = &read(text).unwrap().entries[0];
            assert_eq!((entry.datetime, &*entry.romtype), (1_700_000_000, "stable"));
            assert_eq!(entry.url, "dev-ota_update-2024.zip");
            assert_eq!(entry.incremental.as_deref(), Some("2024"));
            assert_eq!(entry.device.as_deref(), Some("dev"));
        }
        for text in [
            "",
            "{}",
            "2024 1700000000 dev",
            "2024 1700000000 dev ",
            "2024 x dev stable",
        ] {
            let line = text.to_owned();
            assert_eq!(read(text), Err(ListFault::Line { line }));
        }
    }
}

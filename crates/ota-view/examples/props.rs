//! Prints the partitions and the merged properties of a package:
//! `cargo run -p ota-view --example props -- PACKAGE.zip`

#![expect(clippy::print_stdout, reason = "printing is all it does")]

use std::error::Error;
use std::path::Path;

use ota_view::{FileSource, Ota, Until};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1);
    let path = path.ok_or("which package? Give the path of a zip.")?;
    let ota = Ota::open(FileSource::open(Path::new(&path))?)?;
    for name in ota.partitions() {
        // A delta changes the images of an earlier build, so it has none to open.
        let file_system = match ota.needs_source() {
            true => None,
            false => ota.file_system(name).ok(),
        };
        match file_system {
            Some(file_system) => println!("{name}: {}", file_system.kind()),
            None => println!("{name}"),
        }
    }
    if ota.needs_source() {
        return Err("a delta: its properties are known only with the earlier build".into());
    }
    let device = ota.props(Until::Everything)?;
    for warning in &device.warnings {
        eprintln!("warning: {warning}");
    }
    for (key, value) in device.props.iter() {
        let place = device.props.place(key).unwrap_or_default();
        println!("{key}={value}  # {place}");
    }
    Ok(())
}

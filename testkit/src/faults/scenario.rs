//! A maintainer's weeks: the runs that faults are applied to.
//!
//! Together they write every kind of file that romfeed writes: catalog, stored changelogs and
//! project lists, pages, feeds, manifest, cache; they create, change and remove files.

use std::io;

use super::{BASE_URL, Site};
use crate::{noise, package::Package, props, props::Props, zip::Entry};

/// The command of most runs; with one thread, so that system calls have a fixed order.
const GENERATE: &[&str] = &["generate", "--jobs", "1"];
/// The day from which builds are counted, in seconds since 1970.
const FIRST_DAY: i64 = 1_700_000_000;

/// One run, and the maintainer's changes before it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its subject.
    pub name: &'static str,
    /// Changes packages and settings.
    pub change: fn(&Site) -> io::Result<()>,
    /// The run.
    pub call: &'static [&'static str],
}

/// Returns the series of runs, from an empty folder on; each needs those before it.
pub fn steps() -> Vec<Step> {
    let step = |name, change, call| Step { name, change, call };
    vec![
        step("first run", first, GENERATE),
        step("builds are added", add, GENERATE),
        step("a build is replaced", replace, GENERATE),
        step("all pages change", rename_site, GENERATE),
        step(
            "a build is withdrawn",
            nothing,
            &["catalog", "yank", "--reason", "broken", BACON_2],
        ),
        step("after that", nothing, GENERATE),
        step(
            "a build is removed",
            nothing,
            &["catalog", "remove", BACON_1],
        ),
        step("after that, and without pages", without_pages, GENERATE),
        step("a device's zips are gone", lose, GENERATE),
    ]
}

/// A build that exists from the first run on, until it is removed.
pub const BACON_1: &str = "lineage-21.0-20231115-nightly-bacon.zip";
/// A build that is withdrawn.
const BACON_2: &str = "lineage-21.0-20231116-nightly-bacon.zip";

/// Returns the properties of a build this many days after the first.
fn of(device: &str, day: i64) -> Props {
    let timestamp = FIRST_DAY + day * 86_400;
    let incremental = format!("{device}.{day}");
    Props::lineage(
        "21.0",
        "nightly",
        device,
        timestamp,
        &incremental,
        34,
        "2023-11-05",
    )
}

/// Returns the path of such a build without its ending.
fn stem(device: &str, day: i64) -> String {
    let day = props::day(FIRST_DAY + day * 86_400);
    format!("builds/{device}/lineage-21.0-{day}-nightly-{device}")
}

/// A file-based package that lists the projects it was made from.
fn with_projects(device: &str, day: i64, salt: u64) -> Vec<u8> {
    let manifest = format!(
        "<manifest><remote name=\"a\" fetch=\"https://example.org\"/><default remote=\"a\"/>\
         <project name=\"kernel\" revision=\"{day:040x}\"/></manifest>"
    );
    Package::files(of(device, day))
        .add(Entry::deflated("system/etc/build-manifest.xml", manifest))
        .add(Entry::stored("system/app", noise(salt, 40_000)))
        .build()
}

/// Writes a build with a changelog to the folder.
fn put(site: &Site, device: &str, day: i64) -> io::Result<()> {
    let stem = stem(device, day);
    site.put(&format!("{stem}.zip"), with_projects(device, day, 1))?;
    site.put(&format!("{stem}.md"), format!("- Day *{day}*\n"))
}

fn settings(site: &Site, more: &str) -> io::Result<()> {
    site.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n{more}"))
}

fn nothing(_: &Site) -> io::Result<()> {
    Ok(())
}

fn first(site: &Site) -> io::Result<()> {
    settings(site, "")?;
    for (device, day) in [("bacon", 1), ("bacon", 2), ("guacamole", 1)] {
        put(site, device, day)?;
    }
    let payload = Package::payload(of("enchilada", 1)).build();
    site.put(&format!("{}.zip", stem("enchilada", 1)), payload)?;
    site.put(
        &format!("{}-boot.img", stem("enchilada", 1)),
        noise(7, 5000),
    )
}

fn add(site: &Site) -> io::Result<()> {
    put(site, "bacon", 3)?;
    let payload = Package::payload(of("enchilada", 2)).build();
    site.put(&format!("{}.zip", stem("enchilada", 2)), payload)?;
    let delta = Package::payload(of("enchilada", 2)).delta("enchilada.1", "a/b/c");
    site.put("builds/enchilada/delta-1-2.zip", delta.build())
}

/// Writes other bytes under the old name, and a changelog of another kind.
fn replace(site: &Site) -> io::Result<()> {
    let stem = stem("bacon", 3);
    site.put(&format!("{stem}.zip"), with_projects("bacon", 3, 2))?;
    site.remove(&format!("{stem}.md"))?;
    site.put(&format!("{stem}.txt"), "Day three, again.\n")
}

fn rename_site(site: &Site) -> io::Result<()> {
    settings(site, "[site]\nname = \"Another name\"\n")
}

fn without_pages(site: &Site) -> io::Result<()> {
    settings(site, "[site]\npages = false\n")
}

fn lose(site: &Site) -> io::Result<()> {
    settings(site, "")?;
    std::fs::remove_dir_all(site.path("builds/guacamole"))
}

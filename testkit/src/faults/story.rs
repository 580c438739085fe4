//! A maintainer's weeks: the runs that faults are put to.
//!
//! Together they write every kind of file that romfeed writes: catalog, changelogs and lists of
//! projects that are kept, pages, feeds, manifest, cache; new ones, changed ones, and ones
//! that go.

use std::io;

use super::{BASE_URL, Site};
use crate::{noise, package::Package, props, props::Props, zip::Entry};

/// The run of most steps; one thread, so that calls of the system come in one order.
const GENERATE: &[&str] = &["generate", "--jobs", "1"];
/// The day that all builds are counted from, in seconds since 1970.
const FIRST_DAY: i64 = 1_700_000_000;

/// One run, and what the maintainer does before it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What it is about.
    pub name: &'static str,
    /// Changes packages and settings.
    pub change: fn(&Site) -> io::Result<()>,
    /// The run.
    pub call: &'static [&'static str],
}

/// The row of runs, from an empty folder on; each needs those before it.
pub fn story() -> Vec<Step> {
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

/// A build that is there from the first run on, until it is removed.
pub const BACON_1: &str = "lineage-21.0-20231115-nightly-bacon.zip";
/// One that is withdrawn.
const BACON_2: &str = "lineage-21.0-20231116-nightly-bacon.zip";

/// The properties of a build, so many days after the first.
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

/// The path of such a build without its ending.
fn stem(device: &str, day: i64) -> String {
    let day = props::day(FIRST_DAY + day * 86_400);
    format!("builds/{device}/lineage-21.0-{day}-nightly-{device}")
}

/// A package of files that lists the projects it was made from.
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

/// Puts a build with a changelog in the folder.
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

/// Other bytes under the old name, and a changelog of another kind.
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

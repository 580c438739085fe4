//! Which builds are offered to whom: lists of single builds, deltas, retention, names, variants,
//! and which builds may join a channel.

mod admission;
mod deltas;
mod files;
mod lists;
mod variants;

use serde_json::{Value, json};
use testkit::package::Package;
use testkit::props::Props;

use crate::clients::{Generation, Phone, offered};
use crate::support::{BASE_URL, RomDir, Run, bacon};

const ENCHILADA: i64 = 1_749_896_318;

/// A build of `enchilada` this many days after a fixed one, with incremental `eng.{day}`.
fn props(version: &str, day: i64) -> Props {
    let incremental = format!("eng.{day}");
    let timestamp = ENCHILADA + day * 86_400;
    Props::lineage(
        version,
        "UNOFFICIAL",
        "enchilada",
        timestamp,
        &incremental,
        35,
        "2025-06-05",
    )
}

fn name(version: &str, day: i64) -> String {
    let date = testkit::props::day(ENCHILADA + day * 86_400);
    format!("lineage-{version}-{date}-UNOFFICIAL-enchilada.zip")
}

fn put_full(dir: &RomDir, version: &str, day: i64) {
    let zip = Package::files(props(version, day)).build();
    dir.put(&format!("builds/{}", name(version, day)), zip);
}

fn json_of(dir: &RomDir, path: &str) -> Value {
    serde_json::from_slice(&dir.read(&format!("out/{path}"))).unwrap()
}

/// Returns the file names in a v1 feed, in its order.
#[track_caller]
fn listed(dir: &RomDir, path: &str) -> Vec<String> {
    let feed = json_of(dir, path);
    let entries = feed["response"].as_array().unwrap().iter();
    let names = entries.map(|entry| entry["filename"].as_str().unwrap().to_owned());
    names.collect()
}

fn list_of(incremental: &str) -> String {
    format!("api/v1/enchilada/unofficial/{incremental}")
}

fn generate(dir: &RomDir, settings: &str) -> Run {
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{settings}"),
    );
    dir.run(&["generate"])
}

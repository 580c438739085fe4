//! Catalogs that are missing, truncated, half merged or symbolic links, and two writers through
//! links.

use std::process::Stdio;

use testkit::faults::{Stage, outcome};

use super::{new_site, play, table::Table};
use crate::tools::{Result, Scratch};

/// Stages whose run finds a catalog and a site.
const STAGES: [&str; 2] = ["builds are added", "all pages change"];
/// Number of builds that each of two writers adds.
const NUM_ADDED: usize = 20;

/// Applies all of these faults.
pub(super) fn run_all(table: &mut Table, scratch: &Scratch) -> Result<()> {
    let site = new_site(scratch, "lost")?;
    play(&site, &STAGES, |stage| {
        put_lost(table, stage)?;
        put_link(table, stage)
    })?;
    put_writers(table, scratch)
}

/// A catalog that has lost builds: the run refuses and touches nothing.
fn put_lost(table: &mut Table, stage: &Stage) -> Result<()> {
    let mut row = Table::row("the catalog is gone, shrunk or half merged");
    let file = stage.site.path("catalog.json");
    let kinds = [
        "gone",
        "empty",
        "without a build",
        "without its builds",
        "half merged",
    ];
    for kind in kinds {
        stage.rewind()?;
        let whole = std::fs::read_to_string(&file)?;
        let mut catalog: serde_json::Value = serde_json::from_str(&whole)?;
        let builds = catalog["builds"]
            .as_array_mut()
            .ok_or("a catalog has builds")?;
        std::fs::remove_file(&file)?;
        match kind {
            "gone" => {}
            "empty" => std::fs::write(&file, "")?,
            "half merged" => {
                let (begin, end) = whole.split_at(whole.len() / 2);
                std::fs::write(
                    &file,
                    format!("{begin}\n<<<<<<< ours\n=======\n>>>>>>> theirs\n{end}"),
                )?;
            }
            kind => {
                let num = if kind == "without a build" {
                    1
                } else {
                    builds.len()
                };
                builds.drain(..num);
                std::fs::write(&file, catalog.to_string())?;
            }
        }
        let bad = stage.site.outputs()?;
        let ended = stage.site.run(stage.call)?;
        let mut losses = outcome::differences(&stage.site.outputs()?, &bad);
        if !ended.exited_with(&[2]) || !ended.says("catalog.json") {
            losses.push(format!("it was not refused: {}", ended.stderr));
        }
        row.count(true, losses, &format!("{}, {kind}", stage.name));
    }
    table.add(row);
    Ok(())
}

/// A catalog that is a link: the run behaves as without it, and the link stays.
fn put_link(table: &mut Table, stage: &Stage) -> Result<()> {
    let mut row = Table::row("the catalog is a link");
    stage.rewind()?;
    let file = stage.site.path("catalog.json");
    let elsewhere = stage.site.path("builds/.catalog.json");
    std::fs::rename(&file, &elsewhere)?;
    link("builds/.catalog.json", &file)?;
    let ended = stage.site.run(stage.call)?;
    let is_link = file.is_symlink();
    std::fs::rename(&elsewhere, &file)?;
    let mut losses = outcome::differences(&stage.site.outputs()?, &stage.after);
    if !is_link || ended.has_panicked() {
        losses.push(format!("the link is gone: {}", ended.stderr));
    }
    row.count(true, losses, stage.name);
    table.add(row);
    Ok(())
}

/// Two folders whose catalogs are links to one file: it holds the additions of both.
fn put_writers(table: &mut Table, scratch: &Scratch) -> Result<()> {
    let mut row = Table::row("two writers of one catalog through links");
    let both = [
        new_site(scratch, "writer-a")?,
        new_site(scratch, "writer-b")?,
    ];
    let catalog = scratch.path().join("shared.json");
    std::fs::write(&catalog, "{\"schema\":1,\"builds\":[],\"tombstones\":[]}")?;
    let catalog = catalog.canonicalize()?;
    for site in &both {
        link(&catalog, site.path("catalog.json"))?;
    }
    let mut num_accepted = 0;
    for nth in 0..NUM_ADDED {
        let add = |(writer, site): (usize, &testkit::faults::Site)| {
            let name = format!("{writer}-{nth}.zip");
            let sha256 = format!("{:064x}", writer * NUM_ADDED + nth + 1);
            let url = format!("https://h/{name}");
            let datetime = (1_722_470_400 + nth).to_string();
            let mut command = site.command(&[
                "catalog",
                "add",
                "--filename",
                &name,
                "--device",
                "bacon",
                "--version",
                "21.0",
                "--romtype",
                "nightly",
                "--datetime",
                &datetime,
                "--size",
                "5",
                "--sha256",
                &sha256,
                "--url",
                &url,
            ]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let running: Vec<_> = both.iter().enumerate().map(add).collect();
        for child in running {
            num_accepted += usize::from(child?.wait()?.success());
        }
    }
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&catalog)?)?;
    let num_written = written["builds"].as_array().map_or(0, Vec::len);
    let is_less = num_written < num_accepted;
    let losses = Vec::from_iter(is_less.then(|| format!("{num_written} of {num_accepted} builds")));
    row.count(true, losses, "links");
    table.add(row);
    Ok(())
}

#[cfg(unix)]
fn link(to: impl AsRef<std::path::Path>, from: impl AsRef<std::path::Path>) -> Result<()> {
    Ok(std::os::unix::fs::symlink(to, from)?)
}

#[cfg(not(unix))]
fn link(_: impl AsRef<std::path::Path>, _: impl AsRef<std::path::Path>) -> Result<()> {
    Err("links need Unix".into())
}

//! Reads from `cargo metadata` which crates a program is linked from.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use super::FEATURES;
use crate::tools::{Result, run};

/// The workspace as cargo resolves it for a target.
#[derive(Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    pub(super) workspace_root: PathBuf,
    pub(super) target_directory: PathBuf,
}

/// A crate.
#[derive(Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// Its licences, as an SPDX expression.
    pub(super) license: Option<String>,
    /// The registry that it comes from; workspace members have none.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

impl Package {
    /// The folder with its sources.
    pub(super) fn folder(&self) -> Result<&Path> {
        Ok(self
            .manifest_path
            .parent()
            .ok_or("a manifest in no folder")?)
    }
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `build` or `dev`; `None` for crates that are linked.
    kind: Option<String>,
}

/// Asks cargo about the workspace of the current folder.
pub(super) fn read(target: &str) -> Result<Metadata> {
    let json = run(Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--features", FEATURES])
        .args(["--filter-platform", target]))?;
    Ok(serde_json::from_slice(&json)?)
}

impl Metadata {
    /// Returns the version of romfeed.
    pub(super) fn version(&self) -> Result<String> {
        Ok(self.romfeed()?.version.clone())
    }

    fn romfeed(&self) -> Result<&Package> {
        let mut packages = self.packages.iter();
        let romfeed =
            packages.find(|package| package.name == "romfeed" && package.source.is_none());
        Ok(romfeed.ok_or("romfeed is not in this workspace")?)
    }

    /// Returns the folders in which cargo unpacks registry crates.
    pub(super) fn crate_folders(&self) -> BTreeSet<&Path> {
        let foreign = self
            .packages
            .iter()
            .filter(|package| package.source.is_some());
        foreign
            .filter_map(|package| package.manifest_path.parent()?.parent())
            .collect()
    }

    /// Returns the crates linked into the program except romfeed, sorted by name and version.
    /// Procedural macros and build dependencies are left out.
    pub(super) fn linked(&self) -> Result<Vec<&Package>> {
        let packages: BTreeMap<_, _> = self.packages.iter().map(|one| (&one.id, one)).collect();
        let nodes: BTreeMap<_, _> = self
            .resolve
            .nodes
            .iter()
            .map(|one| (&one.id, one))
            .collect();
        let mut linked = BTreeMap::new();
        let mut waiting = vec![&self.romfeed()?.id];
        while let Some(id) = waiting.pop() {
            let package = packages.get(id).ok_or("a crate without a manifest")?;
            let is_macro = |target: &Target| target.kind.iter().any(|kind| kind == "proc-macro");
            let key = (&package.name, &package.version);
            if package.targets.iter().any(is_macro) || linked.insert(key, *package).is_some() {
                continue;
            }
            let node = nodes.get(id).ok_or("a crate that is not resolved")?;
            let of_program = |one: &&Dependency| one.dep_kinds.iter().any(|it| it.kind.is_none());
            waiting.extend(node.deps.iter().filter(of_program).map(|one| &one.pkg));
        }
        let crates = linked.into_values();
        Ok(crates.filter(|package| package.source.is_some()).collect())
    }
}

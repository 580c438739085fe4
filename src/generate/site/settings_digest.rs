//! Whether the settings are those of the last run.

use super::super::hash::hash;
use crate::model::config::Config;

/// Returns a digest of the program and of all settings that pages may depend on.
pub(super) fn digest(config: &Config) -> u64 {
    let Config {
        base_url,
        variants,
        url,
        mirrors,
        devices,
        device_feed,
        retention,
        romtypes,
        major_upgrades,
        block_deltas,
        same_lane,
        families,
        feeds,
        sources,
        theme,
        known_devices,
        program,
        // These decide which builds are in the catalog, or how a run works.
        builds: _,
        follow_links: _,
        out: _,
        catalogs: _,
        changelogs: _,
        state: _,
        accept_new_signer: _,
        certificates: _,
        require: _,
        overrides: _,
        exclude: _,
        exclude_patterns: _,
        devices_local: _,
        jobs: _,
        io_limit: _,
        limits: _,
        rehash: _,
        full: _,
        names_all: _,
        adopt: _,
        new_catalog: _,
        dry_run: _,
        catalog_only: _,
        scope: _,
        strict: _,
        source_jobs: _,
        max_download: _,
        accept_loss: _,
        place: _,
    } = config;
    let addresses = (base_url, url, mirrors, sources);
    let lists = (
        device_feed,
        retention,
        romtypes,
        major_upgrades,
        block_deltas,
        same_lane,
    );
    let pages = (devices, variants, families, feeds, theme, known_devices);
    hash(&format!("{program}{addresses:?}{lists:?}{pages:?}"))
}

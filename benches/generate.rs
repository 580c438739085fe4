//! What a maintainer waits for: a run over a large catalog, and one over
//! packages on disk.
//!
//! `unchanged` is the run after which nothing is written; `one new build` writes
//! the files of one lane. The catalogs hold no zips, as on a CI runner.

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use romfeed::build::{Build, Device, Kind, Romtype};
use romfeed::catalog::{Catalog, Record, file};
use romfeed::config::{Config, DeviceFeed};
use romfeed::generate::{Observer, generate};
use romfeed::ingest::{Context, examine};
use testkit::package::Package;
use testkit::props::Props;

struct Silent;

impl Observer for Silent {}

fn config(root: &Path) -> Config {
    Config {
        builds: root.join("builds"),
        out: root.join("out"),
        catalogs: vec![root.join("catalog.json")],
        state: root.join("state"),
        base_url: Some("https://example.org/ota".to_owned()),
        url: None,
        devices: std::collections::BTreeMap::new(),
        device_feed: DeviceFeed::V1,
        overrides: Vec::new(),
        exclude: globset::GlobSet::empty(),
        known_devices: Vec::new(),
        families: Vec::new(),
        limits: romfeed::io::Limits::new(std::env::temp_dir(), std::time::Instant::now),
        jobs: 2,
        rehash: false,
        adopt: false,
        dry_run: false,
    }
}

fn build(device: usize, day: usize) -> Build {
    let filename = format!("lineage-21.0-{day:08}-nightly-device{device}-signed.zip");
    Build {
        device: Device::parse(&format!("device{device}")).expect("a plain name"),
        variant: None,
        romtype: Romtype::parse("nightly").expect("a plain name"),
        version: "21.0".to_owned(),
        timestamp: 1_600_000_000 + i64::try_from(day).expect("small") * 86_400,
        incremental: Some(format!("{device:04x}{day:08x}")),
        kind: Kind::Full,
        sdk_level: Some(34),
        security_patch: Some("2024-08-05".to_owned()),
        path: format!("device{device}/{filename}"),
        filename,
        size: 1_234_567_890,
        sha256: format!("{device:032x}{day:032x}"),
        md5: Some(format!("{device:016x}{day:016x}")),
        url: None,
        ota_url: None,
        property_files: None,
        signer: None,
    }
}

fn write_catalog(config: &Config, num_devices: usize, num_days: usize, extra: Option<Build>) {
    let mut catalog = Catalog::default();
    let builds = (0..num_devices).flat_map(|d| (0..num_days).map(move |day| build(d, day)));
    for build in builds.chain(extra) {
        catalog
            .builds
            .insert(build.sha256.clone(), Record::new(build));
    }
    std::fs::write(&config.catalogs[0], file::render(&catalog)).expect("a writable folder");
}

fn run(config: &Config) {
    black_box(generate(config, &Silent, 0).expect("a sound run"));
}

fn catalog_of_2000(c: &mut Criterion) {
    let mut group = c.benchmark_group("catalog of 2,000 builds");
    group.sample_size(20);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let unchanged = config(dir.path());
    write_catalog(&unchanged, 20, 100, None);
    run(&unchanged);
    group.bench_function("unchanged", |b| b.iter(|| run(&unchanged)));
    group.bench_function("cold", |b| {
        let cold = || {
            let dir = tempfile::tempdir().expect("a temporary folder");
            write_catalog(&config(dir.path()), 20, 100, None);
            dir
        };
        b.iter_batched(
            cold,
            |dir| {
                run(&config(dir.path()));
                dir
            },
            BatchSize::PerIteration,
        );
    });
    let mut day = 100;
    group.bench_function("one new build", |b| {
        let add = || {
            day += 1;
            write_catalog(&unchanged, 20, 100, Some(build(0, day)));
        };
        b.iter_batched(add, |()| run(&unchanged), BatchSize::PerIteration);
    });
    group.finish();
}

fn packages(c: &mut Criterion) {
    let mut group = c.benchmark_group("one package");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let props = || {
        Props::lineage(
            "21.0",
            "nightly",
            "bacon",
            1_700_000_000,
            "inc",
            34,
            "2023-11-05",
        )
    };
    for (name, package) in [
        ("files", Package::files(props())),
        ("block", Package::block(props())),
        ("payload", Package::payload(props())),
    ] {
        let zip = dir
            .path()
            .join(format!("lineage-21.0-20231114-nightly-bacon.{name}.zip"));
        std::fs::write(&zip, package.build()).expect("a writable folder");
        let config = config(dir.path());
        group.bench_function(format!("examine {name}"), |b| {
            b.iter(|| examine(&zip, "bacon.zip", Context::new(&config)));
        });
    }
    group.finish();
}

criterion_group!(benches, catalog_of_2000, packages);
criterion_main!(benches);

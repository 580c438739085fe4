//! Time that a maintainer waits for: a run over a large catalog, and one over packages on disk.
//!
//! `unchanged` is the second run, which writes nothing; `one new build` writes the files of one
//! channel. The catalogs have no zips, as on a CI runner.

mod common;

use std::hint::black_box;

use common::{Silent, build, builds, config, write_catalog};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use romfeed::generate::generate;
use romfeed::ingest::{Context, examine};
use romfeed::model::config::Config;
use testkit::package::Package;
use testkit::props::Props;

const NUM_DEVICES: usize = 20;
const NUM_DAYS: usize = 100;

fn run(config: &Config) {
    black_box(generate(config, None, &Silent, 0).expect("a sound run"));
}

fn catalog_of_2000(c: &mut Criterion) {
    let mut group = c.benchmark_group("catalog of 2,000 builds");
    group.sample_size(20);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let unchanged = config(dir.path());
    write_catalog(&unchanged, builds(NUM_DEVICES, NUM_DAYS));
    run(&unchanged);
    group.bench_function("unchanged", |b| b.iter(|| run(&unchanged)));
    group.bench_function("cold", |b| {
        let cold = || {
            let dir = tempfile::tempdir().expect("a temporary folder");
            write_catalog(&config(dir.path()), builds(NUM_DEVICES, NUM_DAYS));
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
    let mut day = NUM_DAYS;
    group.bench_function("one new build", |b| {
        let add = || {
            day += 1;
            let new = build(0, day, NUM_DAYS);
            write_catalog(&unchanged, builds(NUM_DEVICES, NUM_DAYS).chain([new]));
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

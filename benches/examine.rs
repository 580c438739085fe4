//! Time to read the facts of one package, for each layout of packages.

use criterion::{Criterion, criterion_group, criterion_main};
use ota_view::io::Limits;
use romfeed::ingest::{Context, examine};
use romfeed::model::config::Config;
use testkit::package::Package;
use testkit::props::Props;

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
        let limits = Limits::new(std::env::temp_dir(), std::time::Instant::now);
        let config = Config::for_folder(dir.path(), limits);
        group.bench_function(format!("examine {name}"), |b| {
            b.iter(|| examine(&zip, "bacon.zip", Context::new(&config)));
        });
    }
    group.finish();
}

criterion_group!(benches, packages);
criterion_main!(benches);

//! Limits on the time and memory that a hostile package costs, and how often it costs them.

use std::time::{Duration, Instant, SystemTime};

use ota_view::io::Limits;
use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, bacon, bacon_name, fixture};

const REMEMBERED: &str =
    " (remembered from an earlier run; `romfeed generate --rehash` reads the file again)";

fn images() -> Package {
    let props = Props::lineage(
        "21.0",
        "nightly",
        "bacon",
        1_700_000_000,
        "x",
        34,
        "2023-11-05",
    );
    Package::images(props).without_metadata()
}

#[test]
fn the_decoding_limit_grows_with_the_package() {
    let dir = RomDir::new().file("small.zip", bacon(0));
    let limits = Limits::new(dir.path().to_owned(), Instant::now);
    let (_, budget, _) = romfeed::ingest::open(&dir.path().join("small.zip"), &limits).unwrap();
    assert_eq!(budget.limits().decoded, 256 << 20);
    assert!(limits.decoded > 20 << 30);
}

#[test]
fn an_unreadable_file_is_tried_once() {
    let zip = images()
        .named_image("system.img", &fixture("ext4-android")[..20_000])
        .build();
    let dir = RomDir::new().file("builds/bad.zip", zip);
    dir.settle("builds/bad.zip");
    let run = |args: &[&str]| {
        let base = ["generate", "--base-url", BASE_URL];
        dir.run(&[&base[..], args].concat()).expect(1).stderr
    };
    let first = run(&[]);
    assert!(first.contains("partition `system`"), "{first}");
    assert!(!first.contains(REMEMBERED), "{first}");
    assert_eq!(run(&[]).replace(REMEMBERED, ""), first);
    // The cache is trusted, except with --rehash or for another state of the file.
    let cache = String::from_utf8(dir.read(".romfeed/cache.json")).unwrap();
    let cache = cache.replace("partition `system`", "the part remembered");
    dir.put_cache(&cache);
    assert!(run(&[]).contains("the part remembered"));
    assert_eq!(run(&["--rehash"]), first);
    dir.put_cache(&cache);
    let file = std::fs::File::options()
        .write(true)
        .open(dir.path().join("builds/bad.zip"));
    file.unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(30))
        .unwrap();
    assert_eq!(run(&[]), first);
}

#[cfg(unix)]
#[test]
fn zip_repaired_in_place_with_its_old_date_is_read_again() {
    use std::os::unix::fs::FileExt;

    let good = bacon(0);
    let mut bad = good.clone();
    bad[..4].fill(b'x');
    let dir = RomDir::new().file("builds/rom.zip", bad);
    dir.settle("builds/rom.zip");
    dir.generate().expect(1);
    let run = dir.generate().expect(1);
    assert!(run.stderr.contains(REMEMBERED), "{}", run.stderr);
    let file = std::fs::File::options()
        .write(true)
        .open(dir.path().join("builds/rom.zip"))
        .unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(&good[..4], 0).unwrap();
    file.set_modified(modified).unwrap();
    dir.generate().expect(0);
}

#[test]
fn a_run_past_its_time_limit_reads_no_more_packages() {
    struct Silent;
    impl romfeed::generate::Observer for Silent {}

    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(1)), bacon(1));
    let generate = |run_time| {
        let mut limits = Limits::new(dir.path().to_owned(), Instant::now);
        limits.run_time = run_time;
        let mut config = romfeed::model::config::Config::for_folder(dir.path(), limits);
        config.base_url = Some(BASE_URL.to_owned());
        let report = romfeed::generate::generate(&config, None, &Silent, 1_800_000_000_000_000_000);
        report.unwrap()
    };
    let report = generate(Duration::ZERO);
    assert_eq!((report.faults.len(), report.num_offered), (2, 0));
    // The packages are not the cause, so the next run reads them.
    let report = generate(Duration::from_secs(600));
    assert_eq!((report.faults.len(), report.num_offered), (0, 2));
}

#[test]
fn insufficient_facts_are_read_once() {
    let dir = RomDir::new().file(
        "builds/rom.zip",
        images().named_image("system.img", fixture("f2fs")).build(),
    );
    dir.settle("builds/rom.zip");
    let run = || dir.generate().expect(1).stderr;
    let first = run();
    assert!(first.contains("no source has its"), "{first}");
    let cache = String::from_utf8(dir.read(".romfeed/cache.json")).unwrap();
    dir.put_cache(&cache.replace("f2fs is not supported", "f2fs is remembered"));
    assert!(run().contains("f2fs is remembered"));
}

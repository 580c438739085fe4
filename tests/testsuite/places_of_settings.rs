//! Where a setting is, in messages about it: a flag, a variable of the environment, a file, a table.

use testkit::package::Package;

use super::support::{BASE_URL, RomDir, bacon_name, bacon_props};

#[test]
fn a_hint_names_the_file_of_the_device() {
    for (file, place) in [
        (None, "under [device.mako] in romfeed.toml"),
        (Some("devices.d/mako.toml"), "in devices.d/mako.toml"),
    ] {
        let dir = RomDir::new();
        let put = |device: &str, day: i64| {
            let props = bacon_props(day).set("ro.lineage.device", device);
            let name = bacon_name(day).replace("bacon", device);
            let zip = Package::files(props).without_metadata().build();
            dir.put(&format!("builds/{name}"), zip);
        };
        put("mako", 0);
        put("bacon", 1);
        dir.generate().expect(0);
        put("bacon", 2);
        let settings = format!("base_url = \"{BASE_URL}\"\n[device.bacon]\naliases = [\"mako\"]\n");
        dir.put("romfeed.toml", settings);
        if let Some(file) = file {
            dir.put(file, "keep = 5\n");
        }
        dir.run(&["generate"])
            .expect(0)
            .says("mako is an alias of bacon and has builds of its own")
            .says(&format!(
                "if they can install it, `same_lane = true` {place} offers it to them"
            ));
    }
}

#[test]
fn init_names_the_places_of_all_sources() {
    let dir = RomDir::new();
    let mut settings = format!("base_url = \"{BASE_URL}\"\n");
    for number in 0..8 {
        settings += &format!("[[source]]\nname = \"s{number}\"\ngithub = \"you/ota{number}\"\n");
    }
    dir.put("romfeed.toml", settings);
    dir.run(&["init", "--host", "nginx"])
        .expect(0)
        .says("  upload zips to the releases of you/ota0\n")
        .says(
            "\n  the zips of your other sources are listed, too: the releases of you/ota1, the releases of you/ota2, \
             the releases of you/ota3, the releases of you/ota4, the releases of you/ota5 and 2 more\n",
        );
    let one = format!("base_url = \"{BASE_URL}\"\n[[source]]\ngithub = \"you/ota\"\n");
    let dir = RomDir::new().file("romfeed.toml", one);
    dir.run(&["init", "--host", "nginx"])
        .expect(0)
        .says("upload zips to the releases of you/ota\n")
        .lacks("other sources");
}

#[test]
fn a_wrong_value_names_its_flag_and_variable_once() {
    let dir = RomDir::new().file("file", "");
    for (flag, variable, value) in [
        ("--catalog", "ROMFEED_CATALOG", "s3:/roms"),
        ("--catalog", "ROMFEED_CATALOG", "s3://roms/catalog.json"),
        ("--catalog", "ROMFEED_CATALOG", "gs://roms/"),
        ("--catalog", "ROMFEED_CATALOG", "file/"),
        ("--out", "ROMFEED_OUT", "file"),
        ("--changelogs", "ROMFEED_CHANGELOGS", "file"),
        ("--base-url", "ROMFEED_BASE_URL", "example"),
        ("--url", "ROMFEED_URL", "example"),
    ] {
        let error = format!("error: {flag} or {variable}: `{value}` is ");
        dir.run(&["generate", flag, value]).expect(2).says(&error);
        dir.run_with(&["generate"], &[(variable, value)])
            .expect(2)
            .says(&error);
    }
    for (flag, variable, value) in [
        ("--jobs <N>", "ROMFEED_JOBS", "many"),
        ("--jobs <N>", "ROMFEED_JOBS", "0"),
        ("--io-limit <RATE>", "ROMFEED_IO_LIMIT", "fast"),
        ("--out <FOLDER>", "ROMFEED_OUT", ""),
        ("--config <FILE>", "ROMFEED_CONFIG", ""),
    ] {
        let name = flag.split(' ').next().unwrap();
        dir.run(&["generate", name, value])
            .expect(2)
            .says(&format!("for '{flag}'"))
            .lacks(variable);
        dir.run_with(&["generate"], &[(variable, value)])
            .expect(2)
            .says(&format!("for '{variable}'"))
            .lacks(name);
        // A flag takes precedence.
        dir.run_with(&["generate", name, value], &[(variable, "1")])
            .expect(2)
            .says(&format!("for '{flag}'"));
    }
}

#[test]
fn a_wrong_key_of_a_bucket_names_its_table() {
    for (key, error) in [
        ("region = \"\"", "region: `` is not a region"),
        (
            "endpoint = \"http://minio.lan\"",
            "endpoint: `http://minio.lan` is not an https address",
        ),
    ] {
        let dir = RomDir::new().file("romfeed.toml", format!("[s3]\n{key}\n"));
        dir.run(&["generate", "--catalog", "s3://roms/catalog/"])
            .expect(2)
            .says(&format!("error: romfeed.toml: [s3]: {error}"));
    }
}

#[test]
fn a_table_for_buckets_that_nothing_uses_is_warned_of() {
    let warning =
        "warning: romfeed.toml: [s3]: it is for a catalog in a bucket, and `catalog` names none";
    let table = "[s3]\nregion = \"eu-central-1\"\n";
    for catalog in ["", "catalog = \"catalog/\"\n"] {
        let settings = format!("base_url = \"{BASE_URL}\"\n{catalog}{table}");
        let dir = RomDir::new().file("romfeed.toml", settings).file(
            &format!("builds/{}", bacon_name(0)),
            super::support::bacon(0),
        );
        for args in [
            &["generate"][..],
            &["check"],
            &["simulate", "--device", "bacon"],
            &["catalog", "list"],
        ] {
            let run = dir.run(args).says(warning);
            assert_eq!(run.stderr.matches("[s3]").count(), 1, "{}", run.stderr);
        }
        // With these flags, it may be for another run.
        dir.run(&["catalog", "list", "--catalog", "other.json"])
            .expect(0)
            .lacks("[s3]");
    }
}

//! `romfeed simulate`: the phone that the arguments describe, its variant, and mistyped names.

use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, bacon, bacon_name, bacon_props};

const VARIANTS: &str = "\
[[variant]]
name = \"gapps\"
package = \"*-gapps.zip\"

[[variant]]
name = \"microg\"
property = \"ro.my.edition=microg\"
";

/// Returns the name of `bacon(0)` with an ending before the extension.
fn name(end: &str) -> String {
    bacon_name(0).replace(".zip", &format!("-{end}.zip"))
}

/// Returns the properties of a build of the microG edition that is not published.
fn microg_props() -> Props {
    bacon_props(1).set("ro.my.edition", "microg")
}

/// Returns a package of the microG edition.
fn microg() -> Vec<u8> {
    Package::files(microg_props()).build()
}

/// Publishes `bacon(0)` and settings.
fn site(settings: &str) -> RomDir {
    let dir = RomDir::new()
        .file(
            "romfeed.toml",
            format!("base_url = \"{BASE_URL}\"\n{settings}"),
        )
        .file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate"]).expect(0);
    dir
}

#[test]
fn the_package_of_a_variant_gets_the_address_of_the_variant() {
    let dir = site(VARIANTS);
    dir.put(&name("gapps"), bacon(0));
    dir.put(&name("edition"), microg());
    dir.put("microg.prop", microg_props().text());
    for (flag, file, variant) in [
        ("--zip", name("gapps"), "gapps"),
        ("--zip", name("edition"), "microg"),
        ("--props", "microg.prop".to_owned(), "microg"),
    ] {
        let run = dir.run(&["simulate", flag, &file]);
        let address = format!("{BASE_URL}/{variant}/api/v1/{{device}}/{{type}}.json");
        assert!(run.stdout.contains(&address), "{file}: {}", run.stdout);
        let fact = format!(", variant {variant}\n");
        assert!(run.stdout.contains(&fact), "{file}: {}", run.stdout);
    }
    let run = dir.run(&["simulate", "--zip", &format!("builds/{}", bacon_name(0))]);
    let run = run.expect(0);
    assert!(!run.stdout.contains("variant"), "{}", run.stdout);
}

#[test]
fn the_catalog_decides_the_variant_of_a_published_build() {
    let dir = site(VARIANTS);
    dir.put(&format!("builds/{}", name("gapps")), bacon(1));
    dir.run(&["generate"]).expect(0);
    // The settings do not know the variant any more, but its builds stay in it.
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    let zip = format!("builds/{}", name("gapps"));
    let run = dir.run(&["simulate", "--zip", &zip]).expect(0);
    assert!(run.stdout.contains(", variant gapps\n"), "{}", run.stdout);
    let run = dir.run(&["simulate", "--zip", &zip, "--variant", "gapps"]);
    run.expect(0);
}

#[test]
fn a_mistyped_variant_is_refused() {
    let dir = site(VARIANTS);
    let call = ["simulate", "--device", "bacon", "--variant"];
    let run = dir.run(&[&call[..], &["gaps"]].concat()).expect(2);
    let text = "error: --variant: there is no variant `gaps`\n  hint: did you mean `gapps`?\n";
    assert_eq!(run.stderr, text);
    let run = dir.run(&[&call[..], &["vanilla"]].concat()).expect(2);
    run.says("hint: known are gapps, microg\n");
    let without = site("");
    let run = without.run(&[&call[..], &["gapps"]].concat()).expect(2);
    run.says("hint: leave out --variant, or set up [[variant]] in romfeed.toml\n");
}

#[test]
fn a_mistyped_device_is_one_line_with_the_nearest() {
    let dir = site("");
    for (args, message) in [
        (
            &["--device", "bakon"][..],
            "error: no build for `bakon` is published\n  hint: did you mean `bacon`?\n",
        ),
        (
            &["--device", "enchilada"],
            "error: no build for `enchilada` is published\n  hint: there are builds for bacon; or describe \
             the phone by --version or --sdk, or choose an updater with --client\n",
        ),
        (
            &["--incr", "x"],
            "error: neither device nor version nor API level of the phone is known\n  hint: give --device, \
             --version or --sdk, or choose an updater with --client\n",
        ),
    ] {
        let run = dir.run(&[&["simulate"][..], args].concat()).expect(2);
        assert_eq!(run.stderr, message);
        assert_eq!(run.stdout, "");
    }
    // A phone whose updater is known is simulated.
    let run = dir.run(&["simulate", "--device", "bakon", "--sdk", "34"]);
    let run = run.expect(1);
    assert!(run.stdout.contains("updater  22 "), "{}", run.stdout);
}

#[test]
fn a_mistyped_updater_gets_the_nearest_and_the_list() {
    let dir = site("");
    let call = ["simulate", "--device", "bacon", "--client"];
    let run = dir.run(&[&call[..], &["24"]].concat()).expect(2);
    let start = "error: --client: there is no updater `24`\n  hint: did you mean `22` or `23`? known are cm10, ";
    assert!(run.stderr.starts_with(start), "{}", run.stderr);
    assert!(
        run.stderr.ends_with(", grapheneos, all\n"),
        "{}",
        run.stderr
    );
    let run = dir.run(&[&call[..], &["crdroid"]].concat()).expect(2);
    run.says("did you mean `crdroid-14` or `crdroid-16`?");
}

#[test]
fn deltas_are_marked() {
    let props = |days| bacon_props(days);
    let dir = RomDir::new().file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    for days in [0, 1] {
        let full = Package::payload(props(days)).build();
        dir.put(&format!("builds/{}", bacon_name(days)), full);
    }
    let delta = Package::payload(props(1)).delta("inc0", "a/b/c").build();
    let delta_name = bacon_name(1).replace(".zip", "-from-inc0.zip");
    dir.put(&format!("builds/{delta_name}"), delta);
    dir.run(&["generate"]).expect(0);
    dir.put("phone.prop", props(0).text());
    let uri = format!("{BASE_URL}/api/v1/{{device}}/{{type}}/{{incr}}");
    let call = ["simulate", "--props", "phone.prop", "--uri", &uri];
    let run = dir.run(&call).expect(0);
    for text in [
        "(delta, offered)",
        &format!("offered  {delta_name}: delta, datetime "),
        &format!("offered  {}: datetime ", bacon_name(1)),
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
}

#[test]
fn an_address_without_its_device_is_not_a_malformed_address() {
    let dir = site("");
    let call = ["simulate", "--client", "cm12", "--version", "11"];
    let run = dir
        .run(&[&call[..], &["--type", "NIGHTLY"]].concat())
        .expect(1);
    let fails =
        "  fails    its address names the device and the release type, and they are not known\n";
    assert!(run.stdout.contains(fails), "{}", run.stdout);
    let advice =
        "  - unknown facts about the phone: ro.cm.device; give it with --device, or use --props.\n";
    assert!(
        run.stdout.ends_with(&format!("what to change:\n{advice}")),
        "{}",
        run.stdout
    );
    // The release type is part of the address, too.
    let run = dir
        .run(&[&call[..], &["--device", "cheese"]].concat())
        .expect(1);
    assert!(
        run.stdout
            .contains("give --type, or the address with --uri"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains('<'), "{}", run.stdout);
}

/// Returns the output of `getprop` on a phone with a ROM of this family.
fn phone(family: &str, more: &str) -> String {
    format!(
        "ro.{family}.device=bacon\nro.{family}.build.version=21.0\nro.{family}.version=21.0\n\
         ro.{family}.releasetype=nightly\nro.build.date.utc=5\nro.build.version.sdk=36\n\
         ro.build.version.incremental=x\n{more}"
    )
}

#[test]
fn forks_that_read_lineageos_older_list_get_the_address_where_it_is_published() {
    let custom = "[[feed]]\ntemplate = \"v1\"\npath = \"OTA/{variant}/{device}.json\"\n\
                  variants = { \"\" = \"GMS\" }\n";
    for (family, client, settings, address) in [
        ("axion", "AxionOS", "", "/{device}.json"),
        ("axion", "AxionOS", custom, "/OTA/{variant}/{device}.json"),
        ("derpfest", "DerpFest 16", "", "/{device}.json"),
        // Nothing is filled in there but the device.
        ("derpfest", "DerpFest 16", custom, "/OTA/GMS/{device}.json"),
    ] {
        let dir = site(settings);
        dir.put("phone.prop", phone(family, ""));
        let run = dir.run(&["simulate", "--props", "phone.prop"]).expect(0);
        assert!(
            run.stdout.contains(&format!("{client}: sees 1 update")),
            "{}",
            run.stdout
        );
        let run = dir
            .run(&["simulate", "-v", "--props", "phone.prop"])
            .expect(0);
        let address = format!("{BASE_URL}{address}");
        assert!(run.stdout.contains(&address), "{address}: {}", run.stdout);
    }
    // A file in another format is not what they read.
    let dir = site("device_feed = \"v2\"\n");
    dir.put("phone.prop", phone("derpfest", ""));
    let run = dir.run(&["simulate", "--props", "phone.prop"]).expect(1);
    assert!(
        run.stdout.contains("device_feed = \"v1\""),
        "{}",
        run.stdout
    );
}

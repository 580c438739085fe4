//! Folders of Android's build system as the folder of builds: `out/target/product/`.

use crate::support::{BASE_URL, RomDir, bacon, bacon_name};

const IMAGE: &[u8] = b"the recovery";

/// Returns the folder of a device as a build leaves it: the package under two names, images, and other files.
fn product(folder: &str) -> RomDir {
    let at = |name: &str| format!("{folder}/{name}");
    RomDir::new()
        .file(&at(&bacon_name(0)), bacon(0))
        .file(&at("lineage_bacon-ota-eng.user.zip"), bacon(0))
        .file(&at("recovery.img"), IMAGE)
        .file(&at("build_fingerprint.txt"), "lineage/bacon")
        .file(&at("system/build.prop"), "")
        .file(&at("system/media/bootanimation.zip"), "not a package")
        .file(&at("symbols/x.zip"), "not a package")
        .file(&at("obj/PACKAGING/target_files/other.zip"), bacon(1))
}

#[test]
fn only_the_package_of_a_product_folder_is_published_with_its_images() {
    let dir = product("builds/bacon");
    let run = dir.generate().expect(0).says("out: 1 build for 1 device");
    let named = bacon_name(0);
    let run = run.says(&format!(
        "passed over bacon/lineage_bacon-ota-eng.user.zip: the same bytes as bacon/{named}\n"
    ));
    run.lacks("bootanimation").lacks("x.zip").lacks("other.zip");
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert!(catalog.contains("\"recovery.img\""), "{catalog}");
    // Nothing changes in a second run, or when the twin is a hard link.
    let twin = dir
        .path()
        .join("builds/bacon/lineage_bacon-ota-eng.user.zip");
    std::fs::remove_file(&twin).unwrap();
    std::fs::hard_link(dir.path().join("builds/bacon").join(named), twin).unwrap();
    dir.run(&["generate", "--rehash", "--base-url", BASE_URL])
        .expect(0)
        .says("out is up to date");
}

#[test]
fn the_builds_folder_may_be_a_product_folder_itself() {
    let dir = product("builds");
    dir.generate()
        .expect(0)
        .says("out: 1 build for 1 device")
        .lacks("other.zip");
}

#[test]
fn a_name_with_version_and_date_is_preferred_to_that_of_the_build_system() {
    let name = format!("z-{}", bacon_name(0));
    let dir = RomDir::new()
        .file("builds/aosp_bacon-ota.zip", bacon(0))
        .file(&format!("builds/{name}"), bacon(0));
    dir.generate().expect(0).says(&format!(
        "passed over aosp_bacon-ota.zip: the same bytes as {name}\n"
    ));
}

#[test]
fn other_folders_with_such_names_are_searched() {
    for folder in ["obj", "system", "symbols", "root"] {
        let path = format!("builds/{folder}/{}", bacon_name(0));
        let dir = RomDir::new().file(&path, bacon(0));
        dir.generate().expect(0).says("out: 1 build for 1 device");
    }
}

#[test]
fn the_site_needs_a_folder_without_packages() {
    let dir = product("out/target/product/bacon");
    let call = ["init", "--builds", "out/target/product"];
    dir.run(&call)
        .expect(2)
        .says("error: the folder of the site `out` has the packages in it\n")
        .says("hint: name another folder for the site: --out site\n");
    dir.run(&[&call[..], &["--out", "site", "--base-url", BASE_URL]].concat())
        .expect(0);
    dir.run(&["generate"])
        .expect(0)
        .says("site: 1 build for 1 device");
}

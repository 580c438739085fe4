//! Folders, links, devices and unreadable files where a package is expected.

use super::*;

#[test]
fn a_folder_named_like_a_zip_is_a_folder() {
    let (dir, run) = next_to_good(|dir| {
        dir.remove(&good(1));
        dir.put(&format!("builds/folder.zip/{}", bacon_name(1)), bacon(1));
    });
    run.expect(0);
    offers_both_good_builds(&dir);
}

#[cfg(unix)]
#[test]
fn a_socket_or_device_does_not_hang_the_run() {
    let (dir, run) = next_to_good(|dir| {
        let socket = dir.path().join("builds/socket.zip");
        drop(std::os::unix::net::UnixListener::bind(socket).unwrap());
    });
    let check = "check that it is a file, and its permissions";
    one_error(
        &run.expect(1),
        "socket.zip: cannot open the file: not a regular file",
        check,
    );
    offers_both_good_builds(&dir);
    dir.remove("builds/socket.zip");
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("builds/endless.zip")).unwrap();
    let run = dir.run(&GENERATE).expect(1);
    one_error(&run, "endless.zip: cannot open the file: ", check);
    offers_both_good_builds(&dir);
}

#[cfg(unix)]
#[test]
fn sidecars_that_are_devices_do_not_hang_the_run() {
    let (dir, run) = next_to_good(|dir| {
        for suffix in ["prop", "sha256sum", "md5sum"] {
            let link = dir.path().join(format!("{}.{suffix}", good(1)));
            std::os::unix::fs::symlink("/dev/zero", link).unwrap();
        }
    });
    run.expect(0)
        .says("warning: ")
        .says(".sha256sum cannot be read: a symbolic link");
    offers_both_good_builds(&dir);
}

#[cfg(unix)]
#[test]
fn a_broken_link_is_reported() {
    let (dir, run) = next_to_good(|dir| {
        std::os::unix::fs::symlink("nowhere", dir.path().join("builds/gone.zip")).unwrap();
    });
    one_error(
        &run.expect(1),
        "gone.zip: cannot be read: ",
        "check the file",
    );
    offers_both_good_builds(&dir);
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_not_mounted_retires_nothing() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&format!("disk/{}", bacon_name(1)), bacon(1));
    let link = dir.path().join("builds/linked");
    std::os::unix::fs::symlink(dir.path().join("disk"), &link).unwrap();
    dir.put("romfeed.toml", "follow_links = true\n");
    dir.generate().expect(0);
    offers_both_good_builds(&dir);
    let (catalog, site) = (dir.read("catalog.json"), dir.tree("out"));
    std::fs::rename(dir.path().join("disk"), dir.path().join("elsewhere")).unwrap();
    let run = dir.run(&GENERATE).expect(1);
    one_error(&run, "linked: cannot be read: ", "");
    assert_eq!(dir.read("catalog.json"), catalog);
    assert_eq!(dir.tree("out"), site);
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_is_reported_once() {
    let (dir, run) = next_to_good(|dir| {
        std::os::unix::fs::symlink("..", dir.path().join("builds/bacon/up")).unwrap();
        dir.put("romfeed.toml", "follow_links = true\n");
    });
    one_error(
        &run.expect(1),
        "bacon/up: a symbolic link leads back to a folder above it",
        "remove the link",
    );
    offers_both_good_builds(&dir);
    dir.remove("builds/bacon/up");
    std::os::unix::fs::symlink("self.zip", dir.path().join("builds/self.zip")).unwrap();
    let run = dir.run(&GENERATE).expect(1);
    one_error(&run, "self.zip: cannot be read: ", "remove a link");
    offers_both_good_builds(&dir);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_name_that_is_not_utf8_is_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, run) = next_to_good(|dir| {
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.zip");
        std::fs::write(dir.path().join("builds").join(name), bacon(2)).unwrap();
    });
    one_error(
        &run.expect(1),
        ".zip: its name is not valid UTF-8, so feeds cannot contain it",
        "rename it",
    );
    offers_both_good_builds(&dir);
}

#[cfg(unix)]
#[test]
fn an_unreadable_package_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, run) = next_to_good(|dir| {
        dir.put("builds/update.zip", bacon(2));
        let file = dir.path().join("builds/update.zip");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    });
    if std::fs::read(dir.path().join("builds/update.zip")).is_ok() {
        return; // Root may read everything.
    }
    one_error(
        &run.expect(1),
        "update.zip: cannot open the file: ",
        "check the file and its permissions",
    );
    offers_both_good_builds(&dir);
}

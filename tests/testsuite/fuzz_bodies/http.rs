//! Requests to the server: whole connections, without a socket.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use romfeed::model::config::Config;
use romfeed::serve::{Hooks, Limits, Offline, Settings, Watched, keys};

use super::site::{NOW, SITE_TEXT};

/// The contents of every file that must not be served.
const SECRET: &str = "this-must-not-be-read";
/// The beginning of an answer.
const VERSION: &[u8] = b"HTTP/1.";
/// The rest of an answer with a server error.
const FAILURE: &[u8] = b" 500 Internal Server Error\r\n";

struct Silent;

impl Hooks for Silent {}

/// A server and its folder.
struct Served {
    folder: tempfile::TempDir,
    /// Stopping it waits for its threads, which a thread that ends cannot do on Windows.
    server: RefCell<ManuallyDrop<Offline>>,
}

thread_local! {
    static SERVED: Served = serve();
}

fn serve() -> Served {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path();
    put(path, "catalog.json", SITE_TEXT);
    for (file, text) in [
        ("out/note.txt", "a note"),
        ("out/more/index.html", "<p>more"),
        ("out/.hidden", SECRET),
        ("secret.txt", SECRET),
        ("builds/secret.zip", SECRET),
        ("builds/a/rom-gapps.zip", "0123456789"),
        ("builds/a/rom-gapps.zip.md5sum", "0123"),
        ("builds/a/boot.img", "boot"),
        (".romfeed/note", SECRET),
    ] {
        put(path, file, text);
    }
    // Sent as 07 in hex, 32 times.
    let show = |_: &str| Ok(());
    keys::add(&path.join(".romfeed"), "k", &[], &[7; 32], NOW, show).expect("a new key");
    let server = RefCell::new(ManuallyDrop::new(start(path)));
    Served { folder, server }
}

fn start(folder: &Path) -> Offline {
    let settings = Settings {
        config: config(folder),
        watched: Watched::default(),
        tls: None,
        fetch: None,
        limits: Limits::default(),
        clock: || NOW,
    };
    Offline::new(settings, Arc::new(Silent)).expect("the site is sound")
}

fn config(folder: &Path) -> Config {
    let Config {
        base_url, limits, ..
    } = super::site::settings();
    Config {
        base_url,
        ..Config::for_folder(folder, limits)
    }
}

fn put(folder: &Path, file: &str, text: &str) {
    let file = folder.join(file);
    let parent = file.parent().expect("it is below the folder");
    std::fs::create_dir_all(parent).expect("the folder is writable");
    std::fs::write(file, text).expect("the folder is writable");
}

/// All bytes that a client sends on one connection.
pub(super) fn http(data: &[u8]) {
    SERVED.with(|Served { folder, server }| {
        let got = server.borrow().answer(data);
        assert!(got.is_empty() || got.starts_with(VERSION));
        let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|at| at == part);
        assert!(!has(&got, FAILURE), "{}", super::text(&got));
        for secret in [SECRET, &folder.path().to_string_lossy()] {
            let is_told = has(&got, secret.as_bytes()) && !has(data, secret.as_bytes());
            assert!(!is_told, "{}", super::text(&got));
        }
        restore(folder.path(), server);
    });
}

/// Reverts what requests with the key have changed. A server stops when its catalog lacks what it
/// serves, so a new one replaces it.
fn restore(folder: &Path, server: &RefCell<ManuallyDrop<Offline>>) {
    let catalog = std::fs::read(folder.join("catalog.json")).unwrap_or_default();
    if catalog == SITE_TEXT.as_bytes() {
        return;
    }
    put(folder, "catalog.json", SITE_TEXT);
    let old = server.replace(ManuallyDrop::new(start(folder)));
    drop(ManuallyDrop::into_inner(old));
}

//! Code shared by the fuzz targets.
//!
//! Each target runs one body of `tests/testsuite/fuzz_bodies/`, which the test suite also runs,
//! over the tracked inputs. This crate has what only a fuzzer needs: mutations that keep checksums
//! valid ([`mutate`]), and the treatment of panics that ota-view catches.
//!
//! A library's panic that romfeed catches is not a crash: the program continues. It is reported
//! once for each place, and the smallest input for each place is stored in
//! `fuzz/contained/<target>/`. With `ROMFEED_FUZZ_CONTAINED=crash` it is a crash. A panic in
//! romfeed's own code always is.

#[path = "../../tests/testsuite/fuzz_bodies/mod.rs"]
mod bodies;
mod mutate;

use std::collections::BTreeMap;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

pub use mutate::mutate;

/// Defines the fuzzer of the body called `$name`.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(init: $crate::begin($name), |data: &[u8]| $crate::run(data));
        libfuzzer_sys::fuzz_mutator!(
            |data: &mut [u8], size: usize, max_size: usize, seed: u32| {
                $crate::mutate($name, data, size, max_size, seed)
            }
        );
    };
}

/// The body of the running target.
static BODY: OnceLock<fn(&[u8])> = OnceLock::new();
/// The input of the running body, for panics on any thread.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// Length of the smallest input that made a library panic, by the place of the panic.
static CONTAINED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Prepares the process to run one target.
///
/// # Panics
/// If there is no body with this name.
pub fn begin(name: &'static str) {
    let (_, body) = bodies::ALL
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("each target has its body");
    let _ = BODY.set(body);
    let crash_on_contained =
        std::env::var_os("ROMFEED_FUZZ_CONTAINED").is_some_and(|value| value == "crash");
    // The previous hook ends the process.
    let crash = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if crash_on_contained || !ota_view::catch_panic::is_catching() || is_own(panic) {
            crash(panic);
        } else {
            note_contained(name, panic);
        }
    }));
}

/// Runs the body of the target.
///
/// # Panics
/// If [`begin`] was not called, or if the body panics.
pub fn run(data: &[u8]) {
    let body = BODY.get().expect("begun before the first input");
    {
        let mut input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
        input.clear();
        input.extend_from_slice(data);
    }
    body(data);
}

/// Whether the panic is in romfeed or its own crates, not in another library.
fn is_own(panic: &PanicHookInfo<'_>) -> bool {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let root = root.canonicalize().unwrap_or_default();
    let file = panic.location().map(|location| Path::new(location.file()));
    file.and_then(|file| file.canonicalize().ok())
        .is_some_and(|file| ["src", "crates"].iter().any(|own| file.starts_with(root.join(own))))
}

fn note_contained(target: &str, panic: &PanicHookInfo<'_>) {
    let Some(location) = panic.location() else {
        return;
    };
    // Below the registry's folder, or the standard library's.
    let file = location.file().rsplit("/registry/src/").next();
    let file = file.unwrap_or_default();
    let file = file.split_once('/').map_or(file, |(_, file)| file);
    let place = format!("{file}:{}:{}", location.line(), location.column());
    let input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut known = CONTAINED.lock().unwrap_or_else(PoisonError::into_inner);
    let smallest = known.get(&place).copied();
    if smallest.is_some_and(|smallest| smallest <= input.len()) {
        return;
    }
    if smallest.is_none() {
        eprintln!("contained: {panic}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contained");
    let folder = folder.join(target);
    let name = place.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    let path = folder.join(name);
    let is_smaller = std::fs::metadata(&path).map_or(true, |old| old.len() > input.len() as u64);
    if is_smaller {
        let _ = std::fs::create_dir_all(&folder);
        let _ = std::fs::write(&path, &*input);
    }
    known.insert(place, input.len());
}

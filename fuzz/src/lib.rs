//! What the fuzz targets share.
//!
//! Each target runs one body of `tests/testsuite/fuzz_bodies/`, which the test
//! suite runs too, over the inputs that are checked in. Here is what only a
//! fuzzer needs: mutations that leave checksums right ([`mutate`]), and the
//! treatment of panics that ota-view catches.
//!
//! A panic of a library inside `ota_view::catch_panic` is not a crash: the program
//! goes on. It is reported once for each place, and the smallest input of each place is
//! stored in `fuzz/contained/<target>/`. With `ROMFEED_FUZZ_CONTAINED=crash` it is a
//! crash. A panic in code of this repository always is one.

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
/// What the body is run on, for panics on any thread.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// Length of the smallest input that made a library panic, by the panic's place.
static CONTAINED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Makes the process ready to run one target.
///
/// # Panics
/// If there is no body of this name.
pub fn begin(name: &'static str) {
    let (_, body) = bodies::ALL
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("each target has its body");
    let _ = BODY.set(body);
    let crash_on_contained =
        std::env::var_os("ROMFEED_FUZZ_CONTAINED").is_some_and(|value| value == "crash");
    // The hook before this one ends the process.
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
/// If [`begin`] was not called, or as the body does.
pub fn run(data: &[u8]) {
    let body = BODY.get().expect("begun before the first input");
    {
        let mut input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
        input.clear();
        input.extend_from_slice(data);
    }
    body(data);
}

/// Whether code of this repository panics, not a library under it.
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

//! What the fuzz targets need besides the functions in `tests/fuzz/targets.rs`, which `cargo test`
//! runs over the tracked inputs: mutations that keep checksums valid ([`mutate`]), and the
//! treatment of panics that [`ota_view::catch_panic`] catches ([`begin`]), which romfeed's fuzz
//! targets share.
//!
//! A caught panic of another library is not a crash: the program continues. It is reported once
//! for each place, and the smallest input for each place is stored in `fuzz/contained/<target>/`.
//! With `ROMFEED_FUZZ_CONTAINED=crash` it is a crash. A panic in the code of this repository always
//! is.

mod mutate;
#[path = "../../tests/fuzz/targets.rs"]
mod targets;

use std::collections::BTreeMap;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

pub use mutate::mutate;
use testkit::fuzz::Target;

/// All targets.
pub const TARGETS: &[Target] = &targets::TARGETS;

/// Defines the fuzzer of the target called `$name`.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::begin($crate::TARGETS, $name, env!("CARGO_MANIFEST_DIR")),
            |data: &[u8]| $crate::run(data)
        );
        libfuzzer_sys::fuzz_mutator!(
            |data: &mut [u8], size: usize, max_size: usize, seed: u32| {
                $crate::mutate($name, data, size, max_size, seed)
            }
        );
    };
}

/// The function of the running target.
static BODY: OnceLock<fn(&[u8])> = OnceLock::new();
/// Its input, for panics on any thread.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// Length of the smallest input that made a library panic, by the place of the panic.
static CONTAINED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Prepares the process to run one of the targets.
///
/// Inputs that make a library panic are stored under `folder`.
///
/// # Panics
/// If there is no target with this name.
pub fn begin(targets: &[Target], name: &'static str, folder: &'static str) {
    let target = targets.iter().find(|(target, _)| *target == name);
    let (_, body) = target.expect("the macro names one of the targets");
    let _ = BODY.set(*body);
    let crash_on_contained =
        std::env::var_os("ROMFEED_FUZZ_CONTAINED").is_some_and(|value| value == "crash");
    // The previous hook ends the process.
    let crash = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if crash_on_contained || !ota_view::catch_panic::is_catching() || is_own(panic) {
            crash(panic);
        } else {
            note_contained(&Path::new(folder).join("contained").join(name), panic);
        }
    }));
}

/// Runs the target on an input.
///
/// # Panics
/// If [`begin`] was not called, or if the target panics.
pub fn run(data: &[u8]) {
    let body = BODY.get().expect("begun before the first input");
    {
        let mut input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
        input.clear();
        input.extend_from_slice(data);
    }
    body(data);
}

/// Whether the panic is in the code of this repository, not in another library.
fn is_own(panic: &PanicHookInfo<'_>) -> bool {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."));
    let root = root.canonicalize().unwrap_or_default();
    let file = panic.location().map(|location| Path::new(location.file()));
    file.and_then(|file| file.canonicalize().ok())
        .is_some_and(|file| {
            ["src", "crates"]
                .iter()
                .any(|own| file.starts_with(root.join(own)))
        })
}

fn note_contained(folder: &Path, panic: &PanicHookInfo<'_>) {
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
    let name = place.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    let path = folder.join(name);
    let is_smaller = std::fs::metadata(&path).map_or(true, |old| old.len() > input.len() as u64);
    if is_smaller {
        let _ = std::fs::create_dir_all(folder);
        let _ = std::fs::write(&path, &*input);
    }
    known.insert(place, input.len());
}

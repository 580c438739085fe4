//! Panics of libraries that read untrusted bytes, or templates, become errors.
//!
//! In: a call into a library. Out: its answer, or what it panicked with. The
//! program's panic hook should keep quiet while [`is_catching`] says so.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is going to be contained.
#[must_use]
pub fn is_catching() -> bool {
    CATCHING.get()
}

/// Runs `work`; a panic becomes its message.
///
/// What `work` was changing is not to be used after a panic.
///
/// # Errors
/// The message of the panic.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(before);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("its reader gave up: {}", text.unwrap_or("no reason given"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        let index = std::hint::black_box(5);
        let message = catch_panic(|| [1, 2, 3][index]).unwrap_err();
        assert!(message.contains("index out of bounds"), "{message}");
        let message = catch_panic(|| catch_panic(|| panic!("inner")).map_err(|_| is_catching()));
        assert_eq!(message, Ok(Err::<(), bool>(true)));
        assert!(!is_catching());
    }
}

//! Turns panics of libraries that read untrusted input into errors.
//!
//! In: a call into a library. Out: its result, or the message of its panic. A program's panic
//! hook should print nothing while [`is_catching`] is true.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Whether [`catch_panic`] would catch a panic of this thread.
#[must_use]
pub fn is_catching() -> bool {
    CATCHING.get()
}

/// Runs `work`, and returns the message if it panics.
///
/// Do not use values that `work` was changing after a panic: they may be half changed.
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
        format!("its reader panicked: {}", text.unwrap_or("no reason given"))
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

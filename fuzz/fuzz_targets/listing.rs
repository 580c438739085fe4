//! Fuzzes the body `listing` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("listing");

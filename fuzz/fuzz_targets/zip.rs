//! Fuzzes the body `zip` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("zip");

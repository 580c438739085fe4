//! Fuzzes the body `feeds` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("feeds");

//! Fuzzes the body `catalog` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("catalog");

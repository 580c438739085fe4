//! Fuzzes the body `changelog` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("changelog");

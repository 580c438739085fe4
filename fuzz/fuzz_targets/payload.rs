//! Fuzzes the body `payload` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("payload");

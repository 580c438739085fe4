//! Fuzzes the body `exchange` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("exchange");

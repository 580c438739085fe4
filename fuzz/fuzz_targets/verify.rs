//! Fuzzes the body `verify` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("verify");

//! Fuzzes the body `signature` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("signature");

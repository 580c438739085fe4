//! Fuzzes the body `conflict` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("conflict");

//! Fuzzes the body `signature` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("signature");

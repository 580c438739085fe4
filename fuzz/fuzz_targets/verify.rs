//! Fuzzes the body `verify` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("verify");

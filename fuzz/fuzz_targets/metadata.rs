//! Fuzzes the body `metadata` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("metadata");

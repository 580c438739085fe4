//! Fuzzes the body `zip` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("zip");

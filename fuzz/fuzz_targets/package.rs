//! Fuzzes the body `package` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("package");

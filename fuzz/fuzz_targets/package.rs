//! Fuzzes the body `package` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("package");

//! Fuzzes the body `props` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("props");

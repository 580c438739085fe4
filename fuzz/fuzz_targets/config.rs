//! Fuzzes the body `config` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("config");

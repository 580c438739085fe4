//! Fuzzes the body `template` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("template");

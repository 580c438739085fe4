//! Fuzzes the body `sparse` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("sparse");

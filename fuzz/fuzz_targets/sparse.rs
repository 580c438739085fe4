//! Fuzzes the body `sparse` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("sparse");

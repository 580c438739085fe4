//! Fuzzes the body `http` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("http");

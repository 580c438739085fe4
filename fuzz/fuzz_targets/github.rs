//! Fuzzes the body `github` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("github");

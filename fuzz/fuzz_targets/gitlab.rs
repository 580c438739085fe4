//! Fuzzes the body `gitlab` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("gitlab");

//! Fuzzes the body `forgejo` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("forgejo");

//! Fuzzes the body `s3` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("s3");

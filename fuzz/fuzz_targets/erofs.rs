//! Fuzzes the body `erofs` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("erofs");

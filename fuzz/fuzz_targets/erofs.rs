//! Fuzzes the body `erofs` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("erofs");

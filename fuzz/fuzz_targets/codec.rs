//! Fuzzes the body `codec` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("codec");

//! Fuzzes the body `sourceforge` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("sourceforge");

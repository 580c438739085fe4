//! Fuzzes the body `ext4` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("ext4");

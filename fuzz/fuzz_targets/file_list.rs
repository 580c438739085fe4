//! Fuzzes the body `file_list` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("file_list");

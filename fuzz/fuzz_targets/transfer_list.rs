//! Fuzzes the body `transfer_list` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("transfer_list");

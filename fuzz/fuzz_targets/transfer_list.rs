//! Fuzzes the body `transfer_list` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("transfer_list");

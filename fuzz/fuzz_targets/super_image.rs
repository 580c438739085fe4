//! Fuzzes the body `super_image` of `tests/testsuite/fuzz_bodies.rs`.

#![no_main]

romfeed_fuzz::target!("super_image");

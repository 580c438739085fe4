//! Fuzzes the body `super_image` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("super_image");

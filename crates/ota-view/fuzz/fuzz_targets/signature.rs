//! Fuzzes `signature` of `tests/fuzz/targets.rs`.

#![no_main]

ota_view_fuzz::target!("signature");

//! Fuzzes `transfer_list` of `tests/fuzz/targets.rs`.

#![no_main]

ota_view_fuzz::target!("transfer_list");

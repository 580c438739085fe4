//! Fuzzes `ext4` of `tests/fuzz/targets.rs`.

#![no_main]

ota_view_fuzz::target!("ext4");

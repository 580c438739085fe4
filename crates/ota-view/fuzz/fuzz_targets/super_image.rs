//! Fuzzes `super_image` of `tests/fuzz/targets.rs`.

#![no_main]

ota_view_fuzz::target!("super_image");

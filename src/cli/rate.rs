//! The limit on reading, in flags and settings.

use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// Bytes a second, written as a number with K, M or G for powers of 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) NonZeroU64);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Rate, &'static str> {
        let (number, shift) = match text.split_at_checked(text.len().saturating_sub(1)) {
            Some((number, "K" | "k")) => (number, 10),
            Some((number, "M" | "m")) => (number, 20),
            Some((number, "G" | "g")) => (number, 30),
            _ => (text, 0),
        };
        let rate = number.parse::<u64>().ok();
        rate.and_then(|rate| rate.checked_mul(1 << shift))
            .and_then(NonZeroU64::new)
            .map(Rate)
            .ok_or("write bytes a second, for example 50M, with K, M or G for powers of 1,024")
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

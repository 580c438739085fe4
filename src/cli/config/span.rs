//! Lengths of time in the settings.

use serde::Deserialize;

/// A time in seconds, or a text such as `90m`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected seconds, or a text such as \"90m\"")]
pub(super) enum Span {
    Seconds(u32),
    Text(String),
}

impl Span {
    pub(super) fn seconds(&self) -> Result<i64, String> {
        let text = match self {
            Span::Seconds(seconds) => return Ok(i64::from(*seconds)),
            Span::Text(text) => text,
        };
        let unit = text.chars().last().map_or(0, |unit| match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => 0,
        });
        let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
        match number.parse::<u32>() {
            Ok(number) if unit > 0 => Ok(i64::from(number) * unit),
            _ => Err(format!(
                "`{}` is not a time; write it as 90s, 30m, 2h or 1d",
                text.escape_debug()
            )),
        }
    }
}

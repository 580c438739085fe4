//! Flags that `import` and `export` share.

use romfeed::model::address;
use romfeed::model::build::Variant;

/// Parses `--variant`.
pub(super) fn parse_variant(variant: Option<&str>) -> Result<Option<Variant>, String> {
    let variant = variant.map(Variant::parse).transpose();
    variant.map_err(|error| format!("--variant: {error}"))
}

/// Parses `--url-base`.
pub(super) fn parse_url_base(url: Option<&str>) -> Result<Option<String>, String> {
    let url = url.map(address::parse_base).transpose();
    url.map_err(|error| format!("--url-base: {error}"))
}

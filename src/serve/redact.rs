//! Credentials that clients sent in an address, removed from the log.
//!
//! In: the path and query of a request. Out: the same with the values of credentials replaced.
//! Keys belong in the header `Apikey`; a key in the query is ignored, but it is a valid key, and
//! logs have more readers than keys should have.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Stands in the log for the value of a credential.
const REDACTED: &str = "[redacted]";
/// Parts of the names that credentials have, in lower case: `apikey`, `api_key`, `access_token`,
/// `Authorization`, `passwd`, …
const NAMES: [&str; 7] = [
    "key",
    "token",
    "auth",
    "pass",
    "pwd",
    "secret",
    "credential",
];

/// Replaces the values of parameters whose names are those of credentials.
pub(super) fn redact(target: &str) -> Cow<'_, str> {
    if !target.contains('=') {
        return target.into();
    }
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    // A key may follow `&` without a `?` before it, where a script puts addresses together.
    let parameters = [path, query].into_iter();
    let parameters = parameters.flat_map(|part| part.split_inclusive(['&', ';']));
    let redacted: String = parameters.map(redact_parameter).collect();
    redacted.into()
}

fn redact_parameter(parameter: &str) -> Cow<'_, str> {
    let text = parameter.trim_end_matches(['&', ';']);
    let separator = &parameter[text.len()..];
    match text.split_once('=') {
        Some((name, value)) if !value.is_empty() && is_credential(name) => {
            format!("{name}={REDACTED}{separator}").into()
        }
        _ => parameter.into(),
    }
}

fn is_credential(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy();
    // The folders of a path are not part of the name.
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_credentials_are_replaced() {
        for (target, expected) in [
            (
                "/api/v1/auth?apikey=c0ffee",
                "/api/v1/auth?apikey=[redacted]",
            ),
            ("/a?x=1&API-Key=c0ffee&y=2", "/a?x=1&API-Key=[redacted]&y=2"),
            ("/a?api%6Bey=c0ffee", "/a?api%6Bey=[redacted]"),
            ("/a?access_token=c0f=fee==", "/a?access_token=[redacted]"),
            ("/a?x;password=c0ffee;y", "/a?x;password=[redacted];y"),
            ("/a&apikey=c0ffee", "/a&apikey=[redacted]"),
            ("/a=b?apikey=c0f?fee", "/a=b?apikey=[redacted]"),
            ("/a??apikey=c0ffee", "/a??apikey=[redacted]"),
        ] {
            assert_eq!(redact(target), expected);
        }
    }

    #[test]
    fn other_addresses_stay_as_they_are() {
        for target in [
            "/api/v1/bacon/nightly/eng.1?after=2026-05-01&version=21.0",
            "/api/v1/auth/a=b",
            "/a?apikey",
            "/a?apikey=&x=1",
            "*",
            "",
        ] {
            assert_eq!(redact(target), target);
        }
    }
}

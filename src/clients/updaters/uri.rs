//! The addresses that `java.net.URI` accepts, through which CMUpdater passes each address (U3, U5).
//!
//! In: text. Out: the address in ASCII. Source: the documentation of `java.net.URI` of Java 8:
//! RFC 2396 with the brackets of RFC 2732 and letters beyond ASCII.
//!
//! Left out: the normalization of such letters by `toASCIIString`, and the grammar of host names.

/// `URI.create(url).toASCIIString()` (U3, U5).
///
/// `None` if `URI.create` throws.
pub(super) fn to_ascii(url: &str) -> Option<String> {
    if !is_uri(url) {
        return None;
    }
    let mut ascii = String::new();
    for c in url.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
            bytes.for_each(|byte| ascii.push_str(&format!("%{byte:02X}")));
        }
    }
    Some(ascii)
}

fn is_uri(uri: &str) -> bool {
    const ANY: &str = ";/?:@&=+$,[]";
    let (uri, fragment) = uri.split_once('#').unwrap_or((uri, ""));
    let (scheme, rest) = match uri.find([':', '/', '?']) {
        Some(end) if uri.get(end..).is_some_and(|rest| rest.starts_with(':')) => {
            let (scheme, rest) = uri.split_at(end);
            (Some(scheme), rest.strip_prefix(':').unwrap_or(rest))
        }
        _ => (None, uri),
    };
    let is_scheme = scheme.is_none_or(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !rest.is_empty()
    });
    if !is_scheme || !consists_of(fragment, ANY) {
        return false;
    }
    if scheme.is_some() && !rest.starts_with('/') {
        return consists_of(rest, ANY);
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match path.strip_prefix("//") {
        Some(path) => path.split_at(path.find('/').unwrap_or(path.len())),
        None => ("", path),
    };
    let is_cut_off = rest.starts_with("//") && authority.is_empty() && path.is_empty();
    !is_cut_off
        && consists_of(authority, "$,;:@&=+[]")
        && consists_of(path, ":@&=+$,;/")
        && consists_of(query, ANY)
}

/// Returns whether a part has only letters, digits, marks, escapes and these characters.
fn consists_of(part: &str, reserved: &str) -> bool {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_legal = |c: char| match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || "_-!.~'()*%".contains(c) || reserved.contains(c),
        // Java allows everything except control characters and blanks.
        false => !c.is_control() && !c.is_whitespace(),
    };
    part.chars().all(is_legal) && part.split('%').skip(1).all(is_escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_like_in_java() {
        for uri in [
            "https://h:8443/a%20b/~c;d?e=[f]#g",
            "https://[::1]/a",
            "https://h/\u{fc}",
            "https:///a",
            "mailto:a",
            "a/b",
        ] {
            assert!(is_uri(uri), "{uri}");
        }
        for uri in [
            "https://h/{device}",
            "https://h/a b",
            "https://h/a|b",
            "https://h/#a#b",
            "https://h/%zz",
            "https://h/%a",
            "https://h/[",
            "https://h/\u{a0}",
            "https://",
            "https:",
            "1a://h",
            ":a",
            " ",
        ] {
            assert!(!is_uri(uri), "{uri}");
        }
        assert_eq!(
            to_ascii("https://h/\u{fc}").as_deref(),
            Some("https://h/%C3%BC")
        );
    }
}

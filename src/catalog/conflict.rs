//! Conflict markers of git: the versions of a catalog in one file that git could not merge.
//!
//! In: a file with conflict markers of the default size (git-merge(1), "How conflicts are
//! presented"), in the styles `merge`, `diff3` and `zdiff3`. Out: the text of each version.
//! No line of a catalog begins like a marker, since its strings have no line breaks.

/// The versions in a file with conflict markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The common ancestor, if the markers show it.
    pub base: Option<Vec<u8>>,
    /// The version of the branch that is checked out.
    pub ours: Vec<u8>,
    /// The version of the other branch.
    pub theirs: Vec<u8>,
}

/// A conflict marker that is missing or out of place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a conflict marker of git is missing or out of place at line {line}")]
pub struct BadMarker {
    /// The line, from 1.
    pub line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Common,
    Ours,
    Base,
    Theirs,
}

/// Returns the part that a marker line begins; `None` for other lines.
fn marker(line: &[u8]) -> Option<Part> {
    let (mark, rest) = line.split_at_checked(7)?;
    let part = match mark {
        b"<<<<<<<" => Part::Ours,
        b"|||||||" => Part::Base,
        b"=======" => Part::Theirs,
        b">>>>>>>" => Part::Common,
        _ => return None,
    };
    matches!(rest.first(), None | Some(b' ' | b'\r' | b'\n')).then_some(part)
}

fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.enumerate().map(|(index, line)| (index + 1, line))
}

/// Finds the line of the first conflict marker, from 1.
#[must_use]
pub fn first_marker(text: &[u8]) -> Option<usize> {
    lines(text).find_map(|(number, line)| marker(line).map(|_| number))
}

/// Separates the versions.
///
/// # Errors
/// [`BadMarker`] if the markers are out of order, or the last is missing.
pub fn split(text: &[u8]) -> Result<Versions, BadMarker> {
    let (mut base, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut part = Part::Common;
    let mut has_base = true;
    let mut began = 0;
    for (number, line) in lines(text) {
        let Some(next) = marker(line) else {
            if matches!(part, Part::Common | Part::Ours) {
                ours.extend_from_slice(line);
            }
            if matches!(part, Part::Common | Part::Base) {
                base.extend_from_slice(line);
            }
            if matches!(part, Part::Common | Part::Theirs) {
                theirs.extend_from_slice(line);
            }
            continue;
        };
        match (part, next) {
            (Part::Common, Part::Ours) => began = number,
            (Part::Ours, Part::Theirs) => has_base = false,
            (Part::Ours, Part::Base)
            | (Part::Base, Part::Theirs)
            | (Part::Theirs, Part::Common) => {}
            _ => return Err(BadMarker { line: number }),
        }
        part = next;
    }
    match part {
        Part::Common => Ok(Versions {
            base: has_base.then_some(base),
            ours,
            theirs,
        }),
        _ => Err(BadMarker { line: began }),
    }
}

/// Writes all versions, each whole, into one file with conflict markers.
#[must_use]
pub fn join(base: &[u8], ours: &[u8], theirs: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(base.len() + ours.len() + theirs.len() + 64);
    for (mark, version) in [
        ("<<<<<<< ours\n", ours),
        ("||||||| base\n", base),
        ("=======\n", theirs),
    ] {
        text.extend_from_slice(mark.as_bytes());
        text.extend_from_slice(version);
        if !version.is_empty() && !version.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    text.extend_from_slice(b">>>>>>> theirs\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_conflict_style_of_git_is_read() {
        let text = b"a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\nd\n";
        let versions = split(text).unwrap();
        assert_eq!(versions.base, None);
        assert_eq!(
            (&versions.ours[..], &versions.theirs[..]),
            (&b"a\nb\nd\n"[..], &b"a\nc\nd\n"[..])
        );
        let text = b"a\r\n<<<<<<< HEAD\r\nb\r\n||||||| 1\r\n=======\r\nc\r\n>>>>>>> x\r\n";
        let versions = split(text).unwrap();
        assert_eq!(versions.base.as_deref(), Some(&b"a\r\n"[..]));
        assert_eq!(versions.theirs, b"a\r\nc\r\n");
        assert_eq!(first_marker(text), Some(2));
        assert_eq!(first_marker(b"a\n========\n"), None);
    }

    #[test]
    fn markers_out_of_order_are_refused() {
        for (text, line) in [
            (&b"<<<<<<< a\nb\n"[..], 1),
            (b"x\n=======\n", 2),
            (b"<<<<<<< a\n>>>>>>> b\n", 2),
            (b"<<<<<<< a\n=======\n<<<<<<< a\n", 3),
            (b"<<<<<<< a\n||||||| b\n||||||| b\n", 3),
        ] {
            assert_eq!(split(text), Err(BadMarker { line }));
        }
    }

    #[test]
    fn joined_versions_can_be_separated_again() {
        let versions = split(&join(b"", b"ours\n", b"theirs\n")).unwrap();
        assert_eq!(versions.base.as_deref(), Some(&b""[..]));
        assert_eq!(
            (&versions.ours[..], &versions.theirs[..]),
            (&b"ours\n"[..], &b"theirs\n"[..])
        );
    }
}

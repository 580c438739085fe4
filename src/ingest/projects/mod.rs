//! The source projects a build was made from, and which of them changed since the previous build.
//!
//! In: a repo manifest with pinned revisions ([`manifest`]), from inside a package ([`image`]) or
//! from a file next to it, or the stored text. Out: [`Projects`], a sorted text, and the differences
//! between two of them ([`diff`]).

pub mod image;
pub mod manifest;

use std::collections::BTreeMap;

/// Most projects of one build; a whole Android tree has about 1,200.
pub const MAX_PROJECTS: usize = 8192;
/// Longest path of a project, in bytes; real ones have up to 80.
pub const MAX_PATH_LEN: usize = 512;
/// Longest revision, in bytes; a SHA-256 has 64, and names of branches are short.
pub const MAX_REVISION_LEN: usize = 256;
/// Longest text of the projects of one build, in bytes; a whole Android tree needs 90 KiB.
pub const MAX_TEXT_LEN: usize = 1 << 20;
/// Digits of a shortened hash.
const SHORT_LEN: usize = 12;

/// The projects of one build: a line `path revision` for each, sorted by path, each path once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projects {
    text: String,
}

impl Projects {
    /// Takes revisions by path. Projects that cannot be written as a line, and those beyond the
    /// limits, are left out.
    #[must_use]
    pub fn new(projects: &BTreeMap<&str, &str>) -> Projects {
        let mut text = String::new();
        let sound = projects.iter().filter(|(path, revision)| {
            path_fault(path).is_none() && revision_fault(revision).is_none()
        });
        for (path, revision) in sound.take(MAX_PROJECTS) {
            if text.len() + path.len() + revision.len() + 2 > MAX_TEXT_LEN {
                break;
            }
            text.extend([path, " ", revision, "\n"]);
        }
        Projects { text }
    }

    /// Parses the stored text; malformed lines are skipped, since people may edit it.
    #[must_use]
    pub fn parse(text: &str) -> Projects {
        let lines = text.lines().take(MAX_PROJECTS);
        Projects::new(&lines.filter_map(|line| line.rsplit_once(' ')).collect())
    }

    /// Returns the text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether there are no projects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Iterates over paths and revisions, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.text.lines();
        lines.filter_map(|line| line.rsplit_once(' '))
    }
}

/// Returns why a path cannot be part of a line.
fn path_fault(path: &str) -> Option<&'static str> {
    match path {
        "" => Some("is empty"),
        path if path.len() > MAX_PATH_LEN => Some("is too long"),
        path if path.chars().any(char::is_control) => Some("has control characters"),
        _ => None,
    }
}

/// Returns why a revision cannot be part of a line.
fn revision_fault(revision: &str) -> Option<&'static str> {
    let is_bad = |c: char| c.is_control() || c.is_whitespace();
    match revision {
        "" => Some("is empty"),
        revision if revision.len() > MAX_REVISION_LEN => Some("is too long"),
        revision if revision.chars().any(is_bad) => Some("has blanks or control characters"),
        _ => None,
    }
}

/// How one project changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// Its path in the source tree.
    pub path: String,
    /// How it changed.
    pub kind: ChangeKind,
}

/// How a project differs between two builds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was added.
    Added {
        /// Its revision.
        to: String,
    },
    /// It was removed.
    Removed {
        /// The old revision.
        from: String,
    },
    /// Its revision changed.
    Changed {
        /// The old revision.
        from: String,
        /// The new revision.
        to: String,
    },
}

impl ChangeKind {
    /// Returns the name used in templates.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            ChangeKind::Added { .. } => "added",
            ChangeKind::Removed { .. } => "removed",
            ChangeKind::Changed { .. } => "changed",
        }
    }

    /// Returns the revision in the older build, if it had the project.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        match self {
            ChangeKind::Added { .. } => None,
            ChangeKind::Removed { from } | ChangeKind::Changed { from, .. } => Some(from),
        }
    }

    /// Returns the revision in the newer build, if it has the project.
    #[must_use]
    pub fn to(&self) -> Option<&str> {
        match self {
            ChangeKind::Removed { .. } => None,
            ChangeKind::Added { to } | ChangeKind::Changed { to, .. } => Some(to),
        }
    }
}

/// Returns the differences between the projects of two builds, sorted by path.
#[must_use]
pub fn diff(old: &Projects, new: &Projects) -> Vec<Change> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut changes = Vec::new();
    let mut push = |path: &str, kind| {
        let path = path.to_owned();
        changes.push(Change { path, kind });
    };
    loop {
        let next = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((was, _)), Some((is, _))) => was.cmp(is),
        };
        let was = old.next_if(|_| next.is_le());
        let is = new.next_if(|_| next.is_ge());
        match (was, is) {
            (Some((_, from)), Some((_, to))) if from == to => {}
            (Some((path, from)), Some((_, to))) => {
                let (from, to) = (from.to_owned(), to.to_owned());
                push(path, ChangeKind::Changed { from, to });
            }
            (Some((path, from)), None) => push(
                path,
                ChangeKind::Removed {
                    from: from.to_owned(),
                },
            ),
            (None, Some((path, to))) => push(path, ChangeKind::Added { to: to.to_owned() }),
            (None, None) => return changes,
        }
    }
}

/// The changes from one build to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Since {
    /// The date of the older build, in seconds since the epoch.
    pub timestamp: i64,
    /// The first changes, sorted by path.
    pub changes: Vec<Change>,
    /// How many more changes there are.
    pub num_more: usize,
}

/// The changes in the builds of a site, by file name.
pub type History = BTreeMap<String, Since>;

/// Shortens a hash to its first digits; other revisions are returned whole.
#[must_use]
pub fn shorten(revision: &str) -> &str {
    let is_hash = matches!(revision.len(), 40 | 64)
        && revision
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match is_hash {
        true => &revision[..SHORT_LEN],
        false => revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projects(lines: &[&str]) -> Projects {
        Projects::parse(&lines.join("\n"))
    }

    #[test]
    fn diff_reports_added_removed_and_changed_projects() {
        let old = projects(&["a 1", "b 1", "c 1", "e 1"]);
        let new = projects(&["a/b 1", "b 2", "c 1", "d 1"]);
        let changes: Vec<String> = diff(&old, &new)
            .iter()
            .map(|Change { path, kind }| {
                format!("{path} {} {:?} {:?}", kind.as_str(), kind.from(), kind.to())
            })
            .collect();
        assert_eq!(
            changes,
            [
                "a removed Some(\"1\") None",
                "a/b added None Some(\"1\")",
                "b changed Some(\"1\") Some(\"2\")",
                "d added None Some(\"1\")",
                "e removed Some(\"1\") None",
            ]
        );
        assert_eq!(diff(&new, &new), []);
        assert_eq!(diff(&Projects::default(), &Projects::default()), []);
    }

    #[test]
    fn stored_text_is_read_unchanged_and_malformed_lines_are_skipped() {
        let text = "art 1\nsome folder refs/tags/x\nvendor/x 3\n";
        assert_eq!(Projects::parse(text).as_str(), text);
        let edited = "vendor/x 3\r\n\nnothing\n 7\nart 0\nart 1\nb \u{7}\nsome folder refs/tags/x";
        assert_eq!(Projects::parse(edited).as_str(), text);
        let long = format!("{} 1\na {}", "x".repeat(MAX_PATH_LEN + 1), "1".repeat(300));
        assert!(Projects::parse(&long).is_empty());
    }

    #[test]
    fn text_of_a_build_is_bounded() {
        let many: String = (0..20_000).map(|n| format!("p{n} 1\n")).collect();
        assert_eq!(Projects::parse(&many).iter().count(), MAX_PROJECTS);
        let wide = "x".repeat(MAX_PATH_LEN - 5);
        let wide: String = (0..MAX_PROJECTS)
            .map(|n| format!("{wide}{n:05} 1\n"))
            .collect();
        let bounded = Projects::parse(&wide);
        assert!(bounded.as_str().len() <= MAX_TEXT_LEN && bounded.iter().count() > 2000);
    }

    #[test]
    fn hashes_are_shortened_and_names_are_not() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(shorten(hash), "0123456789ab");
        for name in ["refs/heads/lineage-21.0", "v1", &hash[1..], &"ä".repeat(20)] {
            assert_eq!(shorten(name), name);
        }
    }
}

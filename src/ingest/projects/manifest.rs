//! Parses a manifest of `repo` with pinned revisions, as `repo manifest -r` writes it.
//!
//! In: the bytes of an XML file. Out: [`Projects`]. A project without a path uses its name as its
//! path; a project without a revision uses that of its remote, or else the default. The path of a
//! nested project starts with its parent's. Elements that include other files are not followed: a
//! pinned manifest has none. Source: `docs/manifest-format.md` and `manifest_xml.py` of git-repo
//! 2.50.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{MAX_PROJECTS, MAX_TEXT_LEN, Projects, path_fault, revision_fault};
use crate::model::fault_kind::FaultKind;
use ota_view::catch_panic::catch_panic;

/// Longest manifest read, in bytes; that of a whole Android tree has about 250 KiB.
pub const MAX_SIZE: u64 = 4 << 20;
/// Deepest nesting; nested projects need four levels.
const MAX_DEPTH: usize = 16;
/// Most attributes of one element; a project has up to ten.
const MAX_ATTRIBUTES: usize = 64;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifest is too long.
    #[error("it has more than {MAX_SIZE} bytes")]
    TooLarge,
    /// The file is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The file is not well-formed XML.
    #[error("it is not well-formed XML at byte {offset}")]
    Xml {
        /// Where, in bytes.
        offset: u64,
        /// The reason.
        #[source]
        source: quick_xml::Error,
    },
    /// It has a document type, which could define entities that expand without end.
    #[error("it has a document type at byte {offset}, and a manifest has none")]
    DocumentType {
        /// Where, in bytes.
        offset: u64,
    },
    /// An element is not closed.
    #[error("it ends inside an element")]
    Truncated,
    /// It has more parts of a kind than allowed.
    #[error("it has more than {limit} {what}")]
    TooMany {
        /// The kind of part.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A path or revision is malformed.
    #[error("{what} `{}` {fault}", .value.escape_debug())]
    BadValue {
        /// `path` or `revision`.
        what: &'static str,
        /// Its beginning.
        value: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A project has no revision.
    #[error("project `{}` has no revision", .0.escape_debug())]
    NoRevision(String),
    /// The XML library panicked; the text is its message.
    #[error("{0}")]
    Contained(String),
    /// The document has no projects.
    #[error("it names no projects")]
    NoProjects,
}

impl Error {
    /// Returns the kind of fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Error::TooLarge | Error::TooMany { .. } => FaultKind::Limit,
            _ => FaultKind::Corrupt,
        }
    }
}

/// The attributes of an element that are used.
#[derive(Debug, Default)]
struct Attributes<'a> {
    name: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    remote: Option<Cow<'a, str>>,
    revision: Option<Cow<'a, str>>,
}

/// The content of a manifest.
#[derive(Debug, Default)]
struct Manifest<'a> {
    default: Attributes<'a>,
    remotes: BTreeMap<String, Cow<'a, str>>,
    /// By path.
    projects: BTreeMap<String, Attributes<'a>>,
}

/// Parses a manifest.
///
/// Safe on untrusted input: no panic, time and memory proportional to its length, no entities
/// except those of XML itself.
///
/// # Errors
/// [`Error`].
pub fn parse(bytes: &[u8]) -> Result<Projects, Error> {
    if bytes.len() as u64 > MAX_SIZE {
        return Err(Error::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::NotText)?;
    let manifest = catch_panic(|| read(text)).map_err(Error::Contained)??;
    let mut projects = BTreeMap::new();
    for (path, project) in &manifest.projects {
        let revision = manifest.revision(project);
        let revision = revision.ok_or_else(|| Error::NoRevision(begin(path)))?;
        check("path", path, path_fault(path))?;
        check("revision", revision, revision_fault(revision))?;
        projects.insert(path.as_str(), revision);
    }
    let listed = Projects::new(&projects);
    match listed.iter().count() {
        0 => Err(Error::NoProjects),
        num_listed if num_listed < projects.len() => Err(Error::TooMany {
            what: "bytes of paths and revisions",
            limit: MAX_TEXT_LEN,
        }),
        _ => Ok(listed),
    }
}

/// Returns the beginning of a text, for messages.
fn begin(text: &str) -> String {
    text.chars().take(80).collect()
}

fn check(what: &'static str, value: &str, fault: Option<&'static str>) -> Result<(), Error> {
    fault.map_or(Ok(()), |fault| {
        let value = begin(value);
        Err(Error::BadValue { what, value, fault })
    })
}

fn read(text: &str) -> Result<Manifest<'_>, Error> {
    let mut reader = Reader::from_str(text);
    let mut manifest = Manifest::default();
    // The paths of open elements; `None` for those that are not projects.
    let mut open: Vec<Option<String>> = Vec::new();
    loop {
        let offset = reader.buffer_position();
        let event = reader.read_event();
        match event.map_err(|source| Error::Xml { offset, source })? {
            Event::Start(element) => {
                let path = manifest.add(&element, &open, offset)?;
                open.push(path);
                check_number("elements inside each other", open.len(), MAX_DEPTH)?;
            }
            Event::Empty(element) => {
                manifest.add(&element, &open, offset)?;
            }
            Event::End(_) => {
                open.pop();
            }
            Event::DocType(_) => return Err(Error::DocumentType { offset }),
            Event::Eof if open.is_empty() => return Ok(manifest),
            Event::Eof => return Err(Error::Truncated),
            _ => {}
        }
    }
}

fn check_number(what: &'static str, number: usize, limit: usize) -> Result<(), Error> {
    match number > limit {
        true => Err(Error::TooMany { what, limit }),
        false => Ok(()),
    }
}

impl<'a> Manifest<'a> {
    /// Adds an element; returns its path if it is a project.
    fn add(
        &mut self,
        element: &BytesStart<'a>,
        open: &[Option<String>],
        offset: u64,
    ) -> Result<Option<String>, Error> {
        let attributes = match element.name().as_ref() {
            "project" | "remote" | "default" => attributes(element, offset)?,
            _ => return Ok(None),
        };
        match element.name().as_ref() {
            "default" => self.default = attributes,
            "remote" => {
                let (name, revision) = (attributes.name, attributes.revision);
                let revision = name.zip(revision);
                let revision = revision.map(|(name, revision)| (name.into_owned(), revision));
                self.remotes.extend(revision);
            }
            _ => {
                let own = attributes.path.as_ref().or(attributes.name.as_ref());
                let own = own.map_or("", |path| path.trim_end_matches('/'));
                let parent = open.iter().rev().flatten().next();
                let path = match parent {
                    Some(parent) => format!("{parent}/{own}"),
                    None => own.to_owned(),
                };
                check("path", &path, path_fault(&path))?;
                self.projects.entry(path.clone()).or_insert(attributes);
                check_number("projects", self.projects.len(), MAX_PROJECTS)?;
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Returns the revision of a project: its own, its remote's, or the default.
    fn revision<'m>(&'m self, project: &'m Attributes<'a>) -> Option<&'m str> {
        let remote = project.remote.as_ref().or(self.default.remote.as_ref());
        let of_remote = remote.and_then(|remote| self.remotes.get(&**remote));
        let revision = project.revision.as_ref().or(of_remote);
        revision.or(self.default.revision.as_ref()).map(|r| &**r)
    }
}

fn attributes<'a>(element: &BytesStart<'a>, offset: u64) -> Result<Attributes<'a>, Error> {
    let fail = |source| Error::Xml { offset, source };
    let mut found = Attributes::default();
    let mut all = element.attributes();
    // The check for duplicates takes quadratic time; without it, the last one is used.
    all.with_checks(false);
    for (index, attribute) in all.enumerate() {
        check_number("attributes of one element", index + 1, MAX_ATTRIBUTES)?;
        let attribute = attribute.map_err(|error| fail(error.into()))?;
        let place = match attribute.key.as_ref() {
            "name" => &mut found.name,
            "path" => &mut found.path,
            "remote" => &mut found.remote,
            "revision" => &mut found.revision,
            _ => continue,
        };
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        *place = Some(Cow::Owned(value.map_err(fail)?.into_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn parse_text(text: &str) -> Result<Projects, Error> {
        parse(text.as_bytes())
    }

    #[test]
    fn paths_and_revisions_follow_remotes_and_defaults() {
        let text = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- made by repo -->
<manifest>
  <notice>built &amp; pinned</notice>
  <remote name="aosp" fetch="https://x/" revision="refs/tags/android-14"/>
  <remote name="github" fetch=".."/>
  <default remote="github" revision="refs/heads/lineage-21.0" sync-j="4"/>
  <project name="platform/art" path="art" remote="aosp" groups="pdk"/>
  <project name="LineageOS/android_bionic" path="bionic/" revision="{HASH}" upstream="lineage-21.0">
    <linkfile src="a" dest="b"/>
    <project name="sub" path="libc&#47;sub &amp; more" revision="1"/>
  </project>
  <project name="vendor/x"/>
  <superproject name="platform/superproject" remote="aosp" revision="r"/>
</manifest>
"#
        );
        assert_eq!(
            parse_text(&text).unwrap().as_str(),
            format!(
                "art refs/tags/android-14\nbionic {HASH}\nbionic/libc/sub & more 1\n\
                 vendor/x refs/heads/lineage-21.0\n"
            )
        );
    }

    #[test]
    fn malformed_manifests_are_refused_with_a_reason() {
        let of_project = |attributes: &str| format!("<manifest><project {attributes}/></manifest>");
        for (text, message) in [
            (String::new(), "names no projects"),
            ("<manifest/>".to_owned(), "names no projects"),
            ("hello".to_owned(), "names no projects"),
            ("<manifest>".to_owned(), "ends inside"),
            (
                "<manifest></x>".to_owned(),
                "not well-formed XML at byte 10",
            ),
            ("<manifest><project".to_owned(), "not well-formed XML"),
            (of_project("name='a'"), "project `a` has no revision"),
            (of_project("revision='1'"), "path `` is empty"),
            (of_project("name='a' revision=''"), "revision `` is empty"),
            (
                of_project("name='a' revision='&#10;'"),
                "blanks or control characters",
            ),
            (
                of_project("name='a' revision='1 2'"),
                "revision `1 2` has blanks",
            ),
            (
                of_project("name='a&#27;[31m' revision='1'"),
                "path `a\\u{1b}[31m` has control characters",
            ),
            (of_project("name='&x;' revision='1'"), "not well-formed XML"),
            (of_project("name=a"), "not well-formed XML"),
            (
                of_project(&format!("name='{}' revision='1'", "x".repeat(600))),
                "is too long",
            ),
        ] {
            let error = parse_text(&text).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert_eq!(error.kind(), FaultKind::Corrupt);
        }
        assert!(matches!(parse(b"\xff\xfe<\0"), Err(Error::NotText)));
    }

    #[test]
    fn entities_are_not_defined_and_not_expanded() {
        let laughs = "<!DOCTYPE m [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>\
                      <manifest><project name='&b;' revision='1'/></manifest>";
        assert!(matches!(
            parse_text(laughs),
            Err(Error::DocumentType { offset: 0 })
        ));
        let outside = "<!DOCTYPE m SYSTEM 'file:///etc/passwd'><manifest/>";
        assert!(matches!(
            parse_text(outside),
            Err(Error::DocumentType { .. })
        ));
    }

    #[test]
    fn endless_input_is_refused_early() {
        let limit = |text: &str| {
            let error = parse_text(text).unwrap_err();
            assert_eq!(error.kind(), FaultKind::Limit, "{error}");
            error.to_string()
        };
        assert!(limit(&"<a>".repeat(1_000_000)).contains("inside each other"));
        let wide: String = (0..300_000).map(|n| format!(" a{n}='1'")).collect();
        assert!(limit(&format!("<manifest><project{wide}/></manifest>")).contains("attributes"));
        let many: String = (0..20_000)
            .map(|n| format!("<project name='p{n}' revision='1'/>"))
            .collect();
        assert!(limit(&format!("<manifest>{many}</manifest>")).contains("projects"));
        let wide = "x".repeat(500);
        let wide: String = (0..4_000)
            .map(|n| format!("<project name='{wide}{n}' revision='1'/>"))
            .collect();
        assert!(limit(&format!("<manifest>{wide}</manifest>")).contains("bytes of paths"));
        assert!(limit(&" ".repeat(5 << 20)).contains("4194304 bytes"));
        let deep = format!("<manifest>{}", "<project path='aaaaaaaa'>".repeat(9_000));
        assert!(limit(&deep).contains("inside each other"));
    }
}

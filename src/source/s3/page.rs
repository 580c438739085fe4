//! A page of a list of objects: the XML `ListBucketResult`.

use percent_encoding::percent_decode_str;
use quick_xml::events::BytesStart;

use crate::source::MAX_FILES;
use crate::source::xml::{self, Elements};

/// The element around the list.
const LIST: [&str; 1] = ["ListBucketResult"];
/// The elements around an object.
const OBJECT: [&str; 2] = ["ListBucketResult", "Contents"];

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    /// The token for the next page, if there is one.
    pub(super) next: Option<String>,
}

/// An object, as the store describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    /// Its size in bytes.
    pub(super) size: Option<serde_json::Number>,
    /// Its `ETag`, without quotes.
    pub(super) etag: String,
    /// When it was stored, as RFC 3339.
    pub(super) modified: String,
}

/// Parses a page; the error is the reason why the text is not one.
///
/// The namespace does not matter, as stores differ in it.
///
/// Safe on untrusted input, as [`xml::walk`] is.
pub(super) fn parse(body: &[u8]) -> Result<Page, String> {
    let mut list = List::default();
    xml::walk(body, &mut list)?;
    let List {
        mut objects,
        is_list,
        is_truncated,
        token,
        encoding,
    } = list;
    if !is_list {
        return Err("it has no `ListBucketResult`".to_owned());
    }
    if is_truncated && token.is_empty() {
        return Err("it has a next page, but no `NextContinuationToken`".to_owned());
    }
    if encoding == "url" {
        for object in &mut objects {
            object.key = decode(&object.key);
        }
    }
    Ok(Page {
        objects,
        next: is_truncated.then_some(token),
    })
}

/// Decodes a key. Amazon and MinIO encode as forms do, with `+` for a space.
fn decode(key: &str) -> String {
    let key = key.replace('+', " ");
    percent_decode_str(&key).decode_utf8_lossy().into_owned()
}

/// What is read so far.
#[derive(Debug, Default)]
struct List {
    objects: Vec<Object>,
    is_list: bool,
    is_truncated: bool,
    token: String,
    /// How the keys are encoded; empty if they are not.
    encoding: String,
}

impl Elements for List {
    fn begin(&mut self, open: &[String], _: &BytesStart<'_>) -> Result<(), String> {
        self.is_list |= open == LIST;
        if open == OBJECT {
            if self.objects.len() == MAX_FILES {
                return Err(format!("it lists more than {MAX_FILES} objects"));
            }
            self.objects.push(Object::default());
        }
        Ok(())
    }

    fn uses_text(&self, open: &[String]) -> bool {
        match open {
            [around @ .., name] if around == LIST => {
                ["IsTruncated", "NextContinuationToken", "EncodingType"].contains(&&**name)
            }
            [around @ .., name] if around == OBJECT => {
                ["Key", "Size", "ETag", "LastModified"].contains(&&**name)
            }
            _ => false,
        }
    }

    fn end(&mut self, open: &[String], name: &str, text: &str) -> Result<(), String> {
        if open == LIST {
            match name {
                "IsTruncated" => self.is_truncated = text == "true",
                "NextContinuationToken" => self.token = text.to_owned(),
                "EncodingType" => self.encoding = text.to_owned(),
                _ => {}
            }
        }
        if open == OBJECT
            && let Some(object) = self.objects.last_mut()
        {
            match name {
                "Key" => object.key = text.to_owned(),
                "Size" => object.size = text.parse().ok(),
                "ETag" => object.etag = text.trim_matches('"').to_owned(),
                "LastModified" => object.modified = text.to_owned(),
                _ => {}
            }
        }
        Ok(())
    }
}

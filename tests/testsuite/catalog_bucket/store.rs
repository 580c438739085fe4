//! A store in this process with the API of Amazon S3, as far as catalogs need it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::remote::host::{Answer, Asked, Host};

/// The keys of the store.
pub(super) const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "the/secret"),
];
/// The most objects on a page of the list.
const PAGE: usize = 2;

/// Answers a request in place of the store, which has seen so many requests of this kind since the fault was set.
type Fault = Box<dyn Fn(&Asked, usize) -> Option<Answer> + Send>;

/// Contents and versions, by key.
type Objects = BTreeMap<String, (Vec<u8>, usize)>;

#[derive(Default)]
struct Inner {
    objects: Objects,
    num_writes: usize,
    fault: Option<(Fault, usize)>,
    ignored: Vec<&'static str>,
    /// The number of writes of catalogs whose answers do not arrive.
    num_lost: usize,
    /// What another machine writes just before the next catalog is written here.
    meanwhile: Option<(String, String)>,
}

/// A store with the bucket `roms`.
pub(super) struct Store {
    host: Host,
    inner: Arc<Mutex<Inner>>,
}

impl Store {
    pub(super) fn new() -> Store {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let shared = Arc::clone(&inner);
        let host = Host::new(move |asked, _| answer(&mut shared.lock().unwrap(), asked));
        Store { host, inner }
    }

    /// A store that does not heed this header.
    pub(super) fn ignoring(header: &'static str) -> Store {
        let store = Store::new();
        store.inner.lock().unwrap().ignored.push(header);
        store
    }

    pub(super) fn url(&self) -> String {
        self.host.url("")
    }

    /// Answers requests before the store does; `None` leaves a request to the store.
    pub(super) fn set_fault(
        &self,
        fault: impl Fn(&Asked, usize) -> Option<Answer> + Send + 'static,
    ) {
        self.inner.lock().unwrap().fault = Some((Box::new(fault), 0));
    }

    /// Answers all requests again.
    pub(super) fn heal(&self) {
        self.inner.lock().unwrap().fault = None;
    }

    /// Breaks off the answers to this number of writes of catalogs, which are done.
    pub(super) fn lose_answers(&self, num: usize) {
        self.inner.lock().unwrap().num_lost = num;
    }

    /// Writes an object, as another machine does, just before the next catalog is written.
    pub(super) fn put_meanwhile(&self, key: &str, text: &str) {
        self.inner.lock().unwrap().meanwhile = Some((key.to_owned(), text.to_owned()));
    }

    pub(super) fn num_asked(&self) -> usize {
        self.host.num_asked()
    }

    pub(super) fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        write(&mut self.inner.lock().unwrap(), key, bytes.as_ref());
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        let inner = self.inner.lock().unwrap();
        let (bytes, _) = inner.objects.get(key)?;
        Some(String::from_utf8(bytes.clone()).unwrap())
    }

    /// Returns contents and versions of all objects.
    pub(super) fn objects(&self) -> Objects {
        self.inner.lock().unwrap().objects.clone()
    }

    pub(super) fn set_objects(&self, objects: Objects) {
        self.inner.lock().unwrap().objects = objects;
    }

    /// Returns all keys but that of the probe.
    pub(super) fn keys(&self) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        let keys = inner.objects.keys();
        keys.filter(|key| !key.ends_with(".romfeed-probe"))
            .cloned()
            .collect()
    }
}

fn answer(inner: &mut Inner, asked: &Asked) -> Answer {
    if let Some((fault, num)) = &mut inner.fault {
        *num += 1;
        if let Some(answer) = fault(asked, *num - 1) {
            return answer;
        }
    }
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    if !query.contains("X-Amz-Credential=AKIDEXAMPLE%2F") {
        return error(403, "AccessDenied");
    }
    let Some(key) = path.strip_prefix("/roms/") else {
        return error(404, "NoSuchBucket");
    };
    match &asked.put {
        _ if key.is_empty() => list(inner, query),
        Some(bytes) => put(inner, asked, key, bytes),
        None => match inner.objects.get(key) {
            Some((bytes, version)) => Answer::new(200).with("etag", &etag(*version)).body(bytes),
            None => error(404, "NoSuchKey"),
        },
    }
}

fn put(inner: &mut Inner, asked: &Asked, key: &str, bytes: &[u8]) -> Answer {
    if key.ends_with(".json")
        && let Some((key, text)) = inner.meanwhile.take()
    {
        write(inner, &key, text.as_bytes());
    }
    let header = |name| {
        asked
            .header(name)
            .filter(|_| !inner.ignored.contains(&name))
    };
    let known = inner.objects.get(key).map(|(_, version)| etag(*version));
    let is_met = match (header("if-match"), header("if-none-match")) {
        (Some(tag), _) => known.as_deref() == Some(tag),
        (None, Some(_)) => known.is_none(),
        (None, None) => true,
    };
    match (is_met, known) {
        (true, _) => {
            let answer = Answer::new(200).with("etag", &etag(write(inner, key, bytes)));
            match inner.num_lost {
                0 => answer,
                _ if !key.ends_with(".json") => answer,
                _ => {
                    inner.num_lost -= 1;
                    answer.body(b"half of it").broken_off()
                }
            }
        }
        (false, None) => error(404, "NoSuchKey"),
        (false, Some(_)) => error(412, "PreconditionFailed"),
    }
}

fn write(inner: &mut Inner, key: &str, bytes: &[u8]) -> usize {
    inner.num_writes += 1;
    let version = inner.num_writes;
    let object = (bytes.to_owned(), version);
    inner.objects.insert(key.to_owned(), object);
    version
}

fn list(inner: &Inner, query: &str) -> Answer {
    let value = |name: &str| {
        let mut parts = query.split('&').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let prefix = value("prefix").unwrap_or_default().replace("%2F", "/");
    let begin = value("continuation-token").map_or(0, |token| token.parse().unwrap());
    let objects = inner.objects.iter();
    let objects: Vec<_> = objects
        .filter(|(key, _)| key.starts_with(&prefix))
        .collect();
    let end = objects.len().min(begin + PAGE);
    let entry = |(key, (bytes, version)): &(&String, &(Vec<u8>, usize))| {
        format!(
            "<Contents><Key>{key}</Key><ETag>{}</ETag><Size>{}</Size></Contents>",
            etag(*version).replace('"', "&quot;"),
            bytes.len()
        )
    };
    let entries: String = objects[begin..end].iter().map(entry).collect();
    let next = match end < objects.len() {
        true => format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{end}</NextContinuationToken>"
        ),
        false => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    Answer::new(200)
        .body(format!("<ListBucketResult>{next}{entries}</ListBucketResult>").as_bytes())
}

fn etag(version: usize) -> String {
    format!("\"{version:032x}\"")
}

/// Returns the answer to a request that the store refuses.
pub(super) fn error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    Answer::new(status).body(body.as_bytes())
}

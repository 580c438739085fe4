//! Hosts of releases on this machine, with the traps of the real ones.
//!
//! A [`FakeHost`] answers the API of GitHub, Forgejo or GitLab and sends the files. As on the real
//! hosts, a download from GitHub and GitLab is a redirect to a signed address on another host, which
//! accepts only GET and expires; Forgejo sends the file itself.

mod forge;
mod server;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

pub use server::Request;
use server::{Answer, Server};

/// The software of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    /// GitHub.
    GitHub,
    /// Forgejo, or Gitea.
    Forgejo,
    /// GitLab; the files of each release are a generic package, to which the release links.
    GitLab,
}

/// A release.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its tag.
    pub tag: String,
    /// Its text.
    pub notes: String,
    /// When it was published, as RFC 3339.
    pub date: String,
    /// Whether it is a draft, which is listed for maintainers only.
    pub draft: bool,
    /// Whether it is a prerelease.
    pub prerelease: bool,
    /// Its files.
    pub files: Vec<File>,
}

/// A file of a release.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its contents.
    pub bytes: Arc<[u8]>,
    /// Whether the host lists its SHA-256; GitHub does not for files from before June 2025.
    pub has_digest: bool,
}

impl Release {
    /// Makes a release without files.
    #[must_use]
    pub fn new(tag: &str) -> Release {
        Release {
            tag: tag.to_owned(),
            notes: String::new(),
            date: "2025-06-14T10:30:00Z".to_owned(),
            draft: false,
            prerelease: false,
            files: Vec::new(),
        }
    }

    /// Adds a file, whose digest the host lists.
    #[must_use]
    pub fn with_file(mut self, name: &str, bytes: &[u8]) -> Release {
        self.files.push(File {
            name: name.to_owned(),
            bytes: bytes.into(),
            has_digest: true,
        });
        self
    }

    /// Makes a release of each folder in `folder`, sorted by name, with all files in it.
    ///
    /// # Panics
    /// If a folder or file cannot be read.
    #[must_use]
    pub fn read_all(folder: &Path) -> Vec<Release> {
        let mut releases = Vec::new();
        for (tag, path) in entries(folder) {
            let mut release = Release::new(&tag);
            for (name, path) in entries(&path) {
                let bytes = std::fs::read(path).expect("a file of a release");
                release = release.with_file(&name, &bytes);
            }
            releases.push(release);
        }
        releases
    }
}

fn entries(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut entries: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().unwrap_or_default();
            (name.to_string_lossy().into_owned(), path)
        })
        .collect();
    entries.sort();
    entries
}

impl File {
    /// Returns a number that differs for other contents, as that of a file that was uploaded again.
    fn id(&self, tag: &str) -> u64 {
        let hash = Sha256::digest(
            [
                tag.as_bytes(),
                b"/",
                self.name.as_bytes(),
                b"/",
                &self.bytes,
            ]
            .concat(),
        );
        hash.iter()
            .take(6)
            .fold(0, |id, byte| id << 8 | u64::from(*byte))
    }

    fn sha256(&self) -> String {
        let hash = Sha256::digest(&self.bytes);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A host of releases. It stops when it is dropped.
#[derive(Debug)]
pub struct FakeHost {
    /// The address of the API for GitHub, otherwise that of the site.
    pub address: String,
    state: Arc<Mutex<State>>,
    front: Server,
    storage: Server,
}

/// What the host has, and how it behaves.
#[derive(Debug)]
struct State {
    forge: Forge,
    repo: String,
    releases: Vec<Release>,
    /// The addresses of the host itself and of its storage.
    front: String,
    storage: String,
    /// How many requests and how long a signed address allows.
    expiry: (usize, Duration),
    signatures: HashMap<String, Signature>,
    /// The number of requests to the API that are left.
    num_left: Option<u64>,
    refusal: Option<u16>,
    /// How long each answer takes.
    delay: Duration,
}

/// A signed address.
#[derive(Debug)]
struct Signature {
    bytes: Arc<[u8]>,
    num_left: usize,
    until: Instant,
}

impl FakeHost {
    /// Starts a host with one repository, whose name is like `owner/name`.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start(forge: Forge, repo: &str, releases: Vec<Release>) -> FakeHost {
        let state = Arc::new(Mutex::new(State {
            forge,
            repo: repo.to_owned(),
            releases,
            front: String::new(),
            storage: String::new(),
            expiry: (usize::MAX, Duration::from_secs(300)),
            signatures: HashMap::new(),
            num_left: None,
            refusal: None,
            delay: Duration::ZERO,
        }));
        let serve = |answer: fn(&mut State, &Request) -> Answer| {
            let state = Arc::clone(&state);
            Server::start(move |request| {
                let delay = lock(&state).delay;
                std::thread::sleep(delay);
                answer(&mut lock(&state), request)
            })
        };
        let (front, storage) = (serve(forge::answer), serve(State::answer_download));
        let address = front.address();
        let mut locked = lock(&state);
        locked.front.clone_from(&address);
        locked.storage = storage.address();
        drop(locked);
        FakeHost {
            address,
            state,
            front,
            storage,
        }
    }

    /// Replaces all releases.
    pub fn set_releases(&self, releases: Vec<Release>) {
        lock(&self.state).releases = releases;
    }

    /// Lets signed addresses expire after a number of requests and after a time; the default is 300 s.
    pub fn set_expiry(&self, num_requests: usize, time: Duration) {
        lock(&self.state).expiry = (num_requests, time);
    }

    /// Refuses the API after a number of requests, until an hour later.
    pub fn set_num_left(&self, num_requests: u64) {
        lock(&self.state).num_left = Some(num_requests);
    }

    /// Answers all requests to the API with this status and a web page.
    pub fn set_refusal(&self, status: Option<u16>) {
        lock(&self.state).refusal = status;
    }

    /// Lets each answer take this long, as from a host far away.
    pub fn set_delay(&self, delay: Duration) {
        lock(&self.state).delay = delay;
    }

    /// Returns all requests to the host itself so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.front.requests()
    }

    /// Returns all requests to the storage behind signed addresses so far, in order.
    #[must_use]
    pub fn storage_requests(&self) -> Vec<Request> {
        self.storage.requests()
    }
}

impl State {
    /// Returns a redirect to a new signed address of a file.
    fn redirect(&mut self, bytes: Arc<[u8]>) -> Answer {
        let (num_left, time) = self.expiry;
        let signature = format!("{:08x}", self.signatures.len());
        let url = format!("{}/object?signature={signature}", self.storage);
        let until = Instant::now() + time;
        self.signatures.insert(
            signature,
            Signature {
                bytes,
                num_left,
                until,
            },
        );
        Answer::new(302).with("location", &url)
    }

    /// Answers a request to the storage.
    fn answer_download(&mut self, request: &Request) -> Answer {
        let signature = request.parameter("signature").unwrap_or_default();
        let signature = self.signatures.get_mut(signature);
        match signature
            .filter(|signature| signature.num_left > 0 && Instant::now() < signature.until)
        {
            Some(signature) if request.method == "GET" => {
                signature.num_left -= 1;
                send(request, &signature.bytes)
            }
            // The signature is for GET alone.
            _ => Answer::new(403).text("<Error><Code>AccessDenied</Code></Error>"),
        }
    }
}

/// Sends a file or the requested part of it.
fn send(request: &Request, bytes: &[u8]) -> Answer {
    let etag = format!("\"{:08x}\"", crc32fast::hash(bytes));
    let is_current = request.header("if-range").is_none_or(|known| known == etag);
    let answer = |status| {
        Answer::new(status)
            .with("etag", &etag)
            .with("accept-ranges", "bytes")
    };
    let len = bytes.len();
    match request.range().filter(|_| is_current) {
        None => answer(200).body(bytes),
        Some((first, last)) if first < len && first <= last => {
            let last = last.min(len - 1);
            answer(206)
                .with("content-range", &format!("bytes {first}-{last}/{len}"))
                .body(&bytes[first..=last])
        }
        Some(_) => answer(416).with("content-range", &format!("bytes */{len}")),
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

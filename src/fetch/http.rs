//! Requests to live hosts.
//!
//! In: a [`Request`]. Out: a [`Response`], within limits of time and bytes.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, http::Response as HttpResponse};

use super::public::{NotPublic, NotingResolver, PublicResolver, SeenHosts};
use super::{Fault, Fetch, Request, Response, TlsFault, without_secrets};

/// Maximum size of the headers of a response, in bytes; the largest seen have 2 KiB.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// How to connect.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Maximum duration of a whole request.
    pub timeout: Duration,
    /// `User-Agent` of requests.
    pub user_agent: String,
    /// Certificates to trust, as DER; if empty, those that browsers trust.
    pub roots: Vec<Vec<u8>>,
    /// Which hosts may be connected to.
    pub reach: Reach,
}

/// Which hosts may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All hosts, because the addresses come from the user. Redirects of a public host may only lead
    /// to public hosts, because those addresses do not come from the user.
    Any,
    /// Only public hosts, by https. For addresses from an untrusted source, which must not lead into
    /// the network of this machine.
    Public,
}

/// An HTTP client.
///
/// It trusts Mozilla's certificates, which are nearly those that phones trust. It ignores proxies set
/// in the environment, because phones do not use them.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    /// Connects to public hosts only.
    public_agent: Agent,
    /// The hosts that were connected to so far.
    hosts: Arc<SeenHosts>,
    timeout: Duration,
    reach: Reach,
}

impl Http {
    /// Makes a client with these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Http {
        let certificates = settings.roots.iter();
        let certificates: Vec<_> = certificates
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let roots = match certificates.is_empty() {
            true => RootCerts::WebPki,
            false => RootCerts::Specific(Arc::new(certificates)),
        };
        let config = Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            .user_agent(&settings.user_agent)
            .accept("*/*")
            .proxy(None)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let hosts = Arc::default();
        let resolver = NotingResolver::new(Arc::clone(&hosts));
        let connector = DefaultConnector::default;
        Http {
            agent: Agent::with_parts(config.clone(), connector(), resolver),
            public_agent: Agent::with_parts(config, connector(), PublicResolver::default()),
            hosts,
            timeout: settings.timeout,
            reach: settings.reach,
        }
    }

    fn fault(&self, url: &str, error: ureq::Error) -> Fault {
        let seconds = self.timeout.as_secs();
        // A message may quote the address, with a signature in its query.
        let reason = error.to_string().replace(url, &without_secrets(url));
        match error {
            ureq::Error::Timeout(_) => Fault::Timeout { seconds },
            ureq::Error::HostNotFound => Fault::Name { host: host_of(url) },
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Fault::Address {
                url: without_secrets(url),
                reason,
            },
            ureq::Error::Tls(_) => Fault::Tls(TlsFault::Other { reason }),
            ureq::Error::Rustls(error) => Fault::Tls(TlsFault::from_rustls(&error)),
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Fault::Timeout { seconds }
            }
            // rustls reports a bad certificate as an I/O error of the stream.
            ureq::Error::Io(error) => {
                let of_tls = error.get_ref().and_then(|source| source.downcast_ref());
                match of_tls {
                    Some(error) => Fault::Tls(TlsFault::from_rustls(error)),
                    None if is_lookup_failure(&error) => Fault::Name { host: host_of(url) },
                    None => Fault::Connection {
                        reason: error.to_string(),
                    },
                }
            }
            ureq::Error::ConnectionFailed => Fault::Connection { reason },
            ureq::Error::Other(error) if error.is::<NotPublic>() => {
                let host = host_of(url);
                match self.reach {
                    Reach::Any => Fault::RedirectedInside { host },
                    Reach::Public => Fault::NotPublic { host },
                }
            }
            _ => Fault::Protocol { reason },
        }
    }
}

impl Fetch for Http {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        let fault = |error| self.fault(request.url, error);
        let is_https = request
            .url
            .get(..8)
            .is_some_and(|s| s.eq_ignore_ascii_case("https://"));
        if self.reach == Reach::Public && !is_https {
            let host = host_of(request.url);
            return Err(Fault::NotPublic { host });
        }
        let leads_from_public = |from| match self.hosts.is_public(&host_of(from)) {
            Some(is_public) => is_public,
            // Where a host is that was never connected to is unknown, so it may lead to itself only.
            None => host_of(from) != host_of(request.url),
        };
        let must_be_public =
            self.reach == Reach::Public || request.redirected_from.is_some_and(leads_from_public);
        let agent = match must_be_public {
            true => &self.public_agent,
            false => &self.agent,
        };
        let encoding = match request.accept_gzip {
            true => "gzip",
            false => "identity",
        };
        let received = match (request.post, request.put) {
            (_, Some(body)) => {
                let mut put = agent.put(request.url);
                if let Some((name, value)) = request.header {
                    put = put.header(name, value);
                }
                put.send(body).map_err(fault)?
            }
            (Some(body), None) => agent
                .post(request.url)
                .header("accept-encoding", encoding)
                .content_type("application/json")
                .send(body)
                .map_err(fault)?,
            (None, None) => {
                let get = match request.head {
                    true => agent.head(request.url),
                    false => agent.get(request.url),
                };
                let mut get = get.header("accept-encoding", encoding);
                if let Some((name, value)) = request.header {
                    get = get.header(name, value);
                }
                if let Some((first, last)) = request.range {
                    get = get.header("range", format!("bytes={first}-{last}"));
                }
                if let Some(accept) = request.accept {
                    get = get.header("accept", accept);
                }
                if let Some(token) = request.token {
                    get = get.header("authorization", format!("Bearer {token}"));
                }
                if let Some(validator) = request.if_range {
                    get = get.header("if-range", validator);
                }
                get.call().map_err(fault)?
            }
        };
        read(received, request).map_err(|error| self.fault(request.url, error.into()))
    }
}

/// Returns whether an error means that a host name could not be looked up.
///
/// The standard library has no error kind for it. On Unix the text shows it (`std::sys::net`, as of
/// Rust 1.91), on Windows the error number.
fn is_lookup_failure(error: &std::io::Error) -> bool {
    const WSAHOST_NOT_FOUND: i32 = 11_001;
    const WSANO_DATA: i32 = 11_004;
    let words = "failed to lookup address information";
    error.to_string().starts_with(words)
        || error
            .raw_os_error()
            .is_some_and(|code| cfg!(windows) && [WSAHOST_NOT_FOUND, WSANO_DATA].contains(&code))
}

/// Returns the host of an address in lower case, or the start of the text if it has none.
fn host_of(url: &str) -> String {
    let uri: Option<ureq::http::Uri> = url.parse().ok();
    let host = uri.and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    host.unwrap_or_else(|| without_secrets(url))
}

fn read(received: HttpResponse<Body>, request: &Request<'_>) -> std::io::Result<Response> {
    let (parts, body) = received.into_parts();
    let headers = parts.headers.iter();
    let headers = headers.filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let mut response = Response {
        url: request.url.to_owned(),
        status: parts.status.as_u16(),
        headers: headers.collect(),
        ..Response::default()
    };
    let limit = u64::try_from(request.max_body).unwrap_or(u64::MAX);
    let reader = body.into_reader();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut response.body)?;
    response.is_cut = response.body.len() > request.max_body;
    response.body.truncate(request.max_body);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener};

    use super::super::{Remote, RemoteError, follow};
    use super::*;

    fn http(reach: Reach) -> Http {
        Http::new(&Settings {
            timeout: Duration::from_secs(20),
            user_agent: "test".to_owned(),
            roots: Vec::new(),
            reach,
        })
    }

    /// Starts a local server that answers a number of requests with this text.
    fn serve(num_requests: usize, response: String) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(num_requests) {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                stream.write_all(response.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn public_host_may_not_redirect_into_a_private_network() {
        let part = "HTTP/1.1 206 x\r\ncontent-range: bytes 0-1/2\r\ncontent-length: 2\r\n\
                    connection: close\r\n\r\nok";
        let inside = serve(2, part.to_owned());
        let redirect = format!(
            "HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:{}/x\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n",
            inside.port()
        );
        let outside = serve(4, redirect);
        let url = format!("http://127.0.0.1:{}/a", outside.port());
        let request = Request::get(&url, 9);
        // A private host may redirect to any host.
        let private = Arc::new(http(Reach::Any));
        let responses = follow(&*private, &request, 5).unwrap();
        assert_eq!(responses.last().unwrap().body, b"ok");
        assert_eq!(
            Remote::open(private, &url).unwrap().traffic().num_requests,
            2
        );
        // Pretend that the first host is public.
        let public = Arc::new(http(Reach::Any));
        public.hosts.insert("127.0.0.1", true);
        let host = "127.0.0.1".to_owned();
        let fault = Fault::RedirectedInside { host };
        assert_eq!(follow(&*public, &request, 5), Err(fault.clone()));
        let error = Remote::open(public, &url).err();
        assert!(
            matches!(&error, Some(RemoteError::Fault(found)) if *found == fault),
            "{error:?}"
        );
    }

    #[test]
    fn what_a_public_host_lists_is_read_from_public_hosts_only() {
        let part = "HTTP/1.1 206 x\r\ncontent-range: bytes 0-1/2\r\ncontent-length: 2\r\n\
                    connection: close\r\n\r\nok";
        let port = serve(4, part.to_owned()).port();
        let open = |http: &Arc<Http>, url: &str, listed_at| {
            let opened = Remote::open_listed(Arc::clone(http) as Arc<dyn Fetch>, url, listed_at);
            opened.map(|remote| remote.traffic().num_requests)
        };
        let by_ip = format!("http://127.0.0.1:{port}/a");
        let by_name = format!("http://LOCALHOST:{port}/a");
        // The list of releases came from this host.
        let public = Arc::new(http(Reach::Any));
        public.hosts.insert("API.example", true);
        for url in [&by_ip, &by_name] {
            let error = open(&public, url, "https://api.EXAMPLE/repos").unwrap_err();
            let is_refused = matches!(
                error,
                RemoteError::Fault(Fault::RedirectedInside { .. } | Fault::Name { .. })
            );
            assert!(is_refused, "{url}: {error:?}");
        }
        // A list that came from a file: its own host is read, and no other that is not public.
        let unseen = Arc::new(http(Reach::Any));
        let host = "127.0.0.1".to_owned();
        assert_eq!(
            open(&unseen, &by_ip, "https://files.example/base"),
            Err(Fault::RedirectedInside { host }.into())
        );
        let base = format!("{by_ip}/base");
        assert_eq!(open(&unseen, &by_ip, &base), Ok(1));
        // The source itself is in a private network.
        let private = Arc::new(http(Reach::Any));
        private.hosts.insert("nas.lan", false);
        assert_eq!(open(&private, &by_ip, "https://nas.lan/roms/"), Ok(1));
    }

    #[test]
    fn messages_show_no_signature_of_an_address() {
        let http = http(Reach::Any);
        for url in [
            "http://[bad/x?sig=secret",
            "http://h:99999999/x?sig=secret",
            "http://me:secret@127.0.0.1:1/x?sig=secret",
            "secret?sig=secret",
            "http:///x?sig=secret",
        ] {
            let fault = http.fetch(&Request::get(url, 9)).unwrap_err();
            let shown = format!("{fault} {fault:?}");
            assert!(!shown.contains("sig=secret"), "{url}: {shown}");
            assert!(!shown.contains("me:secret"), "{url}: {shown}");
        }
    }

    #[test]
    fn unknown_host_name_is_not_a_connection_error() {
        let http = http(Reach::Any);
        // The label is longer than DNS allows, so no name server is queried.
        let host = format!("{}.invalid", "x".repeat(64));
        let fault = http.fetch(&Request::get(&format!("https://{host}/a?b"), 9));
        assert_eq!(fault, Err(Fault::Name { host }));
    }
}

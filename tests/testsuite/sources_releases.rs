//! Lists of releases, asked from hosts on this machine, and the files behind them.

use std::sync::Arc;
use std::time::Duration;

use ota_view::io::ReadAt;
use romfeed::fetch::{Http, Reach, Remote, Settings};
use romfeed::model::source::{HashPolicy, Host, SourceConfig, Token};
use romfeed::source::{self, Client, Listing};
use testkit::hosts::{FakeHost, Forge, Release};

const REPO: &str = "maker/lineage";
const FORGES: [Forge; 3] = [Forge::GitHub, Forge::Forgejo, Forge::GitLab];

fn http() -> Arc<Http> {
    Arc::new(Http::new(&Settings {
        timeout: Duration::from_secs(20),
        user_agent: "test".to_owned(),
        roots: Vec::new(),
        reach: Reach::Any,
    }))
}

fn list(forge: Forge, host: &FakeHost, token: Option<&Token>) -> Result<Listing, source::Error> {
    let (address, name) = (host.address.clone(), REPO.to_owned());
    let source = SourceConfig {
        device: None,
        name: "s".to_owned(),
        host: match forge {
            Forge::GitHub => Host::GitHub {
                api: address,
                repo: name,
                prereleases: false,
            },
            Forge::Forgejo => Host::Forgejo {
                site: address,
                repo: name,
                prereleases: false,
            },
            Forge::GitLab => Host::GitLab {
                site: address,
                project: name,
            },
        },
        newest: None,
        max_age: None,
        hash: HashPolicy::Auto,
        url: None,
        token: None,
    };
    let client = Client {
        fetch: &*http(),
        token,
        now: 1_780_000_000,
    };
    source::list(&client, &source)
}

fn releases() -> Vec<Release> {
    let mut old = Release::new("lineage/v1").with_file("ota 1.zip", &[1; 200_000]);
    old.notes = "First".to_owned();
    let mut draft = Release::new("v3").with_file("ota.zip", &[3; 10]);
    draft.draft = true;
    let new = Release::new("v2").with_file("ota.zip", &[2; 5]);
    vec![draft, new.with_file("ota.zip.sha256sum", b"00"), old]
}

#[test]
fn each_host_lists_the_same_files() {
    for forge in FORGES {
        let host = FakeHost::start(forge, REPO, releases());
        let Listing { files, warnings } = list(forge, &host, None).unwrap();
        assert_eq!(warnings, Vec::<String>::new(), "{forge:?}");
        let paths: Vec<&str> = files.iter().map(|file| &*file.path).collect();
        let expected = match forge {
            Forge::GitLab => [
                "rom~lineage-v1/ota 1.zip",
                "rom~v2/ota.zip",
                "rom~v2/ota.zip.sha256sum",
            ],
            _ => ["lineage~v1/ota 1.zip", "v2/ota.zip", "v2/ota.zip.sha256sum"],
        };
        assert_eq!(paths, expected, "{forge:?}");
        let file = &files[0];
        assert_eq!(file.size, Some(200_000), "{forge:?}");
        assert_eq!(file.notes.as_deref(), Some("First"), "{forge:?}");
        assert_eq!(file.date, Some(1_749_897_000), "{forge:?}");
        assert_eq!(file.sha256.is_some(), forge != Forge::Forgejo, "{forge:?}");
    }
}

#[test]
fn listed_files_are_read_by_range_after_their_signature_expires() {
    for forge in FORGES {
        let host = FakeHost::start(forge, REPO, releases());
        host.set_expiry(1, Duration::from_secs(300));
        let file = list(forge, &host, None).unwrap().files.remove(0);
        let remote = Remote::open(http(), &file.url).unwrap();
        assert_eq!(Some(remote.size()), file.size);
        let mut buf = [0; 5];
        for offset in [0, 199_995, 100_000] {
            remote.read_exact_at(offset, &mut buf).unwrap();
            assert_eq!(buf, [1; 5]);
        }
        let refused = host.storage_requests().len();
        assert_eq!(refused > 2, forge != Forge::Forgejo, "{forge:?}");
    }
}

#[test]
fn a_token_is_sent_to_the_api_and_not_to_the_storage() {
    let token = Token::new("secret".to_owned());
    for forge in FORGES {
        let host = FakeHost::start(forge, REPO, releases());
        let file = list(forge, &host, Some(&token)).unwrap().files.remove(0);
        let sent = host.requests();
        let mut tokens = sent.iter().map(|request| request.header("authorization"));
        assert!(
            tokens.all(|token| token == Some("Bearer secret")),
            "{sent:?}"
        );
        Remote::open(http(), &file.url).unwrap();
        let downloads = host.storage_requests();
        let mut tokens = downloads
            .iter()
            .map(|request| request.header("authorization"));
        assert!(tokens.all(|token| token.is_none()), "{downloads:?}");
    }
}

#[test]
fn long_lists_are_read_page_by_page() {
    for forge in FORGES {
        let release = |number| Release::new(&format!("v{number}")).with_file("ota.zip", b"zip");
        let host = FakeHost::start(forge, REPO, (0..120).map(release).collect());
        assert_eq!(list(forge, &host, None).unwrap().files.len(), 120);
        let requests = host.requests();
        let lists = requests
            .iter()
            .filter(|request| request.path.ends_with("/releases"));
        let expected = if forge == Forge::Forgejo { 3 } else { 2 };
        assert_eq!(lists.count(), expected, "{forge:?}");
    }
}

#[test]
fn a_host_that_refuses_gives_no_shorter_list() {
    for forge in FORGES {
        let release = |number| Release::new(&format!("v{number}"));
        let host = FakeHost::start(forge, REPO, (0..120).map(release).collect());
        host.set_num_left(1);
        let error = list(forge, &host, None).unwrap_err().to_string();
        assert!(error.contains("accepts no more requests for"), "{error}");
        host.set_num_left(1000);
        for (status, expected) in [(502, "answers with status 502"), (200, "a web page")] {
            host.set_refusal(Some(status));
            let error = list(forge, &host, None).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[test]
fn a_file_that_was_uploaded_again_has_another_id() {
    for forge in FORGES {
        let host = FakeHost::start(
            forge,
            REPO,
            vec![Release::new("v1").with_file("a.zip", b"one")],
        );
        let before = list(forge, &host, None).unwrap().files.remove(0);
        host.set_releases(vec![Release::new("v1").with_file("a.zip", b"two")]);
        let after = list(forge, &host, None).unwrap().files.remove(0);
        assert_eq!(before.path, after.path);
        assert_ne!(before.id, after.id, "{forge:?}");
    }
}

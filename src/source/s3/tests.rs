use std::sync::Mutex;

use super::super::fake::{Host, NOW, answer, paths};
use super::*;
use crate::fetch::{Fault, Response};
use crate::model::source::{Keys, Token};

const URL: &str = "https://s3.example.org/roms";

fn bucket(prefix: &str) -> Bucket {
    Bucket {
        url: URL.to_owned(),
        region: "eu-central-1".to_owned(),
        prefix: prefix.to_owned(),
        keys: None,
    }
}

fn with_keys() -> Bucket {
    let keys = Keys {
        id: "AKIDEXAMPLE".to_owned(),
        secret: Token::new("the/secret".to_owned()),
        session: Some(Token::new("the session".to_owned())),
    };
    Bucket {
        keys: Some(keys),
        ..bucket("")
    }
}

/// Returns a page as Amazon sends it; each object is a key, as it is encoded, and what follows it.
fn page(objects: &[(&str, &str)], next: Option<&str>) -> String {
    let objects: String = objects
        .iter()
        .map(|(key, more)| format!("<Contents><Key>{key}</Key>{more}</Contents>"))
        .collect();
    let next = match next {
        Some(token) => format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        ),
        None => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
         xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>roms</Name><Prefix>x</Prefix>\
         <EncodingType>url</EncodingType>{next}{objects}</ListBucketResult>"
    )
}

/// A host that gives one answer to all requests, and notes them.
#[derive(Default)]
struct Always {
    answer: Response,
    /// The address and the extra header of each HEAD request.
    heads: Mutex<Vec<(String, Option<String>)>>,
}

impl Always {
    fn new(answer: Response) -> Always {
        Always {
            answer,
            heads: Mutex::default(),
        }
    }
}

impl Fetch for Always {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        if request.head {
            let header = request
                .header
                .map(|(name, value)| format!("{name}: {value}"));
            let mut heads = self.heads.lock().unwrap();
            heads.push((request.url.to_owned(), header));
        }
        let url = request.url.to_owned();
        Ok(Response {
            url,
            ..self.answer.clone()
        })
    }

    fn pause(&self, _: Duration) {}
}

/// Lists a bucket whose every page is this answer.
fn list_from(bucket: &Bucket, answer: Response) -> Result<Listing, Error> {
    let fetch = Always::new(answer);
    let client = Client {
        fetch: &fetch,
        token: None,
        now: NOW,
    };
    list(&client, bucket)
}

#[test]
fn all_pages_are_read_and_paths_are_below_the_folder() {
    let of_zip = "<LastModified>2024-08-01T12:34:56.789Z</LastModified>\
                  <ETag>&quot;9b2cf535f27731c974343645a3985328-2&quot;</ETag><Size>1048576000</Size>\
                  <Owner><ID>Size</ID></Owner><StorageClass>STANDARD</StorageClass>";
    let first = [
        ("nightly/", "<Size>0</Size>"),
        ("nightly/bacon/a.zip", of_zip),
        ("nightly/bacon/", "<Size>0</Size>"),
    ];
    let second = [
        (
            "nightly/b.zip",
            "<Size>5</Size><LastModified>2024</LastModified>",
        ),
        ("nightly/.hidden/c.zip", ""),
        ("elsewhere/d.zip", ""),
    ];
    let query = "encoding-type=url&list-type=2&prefix=nightly/";
    let urls = [
        format!("{URL}/?{query}"),
        format!("{URL}/?continuation-token=1/a%2B%3D&{query}"),
    ];
    let host = Host::default()
        .with(&urls[0], answer(200, &[], &page(&first, Some("1/a+="))))
        .with(&urls[1], answer(200, &[], &page(&second, None)));
    let listing = list(&host.client(None), &bucket("nightly/")).unwrap();
    assert_eq!(host.requests(), urls);
    assert_eq!(listing.warnings, [""; 0]);
    let expected = RemoteFile {
        path: "bacon/a.zip".to_owned(),
        id: "bacon/a.zip".to_owned(),
        size: Some(1_048_576_000),
        tag: "9b2cf535f27731c974343645a3985328-2".to_owned(),
        date: Some(1_722_515_696),
        url: format!("{URL}/nightly/bacon/a.zip"),
        ..RemoteFile::default()
    };
    assert!(listing.files.contains(&expected), "{listing:?}");
    let [b, _] = &listing.files[..] else {
        panic!("{listing:?}")
    };
    // A date that is none still tells versions apart.
    assert_eq!(
        (b.path.as_str(), b.tag.as_str(), b.date),
        ("b.zip", "2024", None)
    );
}

#[test]
fn keys_may_have_any_characters_of_a_file_name() {
    let objects = [
        ("a+b%2Bc%2541.zip", ""),
        ("%C3%BC%20%26%3F%23.zip", ""),
        ("x%0Ay.zip", ""),
        ("l%FF.zip", ""),
        ("a//b.zip", ""),
        ("%2E%2E/b.zip", ""),
    ];
    let listing = list_from(&bucket(""), answer(200, &[], &page(&objects, None))).unwrap();
    assert_eq!(paths(&listing.files), ["a b+c%41.zip", "ü &?#.zip"]);
    assert_eq!(listing.files[0].url, format!("{URL}/a%20b%2Bc%2541.zip"));
    assert_eq!(
        listing.warnings,
        [
            "`x\\ny.zip` is left out: `x\\ny.zip` holds control characters",
            "`l\u{fffd}.zip` is left out: `l\u{fffd}.zip` is not UTF-8",
            "`a//b.zip` is left out: `` is empty or longer than 255 bytes",
        ]
    );
}

#[test]
fn other_stores_have_another_namespace_and_keys_that_are_not_encoded() {
    let google = "<?xml version='1.0'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>\
                  <IsTruncated>false</IsTruncated><Contents><Key>a+b &amp; c%41.zip</Key>\
                  <ETag>\"x\"</ETag></Contents></ListBucketResult>";
    let listing = list_from(&bucket(""), answer(200, &[], google)).unwrap();
    assert_eq!(paths(&listing.files), ["a+b & c%41.zip"]);
    let empty = list_from(&bucket(""), answer(200, &[], "<ListBucketResult/>"));
    assert_eq!(empty.unwrap(), Listing::default());
}

#[test]
fn list_that_does_not_end_or_is_cut_is_an_error() {
    let truncated = page(&[], Some(""));
    let part = page(&[("a.zip", "")], None).replace("</ListBucketResult>", "");
    let deep = "<ListBucketResult>".repeat(33);
    for (body, reason) in [
        (page(&[], Some("same")).as_str(), "its next page is itself"),
        (
            &truncated,
            "it has a next page, but no `NextContinuationToken`",
        ),
        (&part, "it ends early"),
        ("<Other></Other>", "it has no `ListBucketResult`"),
        ("", "it has no `ListBucketResult`"),
        ("<!DOCTYPE html><html>", "it has a document type"),
        (&deep, "more than 32 elements are inside each other"),
    ] {
        let error = list_from(&with_keys(), answer(200, &[], body)).unwrap_err();
        let expected = format!("{URL}/ does not answer with a list of objects (XML): {reason}");
        assert_eq!(error.to_string(), expected);
    }
    struct Endless;
    impl Fetch for Endless {
        fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
            let is_odd = request.url.contains("continuation-token=odd");
            let next = if is_odd { "even" } else { "odd" };
            Ok(Response {
                url: request.url.to_owned(),
                ..answer(200, &[], &page(&[], Some(next)))
            })
        }
    }
    let client = Client {
        fetch: &Endless,
        token: None,
        now: NOW,
    };
    let error = list(&client, &bucket("")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{URL} lists more than 1000 pages")
    );
}

#[test]
fn refusals_are_explained_without_the_signature() {
    let error = |code: &str, message: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             <StringToSign>X-Amz-Credential=secret</StringToSign></Error>"
        )
    };
    for (status, body, expected) in [
        (
            404,
            error("NoSuchBucket", "The specified bucket does not exist."),
            "404: NoSuchBucket: The specified bucket does not exist; check the name of the bucket, `endpoint` and `region`",
        ),
        (
            403,
            error("InvalidAccessKeyId", "It is unknown."),
            "403: InvalidAccessKeyId: It is unknown; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            400,
            error("ExpiredToken", ""),
            "400: ExpiredToken; set AWS_SESSION_TOKEN to that of a session that has not ended",
        ),
        (
            403,
            error("RequestTimeTooSkewed", "The difference is too large."),
            "403: RequestTimeTooSkewed: The difference is too large; set the clock of this machine right",
        ),
        (
            403,
            error("AccessDenied", "Request has expired"),
            "403: AccessDenied: Request has expired; set the clock of this machine right",
        ),
        (
            403,
            error("AccessDenied", "Access Denied"),
            "403: AccessDenied: Access Denied; the key must be allowed to list the bucket and to read its objects",
        ),
        (
            400,
            error(
                "AuthorizationQueryParametersError",
                "the region 'us-east-1' is wrong; expecting 'eu-west-1'",
            ),
            "400: AuthorizationQueryParametersError: the region \\'us-east-1\\' is wrong; expecting \\'eu-west-1\\'; set \
             `region`, and `endpoint` if there is one, to those of the bucket",
        ),
        (
            503,
            error("SlowDown", "Reduce your rate."),
            "503: SlowDown: Reduce your rate",
        ),
        (500, "broken".to_owned(), "500"),
    ] {
        let error = list_from(&with_keys(), answer(status, &[], &body)).unwrap_err();
        let expected = format!("{URL} answers with status {expected}");
        assert_eq!(error.to_string(), expected);
    }
    let denied = error("AccessDenied", "Access Denied");
    let error = list_from(&bucket(""), answer(403, &[], &denied)).unwrap_err();
    let hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let everyone list the bucket";
    assert!(error.to_string().ends_with(hint), "{error}");
    let busy = answer(429, &[("retry-after", "3600")], "");
    let error = list_from(&with_keys(), busy).unwrap_err();
    assert_eq!(
        error.to_string(),
        "https://s3.example.org accepts no more requests for 3600 s"
    );
}

fn file(tag: &str) -> RemoteFile {
    RemoteFile {
        path: "a b.zip".to_owned(),
        url: format!("{URL}/a%20b.zip"),
        tag: tag.to_owned(),
        ..RemoteFile::default()
    }
}

#[test]
fn files_are_read_from_addresses_that_are_signed_when_reading_begins() {
    let url = Signer::new(&with_keys(), NOW).address(&file("x"));
    let (plain, query) = url.split_once('?').unwrap();
    assert_eq!(plain, format!("{URL}/a%20b.zip"));
    let parts: Vec<&str> = query.split('&').collect();
    let begin = ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Expires=43200"];
    assert!(begin.iter().all(|part| parts.contains(part)), "{query}");
    let credential = "X-Amz-Credential=AKIDEXAMPLE%2F20260528%2Feu-central-1%2Fs3%2Faws4_request";
    assert!(parts.contains(&credential), "{query}");
    assert!(
        parts.contains(&"X-Amz-Security-Token=the%20session"),
        "{query}"
    );
    assert!(!query.contains("the%2Fsecret"), "{query}");
    let later = Signer {
        now: NOW + 86_400,
        ..Signer::new(&with_keys(), 0)
    };
    assert!(later.address(&file("x")).contains("20260529"));
    // A public bucket needs no signature.
    assert_eq!(Signer::new(&bucket(""), NOW).address(&file("x")), plain);
    assert!(!format!("{:?}", with_keys()).contains("secret\""));
}

#[test]
fn digests_count_if_they_are_of_the_whole_object_as_it_was_listed() {
    let sha256 = (
        "x-amz-checksum-sha256",
        "F3LtSRK3ywYrRvXdwRttg2lSZRttn5tS6MY5Bm3rJi4=",
    );
    let expected = "1772ed4912b7cb062b46f5ddc11b6d836952651b6d9f9b52e8c639066deb262e";
    let (whole, parts) = (
        ("x-amz-checksum-type", "FULL_OBJECT"),
        ("x-amz-checksum-type", "COMPOSITE"),
    );
    let (x, in_parts) = (("etag", "\"x\""), ("etag", "\"x-2\""));
    for (tag, status, headers, has_digest) in [
        ("x", 200, [x, sha256, whole], true),
        ("x-2", 200, [in_parts, sha256, whole], true),
        ("x", 200, [x, sha256, parts], false),
        // Not all stores send the type.
        ("x", 200, [x, sha256, x], true),
        ("x-2", 200, [in_parts, sha256, x], false),
        (
            "x",
            200,
            [x, ("x-amz-checksum-sha256", "F3LtSRK3=-2"), whole],
            false,
        ),
        (
            "x",
            200,
            [x, ("x-amz-checksum-sha256", "F3LtSQ=="), whole],
            false,
        ),
        // Another version, or none.
        ("y", 200, [x, sha256, whole], false),
        ("x", 403, [x, sha256, whole], false),
    ] {
        let fetch = Always::new(answer(status, &headers, ""));
        let signer = Signer::new(&with_keys(), NOW);
        let found = signer.with_digests(&fetch, file(tag));
        let digest = has_digest.then_some(expected);
        assert_eq!(found.sha256.as_deref(), digest, "{tag} {headers:?}");
        assert_eq!(found.md5, None);
        let heads = fetch.heads.lock().unwrap();
        let [(url, header)] = &heads[..] else {
            panic!("{heads:?}")
        };
        assert_eq!(header.as_deref(), Some("x-amz-checksum-mode: ENABLED"));
        assert!(url.contains("X-Amz-SignedHeaders=host%3Bx-amz-checksum-mode"));
    }
    // What rclone stores with objects that it uploads in parts.
    let rclone = [
        in_parts,
        ("x-amz-meta-md5chksum", "STvp9RrOeIMixHOJJTEbLw=="),
    ];
    let fetch = Always::new(answer(200, &rclone, ""));
    let found = Signer::new(&bucket(""), NOW).with_digests(&fetch, file("x-2"));
    assert_eq!(
        found.md5.as_deref(),
        Some("493be9f51ace788322c4738925311b2f")
    );
}

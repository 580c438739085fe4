//! The server settings of `romfeed init` for nginx, Apache and Caddy, each tested on its server.
//!
//! In: the sample builds of this repository. Out: a line for each request that a phone makes, and
//! an error if a server answers differently than expected. `init` sets up a folder, the server is
//! started with the generated settings (except ports, folders and certificate), and the generated
//! script publishes. Everything happens on loopback.

use crate::tools::{Result, Scratch, built_program, run};
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const PORT: u16 = 18443;
/// With and without a path in the site's address.
const PREFIXES: [&str; 2] = ["", "/ota"];
/// A variant, so that its tree is requested too.
const VARIANT: &str = "\n[[variant]]\nname = \"gapps\"\npackage = \"*golden*\"\n";
const SHORT: &str = "public, max-age=60, must-revalidate";
const LONG: &str = "public, max-age=31536000, immutable";
const ZIP: &str = "builds/i9100/cm-11-20140708-NIGHTLY-i9100.zip";
/// A foreign web page next to the package.
const MARKUP: &str = "builds/i9100/cm-11-20140708-NIGHTLY-i9100.html";
/// The headers of pages, and of files next to packages, as they begin.
const PAGE_POLICY: &str = "default-src 'none'; base-uri 'none'; connect-src 'self'; ";
const PACKAGE_POLICY: &str = "default-src 'none'; sandbox";

/// A server, and how it is started.
struct Kit {
    host: &'static str,
    program: &'static str,
    package: &'static str,
    settings: &'static str,
    /// The command to run in a folder, with the final settings.
    start: fn(&Place, String) -> Result<Command>,
}

const KITS: [Kit; 3] = [
    Kit {
        host: "nginx",
        program: "nginx",
        package: "nginx-light",
        settings: "host/nginx.conf",
        start: start_nginx,
    },
    Kit {
        host: "apache",
        program: "apache2",
        package: "apache2",
        settings: "host/apache.conf",
        start: start_apache,
    },
    Kit {
        host: "caddy",
        program: "caddy",
        package: "caddy",
        settings: "host/Caddyfile",
        start: start_caddy,
    },
];

/// The folder where a server is tested.
struct Place {
    folder: PathBuf,
    prefix: &'static str,
    cert: PathBuf,
    key: PathBuf,
}

impl Place {
    fn base(&self) -> String {
        format!("https://127.0.0.1:{PORT}{}", self.prefix)
    }

    fn root(&self) -> PathBuf {
        self.folder.join("www")
    }

    fn site(&self) -> PathBuf {
        self.folder.join(format!("www{}", self.prefix))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        fs::write(&file, text)?;
        Ok(file)
    }
}

/// A server that is stopped when dropped.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Workers would outlive a kill; all end on SIGTERM.
        let pid = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.0.wait();
    }
}

/// Tests each server that is installed.
pub(crate) fn run_all() -> Result<()> {
    run(Command::new("cargo").args(["build", "--bin", "romfeed"]))?;
    let scratch = Scratch::new()?;
    let mut num_wrong = 0;
    for kit in &KITS {
        if !is_installed(kit.program) {
            eprintln!("{}: skipped (apt install {})", kit.host, kit.package);
            continue;
        }
        for prefix in PREFIXES {
            num_wrong += try_kit(kit, prefix, scratch.path())
                .map_err(|error| format!("{}{prefix}: {error}", kit.host))?;
        }
    }
    match num_wrong {
        0 => Ok(()),
        n => Err(format!("{n} wrong answers").into()),
    }
}

/// Returns whether a program is on the PATH, or where the system has servers.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.any(|folder| folder.join(program).is_file())
}

/// Sets up, starts and requests; returns the number of wrong answers.
fn try_kit(kit: &Kit, prefix: &'static str, scratch: &Path) -> Result<usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let place = Place {
        folder: scratch.join(format!("{}{}", kit.host, prefix.replace('/', "-"))),
        prefix,
        cert: root.join("tests/fixtures/tls/cert.pem"),
        key: root.join("tests/fixtures/tls/key.pem"),
    };
    fs::create_dir_all(place.site())?;
    run(Command::new("cp")
        .arg("-r")
        .arg(root.join("builds"))
        .arg(&place.folder))?;
    run(&mut romfeed(
        &place,
        &["init", "--host", kit.host, "--base-url", &place.base()],
    ))?;
    let settings = fs::read_to_string(place.folder.join("romfeed.toml"))?;
    place.write("romfeed.toml", &(settings + VARIANT))?;
    let settings = fs::read_to_string(place.folder.join(kit.settings))?;
    let root = place.root().display().to_string();
    let settings = settings.replace("/srv/ota", &root);
    let log = fs::File::create(place.folder.join("server.log"))?;
    let mut command = (kit.start)(&place, settings)?;
    let command = command.stdout(log.try_clone()?).stderr(log);
    let child = command.stdin(Stdio::null()).spawn()?;
    let server = Server(child);
    let asked = ready(&place)
        .and_then(|()| publish(&place))
        .and_then(|()| keep_others(&place))
        .and_then(|()| keep_changed(&place))
        .and_then(|()| {
            Ok(fs::write(
                place.site().join(MARKUP),
                "<script>alert(1)</script>",
            )?)
        })
        .and_then(|()| ask_all(kit, &place));
    drop(server);
    asked.map_err(|error| {
        let log = fs::read_to_string(place.folder.join("server.log")).unwrap_or_default();
        format!("{error}\n{log}").into()
    })
}

fn romfeed(place: &Place, args: &[&str]) -> Command {
    let mut command = Command::new(built_program("debug"));
    command.current_dir(&place.folder).arg("-q").args(args);
    command
}

fn start_nginx(place: &Place, settings: String) -> Result<Command> {
    let dir = place.folder.display();
    let settings = with_files(place, settings)
        .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{PORT} ssl;"))
        .replace("    listen [::]:443 ssl;\n", "");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {dir}/nginx-{kind};\n"))
        .concat();
    // As Debian has it, but with gzip for all types: the settings themselves have to exclude zips.
    let whole = format!(
        "daemon off; pid {dir}/nginx.pid; error_log stderr;\nevents {{ }}\n\
         http {{ include /etc/nginx/mime.types; gzip on; gzip_types *; access_log off;\n\
         {temporary}{settings} }}\n"
    );
    let mut command = Command::new("nginx");
    command.arg("-c").arg(place.write("whole.conf", &whole)?);
    Ok(command)
}

fn start_apache(place: &Place, settings: String) -> Result<Command> {
    let dir = place.folder.display();
    let settings = with_files(place, settings).replace("*:443", &format!("127.0.0.1:{PORT}"));
    let modules: String = [
        "mpm_event",
        "authz_core",
        "ssl",
        "rewrite",
        "headers",
        "mime",
        "dir",
        "deflate",
        "filter",
        "setenvif",
        "env",
        "negotiation",
    ]
    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
    .concat();
    let whole = format!(
        "{modules}Listen 127.0.0.1:{PORT}\nPidFile {dir}/apache.pid\nErrorLog /dev/stderr\n\
         User www-data\nGroup www-data\nTypesConfig /etc/mime.types\nMutex file:{dir}\n\
         SetOutputFilter DEFLATE\n{settings}"
    );
    let mut command = Command::new("apache2");
    command.args(["-D", "FOREGROUND", "-f"]);
    command.arg(place.write("whole.conf", &whole)?);
    Ok(command)
}

fn start_caddy(place: &Place, settings: String) -> Result<Command> {
    let tls = format!("tls {} {}", place.cert.display(), place.key.display());
    let settings = settings.replace("    root *", &format!("    {tls}\n    root *"));
    let whole = format!("{{\n    admin off\n    auto_https disable_redirects\n}}\n{settings}");
    let mut command = Command::new("caddy");
    command.env("HOME", &place.folder);
    command.args(["run", "--adapter", "caddyfile", "--config"]);
    command.arg(place.write("whole.conf", &whole)?);
    Ok(command)
}

/// Returns the settings with the certificate of the tests.
fn with_files(place: &Place, settings: String) -> String {
    let letsencrypt = "/etc/letsencrypt/live/127.0.0.1";
    settings
        .replace(
            &format!("{letsencrypt}/fullchain.pem"),
            &place.cert.display().to_string(),
        )
        .replace(
            &format!("{letsencrypt}/privkey.pem"),
            &place.key.display().to_string(),
        )
}

fn ready(place: &Place) -> Result<()> {
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", PORT)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("no server answers at {}", place.base()).into())
}

/// Runs the generated script, with the certificate of the tests.
fn publish(place: &Place) -> Result<()> {
    publish_to(place, &place.site())
}

/// A foreign file and a foreign link in place of folders stop the script, and stay.
fn keep_others(place: &Place) -> Result<()> {
    let destination = place.folder.join("others");
    fs::create_dir_all(&destination)?;
    let file = destination.join("api");
    let link = destination.join("assets");
    fs::write(&file, "theirs")?;
    std::os::unix::fs::symlink(&place.folder, &link)?;
    let is_stopped = publish_to(place, &destination).is_err();
    if !is_stopped || !file.is_file() || !link.is_symlink() {
        return Err("the script overwrote foreign files".into());
    }
    Ok(())
}

/// After the first publication, a link in place of a folder and changed bytes of a package stop the
/// script, and stay. A missing folder is created.
fn keep_changed(place: &Place) -> Result<()> {
    let destination = place.folder.join("new/folder");
    publish_to(place, &destination)?;
    let moved = place.folder.join("moved");
    let api = destination.join("api");
    fs::rename(&api, &moved)?;
    std::os::unix::fs::symlink(&moved, &api)?;
    if publish_to(place, &destination).is_ok() || !api.is_symlink() {
        return Err("the script overwrote a link in place of a folder".into());
    }
    fs::remove_file(&api)?;
    fs::rename(&moved, &api)?;
    let zip = destination.join(ZIP);
    let bytes = fs::read(&zip)?;
    let mut others = bytes.clone();
    others.reverse();
    fs::write(&zip, &others)?;
    if publish_to(place, &destination).is_ok() || fs::read(&zip)? != others {
        return Err("the script overwrote a published package with other bytes".into());
    }
    // The same bytes with another date do not stop it.
    fs::write(&zip, bytes)?;
    publish_to(place, &destination)
}

fn publish_to(place: &Place, destination: &Path) -> Result<()> {
    let folder = built_program("debug")
        .parent()
        .ok_or("no folder")?
        .to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)))?;
    run(Command::new("sh")
        .arg(place.folder.join("publish"))
        .env("PATH", path)
        .env("ROMFEED_CA", &place.cert)
        .env("DESTINATION", destination))?;
    Ok(())
}

/// One request and its expected answer.
#[derive(Clone, Copy, Default)]
struct Case {
    path: &'static str,
    options: &'static [&'static str],
    status: &'static str,
    kind: &'static str,
    cache: &'static str,
    /// The file whose bytes are expected.
    file: &'static str,
}

/// A feed, requested by GET and answered with a file.
const fn feed(path: &'static str, file: &'static str) -> Case {
    Case {
        path,
        options: &[],
        status: "200",
        kind: "application/json",
        cache: SHORT,
        file,
    }
}

/// A POST, answered with a file.
const fn post(path: &'static str, file: &'static str) -> Case {
    Case {
        options: &["--data", "{}"],
        ..feed(path, file)
    }
}

/// A missing path.
const fn missing(path: &'static str) -> Case {
    Case {
        path,
        options: &[],
        status: "404",
        kind: "text/html",
        cache: "",
        file: "404.html",
    }
}

/// A page for people.
const fn page(path: &'static str, kind: &'static str, file: &'static str) -> Case {
    Case {
        kind,
        ..feed(path, file)
    }
}

const CASES: [Case; 37] = [
    page(MARKUP, "text/plain", MARKUP),
    page("", "text/html", "index.html"),
    page("enchilada.html", "text/html", "enchilada.html"),
    page(
        "enchilada/changes.html",
        "text/html",
        "enchilada/changes.html",
    ),
    page("assets/style.css", "text/css", "assets/style.css"),
    page("assets/icon.svg", "image/svg+xml", "assets/icon.svg"),
    page("builds.atom", "application/atom+xml", "builds.atom"),
    feed("enchilada.json", "enchilada.json"),
    feed("api/v1/i9100/nightly.json", "api/v1/i9100/nightly.json"),
    feed(
        "api/v1/i9100/nightly/3f6ac1dd25",
        "api/v1/i9100/nightly/3f6ac1dd25",
    ),
    feed(
        "api/v1/enchilada/unofficial/eng.builder.20250614.101838",
        "api/v1/enchilada/unofficial/eng.builder.20250614.101838",
    ),
    feed(
        "api/v1/enchilada/unofficial/of.nobody.gz",
        "api/v1/enchilada/unofficial.json",
    ),
    feed(
        "gapps/api/v1/golden/nightly/unknown",
        "gapps/api/v1/golden/nightly.json",
    ),
    feed("api/v1/types/natrium", "api/v1/types/natrium.json"),
    feed("api/v1/types/natrium/", "api/v1/types/natrium.json"),
    feed(
        "gapps/api/v1/types/golden",
        "gapps/api/v1/types/golden.json",
    ),
    feed("api/v1/devices", "api/v1/devices.json"),
    feed("api/v2/oems", "api/v2/oems.json"),
    feed(
        "api/v2/devices/natrium/builds",
        "api/v2/devices/natrium/builds",
    ),
    feed(
        "gapps/api/v2/devices/golden/builds/",
        "gapps/api/v2/devices/golden/builds.json",
    ),
    feed("api/v2/devices/natrium", "api/v2/devices/natrium.json"),
    feed("legacy/i9100/nightly", "legacy/i9100/nightly/index.json"),
    post("legacy/i9100/nightly", "legacy/i9100/nightly/index.json"),
    post("legacy/i9100/nightly/", "legacy/i9100/nightly/index.json"),
    post(
        "gapps/legacy/golden/nightly",
        "gapps/legacy/golden/nightly/index.json",
    ),
    post(
        "legacy/i9100/nightly/v1/build/get_delta",
        "legacy/i9100/nightly/v1/build/get_delta",
    ),
    missing("nowhere"),
    missing("api/v1/nobody/nightly.json"),
    missing("api/v1/nobody/nightly/unknown"),
    missing("api/v1/types/nobody"),
    missing("api/v2/devices/nobody"),
    missing("api/v2/devices/nobody/builds"),
    missing("legacy/nobody/nightly"),
    Case {
        options: &["--data", "{}"],
        ..missing("legacy/nobody/nightly")
    },
    missing("builds/nothing.zip"),
    Case {
        path: ZIP,
        options: &["--header", "Accept-Encoding: gzip"],
        status: "200",
        kind: "application/zip",
        cache: LONG,
        file: ZIP,
    },
    Case {
        path: ZIP,
        options: &["--header", "Accept-Encoding: gzip", "--range", "0-"],
        status: "206",
        kind: "application/zip",
        cache: LONG,
        file: ZIP,
    },
];

/// Makes all requests, and runs `romfeed check`; returns the number of wrong answers.
fn ask_all(kit: &Kit, place: &Place) -> Result<usize> {
    let mut num_wrong = 0;
    for case in &CASES {
        let wrong = ask(place, case)?;
        for wrong in &wrong {
            eprintln!(
                "{}: {:?} {}/{}: {wrong}",
                kit.host, case.options, place.prefix, case.path
            );
        }
        num_wrong += usize::from(!wrong.is_empty());
    }
    let cert = place.cert.display().to_string();
    let found = run(&mut romfeed(
        place,
        &["check", "--json", "--url", &place.base(), "--ca", &cert],
    ))?;
    let found = String::from_utf8_lossy(&found);
    eprint!("{found}");
    num_wrong += found.lines().count();
    eprintln!(
        "{} at {}: {} requests, {num_wrong} wrong",
        kit.host,
        place.base(),
        CASES.len()
    );
    Ok(num_wrong)
}

/// Returns what is wrong with the answer to one request.
fn ask(place: &Place, case: &Case) -> Result<Vec<String>> {
    let head = place.folder.join("head");
    let body = run(Command::new("curl")
        // Phones send a POST over HTTP/1.1; over HTTP/2 Caddy may reset a stream whose body it does
        // not read.
        .args(["--http1.1", "--silent", "--show-error", "--cacert"])
        .arg(&place.cert)
        .arg("--dump-header")
        .arg(&head)
        .args(case.options)
        .arg(format!("{}/{}", place.base(), case.path)))
    .map_err(|error| format!("{}: {error} (apt install curl)", case.path))?;
    let head = fs::read_to_string(head)?.to_lowercase();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(key, _)| *key == name)?;
        Some(value.trim().to_owned())
    };
    let mut wrong = Vec::new();
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != case.status {
        wrong.push(format!("status {status}, not {}", case.status));
    }
    let kind = header("content-type").unwrap_or_default();
    if !kind.starts_with(case.kind) {
        wrong.push(format!("content type {kind}, not {}", case.kind));
    }
    let cache = header("cache-control").unwrap_or_default();
    if cache != case.cache {
        wrong.push(format!("cache-control {cache:?}, not {:?}", case.cache));
    }
    if header("x-content-type-options").as_deref() != Some("nosniff") {
        wrong.push("no nosniff".to_owned());
    }
    let policy = header("content-security-policy").unwrap_or_default();
    let is_package = case.path.starts_with("builds/") && case.status != "404";
    let is_right = match is_package {
        // Browsers do not display packages themselves.
        true if case.path == ZIP => policy.is_empty() || policy == PACKAGE_POLICY,
        true => policy == PACKAGE_POLICY,
        false => policy.starts_with(PAGE_POLICY) || case.path.starts_with("builds/"),
    };
    if !is_right {
        wrong.push(format!("content-security-policy {policy:?}"));
    }
    if let Some(encoding) = header("content-encoding") {
        wrong.push(format!("content-encoding {encoding}"));
    }
    if body != fs::read(place.site().join(case.file))? {
        wrong.push(format!("not the bytes of {}", case.file));
    }
    Ok(wrong)
}

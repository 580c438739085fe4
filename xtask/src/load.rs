//! `romfeed serve` compared with nginx: feeds per second and zip throughput, for the same files.
//!
//! In: the sample builds of this repository and a zip of one gigabyte. Out: a table. Both servers
//! run at the same time on loopback, without an access log; wrk queries one, then the other, in
//! several rounds, so that other load on the machine affects both. Each number is the median of its
//! rounds. Processor time is read from /proc, so this runs on Linux only.

use crate::tools::{Result, Scratch, built_program, run};
use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Number of rounds for each server and file.
const NUM_ROUNDS: usize = 5;
/// Length of a round, in seconds.
const ROUND: u32 = 4;
/// Length of the zip: too long for any buffer, short enough for the page cache.
const ZIP_SIZE: u64 = 1 << 30;
/// Clock ticks per second in /proc; 100 on all current Linux systems.
const TICKS: f64 = 100.0;
const NGINX_PORT: u16 = 18301;
const ROMFEED_PORT: u16 = 18302;

/// A server that is stopped when dropped.
struct Server {
    name: &'static str,
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx has workers that would outlive a kill; both servers end on SIGTERM.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

/// The measurements of one round.
#[derive(Clone, Copy, Debug)]
struct Measured {
    /// Requests or bytes per second.
    rate: f64,
    /// The same per second of processor time.
    per_core: f64,
}

/// Measures everything and prints the table.
pub(crate) fn run_all() -> Result<()> {
    run(Command::new("cargo").args(["build", "--release", "--bin", "romfeed"]))?;
    let scratch = Scratch::new()?;
    let folder = scratch.path();
    make_site(folder)?;
    let servers = [start_nginx(folder)?, start_romfeed(folder)?];
    eprintln!(
        "median of {NUM_ROUNDS} rounds of {ROUND} s; per core: of romfeed, for each second of a processor"
    );
    eprintln!(
        "{:<34} {:>12} {:>12} {:>7} {:>9}",
        "", "nginx", "romfeed", "ratio", "per core"
    );
    for (what, path, connections, unit) in [
        (
            "feed, 32 connections, requests/s",
            "api/v1/enchilada/unofficial.json",
            32,
            1.0,
        ),
        (
            "feed, 1 connection, requests/s",
            "api/v1/enchilada/unofficial.json",
            1,
            1.0,
        ),
        ("zip, 1 connection, MB/s", "builds/big.zip", 1, 1e6),
        ("zip, 8 connections, MB/s", "builds/big.zip", 8, 1e6),
    ] {
        let mut rounds = [Vec::new(), Vec::new()];
        for _ in 0..NUM_ROUNDS {
            for (server, measured) in servers.iter().zip(&mut rounds) {
                measured.push(measure(server, path, connections, unit > 1.0)?);
            }
        }
        let [nginx, romfeed] = rounds.map(median);
        eprintln!(
            "{what:<34} {:>12.0} {:>12.0} {:>7.2} {:>9.0}",
            nginx.rate / unit,
            romfeed.rate / unit,
            romfeed.rate / nginx.rate,
            romfeed.per_core / unit,
        );
    }
    Ok(())
}

fn make_site(folder: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    run(Command::new("cp")
        .arg("-r")
        .arg(root.join("builds"))
        .arg(folder))?;
    run(&mut romfeed(
        folder,
        &["generate", "--base-url", "https://example.org"],
    ))?;
    let zip = folder.join("builds/big.zip");
    // Not only zeros: a file system could store those as a hole.
    let block = testkit::noise(1, 1 << 20);
    let mut file = fs::File::create(&zip)?;
    for _ in 0..ZIP_SIZE >> 20 {
        std::io::Write::write_all(&mut file, &block)?;
    }
    fs::create_dir_all(folder.join("out/builds"))?;
    fs::hard_link(&zip, folder.join("out/builds/big.zip"))?;
    Ok(())
}

fn romfeed(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(built_program("release"));
    command.current_dir(folder).arg("-q").args(args);
    command
}

fn start_romfeed(folder: &Path) -> Result<Server> {
    let listen = format!("127.0.0.1:{ROMFEED_PORT}");
    let child = romfeed(folder, &["serve", "--listen", &listen]).spawn()?;
    ready(Server {
        name: "romfeed",
        child,
        port: ROMFEED_PORT,
    })
}

fn start_nginx(folder: &Path) -> Result<Server> {
    let dir = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {dir}/nginx-{kind};\n"))
        .concat();
    let settings = format!(
        "daemon off; worker_processes auto; pid {dir}/nginx.pid; error_log {dir}/nginx.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; open_file_cache max=1000;\n\
         keepalive_requests 1000000000; default_type application/json; {temporary}\n\
         server {{ listen 127.0.0.1:{NGINX_PORT}; root {dir}/out; }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, settings)?;
    // Debian's `nginx -c` still tries to open its own log first; the error does no harm.
    let child = Command::new("nginx")
        .arg("-c")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot run nginx (apt install nginx-light): {error}"))?;
    ready(Server {
        name: "nginx",
        child,
        port: NGINX_PORT,
    })
}

/// Waits until a server accepts connections.
fn ready(server: Server) -> Result<Server> {
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("{} does not answer on port {}", server.name, server.port).into())
}

fn measure(server: &Server, path: &str, connections: u32, is_bytes: bool) -> Result<Measured> {
    let before = cpu_seconds(server.child.id());
    let printed = run(Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{ROUND}s")])
        .arg(format!("http://127.0.0.1:{}/{path}", server.port)))
    .map_err(|error| format!("{error} (apt install wrk)"))?;
    let used = cpu_seconds(server.child.id()) - before;
    let printed = String::from_utf8_lossy(&printed);
    if printed.contains("Non-2xx") {
        return Err(format!("{} refuses {path}: {printed}", server.name).into());
    }
    let label = if is_bytes {
        "Transfer/sec:"
    } else {
        "Requests/sec:"
    };
    let rate = printed
        .lines()
        .find_map(|line| number(line.strip_prefix(label)?.trim()))
        .ok_or_else(|| format!("wrk printed no {label} {printed}"))?;
    Ok(Measured {
        rate,
        per_core: rate * f64::from(ROUND) / used.max(1.0 / TICKS),
    })
}

/// Parses sizes such as `1.50GB`, as wrk prints them.
fn number(text: &str) -> Option<f64> {
    let units = [
        ("KB", 1024.0),
        ("MB", 1024.0 * 1024.0),
        ("GB", 1024.0 * 1024.0 * 1024.0),
    ];
    for (unit, factor) in units {
        if let Some(number) = text.strip_suffix(unit) {
            return Some(number.parse::<f64>().ok()? * factor);
        }
    }
    text.trim_end_matches('B').parse().ok()
}

/// Returns the processor time of a process and its children, which are nginx's workers.
fn cpu_seconds(pid: u32) -> f64 {
    let mut ticks = 0.0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may contain spaces.
        let Some((_, after_name)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = after_name.split(' ').collect();
        let of = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<f64>().ok())
        };
        let is_it = entry.file_name().to_str() == Some(&pid.to_string());
        if is_it || of(1) == Some(f64::from(pid)) {
            ticks += of(11).unwrap_or(0.0) + of(12).unwrap_or(0.0);
        }
    }
    ticks / TICKS
}

fn median(mut measured: Vec<Measured>) -> Measured {
    measured.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    measured[measured.len() / 2]
}

//! The pictures of the README and the book: pages of the sample site and the output of `romfeed
//! simulate`, taken with Chromium.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use walkdir::WalkDir;

use crate::tools::{Result, Scratch, built_program, run};

/// The files that the sample site is made from.
const SAMPLE: [&str; 6] = [
    "builds",
    "catalog.json",
    "changelogs",
    "devices.json",
    "romfeed.toml",
    "site",
];
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];
/// Pages of the sample site, with the width and height of the window in CSS pixels.
const PAGES: [(&str, &str, u32, u32); 3] = [
    ("home.png", "index.html", 960, 540),
    ("device-page.png", "enchilada.html", 390, 844),
    (
        "build-page.png",
        "enchilada/builds/lineage-22.2-20250614-UNOFFICIAL-enchilada.html",
        960,
        880,
    ),
];
/// The date on the pictures, in milliseconds since 1970: shortly after the newest build.
const TODAY: i64 = 1_750_000_000_000;
/// The build that the simulated phone runs.
const OLDER: &str = "builds/enchilada/lineage-22.2-20250517-UNOFFICIAL-enchilada.zip";
/// Width of the terminal in characters; longer lines are wrapped between words.
const COLUMNS: usize = 104;
/// Height of one line of the terminal, and of the frame around the lines, in CSS pixels.
const LINE_HEIGHT: usize = 21;
const FRAME_HEIGHT: usize = 84;

const TERMINAL: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><title>romfeed simulate</title>
<style>
body { margin: 0; background: #16181d; color: #d7dbe2; font: 14px/21px "DejaVu Sans Mono", monospace; }
header { height: 36px; background: #262a32; padding-left: 16px; display: flex; gap: 8px; align-items: center; }
header i { width: 12px; height: 12px; border-radius: 6px; background: #4b515d; }
pre { margin: 0; padding: 24px; font: inherit; }
.prompt { color: #8f7bff; } .c1 { color: #fff; font-weight: bold; } .c2 { color: #8b929e; } .c31 { color: #ff7b72; }
.c32 { color: #56d4a0; } .c33 { color: #e3b341; } .c36 { color: #79c0ff; }
</style>
<header><i></i><i></i><i></i></header>
<pre>"#;

/// Takes all pictures.
pub(crate) fn take_all() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    run(Command::new("cargo").args(["build", "--bin", "romfeed"]))?;
    let program = built_program("debug");
    let scratch = Scratch::new()?;
    let folder = scratch.path().join("ota");
    for name in SAMPLE {
        copy(&root.join(name), &folder.join(name))?;
    }
    let romfeed = |args: &[&str]| run(Command::new(&program).args(args).current_dir(&folder));
    romfeed(&["generate", "--quiet"])?;
    // The font of Android phones, whatever this system uses.
    let style = folder.join("out/assets/style.css");
    let text = std::fs::read_to_string(&style)?;
    std::fs::write(&style, text.replacen("system-ui", "Roboto, system-ui", 1))?;
    // The script marks old builds by today's date.
    let script = folder.join("out/assets/script.js");
    let text = std::fs::read_to_string(&script)?;
    std::fs::write(&script, format!("Date.now = () => {TODAY};\n{text}"))?;
    let output = romfeed(&["simulate", "--zip", OLDER, "--color", "always"])?;
    let (terminal, num_lines) = terminal(&String::from_utf8(output)?)?;
    let page = scratch.path().join("terminal.html");
    std::fs::write(&page, terminal)?;

    let browser = Browser::find(scratch.path())?;
    let images = root.join("docs/src/images");
    std::fs::create_dir_all(&images)?;
    for (name, path, width, height) in PAGES {
        let file = images.join(name);
        browser.take(&folder.join("out").join(path), &file, width, height)?;
    }
    // A character of this font is 0.602 times as wide as it is high.
    let width = u32::try_from(COLUMNS * 14 * 602 / 1000 + 48)?;
    let height = u32::try_from(num_lines * LINE_HEIGHT + FRAME_HEIGHT)?;
    browser.take(&page, &images.join("simulate.png"), width, height)
}

struct Browser {
    program: &'static str,
    /// The folder for its profile.
    profile: PathBuf,
}

impl Browser {
    fn find(folder: &Path) -> Result<Browser> {
        let runs = |program: &&str| {
            let version = Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            version.is_ok_and(|status| status.success())
        };
        let program = BROWSERS.into_iter().find(runs);
        let program = program.ok_or("Chromium is not installed (Debian: chromium)")?;
        Ok(Browser {
            program,
            profile: folder.join("profile"),
        })
    }

    /// Takes a picture of a page, with two pixels for each CSS pixel.
    fn take(&self, page: &Path, image: &Path, width: u32, height: u32) -> Result<()> {
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut command = Command::new(self.program);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--no-first-run",
                "--hide-scrollbars",
                "--force-device-scale-factor=2",
            ])
            .arg(option("user-data-dir", &self.profile))
            .arg(format!("--window-size={width},{height}"))
            .arg(option("screenshot", image))
            .arg(format!("file://{}", page.display()));
        run(&mut command)?;
        shrink(image)?;
        let size = std::fs::metadata(image)?.len();
        eprintln!("{size:>7}  {}", image.display());
        Ok(())
    }
}

/// Reduces a picture to 256 colours, which is enough for these pages.
fn shrink(image: &Path) -> Result<()> {
    let mut command = Command::new("pngquant");
    command
        .args(["--force", "--speed", "1", "--strip", "--output"])
        .args([image, image]);
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("pngquant is not installed: pictures are larger than they need to be");
            Ok(())
        }
        _ => run(&mut command).map(drop),
    }
}

/// Copies a file, or a folder with its contents.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let target = match entry.path().strip_prefix(from)? {
            rest if rest.as_os_str().is_empty() => to.to_owned(),
            rest => to.join(rest),
        };
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Renders a program's output as a page that looks like a terminal, and counts its lines.
fn terminal(output: &str) -> Result<(String, usize)> {
    let mut page = TERMINAL.to_owned();
    let command = format!("romfeed simulate --zip {OLDER}");
    let _ = writeln!(
        page,
        "<span class=\"prompt\">$</span> {}\n",
        escape(&command)
    );
    let mut num_lines = 2;
    for line in output.lines().flat_map(wrap) {
        page.push_str(&colored(&line)?);
        page.push('\n');
        num_lines += 1;
    }
    page.push_str("</pre>\n");
    Ok((page, num_lines))
}

/// Wraps a line between words at the width of the terminal, and indents the rest to the column of
/// its text. Escape sequences have no width.
fn wrap(line: &str) -> Vec<String> {
    let indent = if line.starts_with(' ') { 11 } else { 9 };
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let len = num_columns(word);
        if used + num_columns(word.trim_end()) > COLUMNS {
            lines.push(" ".repeat(indent));
            used = indent;
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(word);
        }
        used += len;
    }
    lines
}

fn num_columns(text: &str) -> usize {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().chars().count();
    let rest = pieces.filter_map(|piece| Some(piece.split_once('m')?.1.chars().count()));
    first + rest.sum::<usize>()
}

/// Turns colour escape sequences into elements.
fn colored(line: &str) -> Result<String> {
    let mut html = String::new();
    let mut pieces = line.split("\x1b[");
    html.push_str(&escape(pieces.next().unwrap_or_default()));
    for piece in pieces {
        let (codes, text) = piece
            .split_once('m')
            .ok_or("an escape sequence has no end")?;
        if codes == "0" {
            html.push_str("</span>");
        } else {
            let classes: Vec<String> = codes.split(';').map(|code| format!("c{code}")).collect();
            let _ = write!(html, "<span class=\"{}\">", classes.join(" "));
        }
        html.push_str(&escape(text));
    }
    Ok(html)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

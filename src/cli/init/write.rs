//! Writes the files of init, each only if it does not exist or was not edited.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use romfeed::files::{behind_links, write_atomically};
use romfeed::hosting::written::{self, Written};
use romfeed::hosting::{
    self, GITATTRIBUTES, GITIGNORE, Host, KnownDevice, Listed, SETTINGS, SetupFile, Site, Zips,
};

use super::{DEVICES, Folder, difference, missing, read_text};
use crate::cli::outcome::Outcome;
use crate::cli::report::Terminal;

/// What becomes of a file.
enum Fate {
    Unchanged,
    /// It was edited; with what it lacks, if that matters.
    Kept(Option<String>),
    Create,
    /// It is as romfeed wrote it, for other settings or with other templates.
    Replace,
}

/// Writes the files that do not exist or were not edited, and prints what was done with each.
pub(super) fn write_all(
    files: &[SetupFile],
    folder: &Folder<'_>,
    dry_run: bool,
    terminal: Terminal,
) -> Outcome {
    let mut outcome = Outcome::Done;
    let mut num_differing = 0;
    // What is there is looked at as a whole, before the first file changes.
    let left_over = find_left_over(folder);
    let fates: Vec<Fate> = files.iter().map(|file| fate(file, folder)).collect();
    for (file, fate) in files.iter().zip(fates) {
        let [todo, done, color] = match fate {
            Fate::Unchanged => {
                terminal.line(&format!("unchanged  {}", file.path));
                continue;
            }
            Fate::Kept(lack) => {
                num_differing += usize::from(lack.is_some());
                let lack = lack.as_deref().unwrap_or("edited, and it lacks nothing");
                let kept = terminal.paint("33", "kept");
                terminal.line(&format!("{kept}       {}: {lack}", file.path));
                continue;
            }
            Fate::Create => ["to create", "created", "32"],
            Fate::Replace => ["to change", "changed", "36"],
        };
        if dry_run {
            terminal.line(&format!("{todo}  {}", file.path));
        } else if let Err(error) = write(file) {
            terminal.error(&format!("cannot write {}: {error}", file.path), None);
            outcome = Outcome::Failed;
        } else {
            terminal.line(&format!("{}    {}", terminal.paint(color, done), file.path));
        }
    }
    for line in left_over {
        terminal.line(&format!("{}  {line}", terminal.paint("33", "left over")));
    }
    if num_differing > 0 {
        terminal.line(
            "files that were edited are never changed; `romfeed init --print FILE` prints a file as init would write it",
        );
    }
    outcome
}

/// Decides what becomes of a file.
fn fate(file: &SetupFile, folder: &Folder<'_>) -> Fate {
    // Anything that exists is kept, a link to a missing file too.
    if fs::symlink_metadata(file.path).is_err() {
        return Fate::Create;
    }
    let text = match read_text(Path::new(file.path)) {
        Ok(Some(text)) => text,
        Ok(None) => return Fate::Kept(Some("it is a link to a missing file".to_owned())),
        Err(error) => return Fate::Kept(Some(format!("it cannot be read: {error}"))),
    };
    if written::unix_lines(&text) == file.text {
        return match file.is_executable && !is_executable(file.path) {
            true => Fate::Replace,
            false => Fate::Unchanged,
        };
    }
    let is_replaced = match file.path {
        DEVICES => lists_some_of(&text, &folder.found.list),
        // The address of zips that init did not choose is only in this file.
        SETTINGS if folder.site.zips == Zips::Elsewhere && folder.config.url.is_some() => false,
        path => is_as_written(path, &text, folder),
    };
    match is_replaced {
        true => Fate::Replace,
        false => Fate::Kept(lack(file, &text, folder)),
    }
}

#[cfg(unix)]
fn is_executable(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &str) -> bool {
    true
}

/// Returns whether romfeed wrote this text, and it was not edited since.
fn is_as_written(path: &str, text: &str, folder: &Folder<'_>) -> bool {
    match written::compare(path, text) {
        Written::Unchanged => true,
        Written::Edited => false,
        Written::Unknown => is_without_digest(path, text, folder),
    }
}

/// Returns whether this is the text of a file from before files had a digest: the same bytes as today's, for any
/// host, place of the zips, and known address.
fn is_without_digest(path: &str, text: &str, folder: &Folder<'_>) -> bool {
    let site = &folder.site;
    let set = missing::settings().unwrap_or_else(|| folder.config.clone());
    let set_base = set.base_url.as_deref();
    let set_base = set_base.and_then(|base| hosting::Base::parse(base).ok());
    let listed = Listed::from_sources(&set.sources, folder.remote.as_ref());
    let mut all_zips = vec![Zips::Site, Zips::Elsewhere, site.zips.clone()];
    all_zips.extend(folder.remote.clone().map(Zips::Forge));
    all_zips.extend(listed.map(Zips::Listed));
    let bases = [None, site.base.clone(), set_base];
    let text = written::unix_lines(text);
    let is_text_of = |host: Option<Host>, base: &Option<hosting::Base>, zips: &Zips| {
        let earlier = Site {
            host,
            base: base.clone(),
            zips: zips.clone(),
            matrix: 1,
            ..site.clone()
        };
        let files = hosting::render(&earlier).unwrap_or_default();
        let mut files = files.iter().filter(|file| file.path == path);
        files.any(|file| written::body(path, &file.text) == text)
    };
    let hosts = || Host::ALL.into_iter().map(Some).chain([None]);
    let of_bases = |zips| {
        let mut bases = bases.iter();
        bases.any(|base| hosts().any(|host| is_text_of(host, base, zips)))
    };
    all_zips.iter().any(of_bases)
}

/// Returns whether init wrote this list of devices, when fewer were known.
fn lists_some_of(text: &str, found: &[KnownDevice]) -> bool {
    let Ok(serde_json::Value::Array(listed)) = serde_json::from_str(text) else {
        return false;
    };
    let models: BTreeSet<_> = listed
        .iter()
        .filter_map(|device| device["model"].as_str())
        .collect();
    let found: Vec<KnownDevice> = found
        .iter()
        .filter(|device| models.contains(device.model.as_str()))
        .cloned()
        .collect();
    hosting::render_devices(&found).is_ok_and(|list| list == written::unix_lines(text))
}

/// Describes the files that only other hosts need.
fn find_left_over(folder: &Folder<'_>) -> Vec<String> {
    let Some(host) = folder.site.host else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for (path, hosts) in host.files_of_others() {
        let Ok(Some(text)) = read_text(Path::new(path)) else {
            continue;
        };
        let state = match written::compare(path, &text) {
            Written::Unknown if is_as_written(path, &text, folder) => Written::Unchanged,
            state => state,
        };
        let is_previous = folder.previous.is_some_and(|host| hosts.contains(&host));
        let advice = match state {
            Written::Unchanged => format!("not edited, so you may delete it: rm {path}"),
            Written::Edited => "you edited it; delete it if you need nothing of it".to_owned(),
            Written::Unknown if is_previous => {
                "edited, or not from init; delete it if you need nothing of it".to_owned()
            }
            // It may have to do with other things than romfeed.
            Written::Unknown => continue,
        };
        let titles: Vec<&str> = hosts.iter().map(|host| host.title()).collect();
        let titles = titles.join(" and ");
        let runs = match path {
            hosting::WORKFLOW | hosting::PIPELINE => "; until then it publishes there, too",
            _ => "",
        };
        lines.push(format!("{path}: for {titles}; {advice}{runs}"));
    }
    lines
}

/// Writes a file, behind links too, and with the permissions of the one that it replaces.
fn write(file: &SetupFile) -> io::Result<()> {
    let path = behind_links(Path::new(file.path));
    let permissions = fs::metadata(&path).map(|metadata| metadata.permissions());
    write_atomically(&path, file.text.as_bytes())?;
    if let Ok(permissions) = permissions {
        fs::set_permissions(&path, permissions)?;
    }
    #[cfg(unix)]
    if file.is_executable {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Describes what an existing file lacks, if that matters.
fn lack(file: &SetupFile, text: &str, folder: &Folder<'_>) -> Option<String> {
    let lacking: Vec<String> = match file.path {
        SETTINGS => {
            let missing = missing::find(&folder.site);
            let missing: Vec<_> = missing.iter().map(missing::Missing::lack).collect();
            return (!missing.is_empty()).then(|| missing.join("; "));
        }
        GITIGNORE => missing_lines(file, text, |line, there| {
            let folder = line.split("**").next().unwrap_or(line);
            let names = [folder.trim_matches('/'), folder.trim_end_matches('/')];
            names
                .iter()
                .any(|name| there.contains(name) || there.contains(format!("{name}/").as_str()))
        }),
        GITATTRIBUTES => missing_lines(file, text, |_, _| false),
        DEVICES => {
            let known = &folder.config.known_devices;
            let models = folder.found.list.iter().map(|device| device.model.as_str());
            let missing = models.filter(|model| !known.contains_key(*model));
            missing
                .map(|model| model.escape_debug().to_string())
                .collect()
        }
        path => {
            let by = match written::compare(path, text) {
                Written::Edited => "you edited it",
                _ => "edited, or not from init",
            };
            let [there, ours] = [text, &file.text].map(|text| written::body(path, text));
            return Some(format!("{by}: {}", difference::describe(&there, &ours)));
        }
    };
    (!lacking.is_empty()).then(|| format!("it lacks `{}`", lacking.join("`, `")))
}

/// Returns the lines that a text lacks and that none of its lines covers, without comments.
fn missing_lines(
    file: &SetupFile,
    text: &str,
    is_covered: impl Fn(&str, &BTreeSet<&str>) -> bool,
) -> Vec<String> {
    let there: BTreeSet<&str> = text.lines().map(str::trim).collect();
    let lines = file.text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter(|line| !there.contains(line) && !is_covered(line, &there));
    lines.map(str::to_owned).collect()
}

//! The values in templates of pages. A build has the same fields as in feed templates, and more, such
//! as the path of its page and its deltas.

use std::collections::{BTreeMap, HashMap};

use chrono::DateTime;
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;
use serde_json::Value as Json;

use super::builds::{BuildEntry, DeviceBuilds};
use super::{Known, PageContext};
use crate::catalog::channels::DeltaOffer;
use crate::ingest::projects::{self, Change, Since};
use crate::markup::changelog::Rendered;
use crate::markup::strings::Strings;
use crate::markup::template::fields;
use crate::model::address::encode_path;
use crate::model::build::Device;
use crate::model::config::Config;
use crate::model::theme::{Color, Link, Theme};
use crate::publish::feed::template::context::{
    BuildContext, BuildValues, DeltaValues, ImageValues,
};

/// `site`: the same on every page.
#[derive(Debug, Serialize)]
pub(super) struct SiteValues<'a> {
    pub(super) name: &'a str,
    /// The language of the pages, for example `en`.
    pub(super) lang: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tagline: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) footer: Option<&'a str>,
    /// Path of the logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logo: Option<String>,
    pub(super) links: Vec<LinkValues<'a>>,
    pub(super) colors: Colors,
    /// The address of the site, without a slash at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base_url: Option<&'a str>,
    /// Path of the newsfeed of all builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) atom: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct LinkValues<'a> {
    name: &'a str,
    url: &'a str,
}

/// Shades of the accent colour, each readable on its background.
#[derive(Debug, Serialize)]
pub(super) struct Colors {
    accent: String,
    on_accent: String,
    light: String,
    dark: String,
}

impl<'a> SiteValues<'a> {
    pub(super) fn new(config: &'a Config, has_site_atom: bool) -> SiteValues<'a> {
        let theme: &Theme = &config.theme;
        let link = |Link { name, url }: &'a Link| LinkValues { name, url };
        SiteValues {
            name: &theme.name,
            lang: theme.strings.lang(),
            tagline: theme.tagline.as_deref(),
            footer: theme.footer.as_deref(),
            logo: theme.logo.as_ref().map(super::logo_path),
            links: theme.links.iter().map(link).collect(),
            colors: Colors::new(theme.accent),
            base_url: config.base_url.as_deref(),
            atom: has_site_atom.then_some(super::SITE_ATOM),
        }
    }
}

impl Colors {
    fn new(accent: Color) -> Colors {
        let [light, dark] = Color::BACKGROUNDS;
        Colors {
            accent: accent.to_string(),
            on_accent: accent.text_on().to_string(),
            light: accent.readable_on(light).to_string(),
            dark: accent.readable_on(dark).to_string(),
        }
    }
}

/// `device`, and each of `devices`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DeviceValues<'a> {
    pub(super) model: &'a str,
    /// Its marketing name, else its codename.
    pub(super) name: &'a str,
    /// Its maker and its name, for example `OnePlus 6`.
    pub(super) full_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) oem: Option<&'a str>,
    /// Model numbers of its manufacturer, for example `SM-G900F`.
    pub(super) models: Vec<&'a str>,
    /// Other codenames that its phones ask for.
    pub(super) aliases: Vec<&'a str>,
    /// Path of its page.
    pub(super) page: String,
    /// Path of the page with its changes.
    pub(super) changes: String,
    /// Links to other sites from `devices.json`.
    pub(super) guides: Vec<LinkOwned>,
    /// Paths of its newsfeeds.
    pub(super) atoms: Vec<&'a str>,
    /// Its whole entry in `devices.json`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<&'a serde_json::Map<String, serde_json::Value>>,
    /// The values of its maintainer, under free keys.
    pub(super) info: BTreeMap<&'a str, &'a Json>,
    /// The values of `info` that pages show.
    pub(super) contacts: Vec<ContactValues<'a>>,
    /// Instructions for installing, as HTML that is safe in any page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) install_html: Option<Value>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct LinkOwned {
    name: String,
    url: String,
}

/// Keys of `devices.json` with links; their texts have the same keys, in the section `guides`.
const GUIDES: [&str; 3] = ["info_url", "wiki", "special_instructions_url"];

/// Returns the marketing name of a device, else its codename.
pub(super) fn device_name<'a>(device: &DeviceBuilds<'a>, config: &'a Config) -> &'a str {
    let model = device.model.as_str();
    let known = config.known_devices.get(model);
    known.and_then(|known| filled(&known.name)).unwrap_or(model)
}

/// Returns a text unless it is empty.
fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.trim().is_empty())
}

impl<'a> DeviceValues<'a> {
    pub(super) fn new(device: &DeviceBuilds<'a>, config: &'a Config) -> DeviceValues<'a> {
        let model = device.model.as_str();
        let known = config.known_devices.get(model);
        let entry = known.map(|known| &known.entry);
        let strings = &config.theme.strings;
        let guide = |key: &str| {
            let url = entry?.get(key)?.as_str()?;
            let key = format!("guides.{key}");
            let Link { name, url } = Link::new(strings.text(&key), url)?;
            Some(LinkOwned { name, url })
        };
        let info = config.device_info(model);
        let name = device_name(device, config);
        let oem = known.and_then(|known| filled(&known.oem));
        let aliases = config.devices.get(model).map(|set| set.aliases.iter());
        DeviceValues {
            model,
            name,
            full_name: full_name(oem, name),
            oem,
            models: models(name, entry, &info),
            aliases: aliases.into_iter().flatten().map(Device::as_str).collect(),
            page: super::device_path(model),
            changes: super::changes_path(model),
            guides: GUIDES.into_iter().filter_map(guide).collect(),
            atoms: device.atoms.clone(),
            entry,
            contacts: contacts(&info, strings),
            info,
            install_html: None,
        }
    }
}

/// Returns maker and name of a device; some names begin with the maker.
fn full_name(oem: Option<&str>, name: &str) -> String {
    match oem {
        Some(oem) if !name.to_lowercase().starts_with(&oem.to_lowercase()) => {
            format!("{oem} {name}")
        }
        _ => name.to_owned(),
    }
}

/// Most model numbers of a device.
const MAX_MODELS: usize = 40;

/// Returns the model numbers under `models` of an entry of `devices.json`, and of `info`, except one
/// that is the name of the device.
fn models<'a>(
    name: &str,
    entry: Option<&'a serde_json::Map<String, Json>>,
    info: &BTreeMap<&'a str, &'a Json>,
) -> Vec<&'a str> {
    let of_entry = entry.and_then(|entry| entry.get("models"));
    let lists = of_entry.into_iter().chain(info.get("models").copied());
    let all = lists.filter_map(Json::as_array).flatten();
    let texts = all.filter_map(Json::as_str).map(str::trim);
    let mut models: Vec<&str> = Vec::new();
    for text in texts.filter(|text| !text.is_empty() && text.len() <= MAX_CONTACT_LEN) {
        if models.len() < MAX_MODELS && text != name && !models.contains(&text) {
            models.push(text);
        }
    }
    models
}

/// One of `device.contacts`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ContactValues<'a> {
    /// Its label, for example `Support chat`.
    name: String,
    /// The text of the maintainer; an address without its scheme.
    text: &'a str,
    /// The address of the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// Keys of `info` that pages show, and those of their labels, in the section `contacts`.
const CONTACTS: [(&str, &str); 20] = [
    ("maintainer", "maintainer"),
    ("maintainers", "maintainers"),
    ("telegram", "chat"),
    ("support", "chat"),
    ("support_group", "chat"),
    ("chat", "chat"),
    ("forum", "forum"),
    ("website", "website"),
    ("firmware", "firmware"),
    ("modem", "modem"),
    ("bootloader", "bootloader"),
    ("recovery", "recovery"),
    ("gapps", "gapps"),
    ("kernel", "kernel"),
    ("device_tree", "device_tree"),
    ("dt", "device_tree"),
    ("vendor", "vendor"),
    ("donate", "donate"),
    ("donate_url", "donate"),
    ("paypal", "donate"),
];
/// Longest text of a contact, in bytes; longer ones are only for templates.
const MAX_CONTACT_LEN: usize = 300;
/// Most texts for one key.
const MAX_CONTACTS: usize = 8;

fn contacts<'a>(info: &BTreeMap<&'a str, &'a Json>, strings: &Strings) -> Vec<ContactValues<'a>> {
    let contact = |(key, label): (&'static str, &str)| {
        let name = strings.text(&format!("contacts.{label}")).to_owned();
        let value: Option<&'a Json> = info.get(key).copied();
        let texts = match value {
            Some(Json::Array(texts)) => texts.as_slice(),
            value => value.map_or(&[][..], std::slice::from_ref),
        };
        let texts = texts.iter().filter_map(Json::as_str).map(str::trim);
        let shown = texts.filter(|text| !text.is_empty() && text.len() <= MAX_CONTACT_LEN);
        shown.take(MAX_CONTACTS).map(move |text| ContactValues {
            name: name.clone(),
            text: contact_text(text),
            url: contact_url(key, text),
        })
    };
    CONTACTS.into_iter().flat_map(contact).collect()
}

/// Schemes of contacts' links: none runs a script.
const SCHEMES: [&str; 4] = ["https://", "http://", "mailto:", "tg://"];

/// Returns the link of a contact, if its scheme is harmless.
fn contact_url(key: &str, text: &str) -> Option<String> {
    let is_plain = !text.contains(|c: char| c.is_control() || c.is_whitespace());
    let has_scheme = SCHEMES
        .iter()
        .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    if has_scheme && is_plain {
        return Some(text.to_owned());
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = text.strip_prefix('@').filter(|_| key != "paypal")?;
    (!name.is_empty() && name.chars().all(is_name)).then(|| format!("https://t.me/{name}"))
}

/// Returns the text of a contact: an address without its scheme.
fn contact_text(text: &str) -> &str {
    let short = ["https://", "http://", "mailto:"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .map(|rest| rest.trim_end_matches('/'));
    short.filter(|rest| !rest.is_empty()).unwrap_or(text)
}

/// What `build`, and each of `builds`, has besides or instead of its facts.
#[derive(Debug, Serialize)]
struct PageBuildValues<'a> {
    /// Its title, variant and day.
    full_title: String,
    /// Images that can be downloaded.
    images: Vec<ImageValues<'a>>,
    /// The day of its security patch level, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_datetime: Option<i64>,
    /// Path of its page, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    /// Its download address; relative to the root of the site if the site has the file.
    download: String,
    /// Other places that have it.
    mirrors: Vec<MirrorValues>,
    /// The deltas to it.
    deltas: Vec<DeltaDownload<'a>>,
    /// Whether it has a changelog, here or on its own page.
    has_changelog: bool,
    /// Whether its source projects changed, here or on its own page.
    has_projects: bool,
}

/// What a build has besides, where a page shows it.
#[derive(Debug, Serialize)]
struct ChangesValues<'a> {
    /// Its changelog.
    #[serde(skip_serializing_if = "Option::is_none")]
    changelog_html: Option<Value>,
    /// The changes of its source projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    projects: Option<ProjectsValues<'a>>,
}

/// One of `build.mirrors`.
#[derive(Debug, Serialize)]
struct MirrorValues {
    /// Its host, for example `mirror.example.org`.
    name: String,
    url: String,
}

impl MirrorValues {
    fn new(url: String) -> MirrorValues {
        let rest = url.split_once("://").map_or(&*url, |(_, rest)| rest);
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        MirrorValues {
            name: host.to_owned(),
            url,
        }
    }
}

/// `build.projects`.
#[derive(Debug, Serialize)]
struct ProjectsValues<'a> {
    /// The date of the build before, in seconds since 1970.
    since: i64,
    changes: Vec<ChangeValues<'a>>,
    /// Number of further changes.
    num_more: usize,
}

/// One of its `changes`, with shortened revisions.
#[derive(Debug, Serialize)]
struct ChangeValues<'a> {
    path: &'a str,
    /// `added`, `removed` or `changed`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
}

impl<'a> ProjectsValues<'a> {
    fn new(history: &'a Since) -> ProjectsValues<'a> {
        let change = |Change { path, kind }: &'a Change| ChangeValues {
            path,
            kind: kind.as_str(),
            from: kind.from().map(projects::shorten),
            to: kind.to().map(projects::shorten),
        };
        ProjectsValues {
            since: history.timestamp,
            changes: history.changes.iter().map(change).collect(),
            num_more: history.num_more,
        }
    }
}

/// What a page shows of the changes in a build.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shows {
    pub(super) changelog: bool,
    pub(super) projects: bool,
}

impl Shows {
    pub(super) const ALL: Shows = Shows {
        changelog: true,
        projects: true,
    };
}

#[derive(Debug, Serialize)]
struct DeltaDownload<'a> {
    #[serde(flatten)]
    delta: DeltaValues<'a>,
    download: String,
}

/// Returns the values of a build for a page; `root` is the relative path to the root of the site.
pub(super) fn build_values<'a>(
    entry: &BuildEntry<'a>,
    root: &str,
    context: PageContext<'a>,
) -> Value {
    // Most pages show no changelogs, so these are not copied for each.
    static NONE: Rendered = Rendered::new();
    let no_pages = HashMap::new();
    let PageContext { config, known, .. } = context;
    let facts = BuildContext {
        config,
        changelogs: &NONE,
        pages: &no_pages,
    };
    let base = config.base_url.as_deref();
    let delta = |delta: &'a DeltaOffer<'a>| DeltaDownload {
        delta: DeltaValues::new(delta, entry.channel, facts),
        download: relative(delta.offer.url, base, root),
    };
    let build = entry.offer.build;
    let mirrors = config.mirrors(build);
    let mirrors = mirrors.filter(|url| url != entry.offer.url);
    let mut facts = BuildValues::new(build, Some(entry.offer.url), facts);
    let mut images = std::mem::take(&mut facts.images);
    images.retain(|image| image.url.is_some());
    for image in &mut images {
        image.url = image.url.take().map(|url| relative(&url, base, root));
    }
    let on_page = PageBuildValues {
        full_title: full_title(&facts, &config.theme.strings),
        images,
        patch_datetime: build.security_patch.as_deref().and_then(midnight),
        page: entry
            .path
            .as_ref()
            .map(|path| format!("{root}{}", encode_path(path))),
        download: relative(entry.offer.url, base, root),
        mirrors: mirrors.map(MirrorValues::new).collect(),
        deltas: entry.deltas.iter().copied().map(delta).collect(),
        has_changelog: known.changelogs.contains_key(&build.filename),
        has_projects: known.history.contains_key(&build.filename),
    };
    fields::join(Value::from(Serde(facts)), Value::from(Serde(on_page)))
}

/// Adds what a page shows of the changes in a build to its values.
pub(super) fn with_changes<'a>(
    build: Value,
    entry: &BuildEntry<'a>,
    known: Known<'a>,
    shows: Shows,
) -> Value {
    let filename = &entry.offer.build.filename;
    let changelog = known.changelogs.get(filename).filter(|_| shows.changelog);
    let history = known.history.get(filename).filter(|_| shows.projects);
    let changes = ChangesValues {
        changelog_html: changelog.map(|shown| Value::from_safe_string(shown.html.clone())),
        projects: history.map(ProjectsValues::new),
    };
    fields::join(build, Value::from(Serde(changes)))
}

/// Returns title, variant and day of a build, for example `LineageOS 22.2 gapps, 14 June 2025`.
fn full_title(facts: &BuildValues<'_>, strings: &Strings) -> String {
    let mut title = facts.title.clone();
    if let Some(variant) = facts.variant {
        title.push(' ');
        title.push_str(variant);
    }
    let date = DateTime::from_timestamp(facts.datetime, 0);
    // A wrong format is an error of the template that shows a date.
    if let Some(day) = date.and_then(|date| strings.date(date, strings.text("format.day"))) {
        title.push_str(", ");
        title.push_str(&day);
    }
    title
}

/// Returns when a date such as `2024-12-05` begins in UTC, in seconds since 1970.
fn midnight(date: &str) -> Option<i64> {
    let date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}

/// Makes an address of the site relative, so that a copy of the site links to its own files.
fn relative(url: &str, base: Option<&str>, root: &str) -> String {
    let inside = base
        .and_then(|base| url.strip_prefix(base))
        .and_then(|rest| rest.strip_prefix('/'))
        // A colon could be read as the end of a scheme.
        .filter(|path| !path.is_empty() && !path.contains(':'));
    match inside {
        Some(path) => format!("{root}{path}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maker_stands_once_in_the_full_name_of_a_device() {
        for (oem, name, full) in [
            (Some("OnePlus"), "6", "OnePlus 6"),
            (Some("Oneplus"), "OnePlus 6", "OnePlus 6"),
            (None, "bacon", "bacon"),
        ] {
            assert_eq!(full_name(oem, name), full);
        }
    }
}

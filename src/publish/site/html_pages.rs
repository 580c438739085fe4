//! The HTML pages: home, one for each device, one with its changes, one for each build.
//!
//! In: the channels of builds, the settings, and the paths of feeds. Out: [`Page`]s. All variants and
//! release types of a device are on one page.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Value;
use minijinja::value::Serde;

use super::builds::{BuildEntry, Choice, DeviceBuilds, by_device};
use super::templates::Pages;
use super::values::{self, DeviceValues, Shows, SiteValues};
use super::{Error, PageContext, changes_path, device_path, digests};
use crate::markup::changelog::{self, Changelog};
use crate::markup::template::fields;
use crate::model::address::encode_path;
use crate::model::config::Config;
use crate::publish::feed::ChannelMap;
use crate::publish::feed::template::context::PageValues;
use crate::publish::page::Page;

/// Most builds on a device's page, each of about 600 bytes; older builds are on further pages.
const PER_PAGE: usize = 40;
/// Most builds on the page with a device's changes.
const MAX_CHANGES: usize = 40;
/// Most bytes of changelogs on that page; others are on the page of their build.
const MAX_CHANGES_LEN: usize = 128 << 10;
/// Most changes of projects on that page, of all builds together; each takes about 130 bytes.
const MAX_PROJECT_CHANGES: usize = 250;

/// A page to render.
struct Job {
    path: String,
    template: &'static str,
    values: Vec<(&'static str, Value)>,
}

/// Renders the pages of some devices and the lists of their files, given their channels and the paths of
/// their newsfeeds.
///
/// # Errors
/// [`Error::Template`] for the first page that cannot be rendered.
pub(super) fn of_devices(
    engine: &Pages<'_>,
    channels: &ChannelMap<'_, '_>,
    context: PageContext<'_>,
    atoms: &BTreeSet<&str>,
) -> Result<Vec<Page>, Error> {
    let site = Value::from(Serde(SiteValues::new(
        context.config,
        context.has_site_atom,
    )));
    let base = context.config.base_url.as_deref();
    let devices = by_device(channels, atoms, context.known.pages);
    let jobs = devices
        .iter()
        .flat_map(|device| device_jobs(device, context));
    let pages = jobs.map(|job| render_job(engine, &site, base, job));
    let lists = devices
        .iter()
        .map(|device| Ok(digests::of_device(device, context.config)));
    pages.chain(lists).collect()
}

/// Renders the home page, and the index of the devices' lists of files.
///
/// # Errors
/// [`Error::Template`].
pub(super) fn of_site(
    engine: &Pages<'_>,
    channels: &ChannelMap<'_, '_>,
    context: PageContext<'_>,
    atoms: &BTreeSet<&str>,
) -> Result<[Page; 2], Error> {
    let site = Value::from(Serde(SiteValues::new(
        context.config,
        context.has_site_atom,
    )));
    let base = context.config.base_url.as_deref();
    let devices = by_device(channels, atoms, context.known.pages);
    Ok([
        digests::index(&devices, context.config),
        render_job(engine, &site, base, home(&devices, context))?,
    ])
}

fn render_job(
    engine: &Pages<'_>,
    site: &Value,
    base: Option<&str>,
    job: Job,
) -> Result<Page, Error> {
    // Hosts show `index.html` at the address of its folder.
    let public = match &*job.path {
        "index.html" => "",
        path => path,
    };
    let page = PageValues {
        path: &job.path,
        url: base.map(|base| format!("{base}/{}", encode_path(public))),
    };
    let about = [
        ("site", site.clone()),
        ("page", Value::from(Serde(page))),
        ("root", Value::from(root_of(&job.path))),
    ];
    let values = fields::map(about.into_iter().chain(job.values));
    engine.render(job.template, &job.path, values)
}

/// Renders a text for a page, unless it is empty.
fn render_text(text: &Changelog) -> Option<String> {
    let is_empty = text.text.trim().is_empty();
    (!is_empty).then(|| changelog::render_html(text))
}

/// Fills the names of a build and its files into the instructions for installing.
fn fill(html: &str, latest: &BuildEntry<'_>, config: &Config) -> String {
    let build = latest.offer.build;
    let recovery = build.images.iter().find(|image| image.name == "recovery");
    let recovery = recovery.map(|image| config.image_name(build, image));
    changelog::fill(
        html,
        &[
            ("device", build.device.as_str()),
            ("filename", &build.filename),
            ("recovery", recovery.as_deref().unwrap_or("recovery.img")),
            ("version", &build.version),
        ],
    )
}

/// Returns the relative path from a page to the root of the site.
fn root_of(path: &str) -> String {
    "../".repeat(path.matches('/').count())
}

/// Returns the page of all devices, by manufacturer.
fn home<'a>(devices: &[DeviceBuilds<'a>], context: PageContext<'a>) -> Job {
    type ByName = BTreeMap<(String, String), Value>;
    let mut makers: BTreeMap<(bool, String), (String, ByName)> = BTreeMap::new();
    let mut by_date = Vec::new();
    for device in devices {
        let about = DeviceValues::new(device, context.config);
        let maker = about.oem.unwrap_or_default().to_owned();
        // Devices without a known manufacturer come last.
        let key = (maker.is_empty(), maker.to_lowercase());
        let order = (about.name.to_lowercase(), about.model.to_owned());
        let latest = device.latest().into_iter().next();
        let value = Value::from_pairs([
            ("device", Value::from(Serde(about))),
            (
                "build",
                latest.map_or(Value::from(()), |b| values::build_values(b, "", context)),
            ),
        ]);
        let newest = latest.map_or(i64::MIN, |latest| latest.offer.build.timestamp);
        by_date.push((newest, value.clone()));
        let (_, devices) = makers.entry(key).or_insert((maker, BTreeMap::new()));
        devices.insert(order, value);
    }
    // Devices with the same date stay in the order of their codenames.
    by_date.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
    let by_date: Value = by_date.into_iter().map(|(_, value)| value).collect();
    let makers: Value = makers
        .into_values()
        .map(|(name, devices)| {
            let devices: Value = devices.into_values().collect();
            Value::from_pairs([("name", Value::from(name)), ("devices", devices)])
        })
        .collect();
    Job {
        path: "index.html".to_owned(),
        template: "home.html",
        values: vec![
            ("makers", makers),
            ("devices", by_date),
            ("num_devices", Value::from(devices.len())),
        ],
    }
}

/// Returns all pages of one device.
fn device_jobs<'a>(device: &DeviceBuilds<'a>, context: PageContext<'a>) -> Vec<Job> {
    let model = device.model.as_str();
    let install = context.config.install(model);
    let latest = device.latest();
    let install_html = install.zip(latest.first()).and_then(|(install, latest)| {
        let html = render_text(&install.text)?;
        Some(Value::from_safe_string(fill(&html, latest, context.config)))
    });
    let about = DeviceValues {
        install_html,
        ..DeviceValues::new(device, context.config)
    };
    let about = Value::from(Serde(about));
    let mut jobs = Vec::new();
    let num_pages = device.builds.chunks(PER_PAGE).len();
    let path_of = |index: usize| match index {
        0 => device_path(model),
        index => format!("{model}/page-{}.html", index + 1),
    };
    for (index, builds) in device.builds.chunks(PER_PAGE).enumerate() {
        let path = path_of(index);
        let root = root_of(&path);
        let link = |index: usize| Value::from(format!("{root}{}", path_of(index)));
        let newer = index.checked_sub(1).map(link);
        let older = Some(index + 1).filter(|next| *next < num_pages).map(link);
        jobs.push(Job {
            template: "device.html",
            values: vec![
                ("device", about.clone()),
                ("latest", list(latest.iter().copied(), &root, context)),
                ("builds", list(builds, &root, context)),
                ("page_number", Value::from(index + 1)),
                ("num_builds", Value::from(device.builds.len())),
                ("newer", newer.unwrap_or(Value::from(()))),
                ("older", older.unwrap_or(Value::from(()))),
            ],
            path,
        });
    }
    jobs.push(changes(device, &about, context));
    jobs.extend(single_builds(device, &about, context));
    jobs
}

/// Returns the pages of single builds of a device.
fn single_builds<'a>(
    device: &DeviceBuilds<'a>,
    about: &Value,
    context: PageContext<'a>,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut chains: BTreeMap<Choice<'_>, Vec<&BuildEntry<'a>>> = BTreeMap::new();
    for entry in &device.builds {
        chains.entry(entry.choice()).or_default().push(entry);
    }
    for chain in chains.values() {
        // A build is on its own page, those of its neighbours, and all pages if it is the newest.
        let values = |entry: &&BuildEntry<'a>| {
            let path = entry.path.as_ref()?;
            Some(values::build_values(entry, &root_of(path), context))
        };
        let builds: Vec<Option<Value>> = chain.iter().map(values).collect();
        let at = |index: Option<usize>| {
            let build = index.and_then(|index| builds.get(index)?.clone());
            build.unwrap_or(Value::from(()))
        };
        for (index, entry) in chain.iter().enumerate() {
            let (Some(path), Some(build)) = (&entry.path, &builds[index]) else {
                continue;
            };
            let build = values::with_changes(build.clone(), entry, context.known, Shows::ALL);
            jobs.push(Job {
                path: path.clone(),
                template: "build.html",
                values: vec![
                    ("device", about.clone()),
                    ("build", build),
                    ("is_newest", Value::from(index == 0)),
                    ("newest", at(Some(0).filter(|_| index > 0))),
                    ("newer", at(index.checked_sub(1))),
                    ("older", at(Some(index + 1))),
                ],
            });
        }
    }
    jobs
}

fn list<'a, 'e>(
    builds: impl IntoIterator<Item = &'e BuildEntry<'a>>,
    root: &str,
    context: PageContext<'a>,
) -> Value
where
    'a: 'e,
{
    builds
        .into_iter()
        .map(|entry| values::build_values(entry, root, context))
        .collect()
}

/// Returns the page with a device's changes, which the menu of the updater opens.
fn changes<'a>(device: &DeviceBuilds<'a>, about: &Value, context: PageContext<'a>) -> Job {
    let path = changes_path(device.model.as_str());
    let root = root_of(&path);
    let len = |entry: &BuildEntry<'_>| {
        let shown = context.known.changelogs.get(&entry.offer.build.filename);
        shown.map_or(0, |shown| shown.html.len())
    };
    let newest = device.builds.get(..MAX_CHANGES).unwrap_or(&device.builds);
    let num_changelogs = newest.iter().filter(|entry| len(entry) > 0).count();
    let num_changes = |entry: &BuildEntry<'_>| {
        let history = context.known.history.get(&entry.offer.build.filename);
        history.map(|history| history.changes.len())
    };
    let num_projects = newest.iter().filter_map(num_changes).count();
    let mut left = MAX_CHANGES_LEN;
    let mut changes_left = MAX_PROJECT_CHANGES;
    let builds: Value = newest
        .iter()
        .map(|entry| {
            let rest = left.checked_sub(len(entry));
            left = rest.unwrap_or(left);
            let changes_rest = changes_left.checked_sub(num_changes(entry).unwrap_or(0));
            changes_left = changes_rest.unwrap_or(changes_left);
            let shows = Shows {
                changelog: rest.is_some(),
                projects: changes_rest.is_some(),
            };
            let build = values::build_values(entry, &root, context);
            values::with_changes(build, entry, context.known, shows)
        })
        .collect();
    Job {
        path,
        template: "changes.html",
        values: vec![
            ("device", about.clone()),
            ("builds", builds),
            ("num_changelogs", Value::from(num_changelogs)),
            ("num_projects", Value::from(num_projects)),
        ],
    }
}

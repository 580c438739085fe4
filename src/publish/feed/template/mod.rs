//! Feeds of any other form, from templates: a text with a head that says what its
//! pages are about and where they lie.
//!
//! In: the templates of the settings, and the channels of a tree. Out: pages. Nothing
//! is rendered before every template was compiled, and a template can neither read
//! files nor see the time, so that the same builds give the same bytes.
//! [`mod@context`] is what a template is told, [`mod@front`] what its head says.

pub mod context;
pub mod front_matter;
mod pattern;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use minijinja::value::{Serde, Value};
use rayon::prelude::*;

use self::context::{
    BuildValues, DeltaValues, DeviceValues, FullValues, InstalledValues, Known, PageValues, Site,
};
use self::front_matter::{Empty, FrontMatter, List, Scope};
use self::pattern::Pattern;
use super::{Error, Feeds, MAX_LISTED, Maker, Page, Tree, prefix, v1, v2};
use crate::catalog::channels::{Channel, ChannelKey, DeltaOffer, Offer, newest_first};
use crate::markup::changelog::Rendered;
use crate::markup::template::engine::{Engine, Fault};
use crate::model::build::{self, Device, Variant};
use crate::model::config::{Config, DeviceFeed, FeedConfig};

pub use crate::markup::template::engine::MAX_PAGE_SIZE;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../templates/feeds/", $name, ".j2")))),*]
    };
}

/// The templates that come with romfeed, by name.
pub const SHIPPED: [(&str, &str); 13] = shipped![
    "atom",
    "atom-site",
    "crdroid",
    "crdroid-16",
    "custota",
    "evolution-x",
    "grapheneos",
    "lineageota",
    "pixelos",
    "pixelos-17",
    "v1",
    "v2",
    "v2-incremental",
];

/// Those for the readers of news that people use; pages link to what they make.
pub const FOR_PEOPLE: [&str; 2] = ["atom", "atom-site"];

/// The text of a template that comes with romfeed.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static str> {
    let mut all = SHIPPED.iter();
    all.find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// All templates of the settings, compiled.
#[derive(Debug)]
pub(super) struct Templates<'a> {
    all: Vec<Template<'a>>,
    config: &'a Config,
}

#[derive(Debug)]
struct Template<'a> {
    feed: &'a FeedConfig,
    front: FrontMatter,
    pattern: Pattern,
    engine: Engine<'a>,
}

impl<'a> Template<'a> {
    fn compile(feed: &'a FeedConfig) -> Result<Template<'a>, Error> {
        let fault = |line: Option<usize>, message: String| Error::Template {
            file: feed.file.clone(),
            line,
            page: None,
            message,
        };
        let front = front_matter::parse(&feed.text).map_err(|e| fault(Some(e.line), e.message))?;
        let pattern = Pattern::parse(&front.path, front.scope)
            .map_err(|reason| fault(Some(front.path_line), format!("path: {reason}")))?;
        let own_path = |path: &str, reason: String| Error::Path {
            name: feed.name.clone(),
            path: path.to_owned(),
            reason,
        };
        let pattern = match &feed.path {
            None => pattern,
            Some(path) => {
                Pattern::parse(path, front.scope).map_err(|reason| own_path(path, reason))?
            }
        };
        if !feed.variants.is_empty() && !pattern.names("variant") {
            let path = feed.path.as_ref().unwrap_or(&front.path);
            let reason = "it has no {variant}, so `variants` means nothing".to_owned();
            return Err(own_path(path, reason));
        }
        let mut engine = Engine::new(front.format).map_err(|e| fault(e.line, e.message))?;
        engine
            .add(&feed.file, &feed.text)
            .map_err(|e| fault(e.line, e.message))?;
        Ok(Template {
            feed,
            front,
            pattern,
            engine,
        })
    }

    /// A file of the user's that differs from the shipped template of its name is the user's own.
    fn maker(&self) -> Maker {
        let name = self.feed.name.clone();
        match shipped(&name) == Some(&*self.feed.text) {
            true => Maker::Shipped(name),
            false => Maker::Own {
                name,
                format: self.front.format,
            },
        }
    }

    fn error(&self, page: &str, line: Option<usize>, message: String) -> Error {
        Error::Template {
            file: self.feed.file.clone(),
            line,
            page: Some(page.to_owned()),
            message,
        }
    }
}

impl<'a> Templates<'a> {
    /// Compiles the templates of the settings.
    ///
    /// # Errors
    /// [`Error`]: a head or a body that is wrong, or a `device_feed` of another scope.
    pub(super) fn compile(config: &'a Config) -> Result<Templates<'a>, Error> {
        let all: Vec<Template<'a>> = config
            .feeds
            .iter()
            .map(Template::compile)
            .collect::<Result<_, _>>()?;
        let of_devices = config.devices.values().map(|d| d.device_feed.as_ref());
        for feed in of_devices.flatten().chain([&config.device_feed]) {
            let DeviceFeed::Template(name) = feed else {
                continue;
            };
            match all.iter().find(|template| template.feed.name == *name) {
                None => return Err(Error::Unknown { name: name.clone() }),
                Some(template) if template.front.scope != Scope::Device => {
                    return Err(Error::DeviceFeed {
                        name: name.clone(),
                        file: template.feed.file.clone(),
                        scope: template.front.scope,
                    });
                }
                Some(_) => {}
            }
        }
        Ok(Templates { all, config })
    }

    /// Adds the pages of one variant's tree.
    ///
    /// # Errors
    /// [`Error::Template`]; of several, that of the first page.
    pub(super) fn render(
        &self,
        variant: Option<&Variant>,
        tree: &Tree<'_, '_>,
        changelogs: &Rendered,
        pages: &HashMap<&str, String>,
        feeds: &mut Feeds,
    ) -> Result<(), Error> {
        if self.all.is_empty() {
            return Ok(());
        }
        let known = Known {
            config: self.config,
            changelogs,
            pages,
        };
        let all = TreeValues::new(variant, tree, known);
        for template in &self.all {
            let lacking = all.lacking(template, self.config);
            if lacking.is_empty() {
                all.render_all(template, self.config, feeds)?;
                continue;
            }
            feeds.warnings.extend(warn_of(template, &lacking));
            let without: BTreeSet<&str> = lacking
                .values()
                .flat_map(|lack| &lack.ids)
                .copied()
                .collect();
            let is_fit = |offer: &Offer<'_>| !without.contains(offer.build.identity());
            let channels: Vec<(&ChannelKey, Channel<'_>)> = tree
                .values()
                .flatten()
                .map(|(key, channel)| (*key, channel.only(&is_fit)))
                .collect();
            let mut fit: Tree<'_, '_> = BTreeMap::new();
            for (key, channel) in &channels {
                fit.entry(&key.device).or_default().push((key, channel));
            }
            TreeValues::new(variant, &fit, known).render_all(template, self.config, feeds)?;
        }
        Ok(())
    }
}

/// Builds that lack a fact which a template's clients need.
#[derive(Default)]
struct Lack<'a> {
    /// Their identities.
    ids: BTreeSet<&'a str>,
    /// The file name of the newest.
    newest: &'a str,
}

/// One line for each fact that keeps builds out of a template's pages.
fn warn_of<'w>(
    template: &'w Template<'_>,
    lacking: &'w BTreeMap<&'static str, Lack<'_>>,
) -> impl Iterator<Item = String> + 'w {
    lacking.iter().map(|(fact, lack)| {
        let newest = lack.newest.escape_debug();
        let builds = match lack.ids.len() - 1 {
            0 => format!("`{newest}`, which has no {fact}"),
            others => format!(
                "{} builds that have no {fact}: `{newest}` and {others} older",
                others + 1
            ),
        };
        let fix = match *fact {
            "csig_url" | "vbmeta_digest" => "put its .csig next to the zip",
            "changelog" | "changelog_html" => "write one",
            "sdk_level" | "security_patch" | "incremental" => {
                "put the zip into builds/ to have it read, or set it with an [[override]]"
            }
            _ => "put the zip into builds/ to have it read",
        };
        format!(
            "template `{}` leaves out {builds}; {fix}",
            template.feed.name
        )
    })
}

/// A page to be made.
struct Job<'v, 'a> {
    path: String,
    /// What it is about, for messages.
    subject: String,
    values: Vec<(&'static str, Value)>,
    /// Its builds, newest first.
    builds: &'v [(Offer<'a>, Value)],
    /// Where they are from; none for the whole site.
    channels: &'v [LaneTree<'v, 'a>],
    is_empty: bool,
}

/// One variant's tree as templates see it.
struct TreeValues<'l, 'a> {
    prefix: String,
    variant: Option<&'l Variant>,
    site: Value,
    devices: Vec<DeviceTree<'l, 'a>>,
    /// All builds, each once, newest first.
    builds: Vec<(Offer<'a>, Value)>,
    list: Value,
}

struct DeviceTree<'l, 'a> {
    model: &'l Device,
    device: Value,
    channels: Vec<LaneTree<'l, 'a>>,
    /// The builds of all its channels, newest first.
    builds: Vec<(Offer<'a>, Value)>,
    list: Value,
}

struct LaneTree<'l, 'a> {
    key: &'l ChannelKey,
    channel: &'l Channel<'a>,
    builds: Vec<(Offer<'a>, Value)>,
    list: Value,
    deltas: BTreeMap<&'a str, Vec<(&'l DeltaOffer<'a>, Value)>>,
}

/// Values in the form of a template's list.
fn list_of<'v, 'a: 'v>(builds: impl IntoIterator<Item = &'v (Offer<'a>, Value)>) -> Value {
    builds.into_iter().map(|(_, value)| value.clone()).collect()
}

impl<'l, 'a> LaneTree<'l, 'a> {
    fn new(key: &'l ChannelKey, channel: &'l Channel<'a>, known: Known<'l>) -> LaneTree<'l, 'a> {
        let mut deltas: BTreeMap<&str, Vec<(&DeltaOffer<'a>, Value)>> = BTreeMap::new();
        let mut by_target: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for delta in &channel.deltas {
            let value = Value::from(Serde(DeltaValues::new(delta, channel, known)));
            let target = by_target.entry(delta.target.build.identity()).or_default();
            target.push(value.clone());
            deltas.entry(delta.source).or_default().push((delta, value));
        }
        let full = |offer: &Offer<'a>| {
            let deltas = by_target.remove(offer.build.identity());
            let value = Value::from(Serde(FullValues {
                build: BuildValues::new(offer.build, Some(offer.url), known),
                deltas: deltas.unwrap_or_default(),
            }));
            (*offer, value)
        };
        let builds: Vec<(Offer<'a>, Value)> = channel.offers.iter().map(full).collect();
        LaneTree {
            key,
            channel,
            list: list_of(&builds),
            builds,
            deltas,
        }
    }
}

impl<'l, 'a> TreeValues<'l, 'a> {
    fn new(
        variant: Option<&'l Variant>,
        tree: &Tree<'l, 'a>,
        known: Known<'l>,
    ) -> TreeValues<'l, 'a> {
        let config = known.config;
        let mut about = Vec::new();
        let mut devices = Vec::new();
        let mut all: Vec<(Offer<'a>, Value)> = Vec::new();
        let mut taken = BTreeSet::new();
        for (model, channels) in tree {
            let channels: Vec<LaneTree<'l, 'a>> = channels
                .iter()
                .map(|(key, channel)| LaneTree::new(key, channel, known))
                .collect();
            let mut builds: Vec<(Offer<'a>, Value)> = channels
                .iter()
                .flat_map(|channel| channel.builds.clone())
                .collect();
            builds.sort_by(|(a, _), (b, _)| newest_first(a, b));
            // A device with two names has each build once under each.
            let fresh = builds
                .iter()
                .filter(|(o, _)| taken.insert(o.build.identity()));
            all.extend(fresh.cloned());
            let romtypes = channels
                .iter()
                .map(|channel| channel.key.romtype.as_str())
                .collect();
            let offers: Vec<Offer<'a>> = builds.iter().map(|(offer, _)| *offer).collect();
            let device = DeviceValues::new(model, romtypes, &offers, config);
            about.push(device.clone());
            devices.push(DeviceTree {
                model,
                device: Value::from(Serde(device)),
                channels,
                list: list_of(&builds),
                builds,
            });
        }
        all.sort_by(|(a, _), (b, _)| newest_first(a, b));
        let site = Site {
            name: &config.theme.name,
            base_url: config.base_url.as_deref(),
            variant: variant.map(Variant::as_str),
            updated: all.first().map(|(offer, _)| offer.build.timestamp),
            devices: about,
        };
        TreeValues {
            prefix: prefix(variant),
            variant,
            site: Value::from(Serde(site)),
            devices,
            list: list_of(&all),
            builds: all,
        }
    }

    /// All pages of a template.
    fn jobs<'v>(
        &'v self,
        template: &Template<'_>,
        config: &Config,
    ) -> Result<Vec<Job<'v, 'a>>, Error> {
        let mut jobs = Vec::new();
        let own_path = |device: &DeviceTree<'l, 'a>| {
            let feed = config.device_feed(device.model.as_str());
            let is_it = matches!(feed, DeviceFeed::Template(name) if *name == template.feed.name);
            is_it.then(|| format!("{}{}.json", self.prefix, device.model))
        };
        for device in &self.devices {
            jobs.extend(own_path(device).map(|path| self.device_job(device, path)));
        }
        if !template.feed.is_enabled {
            return Ok(jobs);
        }
        match template.front.scope {
            Scope::Site => jobs.push(Job {
                path: self.path(template, "the site", &|_| None)?,
                subject: "the site".to_owned(),
                values: about_builds(&self.list),
                builds: &self.builds,
                channels: &[],
                is_empty: self.builds.is_empty(),
            }),
            Scope::Device => {
                for device in &self.devices {
                    for version in versions(template, &device.channels) {
                        let value = |name: &str| match name {
                            "device" => Some(device.model.to_string()),
                            "version" => version.map(str::to_owned),
                            _ => None,
                        };
                        let subject = format!("device {}", device.model);
                        let path = self.path(template, &subject, &value)?;
                        // It may be the device's own file, which is made already.
                        if own_path(device).as_ref() != Some(&path) {
                            jobs.push(self.device_job(device, path));
                        }
                    }
                }
            }
            Scope::Romtype | Scope::Incremental | Scope::Build => {
                for device in &self.devices {
                    for channel in &device.channels {
                        self.lane_jobs(template, device, channel, config, &mut jobs)?;
                    }
                }
            }
        }
        Ok(jobs)
    }

    fn device_job<'v>(&self, device: &'v DeviceTree<'l, 'a>, path: String) -> Job<'v, 'a> {
        let mut values = about_builds(&device.list);
        values.push(("device", device.device.clone()));
        Job {
            path,
            subject: format!("device {}", device.model),
            values,
            builds: &device.builds,
            channels: &device.channels,
            is_empty: device.builds.is_empty(),
        }
    }

    /// The pages of one device and release type.
    fn lane_jobs<'v>(
        &self,
        template: &Template<'_>,
        device: &'v DeviceTree<'l, 'a>,
        channel: &'v LaneTree<'l, 'a>,
        config: &Config,
        jobs: &mut Vec<Job<'v, 'a>>,
    ) -> Result<(), Error> {
        let ChannelKey {
            device: model,
            romtype,
            ..
        } = channel.key;
        let place = |name: &str| match name {
            "device" => Some(model.to_string()),
            "romtype" => Some(romtype.clone()),
            _ => None,
        };
        let subject = format!("device {model}, romtype {romtype}");
        let mut push =
            |path, subject, builds: &Value, is_empty, more: Vec<(&'static str, Value)>| {
                let mut values = about_builds(builds);
                values.push(("device", device.device.clone()));
                values.push(("romtype", Value::from(romtype.as_str())));
                // The last of a name is what holds.
                values.extend(more);
                jobs.push(Job {
                    path,
                    subject,
                    values,
                    builds: &channel.builds,
                    channels: std::slice::from_ref(channel),
                    is_empty,
                });
            };
        match template.front.scope {
            Scope::Incremental => {
                let upgrades = config.major_upgrades(model.as_str());
                for (incremental, installed) in &channel.channel.incrementals {
                    // Phones cannot ask for it, as was warned of with romfeed's own lists.
                    if build::path_fault(incremental).is_some() {
                        continue;
                    }
                    let subject = format!("{subject}, incremental {incremental}");
                    let value = |name: &str| match name {
                        "incremental" => Some((*incremental).to_owned()),
                        name => place(name),
                    };
                    let path = self.path(template, &subject, &value)?;
                    let newer = channel.channel.newer_than(installed, upgrades, MAX_LISTED);
                    let newer: BTreeSet<&str> = newer.iter().map(|o| o.build.identity()).collect();
                    let builds: Value = channel
                        .builds
                        .iter()
                        .filter(|(offer, _)| newer.contains(offer.build.identity()))
                        .map(|(_, value)| value.clone())
                        .collect();
                    let deltas = channel.deltas.get(incremental).into_iter().flatten();
                    let deltas: Value = deltas
                        .filter(|(delta, _)| newer.contains(delta.target.build.identity()))
                        .map(|(_, value)| value.clone())
                        .collect();
                    let installed = InstalledValues::new(incremental, installed);
                    let more = vec![
                        ("incremental", Value::from(*incremental)),
                        ("installed", Value::from(Serde(installed))),
                        ("deltas", deltas),
                    ];
                    push(path, subject, &builds, newer.is_empty(), more);
                }
            }
            Scope::Build => {
                for (offer, value) in &channel.builds {
                    let build = offer.build;
                    // Under its other names it would be the same page.
                    if build.device != *model && !template.pattern.names("device") {
                        continue;
                    }
                    let subject = format!("{subject}, {}", build.filename.escape_debug());
                    let fact = |name: &str| match name {
                        "incremental" => build.incremental.clone(),
                        "version" => Some(build.version.clone()),
                        "datetime" => Some(build.timestamp.to_string()),
                        "filename" => Some(build.filename.clone()),
                        "sha256" => build.sha256.clone(),
                        "id" => Some(build.phone_id().to_owned()),
                        name => place(name),
                    };
                    let path = self.path(template, &subject, &fact)?;
                    push(
                        path,
                        subject,
                        &channel.list,
                        false,
                        vec![("build", value.clone())],
                    );
                }
            }
            _ => {
                for version in versions(template, std::slice::from_ref(channel)) {
                    let value = |name: &str| match name {
                        "version" => version.map(str::to_owned),
                        name => place(name),
                    };
                    let path = self.path(template, &subject, &value)?;
                    push(
                        path,
                        subject.clone(),
                        &channel.list,
                        channel.builds.is_empty(),
                        Vec::new(),
                    );
                }
            }
        }
        Ok(())
    }

    fn path(
        &self,
        template: &Template<'_>,
        subject: &str,
        value: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, Error> {
        let variant = self.variant.map_or("", Variant::as_str);
        let spelled = template.feed.variants.get(variant);
        let spelled = spelled.map_or(variant, String::as_str);
        let names_variant = template.pattern.names("variant");
        let value = |name: &str| match name {
            "variant" => Some(spelled.to_owned()),
            name => value(name),
        };
        let rendered = match names_variant && spelled.is_empty() {
            true => Err(
                "builds without a variant have no {variant}; give them one in the \
                         settings of [[feed]]: variants = { \"\" = \"VANILLA\" }"
                    .to_owned(),
            ),
            false => template.pattern.render(&value),
        };
        let path = rendered.map_err(|reason| {
            // The settings' own path has no line in the template.
            let line = template
                .feed
                .path
                .is_none()
                .then_some(template.front.path_line);
            template.error(&self.name(subject), line, format!("path: {reason}"))
        })?;
        Ok(match names_variant {
            true => path,
            false => format!("{}{path}", self.prefix),
        })
    }

    /// What a page is about, with the variant that its subject does not name.
    fn name(&self, subject: &str) -> String {
        match self.variant {
            None => subject.to_owned(),
            Some(variant) => format!("{subject}, variant {variant}"),
        }
    }

    /// The builds that a template leaves out since they lack a fact, by that fact.
    fn lacking(
        &self,
        template: &Template<'_>,
        config: &Config,
    ) -> BTreeMap<&'static str, Lack<'a>> {
        let mut lacking: BTreeMap<&'static str, Lack<'a>> = BTreeMap::new();
        let mut look = |offer: &Offer<'a>, value: &Value| {
            for fact in &template.front.requires {
                // An API level of 0 is not one.
                if value.get_attr(fact).is_ok_and(|value| value.is_true()) {
                    continue;
                }
                let lack = lacking.entry(fact).or_default();
                lack.ids.insert(offer.build.identity());
                if lack.newest.is_empty() {
                    lack.newest = &offer.build.filename;
                }
            }
        };
        for device in &self.devices {
            let feed = config.device_feed(device.model.as_str());
            let is_own = matches!(feed, DeviceFeed::Template(name) if *name == template.feed.name);
            if !is_own && !template.feed.is_enabled {
                continue;
            }
            for (offer, value) in &device.builds {
                look(offer, value);
            }
            let deltas = device
                .channels
                .iter()
                .flat_map(|channel| channel.deltas.values());
            for (delta, value) in deltas.flatten() {
                look(&delta.offer, value);
            }
        }
        lacking
    }

    /// Adds all pages of a template.
    fn render_all(
        &self,
        template: &Template<'_>,
        config: &Config,
        feeds: &mut Feeds,
    ) -> Result<(), Error> {
        let jobs = self.jobs(template, config)?;
        let pages: Vec<Result<Option<Page>, Error>> = jobs
            .into_par_iter()
            .map(|job| self.render(template, job, config))
            .collect();
        for page in pages {
            let page = page?;
            if let Some((page, list)) = page.as_ref().zip(template.front.list) {
                let max_size = match list {
                    List::V1 => v1::MAX_SIZE,
                    List::V2 => v2::MAX_SIZE,
                };
                feeds.warn_if_long(&page.path, page.bytes.len(), max_size);
            }
            feeds.pages.extend(page);
        }
        Ok(())
    }

    fn render(
        &self,
        template: &Template<'_>,
        job: Job<'_, 'a>,
        config: &Config,
    ) -> Result<Option<Page>, Error> {
        if job.is_empty && template.front.empty == Empty::Skip {
            return Ok(None);
        }
        let base = config.base_url.as_ref();
        let page = PageValues {
            path: &job.path,
            url: base.map(|base| format!("{base}/{}", job.path)),
        };
        let about = [
            ("site", self.site.clone()),
            ("page", Value::from(Serde(page))),
        ];
        let subject = self.name(&job.subject);
        let rendered = match template.front.list {
            Some(list) => Ok(Some(render_list(list, &job))),
            None => {
                let values = Value::from_pairs(about.into_iter().chain(job.values));
                template.engine.render(&template.feed.file, values)
            }
        };
        match rendered {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => Ok(Some(Page {
                path: job.path,
                bytes: bytes.into(),
                maker: template.maker(),
                origin: Some(format!("{} for {subject}", template.feed.file).into()),
            })),
            Err(fault) => {
                let message = explain(&fault, job.builds);
                Err(template.error(&subject, fault.line, message))
            }
        }
    }
}

/// The builds of a page as one of romfeed's own lists.
fn render_list(list: List, job: &Job<'_, '_>) -> Vec<u8> {
    let offers: Vec<Offer<'_>> = job.builds.iter().map(|(offer, _)| *offer).collect();
    let deltas = job
        .channels
        .iter()
        .flat_map(|channel| &channel.channel.deltas);
    match list {
        List::V1 => v1::render(&offers),
        List::V2 => v2::render(&offers, &deltas.collect::<Vec<_>>()),
    }
}

/// The versions that these pages are made for: one page for all, unless their path names the
/// version; then one for each that phones run, and all of these are the same.
fn versions<'a>(
    template: &Template<'_>,
    channels: &[LaneTree<'_, 'a>],
) -> BTreeSet<Option<&'a str>> {
    if !template.pattern.names("version") {
        return BTreeSet::from([None]);
    }
    let offered = channels.iter().flat_map(|channel| &channel.builds);
    let offered = offered.map(|(offer, _)| offer.build.version.as_str());
    let installed = channels
        .iter()
        .flat_map(|channel| channel.channel.incrementals.values());
    let installed = installed.flat_map(|installed| installed.versions.iter().copied());
    // What is no path can only be set right in a build that is still offered.
    let installed = installed.filter(|version| build::path_fault(version).is_none());
    offered.chain(installed).map(Some).collect()
}

/// `builds`, and `build` if there is one.
fn about_builds(builds: &Value) -> Vec<(&'static str, Value)> {
    let newest = builds.get_item_by_index(0).ok();
    let newest = newest.filter(|newest| !newest.is_undefined());
    let mut values = vec![("builds", builds.clone())];
    values.extend(newest.map(|newest| ("build", newest)));
    values
}

/// A fault with what a person needs to mend it: the build that lacks a field, or
/// where to set it.
fn explain(fault: &Fault, builds: &[(Offer<'_>, Value)]) -> String {
    let message = &fault.message;
    let Some((owner, field)) = fault
        .missing
        .as_ref()
        .and_then(|name| name.rsplit_once('.'))
    else {
        return message.clone();
    };
    if owner == "device.info" {
        return format!("{message}; set it under [device.<codename>.info] in the settings");
    }
    let lacks = |(_, value): &&(Offer<'_>, Value)| {
        BuildValues::OPTIONAL.contains(&field)
            && value.get_attr(field).is_ok_and(|v| v.is_undefined())
    };
    match builds.iter().find(lacks) {
        None => message.clone(),
        Some((offer, _)) => format!(
            "{message}: {field} is not known of {}; a template that can do without says | default(\"\")",
            offer.build.filename.escape_debug()
        ),
    }
}

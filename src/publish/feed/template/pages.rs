//! The pages of a template: where each lies, what it is about, and its bytes.

use std::collections::BTreeSet;

use minijinja::value::{Serde, Value};
use rayon::prelude::*;

use super::Template;
use super::context::{BuildValues, DeviceValues, InstalledValues, PageValues};
use super::front_matter::{Empty, List, Scope};
use super::tree::{ChannelTree, DeviceTree, TreeValues};
use crate::catalog::channels::Offer;
use crate::markup::template::engine::TemplateError;
use crate::model::build::{self, Variant};
use crate::model::config::Config;
use crate::publish::feed::{Error, Feeds, MAX_LISTED, v1, v2};
use crate::publish::page::Page;

/// A page to render.
struct Job<'v, 'a> {
    path: String,
    /// Its subject, for messages.
    subject: String,
    values: Vec<(&'static str, Value)>,
    /// Its builds, newest first.
    builds: &'v [(Offer<'a>, Value)],
    /// The channels of these builds; empty for the whole site.
    channels: &'v [ChannelTree<'v, 'a>],
    is_empty: bool,
}

impl<'l, 'a> TreeValues<'l, 'a> {
    /// Returns all pages of a template.
    fn jobs<'v>(
        &'v self,
        template: &Template<'_>,
        config: &Config,
    ) -> Result<Vec<Job<'v, 'a>>, Error> {
        let mut jobs = Vec::new();
        for device in &self.devices {
            let own_path = self.own_path(template, device, config);
            jobs.extend(own_path.map(|path| device_job(device, path)));
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
                    self.add_device_jobs(template, device, config, &mut jobs)?;
                }
            }
            Scope::Romtype | Scope::Incremental | Scope::Build => {
                for device in &self.devices {
                    for channel in &device.channels {
                        self.add_channel_jobs(template, device, channel, config, &mut jobs)?;
                    }
                }
            }
        }
        Ok(jobs)
    }

    /// Returns the path of `{device}.json`, if the settings make it from this template.
    fn own_path(
        &self,
        template: &Template<'_>,
        device: &DeviceTree<'l, 'a>,
        config: &Config,
    ) -> Option<String> {
        let is_own = template.is_device_feed(device.model, config);
        is_own.then(|| format!("{}{}.json", self.prefix, device.model))
    }

    /// Adds the page of a device, one for each version if its path names the version.
    fn add_device_jobs<'v>(
        &self,
        template: &Template<'_>,
        device: &'v DeviceTree<'l, 'a>,
        config: &Config,
        jobs: &mut Vec<Job<'v, 'a>>,
    ) -> Result<(), Error> {
        let own_path = self.own_path(template, device, config);
        for version in versions(template, &device.channels) {
            let value = |name: &str| match name {
                "device" => Some(device.model.to_string()),
                "version" => version.map(str::to_owned),
                _ => None,
            };
            let subject = format!("device {}", device.model);
            let path = self.path(template, &subject, &value)?;
            // It may be the device's own file, which is made already.
            if own_path.as_ref() != Some(&path) {
                jobs.push(device_job(device, path));
            }
        }
        Ok(())
    }

    /// Adds the pages of one device and release type.
    fn add_channel_jobs<'v>(
        &self,
        template: &Template<'_>,
        device: &'v DeviceTree<'l, 'a>,
        channel: &'v ChannelTree<'l, 'a>,
        config: &Config,
        jobs: &mut Vec<Job<'v, 'a>>,
    ) -> Result<(), Error> {
        match template.front.scope {
            Scope::Incremental => {
                self.add_incremental_jobs(template, device, channel, config, jobs)
            }
            Scope::Build => self.add_build_jobs(template, device, channel, jobs),
            _ => self.add_version_jobs(template, device, channel, jobs),
        }
    }

    /// Adds a page for each incremental that phones of a channel may run.
    fn add_incremental_jobs<'v>(
        &self,
        template: &Template<'_>,
        device: &'v DeviceTree<'l, 'a>,
        channel: &'v ChannelTree<'l, 'a>,
        config: &Config,
        jobs: &mut Vec<Job<'v, 'a>>,
    ) -> Result<(), Error> {
        let upgrades = config.major_upgrades(channel.key.device.as_str());
        for (incremental, installed) in &channel.channel.incrementals {
            // Phones cannot ask for it; romfeed's own lists have warned already.
            if build::path_fault(incremental).is_some() {
                continue;
            }
            let subject = format!("{}, incremental {incremental}", channel.subject());
            let value = |name: &str| match name {
                "incremental" => Some((*incremental).to_owned()),
                name => channel.placeholder(name),
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
            let mut job = channel_job(device, channel, path, subject, &builds);
            job.is_empty = newer.is_empty();
            job.values.extend([
                ("incremental", Value::from(*incremental)),
                ("installed", Value::from(Serde(installed))),
                ("deltas", deltas),
            ]);
            jobs.push(job);
        }
        Ok(())
    }

    /// Adds a page for each full build of a channel.
    fn add_build_jobs<'v>(
        &self,
        template: &Template<'_>,
        device: &'v DeviceTree<'l, 'a>,
        channel: &'v ChannelTree<'l, 'a>,
        jobs: &mut Vec<Job<'v, 'a>>,
    ) -> Result<(), Error> {
        for (offer, value) in &channel.builds {
            let build = offer.build;
            // Under its other names it would be the same page.
            if build.device != channel.key.device && !template.pattern.names("device") {
                continue;
            }
            let filename = build.filename.escape_debug();
            let subject = format!("{}, {filename}", channel.subject());
            let fact = |name: &str| match name {
                "incremental" => build.incremental.clone(),
                "version" => Some(build.version.clone()),
                "datetime" => Some(build.timestamp.to_string()),
                "filename" => Some(build.filename.clone()),
                "sha256" => build.sha256.clone(),
                "id" => Some(build.phone_id().to_owned()),
                name => channel.placeholder(name),
            };
            let path = self.path(template, &subject, &fact)?;
            let mut job = channel_job(device, channel, path, subject, &channel.list);
            job.is_empty = false;
            // It replaces the newest build, which has the same name.
            job.values.push(("build", value.clone()));
            jobs.push(job);
        }
        Ok(())
    }

    /// Adds the page of a channel, one for each version if its path names the version.
    fn add_version_jobs<'v>(
        &self,
        template: &Template<'_>,
        device: &'v DeviceTree<'l, 'a>,
        channel: &'v ChannelTree<'l, 'a>,
        jobs: &mut Vec<Job<'v, 'a>>,
    ) -> Result<(), Error> {
        for version in versions(template, std::slice::from_ref(channel)) {
            let value = |name: &str| match name {
                "version" => version.map(str::to_owned),
                name => channel.placeholder(name),
            };
            let subject = channel.subject();
            let path = self.path(template, &subject, &value)?;
            jobs.push(channel_job(device, channel, path, subject, &channel.list));
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
            // A path in the settings has no line in the template.
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

    /// Returns the subject of a page with its variant.
    fn name(&self, subject: &str) -> String {
        match self.variant {
            None => subject.to_owned(),
            Some(variant) => format!("{subject}, variant {variant}"),
        }
    }

    /// Renders all pages of a template.
    pub(super) fn render_all(
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

    /// Renders one page; `None` if the template makes none.
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
        let device = job.values.iter().find(|(name, _)| *name == "device");
        let device = device.map(|(_, device)| device.clone());
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
                let explained = explain_device(&fault, &template.feed.text, device, &self.site);
                let message = explained.unwrap_or_else(|| explain(&fault, job.builds));
                Err(template.error(&subject, fault.line, message))
            }
        }
    }
}

/// Returns the page of a device with all its builds.
fn device_job<'v, 'a>(device: &'v DeviceTree<'_, 'a>, path: String) -> Job<'v, 'a> {
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

/// Returns a page of a channel with these builds. A value that is added later replaces one with the
/// same name.
fn channel_job<'v, 'a>(
    device: &DeviceTree<'_, 'a>,
    channel: &'v ChannelTree<'_, 'a>,
    path: String,
    subject: String,
    builds: &Value,
) -> Job<'v, 'a> {
    let mut values = about_builds(builds);
    values.push(("device", device.device.clone()));
    values.push(("romtype", Value::from(channel.key.romtype.as_str())));
    Job {
        path,
        subject,
        values,
        builds: &channel.builds,
        channels: std::slice::from_ref(channel),
        is_empty: channel.builds.is_empty(),
    }
}

/// Renders the builds of a page as a built-in list.
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

/// Returns the versions for which pages are made: one page for all, or if the path has the version,
/// an equal page for each version that phones run.
fn versions<'a>(
    template: &Template<'_>,
    channels: &[ChannelTree<'_, 'a>],
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
    // A version that cannot be a path is reported only for builds that are offered.
    let installed = installed.filter(|version| build::path_fault(version).is_none());
    offered.chain(installed).map(Some).collect()
}

/// Returns the values `builds`, and `build` if there is one.
fn about_builds(builds: &Value) -> Vec<(&'static str, Value)> {
    let newest = builds.get_item_by_index(0).ok();
    let newest = newest.filter(|newest| !newest.is_undefined());
    let mut values = vec![("builds", builds.clone())];
    values.extend(newest.map(|newest| ("build", newest)));
    values
}

/// Describes an error with what helps to fix it: the build that lacks a field, or where to set it.
fn explain(fault: &TemplateError, builds: &[(Offer<'_>, Value)]) -> String {
    let message = &fault.message;
    let Some((_, field)) = fault
        .missing
        .as_ref()
        .and_then(|name| name.rsplit_once('.'))
    else {
        return message.clone();
    };
    let lacks = |(_, value): &&(Offer<'_>, Value)| {
        BuildValues::OPTIONAL.contains(&field)
            && value.get_attr(field).is_ok_and(|v| v.is_undefined())
    };
    match builds.iter().find(lacks) {
        None => message.clone(),
        Some((offer, _)) => format!(
            "{message}: {field} of {} is unknown; if the template can do without, write | default(\"\")",
            offer.build.filename.escape_debug()
        ),
    }
}

/// Describes an error about a field that a device lacks: that of the page, or one of `site.devices`, as the text of the
/// template shows. None for other errors.
fn explain_device(
    fault: &TemplateError,
    text: &str,
    device: Option<Value>,
    site: &Value,
) -> Option<String> {
    let missing = fault.missing.as_ref()?;
    let (owner, field) = missing.rsplit_once('.')?;
    let of_info = owner.strip_suffix(".info");
    let owner = of_info.unwrap_or(owner);
    let is_device = owner == "device" || text.contains(&format!("for {owner} in site.devices"));
    if !is_device || of_info.is_none() && !DeviceValues::OPTIONAL.contains(&field) {
        return None;
    }
    let lacks = |device: &Value| {
        let holder = match of_info {
            Some(_) => device.get_attr("info"),
            None => Ok(device.clone()),
        };
        let value = holder.and_then(|holder| holder.get_attr(field));
        value.is_ok_and(|value| value.is_undefined())
    };
    let others = site.get_attr("devices").and_then(|all| all.try_iter()).ok();
    let mut devices = device.into_iter().chain(others.into_iter().flatten());
    let codename = devices.find(lacks)?.get_attr("model").ok()?;
    let message = &fault.message;
    Some(match (of_info, field) {
        (Some(_), _) => format!("{message}; set it under [device.{codename}.info] in the settings"),
        (None, "name") => format!(
            "{message}: devices.json has no `name` for {codename}; add it there, or write \
             {{{{ {missing} | default({owner}.model) }}}}"
        ),
        (None, _) => format!(
            "{message}: devices.json has no `{field}` for {codename}; add it there, or write \
             {{{{ {missing} | default(\"\") }}}}"
        ),
    })
}

//! Advice on an address where nothing is published, by the similar files that exist.

use crate::clients::updaters::Generation;

use super::super::Check;
use super::super::prose::shown;
use super::{Advice, Case};

/// Maximum number of names from a site in a message.
const MAX_NAMES: usize = 8;

impl Case<'_> {
    /// Advises on status 404, which phones do not treat as an empty list.
    pub(super) fn on_not_found(&self, check: &Check) -> Advice {
        let url = check.request.as_ref().map_or("", |request| &request.url);
        let path = self.site.path(url).unwrap_or_default();
        self.unpublished()
            .or_else(|| self.unfilled(path))
            .or_else(|| self.stripped())
            .or_else(|| self.appended(path))
            .or_else(|| self.other_case(path))
            .or_else(|| self.other_folder(path))
            .or_else(|| self.other_end(path))
            .or_else(|| self.other_channel(path))
            .or_else(|| self.too_new(path))
            .or_else(|| self.unknown_incremental(path))
            .unwrap_or_else(|| self.nothing_there(path))
    }

    /// Recognises a fork whose updater reads a file that the settings do not publish.
    pub(super) fn unpublished(&self) -> Option<Advice> {
        let setting = self.fork_setting()?;
        let device = &self.simulation.phone.device;
        // The local settings do not describe a live site.
        let is_own = !self.site.is_live && !self.site.publishes_for(self.generation(), device);
        is_own.then(|| {
            Advice::new(
                "no-template",
                format!(
                    "nothing is published for {}, whose updater reads its own format: add this to romfeed.toml \
                     and generate again",
                    self.generation().name()
                ),
            )
            .with(vec![setting])
        })
    }

    /// Recognises placeholders that the updater did not replace.
    fn unfilled(&self, path: &str) -> Option<Advice> {
        let is_appended = [Generation::Cm14, Generation::First15].contains(&self.generation());
        let text = match path.contains(['{', '}']) {
            false => return None,
            true if is_appended => {
                "this updater replaces no placeholders, it appends /v1/<device>/<type>/<incremental>: use the \
                 address of the folder"
            }
            true if self.generation().is_post() => {
                "this updater replaces no placeholders and appends no path: each ROM needs the complete address \
                 for its device and release type"
            }
            true if self.generation() > Generation::Kotlin23 => {
                "braces are left in the address: this updater replaces {device}, and little else"
            }
            true => {
                "braces are left in the address: the updater replaces only {device}, {type} and {incr}, in lower \
                 case"
            }
        };
        Some(Advice::new("braces", text).with(self.rom.lines()))
    }

    /// Recognises a phone without the properties that replace placeholders.
    fn stripped(&self) -> Option<Advice> {
        // Without properties, the phone may have more facts than were given.
        self.subject.props.as_ref()?;
        let phone = &self.simulation.phone;
        let value = &self.simulation.check.value;
        let is_empty = |name: &str, text: &str| {
            text.is_empty() && (value.contains(name) || !value.contains('{'))
        };
        let empty: Vec<&str> = [
            ("{device}", "device", &phone.device),
            ("{type}", "release type", &phone.release_type),
            ("{incr}", "incremental", &phone.incremental),
        ]
        .into_iter()
        .filter_map(|(name, word, text)| is_empty(name, text).then_some(word))
        .collect();
        (!empty.is_empty()).then(|| {
            Advice::new(
                "empty-part",
                format!(
                    "the phone has no {}, so a part of the address is empty: the ROM must set these properties",
                    empty.join(" and no ")
                ),
            )
        })
    }

    /// Recognises an updater that appends a path to an address that is complete already.
    fn appended(&self, path: &str) -> Option<Advice> {
        let is_base = [Generation::Cm14, Generation::First15].contains(&self.generation());
        let value = &self.simulation.check.value;
        let is_wrong = is_base && path.contains("/v1/") && !value.ends_with("/api");
        is_wrong.then(|| {
            Advice::new(
                "not-a-base",
                "this updater appends /v1/<device>/<type>/<incremental> to the address: use the address of the \
                 folder",
            )
            .with(self.rom.lines())
        })
    }

    fn other_case(&self, path: &str) -> Option<Advice> {
        let found = self.site.in_other_case(path)?;
        Some(Advice::new(
            "letter-case",
            format!(
                "the site has {}: letter case matters in addresses. Use the phone's name of the device for the \
                 builds, or list it under `aliases` of the device",
                shown(found)
            ),
        ))
    }

    /// Recognises the official server's addresses, which need rules on the host, and folders of variants.
    fn other_end(&self, path: &str) -> Option<Advice> {
        let with_json = format!("{}.json", path.trim_end_matches('/'));
        if self.site.has(&with_json) {
            return Some(
                Advice::new(
                    "no-json-end",
                    format!(
                        "the site has {}: end the address in the ROM in the same way, or let the host rewrite \
                         it, for example with the settings from `romfeed init --host nginx`",
                        shown(&with_json)
                    ),
                )
                .with(self.rom.lines()),
            );
        }
        let found = self.site.in_variant(path)?;
        let variant = found.strip_suffix(path)?.trim_end_matches('/');
        Some(Advice::new(
            "variant",
            format!(
                "the site has {}: the ROM of the variant needs `/{variant}` in its address after the site's \
                 (simulate it with --variant {variant})",
                shown(found)
            ),
        ))
    }

    /// Recognises a device, or a release type of it, that the site does not have.
    fn other_channel(&self, path: &str) -> Option<Advice> {
        let devices = self.site.devices();
        let phone = &self.simulation.phone;
        let device = phone.next_device.as_deref().unwrap_or(&phone.device);
        let is_asked = |part: &str| {
            let mut parts = path.split('/');
            parts.any(|found| found == part || found.strip_suffix(".json") == Some(part))
        };
        if devices.is_empty() || !is_asked(device) {
            return None;
        }
        if !devices.contains(device) {
            return Some(Advice::new(
                "unknown-device",
                format!(
                    "the site has no builds for `{}`; it has {}. If it is one of these under another name, list \
                     that under `aliases` of the device",
                    shown(device),
                    names(devices)
                ),
            ));
        }
        let romtypes = self.site.romtypes(device);
        let romtype = phone.release_type.to_lowercase();
        (is_asked(&romtype) && !romtypes.contains(&*romtype)).then(|| {
            Advice::new(
                "unknown-type",
                format!(
                    "the phone's release type is `{}`, and the site has {} for {}: an updater shows only builds \
                     of its own type. Build the ROM with that type, or set `romtype` under [[override]]",
                    shown(&phone.release_type),
                    names(romtypes),
                    shown(device)
                ),
            )
        })
    }

    /// Recognises a device whose builds are all too new for this updater.
    fn too_new(&self, path: &str) -> Option<Advice> {
        let device = &self.simulation.phone.device;
        let is_asked = self.generation().is_post() && path.contains("legacy/");
        (is_asked && self.site.devices().contains(device.as_str())).then(|| {
            Advice::new(
                "too-new",
                format!(
                    "no build for {} is of Android 7 or older, and newer builds are not published for this updater",
                    shown(device)
                ),
            )
        })
    }

    /// Returns the list of the phone's build as romfeed writes it, and the folder that holds it.
    fn own_list(&self) -> Option<(String, String)> {
        let phone = &self.simulation.phone;
        let device = phone.next_device.as_deref().unwrap_or(&phone.device);
        let romtype = phone.release_type.to_lowercase();
        let incremental = Some(&phone.incremental).filter(|one| !one.is_empty())?;
        let folder = format!("{}api/v1", self.site.tree());
        Some((format!("{device}/{romtype}/{incremental}"), folder))
    }

    /// Recognises the right list in a folder that romfeed does not write.
    fn other_folder(&self, path: &str) -> Option<Advice> {
        let (list, folder) = self.own_list()?;
        let found = path.strip_suffix(&*list)?.trim_end_matches('/');
        if found == folder {
            return None;
        }
        let right = format!("{folder}/{list}");
        let is_there = match self.site.is_published(&right) {
            true => "the phone's list is",
            false => "lists of single builds are",
        };
        let wrong = match found {
            "" => "lacks the folders in which lists are".to_owned(),
            found => format!("has a folder {} that romfeed never writes", shown(found)),
        };
        let value = format!("{}/{folder}/{{device}}/{{type}}/{{incr}}", self.site.base);
        Some(
            Advice::new(
                "other-folder",
                format!(
                    "the address {wrong}: {is_there} at /{}. Add one of these to the ROM",
                    shown(&right)
                ),
            )
            .with(vec![
                format!("{}={value}", self.property()),
                self.rom.property_line(),
            ]),
        )
    }

    /// Recognises the list of a build that is not in the catalog.
    fn unknown_incremental(&self, path: &str) -> Option<Advice> {
        let (list, folder) = self.own_list()?;
        if path != format!("{folder}/{list}") {
            return None;
        }
        let phone = &self.simulation.phone;
        let (device, romtype) = (
            shown(&phone.device),
            shown(&phone.release_type.to_lowercase()),
        );
        let incremental = &phone.incremental;
        if let Some(found) = self.site.list_for(incremental) {
            return Some(Advice::new(
                "other-lane",
                format!(
                    "romfeed knows the build the phone runs, and its list is at /{}: the phone's device or \
                     release type is not that of the build. Set `romtype` or `device` under [[override]], or \
                     list the phone's name under `aliases` of the device",
                    shown(found)
                ),
            ));
        }
        if self.site.incrementals.contains(incremental) {
            return Some(Advice::new(
                "not-uploaded",
                "the catalog has the build that the phone runs, but its list is missing: run `romfeed generate`, \
                 and upload the whole site",
            ));
        }
        let settings = self.site.config.devices.get(&device);
        let (file, table) = match settings.and_then(|set| set.file.as_deref()) {
            Some(file) => (file, "[known_incrementals]".to_owned()),
            None => (
                "romfeed.toml",
                format!("[device.{device}.known_incrementals]"),
            ),
        };
        let advice = Advice::new(
            "unknown-incremental",
            format!(
                "the catalog does not have the build that the phone runs, and to a phone, 404 is an error, not \"no \
                 updates\". Add this to {} and generate again",
                shown(file)
            ),
        );
        Some(advice.with(vec![
            table,
            format!("{romtype} = [{:?}]", shown(incremental)),
        ]))
    }

    fn nothing_there(&self, path: &str) -> Advice {
        let text = match self.site.is_live {
            true => format!(
                "nothing is published at /{}: upload the site, and compare the address in the ROM with the \
                 recommended one",
                shown(path)
            ),
            false => format!(
                "`romfeed generate` wrote no {}: check that the build is in `romfeed catalog list`, and compare \
                 the address in the ROM with the recommended one",
                shown(path)
            ),
        };
        Advice::new("not-found", text).with(self.rom.lines())
    }
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(shown).collect();
    match names.len() {
        0 => "none".to_owned(),
        n if n > MAX_NAMES => format!(
            "{} and {} more",
            names[..MAX_NAMES].join(", "),
            n - MAX_NAMES
        ),
        _ => names.join(", "),
    }
}

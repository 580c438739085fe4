//! The feed templates that the settings name.
//!
//! In: names of templates and their `[[feed]]` tables. Out: the texts of the templates, from the
//! folder `templates/feeds` or, if it has none of that name, from romfeed itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use romfeed::files::read_regular_text;
use romfeed::model::build::{self, Variant};
use romfeed::model::config::FeedConfig;
use romfeed::publish::feed::template;

use super::super::nearest::nearest;
use super::file::{FileFeed, MAX_FILE_SIZE};

/// Reads the feed templates that the settings name.
pub(super) struct FeedLoader {
    /// The folder of the user's own templates.
    folder: PathBuf,
    /// The templates in the order in which they were named.
    pub(super) loaded: Vec<FeedConfig>,
}

impl FeedLoader {
    /// Prepares to read templates; `folder` is that of the settings.
    pub(super) fn new(folder: &Path) -> FeedLoader {
        FeedLoader {
            folder: folder.join("templates").join("feeds"),
            loaded: Vec::new(),
        }
    }

    /// Reads a template, unless it has been read.
    ///
    /// # Errors
    /// One line if the name is not valid or the file cannot be read.
    pub(super) fn load(&mut self, name: &str) -> Result<&mut FeedConfig, String> {
        if let Some(at) = self.loaded.iter().position(|feed| feed.name == name) {
            return Ok(&mut self.loaded[at]);
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(format!(
                "`{}` is not the name of a template",
                name.escape_debug()
            ));
        }
        let file = self.folder.join(format!("{name}.j2"));
        let (file, text) = match (
            read_regular_text(&file, MAX_FILE_SIZE),
            template::shipped(name),
        ) {
            (Ok(text), _) => (file.display().to_string(), text),
            (Err(error), Some(text)) if error.kind() == std::io::ErrorKind::NotFound => {
                (format!("{name}.j2 (of romfeed)"), text.to_owned())
            }
            (Err(error), _) => {
                let known: Vec<&str> = template::SHIPPED.iter().map(|(name, _)| *name).collect();
                let own = self.own_names();
                let all = own.iter().map(String::as_str).chain(known.iter().copied());
                if error.kind() == std::io::ErrorKind::NotFound
                    && let Some(near) = nearest(name, all)
                {
                    return Err(format!(
                        "there is no template `{name}`; did you mean `{near}`?"
                    ));
                }
                return Err(format!(
                    "cannot read {}: {error}; romfeed itself has {}",
                    file.display(),
                    known.join(", ")
                ));
            }
        };
        self.loaded.push(FeedConfig {
            name: name.to_owned(),
            file,
            text,
            path: None,
            variants: BTreeMap::new(),
            is_enabled: false,
        });
        Ok(self.loaded.last_mut().expect("pushed above"))
    }

    /// Lists the names of the user's own templates.
    fn own_names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names
            .filter_map(|name| Some(name.strip_suffix(".j2")?.to_owned()))
            .collect()
    }

    /// Enables a template that the settings need not name.
    pub(super) fn enable_by_default(&mut self, name: &str) -> Result<(), String> {
        self.load(name)?.is_enabled = true;
        Ok(())
    }

    /// Enables the template of a `[[feed]]` table.
    pub(super) fn enable(&mut self, settings: &FileFeed) -> Result<(), String> {
        let name = &settings.template;
        for (variant, spelled) in &settings.variants {
            if !variant.is_empty() {
                Variant::parse(variant).map_err(|e| format!("{name}: variants: {e}"))?;
            }
            if let Some(reason) = build::portable_fault(spelled) {
                let spelled = spelled.escape_debug();
                return Err(format!("{name}: variants: `{spelled}` {reason}"));
            }
            if let Some(reason) = build::path_fault(spelled) {
                let spelled = spelled.escape_debug();
                return Err(format!(
                    "{name}: variants: `{spelled}` cannot be part of a path: {reason}"
                ));
            }
        }
        let feed = self.load(name)?;
        if feed.is_enabled {
            return Err(format!("`{name}` is listed twice"));
        }
        feed.is_enabled = true;
        feed.path.clone_from(&settings.path);
        feed.variants.clone_from(&settings.variants);
        Ok(())
    }
}

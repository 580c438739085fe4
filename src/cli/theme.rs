//! `[site]` of the settings, the files it names, and the templates in `templates/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use romfeed::files::{read_regular, read_regular_text};
use romfeed::markup::changelog::{self, Format};
use romfeed::markup::strings::{self, Strings};
use romfeed::model::theme::{Color, Install, Link, Logo, MAX_LOGO_SIZE, Template, Theme};
use serde::Deserialize;

use super::escape::shown;

/// The folder of the user's templates of pages, next to the settings.
pub(crate) const FOLDER: &str = "templates";
/// The folder in it with texts in other words or languages.
const STRINGS: &str = "strings";
/// The endings of the files in it that belong to pages.
const ENDINGS: [&str; 4] = ["html", "css", "svg", "js"];
/// Largest template that is read, in bytes.
const MAX_TEMPLATE: u64 = 1 << 20;

/// The keys of `[site]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSite {
    pages: Option<bool>,
    lang: Option<String>,
    name: Option<String>,
    tagline: Option<String>,
    color: Option<String>,
    logo: Option<String>,
    footer: Option<String>,
    install: Option<String>,
    #[serde(default)]
    links: Vec<FileLink>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLink {
    name: String,
    url: String,
}

/// A value that cannot be used.
pub(crate) struct Invalid {
    /// The key or the file that is wrong, and why.
    pub(crate) error: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// Resolves the look of the pages; `folder` is that of the settings.
///
/// # Errors
/// [`Invalid`].
pub(crate) fn resolve(set: &FileSite, folder: &Path) -> Result<Theme, Invalid> {
    let defaults = Theme::default();
    let text = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let accent = match &set.color {
        None => defaults.accent,
        Some(color) => Color::parse(color).ok_or_else(|| Invalid {
            error: format!("color: `{}` is not a colour", color.escape_debug()),
            hint: "use hex, for example color = \"#0b7a75\"".to_owned(),
        })?,
    };
    let logo = set.logo.as_ref().map(|name| {
        let path = folder.join(name);
        let bytes = read_regular(&path, MAX_LOGO_SIZE as u64).map_err(|e| e.to_string());
        let logo = bytes.and_then(Logo::parse);
        logo.map_err(|error| Invalid {
            error: format!("logo: `{}`: {error}", shown(&path)),
            hint: format!(
                "name a PNG, JPEG, GIF, WebP or SVG file of at most {} KiB in the folder of the settings, or take out `logo`",
                MAX_LOGO_SIZE >> 10
            ),
        })
    });
    let link = |FileLink { name, url }: &FileLink| {
        Link::new(name, url).ok_or_else(|| Invalid {
            error: format!(
                "links: `{}` needs a name and an address with https://, http:// or mailto:",
                url.escape_debug()
            ),
            hint: "for example links = [{ name = \"Forum\", url = \"https://forum.example.org\" }]"
                .to_owned(),
        })
    };
    Ok(Theme {
        has_pages: set.pages.unwrap_or(true),
        strings: load_strings(set.lang.as_deref(), &folder.join(FOLDER).join(STRINGS)).map_err(
            |error| Invalid {
                error,
                hint: "take out `lang` for English, or correct the file of texts".to_owned(),
            },
        )?,
        name: text(&set.name).unwrap_or(defaults.name),
        tagline: text(&set.tagline),
        accent,
        logo: logo.transpose()?,
        links: set.links.iter().map(link).collect::<Result<_, _>>()?,
        footer: text(&set.footer),
        install: set
            .install
            .as_ref()
            .map(|name| load_install(folder.join(name)))
            .transpose()?,
        templates: load_templates(&folder.join(FOLDER))?,
    })
}

/// Reads the texts of the pages in a language; a file of the user's in `folder` takes precedence.
fn load_strings(lang: Option<&str>, folder: &Path) -> Result<Arc<Strings>, String> {
    let lang = lang.unwrap_or(strings::ENGLISH);
    let lang_text = lang.escape_debug();
    if !Strings::is_lang(lang) {
        return Err(format!(
            "lang: `{lang_text}` is not a language such as de or pt-BR"
        ));
    }
    let path = folder.join(format!("{lang}.toml"));
    let own = match read_regular_text(&path, MAX_TEMPLATE) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("{}: {error}", shown(&path))),
    };
    if own.is_none() && !Strings::is_shipped(lang) {
        let known = strings::SHIPPED.map(|(lang, _)| lang).join(", ");
        return Err(format!(
            "lang: romfeed has no texts in `{lang_text}`, only in {known}; write them into {}",
            shown(&path)
        ));
    }
    let strings = Strings::new(lang, own.as_deref());
    Ok(Arc::new(
        strings.map_err(|error| format!("{}: {error}", shown(&path)))?,
    ))
}

/// Reads the text on how to install builds, in the format that the file's ending names.
///
/// # Errors
/// [`Invalid`], if the ending is unknown or the file cannot be read.
pub(crate) fn load_install(file: PathBuf) -> Result<Install, Invalid> {
    let fail = |error: String| Invalid {
        error: format!("install: `{}`: {error}", shown(&file)),
        hint: "name a .md, .html or .txt file in the folder of the settings, or take out `install`"
            .to_owned(),
    };
    let ending = file.extension().and_then(|ending| ending.to_str());
    let format = Format::ALL
        .into_iter()
        .find(|format| ending.is_some_and(|ending| ending.eq_ignore_ascii_case(format.extension())))
        .ok_or_else(|| fail("its name must end in .md, .html or .txt".to_owned()))?;
    let bytes = read_regular(&file, changelog::MAX_SIZE as u64).map_err(|e| fail(e.to_string()))?;
    let text = changelog::decode(&bytes, format);
    Ok(Install { file, text })
}

/// Reads the user's own templates of pages, by name. Folders in it hold other templates.
fn load_templates(folder: &Path) -> Result<BTreeMap<String, Template>, Invalid> {
    let mut templates = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(templates);
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !ending.is_some_and(|ending| ENDINGS.contains(&ending)) || !path.is_file() {
            continue;
        }
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let in_file = |error| Invalid {
            error: format!("{}: {error}", shown(&path)),
            hint: "correct this file, or move it out of templates/".to_owned(),
        };
        let text = read_regular_text(&path, MAX_TEMPLATE).map_err(in_file)?;
        let file = path.display().to_string();
        templates.insert(name, Template { file, text });
    }
    Ok(templates)
}

//! The templates of pages: romfeed's own, and those of the user that replace them.
//!
//! In: a [`Theme`], and the values of a page. Out: the page, or an error with template and line.

use minijinja::Value;

use super::Error;
use crate::markup::template::Format;
use crate::markup::template::engine::{Engine, TemplateError};
use crate::model::theme::Theme;
use crate::publish::page::{Maker, Page};

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../templates/", $name)))),*]
    };
}

/// The templates that come with romfeed, by file name.
pub const SHIPPED: [(&str, &str); 14] = shipped![
    "404.html",
    "build.html",
    "changes.html",
    "contacts.html",
    "crumbs.html",
    "device.html",
    "digest.html",
    "home.html",
    "icon.svg",
    "layout.html",
    "parts.html",
    "projects.html",
    "style.css",
    "verify.html",
];

/// Compiled templates.
pub(super) struct Pages<'a> {
    engine: Engine<'a>,
    theme: &'a Theme,
}

impl<'a> Pages<'a> {
    /// Compiles all templates.
    ///
    /// # Errors
    /// [`Error::Template`], with the line.
    pub(super) fn compile(theme: &'a Theme) -> Result<Pages<'a>, Error> {
        let engine = Engine::new(Format::Html, &theme.strings)
            .map_err(|fault| error(theme, "", None, fault))?;
        let mut pages = Pages { engine, theme };
        // Scripts are not templates; their braces are code.
        let extra = theme
            .templates
            .iter()
            .filter(|(name, _)| !name.ends_with(".js"))
            .map(|(name, own)| (&**name, &*own.text));
        let shipped = SHIPPED
            .into_iter()
            .filter(|(name, _)| !theme.templates.contains_key(*name));
        for (name, text) in shipped.chain(extra) {
            let added = pages.engine.add(name, text);
            added.map_err(|fault| error(theme, name, None, fault))?;
        }
        Ok(pages)
    }

    /// Renders one page.
    ///
    /// # Errors
    /// [`Error::Template`], with the line and the page's path.
    pub(super) fn render(&self, template: &str, path: &str, values: Value) -> Result<Page, Error> {
        let rendered = self.engine.render(template, values);
        let bytes = rendered.map_err(|fault| error(self.theme, template, Some(path), fault))?;
        Ok(Page {
            path: path.to_owned(),
            bytes: bytes.unwrap_or_default().into(),
            maker: Maker::Page,
            origin: None,
        })
    }
}

/// Describes an error with the file it is in.
fn error(theme: &Theme, template: &str, page: Option<&str>, fault: TemplateError) -> Error {
    let name = fault.file.as_deref().unwrap_or(template);
    let own = theme.templates.get(name).map(|own| own.file.clone());
    Error::Template {
        file: own.unwrap_or_else(|| format!("{name} (of romfeed)")),
        line: fault.line,
        page: page.map(str::to_owned),
        message: fault.message,
    }
}

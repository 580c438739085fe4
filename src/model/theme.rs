//! How the pages look that people read: name, colour, logo, links, templates of one's own.
//!
//! In: what the settings say, and the bytes of files that they name. Out: a [`Theme`] that
//! nothing is wrong with. Contrast: WCAG 2.2, "relative luminance" and success criterion 1.4.3.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::markup::changelog::Changelog;
use crate::markup::strings::Strings;

/// Largest logo, in bytes; it is loaded with every page.
pub const MAX_LOGO_SIZE: usize = 256 << 10;
/// The name shown if the settings have none.
const DEFAULT_NAME: &str = "Downloads";
/// Least contrast between text and what lies behind it.
const CONTRAST: f64 = 4.5;

/// Everything about the pages that a maintainer may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Pages for people are made.
    pub has_pages: bool,
    /// The language, and its texts.
    pub strings: Arc<Strings>,
    /// What the site is called.
    pub name: String,
    /// One line below it.
    pub tagline: Option<String>,
    /// The colour of links and buttons.
    pub accent: Color,
    /// The image shown next to the name.
    pub logo: Option<Logo>,
    /// Links at the top of each page.
    pub links: Vec<Link>,
    /// Text at the foot of each page.
    pub footer: Option<String>,
    /// How to install builds, for devices without a text of their own.
    pub install: Option<Install>,
    /// Templates of the user's that take the place of romfeed's, by file name.
    pub templates: BTreeMap<String, Template>,
}

/// How to install builds, as a maintainer wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The file it is from.
    pub file: PathBuf,
    /// The text; if it is empty, pages show no section for it.
    pub text: Changelog,
}

/// The text of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// What messages call it.
    pub file: String,
    /// Its text.
    pub text: String,
}

impl Default for Theme {
    fn default() -> Theme {
        Theme {
            has_pages: true,
            strings: Strings::english(),
            name: DEFAULT_NAME.to_owned(),
            tagline: None,
            accent: Color([0x0b, 0x7a, 0x75]),
            logo: None,
            links: Vec::new(),
            footer: None,
            install: None,
            templates: BTreeMap::new(),
        }
    }
}

/// A link to another site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it says.
    pub name: String,
    /// `https://…`, `http://…` or `mailto:…`.
    pub url: String,
}

impl Link {
    /// Takes a link that a page may show: none that runs a script.
    #[must_use]
    pub fn new(name: &str, url: &str) -> Option<Link> {
        let is_safe = ["https://", "http://", "mailto:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        let is_plain = !url.contains(|c: char| c.is_control() || c.is_whitespace());
        (is_safe && is_plain && !name.trim().is_empty()).then(|| Link {
            name: name.trim().to_owned(),
            url: url.to_owned(),
        })
    }
}

/// A picture that browsers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// The extension of its name, by its format.
    pub extension: &'static str,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

impl Logo {
    /// Detects the format of a picture by its first bytes.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn parse(bytes: Vec<u8>) -> Result<Logo, String> {
        if bytes.len() > MAX_LOGO_SIZE {
            return Err(format!(
                "it has more than {} KiB, and is loaded with every page",
                MAX_LOGO_SIZE >> 10
            ));
        }
        let text = String::from_utf8_lossy(&bytes);
        let is_svg = || {
            let begins = text.trim_start_matches('\u{feff}').trim_start();
            begins.starts_with("<svg") || begins.starts_with('<') && text.contains("<svg")
        };
        let extension = match &bytes[..] {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => "png",
            [0xff, 0xd8, 0xff, ..] => "jpg",
            [b'G', b'I', b'F', b'8', ..] => "gif",
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => "webp",
            _ if is_svg() => "svg",
            _ => return Err("it is no PNG, JPEG, GIF, WebP or SVG picture".to_owned()),
        };
        Ok(Logo {
            extension,
            bytes: bytes.into(),
        })
    }
}

/// Red, green and blue, as sRGB has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl Color {
    /// Background of light pages, and of dark ones; `style.css` has the same.
    pub const BACKGROUNDS: [Color; 2] = [Color([0xf6, 0xf7, 0xf9]), Color([0x1d, 0x20, 0x26])];

    /// Reads `#0b7a75` or `#0bc`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Color> {
        let digits = text.strip_prefix('#')?.as_bytes();
        let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
        let part = |high: usize, low: usize| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
        match digits.len() {
            3 => Some(Color([part(0, 0)?, part(1, 1)?, part(2, 2)?])),
            6 => Some(Color([part(0, 1)?, part(2, 3)?, part(4, 5)?])),
            _ => None,
        }
    }

    /// Black or white, whichever is easier to read on this colour.
    #[must_use]
    pub fn text_on(self) -> Color {
        let [black, white] = [Color([0; 3]), Color([0xff; 3])];
        if self.contrast(white) >= self.contrast(black).min(CONTRAST) {
            white
        } else {
            black
        }
    }

    /// This colour as text on a background: itself, or as much darker or lighter as it takes
    /// to be read.
    #[must_use]
    pub fn readable_on(self, background: Color) -> Color {
        let target = if background.luminance() > 0.5 {
            0
        } else {
            0xff
        };
        (0..=32u16)
            .map(|step| self.mixed(target, step))
            .find(|shade| shade.contrast(background) >= CONTRAST)
            .unwrap_or(Color([target; 3]))
    }

    /// Mixes in black or white: `parts` of 32.
    fn mixed(self, target: u8, parts: u16) -> Color {
        Color(self.0.map(|own| {
            let mixed = (u16::from(own) * (32 - parts) + u16::from(target) * parts) / 32;
            u8::try_from(mixed).unwrap_or(target)
        }))
    }

    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            match part <= 0.040_45 {
                true => part / 12.92,
                false => ((part + 0.055) / 1.055).powf(2.4),
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// 1 for the same colour, 21 for black and white.
    fn contrast(self, other: Color) -> f64 {
        let [a, b] = [self, other].map(Color::luminance);
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_colour_can_be_read_on_both_backgrounds_and_bears_text() {
        for text in [
            "#000", "#ffffff", "#ff0", "#777777", "#0b7a75", "#00f", "#e91e63",
        ] {
            let color = Color::parse(text).unwrap();
            assert!(color.contrast(color.text_on()) >= CONTRAST, "{text}");
            for background in Color::BACKGROUNDS {
                let shade = color.readable_on(background);
                assert!(shade.contrast(background) >= CONTRAST, "{text} {shade}");
            }
        }
        for bad in ["", "red", "#12", "#12345g", "#1234567", "url(x)"] {
            assert_eq!(Color::parse(bad), None, "{bad}");
        }
        assert_eq!(Color::parse("#0Bc").unwrap().to_string(), "#00bbcc");
    }

    #[test]
    fn a_link_cannot_run_a_script() {
        for bad in [
            "javascript:alert(1)",
            " https://x",
            "data:text/html,x",
            "//x",
            "https://a b",
        ] {
            assert_eq!(Link::new("x", bad), None, "{bad}");
        }
        assert!(Link::new("Chat", "https://t.me/x").is_some());
        assert!(Link::new(" ", "https://t.me/x").is_none());
    }

    #[test]
    fn a_logo_is_what_it_holds() {
        let extension = |bytes: &[u8]| Logo::parse(bytes.to_vec()).map(|logo| logo.extension);
        assert_eq!(extension(b"\x89PNG\r\n\x1a\n..."), Ok("png"));
        assert_eq!(extension(b"RIFF....WEBPVP8 "), Ok("webp"));
        assert_eq!(extension(b"<?xml?><!-- a --><svg/>"), Ok("svg"));
        for bad in [&b""[..], b"hello", b"<html></html>", b"RIFF....WAVE"] {
            assert!(extension(bad).is_err());
        }
        assert!(Logo::parse(vec![0; MAX_LOGO_SIZE + 1]).is_err());
    }
}

//! Markup: changelogs made safe for pages, the texts of pages in each language, and the template engine
//! of pages and feeds.

pub mod changelog;
pub mod strings;
pub mod template;

/// Whether a character changes the order in which the characters after it are shown (Unicode Standard
/// Annex 9, sections 2.1 to 2.5), which can make a name look like another. Not the marks of section
/// 2.6, which texts in Arabic and Hebrew need.
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

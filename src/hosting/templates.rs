//! The templates of the files, which are part of the program, and the engine that renders them.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

/// The templates by name.
const TEMPLATES: [(&str, &str); 21] = [
    (
        "romfeed.toml",
        include_str!("../../templates/hosts/romfeed.toml"),
    ),
    ("gitignore", include_str!("../../templates/hosts/gitignore")),
    (
        "gitattributes",
        include_str!("../../templates/hosts/gitattributes"),
    ),
    (
        "generate.sh",
        include_str!("../../templates/hosts/generate.sh"),
    ),
    ("push.sh", include_str!("../../templates/hosts/push.sh")),
    (
        "catalogs.sh",
        include_str!("../../templates/hosts/catalogs.sh"),
    ),
    ("faults.sh", include_str!("../../templates/hosts/faults.sh")),
    (
        "publish.sh",
        include_str!("../../templates/hosts/publish.sh"),
    ),
    (
        "github-pages.yml",
        include_str!("../../templates/hosts/github-pages.yml"),
    ),
    (
        "github-romfeed.yml",
        include_str!("../../templates/hosts/github-romfeed.yml"),
    ),
    (
        "github-commit.yml",
        include_str!("../../templates/hosts/github-commit.yml"),
    ),
    (
        "gitlab-romfeed.yml",
        include_str!("../../templates/hosts/gitlab-romfeed.yml"),
    ),
    (
        "gitlab-newest.yml",
        include_str!("../../templates/hosts/gitlab-newest.yml"),
    ),
    (
        "gitlab-ci.yml",
        include_str!("../../templates/hosts/gitlab-ci.yml"),
    ),
    ("_headers", include_str!("../../templates/hosts/_headers")),
    (
        "_redirects",
        include_str!("../../templates/hosts/_redirects"),
    ),
    (
        "_middleware.js",
        include_str!("../../templates/hosts/_middleware.js"),
    ),
    (
        "cloudfront.js",
        include_str!("../../templates/hosts/cloudfront.js"),
    ),
    (
        "nginx.conf",
        include_str!("../../templates/hosts/nginx.conf"),
    ),
    (
        "apache.conf",
        include_str!("../../templates/hosts/apache.conf"),
    ),
    ("Caddyfile", include_str!("../../templates/hosts/Caddyfile")),
];

/// Makes an engine whose delimiters have no meaning in shells, in YAML, in configurations of hosts and
/// in GitHub's `${{ }}`.
pub(super) fn engine() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .block_delimiters("<%", "%>")
        .variable_delimiters("<{", "}>")
        .comment_delimiters("<#", "#>")
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

//! Commands that need the settings.

use std::io;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "s3")]
use romfeed::catalog::bucket;
#[cfg(feature = "s3")]
use romfeed::fetch::Reach;
use romfeed::files::Place;
use romfeed::model::config::Config;
#[cfg(feature = "s3")]
use romfeed::source::s3::Objects;

use super::config::{self, CatalogBucket, ConfigError, Flags, Resolved};
#[cfg(feature = "s3")]
use super::http;
use super::outcome::Outcome;
#[cfg(feature = "s3")]
use super::remote::TIMEOUT;
use super::report::{Terminal, chain};
#[cfg(feature = "s3")]
use super::time::now;

/// Resolves the settings, for a catalog in a bucket with a client that asks for it.
///
/// # Errors
/// The first setting that cannot be used.
pub(crate) fn resolve(file: Option<&Path>, flags: Flags) -> Result<Resolved, ConfigError> {
    let mut resolved = config::resolve(file, flags)?;
    if let Some(bucket) = resolved.bucket.take() {
        resolved.config.place = open(bucket, &resolved.config.catalogs[0])?;
    }
    Ok(resolved)
}

#[cfg(feature = "s3")]
fn open((bucket, ca): CatalogBucket, copy: &Path) -> Result<Arc<dyn Place>, ConfigError> {
    let http = http::connect_as("[s3]: ca", ca.as_deref(), TIMEOUT, Reach::Any);
    let http = http.map_err(ConfigError::new)?;
    let objects = Objects::new(bucket, Arc::new(http), now);
    Ok(Arc::new(bucket::Bucket::new(objects, copy.to_owned())))
}

#[cfg(not(feature = "s3"))]
fn open(_: CatalogBucket, _: &Path) -> Result<Arc<dyn Place>, ConfigError> {
    let message = "the catalog is in a bucket, and this romfeed was built without S3";
    Err(ConfigError::new(message.to_owned())
        .with_hint("use a release of romfeed, or build it with `--features s3`".to_owned()))
}

/// Resolves the settings, warns of what has no effect, and runs a command with them. Prints what is wrong with the
/// settings, and does not run the command then.
pub(crate) fn with_resolved(
    file: Option<&Path>,
    flags: Flags,
    terminal: Terminal,
    run: impl FnOnce(Resolved) -> io::Result<Outcome>,
) -> io::Result<Outcome> {
    match resolve(file, flags) {
        Ok(resolved) => {
            if let Some(unused) = &resolved.unused {
                terminal.warning(unused);
            }
            run(resolved)
        }
        Err(error) => {
            terminal.error(&chain(&error), error.hint.as_deref());
            Ok(Outcome::Usage)
        }
    }
}

/// As [`with_resolved`], for commands that only warn of errors in `devices.json`.
pub(crate) fn with_config(
    file: Option<&Path>,
    flags: Flags,
    terminal: Terminal,
    run: impl FnOnce(Config) -> io::Result<Outcome>,
) -> io::Result<Outcome> {
    with_resolved(file, flags, terminal, |resolved| {
        for error in &resolved.devices_errors {
            terminal.warning(error);
        }
        run(resolved.config)
    })
}

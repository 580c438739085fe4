//! A catalog in a bucket: `catalog = "s3://bucket/folder/"`, and the table `[s3]`.

use std::path::{Path, PathBuf};

use romfeed::model::config::{COPIES_DIR, STATE_DIR};
use romfeed::model::source::Bucket;

use super::file::{ConfigError, FileConfig, OneOrMany, Origin};
use super::source_tables::{BucketName, FileStore, keys};

/// A bucket, and the file with the certificates to trust there, if not those that browsers trust.
pub(crate) type CatalogBucket = (Bucket, Option<PathBuf>);

/// A catalog in a bucket.
pub(super) struct Shared {
    /// The bucket.
    pub(super) bucket: CatalogBucket,
    /// The folder for its copy.
    pub(super) folder: PathBuf,
}

/// Returns the catalog in a bucket that flags or settings name, if they do.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn resolve(
    flags: &[PathBuf],
    set: Option<&OneOrMany>,
    store: Option<&FileStore>,
    origin: &Origin,
) -> Result<Option<Shared>, ConfigError> {
    let paths = match flags {
        [] => set.map(OneOrMany::paths).unwrap_or_default(),
        [..] => flags,
    };
    let error = |reason: &str| origin.catalog_error(flags, reason);
    if let Some((address, hint)) = paths.iter().find_map(|path| other_address(path)) {
        let address = address.escape_debug();
        let reason = format!("`{address}` is not a file, a folder, or a bucket");
        return Err(error(&reason).with_hint(hint));
    }
    let is_bucket = |path: &&PathBuf| path.to_str().is_some_and(|path| path.starts_with("s3:"));
    let Some(path) = paths.iter().find(is_bucket) else {
        return Ok(None);
    };
    let url = path.to_str().unwrap_or_default();
    if paths.len() > 1 {
        let reason = format!(
            "`{}` is one of {} catalogs, and one in a bucket stands alone",
            url.escape_debug(),
            paths.len()
        );
        let hint = "put the builds of all into the bucket: `romfeed catalog split` writes the files to copy there";
        return Err(error(&reason).with_hint(hint.to_owned()));
    }
    if url.ends_with(".json") {
        let folder = url.trim_end_matches(".json").escape_debug();
        let reason = format!("`{}` is one file", url.escape_debug());
        let hint = format!("a bucket has a file for each device: catalog = \"{folder}/\"");
        return Err(error(&reason).with_hint(hint));
    }
    let name = BucketName::parse(url).map_err(|reason| error(&reason))?;
    let keys = keys().map_err(ConfigError::new)?;
    let store = store.cloned().unwrap_or_default();
    let bucket = store.bucket(&name, keys);
    let bucket = bucket.map_err(|reason| origin.error("[s3]", &reason))?;
    let ca = store.ca.map(|file| origin.folder.join(file));
    let bucket = (bucket, ca);
    let name = url.trim_start_matches("s3://");
    let folder = origin
        .folder
        .join(STATE_DIR)
        .join(COPIES_DIR)
        .join(name)
        .join("");
    Ok(Some(Shared { bucket, folder }))
}

/// Describes a table `[s3]` without a catalog in a bucket, unless flags name another catalog for this run.
pub(super) fn unused(
    settings: &FileConfig,
    is_used: bool,
    flags: &[PathBuf],
    origin: &Origin,
) -> Option<String> {
    let is_unused = settings.s3.is_some() && !is_used && flags.is_empty();
    is_unused.then(|| {
        format!(
            "{}: [s3]: it is for a catalog in a bucket, and `catalog` names none; \
             a [[source]] has the same keys in its own table",
            origin.name
        )
    })
}

/// Returns a path that is an address, but not that of a bucket, and what to name instead.
fn other_address(path: &Path) -> Option<(&str, String)> {
    let address = path.to_str()?;
    let (scheme, rest) = address.split_once(':')?;
    let hint = match &*scheme.to_ascii_lowercase() {
        "s3" if scheme == "s3" => return None,
        "s3" => format!("write `s3` in lower case: s3:{}", rest.escape_debug()),
        _ if !rest.starts_with("//") => return None,
        "http" | "https" => format!(
            "download it first, and name the file: curl -fO {}",
            address.escape_debug()
        ),
        "file" => "name its path alone, without `file://`".to_owned(),
        _ => "name a file, a folder such as catalog/, or a bucket: s3://BUCKET/FOLDER/".to_owned(),
    };
    Some((address, hint))
}

//! The state of a file, by which a change is noticed.

/// What tells one state of a file from another without reading it.
///
/// Times are in nanoseconds since the epoch; `inode` is 0 where the platform
/// has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last modification, nanoseconds since the epoch.
    pub modified_ns: i64,
    /// The file's number on its file system.
    pub inode: u64,
}

impl Stamp {
    /// Takes the stamp out of a file's metadata.
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> Stamp {
        let modified_ns = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_nanos()).ok())
            .unwrap_or(0);
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Stamp {
            size: metadata.len(),
            modified_ns,
            inode,
        }
    }
}

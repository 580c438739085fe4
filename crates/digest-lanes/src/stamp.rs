//! The state of a file, used to notice changes.

/// The state of a file: two different stamps mean that the file changed.
///
/// Times are in nanoseconds since the epoch. `inode` and `changed_ns` are 0 on platforms
/// that do not have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last modification, nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Time of the last change of content or metadata (Unix's ctime), nanoseconds since the epoch.
    /// Programs can set `modified_ns` back, for example `cp -p` and `touch -r`, but not this one.
    pub changed_ns: i64,
    /// The number of the file on its file system.
    pub inode: u64,
}

impl Stamp {
    /// Reads the stamp from a file's metadata.
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> Stamp {
        let modified_ns = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_nanos()).ok())
            .unwrap_or(0);
        #[cfg(unix)]
        let (inode, changed_ns) = {
            use std::os::unix::fs::MetadataExt;
            let seconds = metadata.ctime().saturating_mul(1_000_000_000);
            (
                metadata.ino(),
                seconds.saturating_add(metadata.ctime_nsec()),
            )
        };
        #[cfg(not(unix))]
        let (inode, changed_ns) = (0, 0);
        Stamp {
            size: metadata.len(),
            modified_ns,
            changed_ns,
            inode,
        }
    }
}

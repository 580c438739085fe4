//! The logical partitions of a `super` image.
//!
//! In: a source over the raw image. Out: the names of its partitions, and each as a [`ReadAt`]. On
//! phones launched before Android 10 ("retrofit"), the image is spread over the old partitions: the
//! first contains the metadata, which names the others.
//! Source: AOSP `fs_mgr/liblp/include/liblp/metadata_format.h`, versions 10.0 to
//! 10.2.
//!
//! The first copy of geometry and metadata with correct checksums is used. In a package all slots
//! are equal, so the others are read only if the first is damaged.

mod error;
mod metadata;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::metadata::{
    GEOMETRY_LEN, GEOMETRY_MAGIC, Geometry, Metadata, geometry_offset, read_metadata,
};
use super::mapped::{Joined, Mapped};
use crate::io::{ReadAt, ReadError};

pub use error::Error;

/// Whether a source holds a super image.
///
/// # Errors
/// If the source cannot be read. One that is too short is not a super image.
pub fn detect(source: &dyn ReadAt) -> Result<bool, ReadError> {
    for copy in [0, 1] {
        let offset = geometry_offset(copy);
        let mut magic = [0; 4];
        if source.size() < offset.saturating_add(GEOMETRY_LEN) {
            return Ok(false);
        }
        source.read_exact_at(offset, &mut magic)?;
        if u32::from_le_bytes(magic) == GEOMETRY_MAGIC {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The partitions of a super image.
pub struct Super {
    /// The block devices in their order; `None` if not available.
    devices: Vec<Option<Arc<dyn ReadAt>>>,
    metadata: Metadata,
}

impl Super {
    /// Reads geometry and metadata from the first block device, usually the only one.
    ///
    /// # Errors
    /// The error of the first copy if no copy is valid; [`Error::Twice`], [`Error::Overlap`].
    pub fn open(source: Arc<dyn ReadAt>) -> Result<Super, Error> {
        let geometry = Geometry::read(&*source, 0)
            .or_else(|first| Geometry::read(&*source, 1).map_err(|_| first))?;
        let mut fault = None;
        for slot in 0..geometry.num_copies() {
            match read_metadata(&*source, &geometry, slot) {
                Ok(metadata) => {
                    metadata.check_names()?;
                    metadata.check_overlaps()?;
                    let mut devices = vec![None; metadata.devices.len()];
                    if let Some(first) = devices.first_mut() {
                        *first = Some(source);
                    }
                    return Ok(Super { devices, metadata });
                }
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        Err(fault.expect("a geometry has at least one slot"))
    }

    /// Iterates over the names of the block devices other than the first; they may end in `_a`.
    pub fn other_devices(&self) -> impl Iterator<Item = &str> {
        self.metadata.devices.iter().skip(1).map(String::as_str)
    }

    /// Sets the block devices other than the first, in the order of [`Super::other_devices`].
    #[must_use]
    pub fn with_devices(
        mut self,
        others: impl IntoIterator<Item = Option<Arc<dyn ReadAt>>>,
    ) -> Super {
        for (device, source) in self.devices.iter_mut().skip(1).zip(others) {
            *device = source;
        }
        self
    }

    /// Iterates over the names of the partitions that are not empty.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        self.metadata.partitions.iter().map(|p| p.name.as_str())
    }

    /// Opens a partition.
    ///
    /// # Errors
    /// [`Error::BadExtent`], [`Error::MissingDevice`].
    pub fn partition(&self, name: &str) -> Result<Option<Box<dyn ReadAt>>, Error> {
        let mut partitions = self.metadata.partitions.iter();
        let Some(found) = partitions.find(|p| p.name == name) else {
            return Ok(None);
        };
        let sizes = self.devices.iter().map(|device| {
            let device = device.as_ref();
            device.map(|source| source.size())
        });
        let (runs, size) = self.metadata.runs(found, &sizes.collect::<Vec<_>>())?;
        let source: Arc<dyn ReadAt> = match &self.devices[..] {
            [Some(only)] => Arc::clone(only),
            devices => Arc::new(Joined::new(devices.iter().flatten().cloned().collect())),
        };
        Ok(Some(Box::new(Mapped::new(source, runs, size))))
    }
}

//! The partitions of a package, whatever its layout.
//!
//! In: a package. Out: the names of its partitions, each as a [`ReadAt`] and as a file system.
//! Nothing is decoded before it is read, and decoded parts of a partition are stored until the
//! [`Ota`] is dropped.

mod error;
mod new_data;
mod partitions;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use crate::codec::Codec;
use crate::fs::{self, FileSystem};
use crate::image::payload::Payload;
use crate::image::sparse::{self, Sparse};
use crate::image::super_image::Super;
use crate::image::transfer_list::TransferList;
use crate::io::{Budget, Checked, Limits, ReadAt, Spill};
use crate::package::zip::Entry;
use crate::package::{Package, layout};

pub use error::Error;
#[cfg(feature = "verify")]
pub(crate) use new_data::{NewData, find_new_data};

/// The partition that contains the logical partitions.
const SUPER: &str = "super";

/// An open package and its partitions.
pub struct Ota {
    package: Package,
    budget: Arc<Budget>,
    partitions: BTreeMap<String, Location>,
    needs_source: bool,
    opened: Mutex<BTreeMap<String, Arc<dyn ReadAt>>>,
}

/// Where a partition is in the package.
struct Location {
    origin: Origin,
    /// The entry that contains it.
    entry: String,
    /// Another entry that could contain it.
    rival: Option<String>,
}

/// The container of a partition.
enum Origin {
    Payload(Arc<Payload>),
    Block(Block),
    Images(Images),
    Super(Arc<Super>),
}

/// The parts of an image; one if it is not split.
type Images = Vec<(Option<Codec>, Entry)>;

struct Block {
    list_name: String,
    list: Vec<u8>,
    codec: Option<Codec>,
    data: Vec<Entry>,
    size: u64,
}

impl Ota {
    /// Opens a package with the default [`Limits`].
    ///
    /// # Errors
    /// As [`Ota::from_package`].
    pub fn open(source: impl ReadAt + 'static) -> Result<Ota, Error> {
        Ota::open_within(source, &Limits::default())
    }

    /// Opens a package within limits.
    ///
    /// # Errors
    /// As [`Ota::from_package`].
    pub fn open_within(source: impl ReadAt + 'static, limits: &Limits) -> Result<Ota, Error> {
        let (package, budget) = Package::open_within(source, limits)?;
        Ota::from_package(&package, budget)
    }

    /// Finds the partitions of a package that is open already.
    ///
    /// A package may have none: a file-based ROM has only entries.
    ///
    /// # Errors
    /// Any [`Error`] in what lists the partitions: the payload's manifest, the zip's
    /// entries, the metadata of `super`.
    pub fn from_package(package: &Package, budget: Arc<Budget>) -> Result<Ota, Error> {
        let mut ota = Ota {
            package: package.clone(),
            budget,
            partitions: BTreeMap::new(),
            needs_source: false,
            opened: Mutex::default(),
        };
        if let Some(entry) = package.open_entry(layout::PAYLOAD)? {
            let payload = Arc::new(Payload::open(entry.source(&ota.budget))?);
            ota.needs_source = payload.needs_source()?;
            if let Some((partition, source)) = payload.find_truncated() {
                return Err(Error::PayloadPartition {
                    partition: partition.to_owned(),
                    source,
                });
            }
            for name in payload.partitions() {
                let origin = Origin::Payload(Arc::clone(&payload));
                ota.add(name.to_owned(), layout::PAYLOAD, origin);
            }
            ota.add_logical_partitions()?;
            return Ok(ota);
        }
        ota.add_block_partitions(package)?;
        ota.add_images(package)?;
        // Factory images have firmware next to a zip of the other images.
        if ota.find("system").is_none() && ota.find(SUPER).is_none() {
            ota.add_inner_zips(package)?;
        }
        ota.add_logical_partitions()?;
        Ok(ota)
    }

    /// Whether the package is a delta, which needs the partitions of an earlier build.
    #[must_use]
    pub fn needs_source(&self) -> bool {
        self.needs_source
    }

    /// Returns the zip: its entries and its comment, which [`metadata`](crate::package::metadata) and
    /// [`signature`](crate::package::signature) read.
    #[must_use]
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// Returns the budget of the package.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Iterates over the names of all partitions, sorted.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        self.partitions.keys().map(String::as_str)
    }

    /// Finds the partition `name`, or `name_a` or `name_b`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        [name.to_owned(), format!("{name}_a"), format!("{name}_b")]
            .iter()
            .find_map(|name| self.partitions.get_key_value(name))
            .map(|(name, _)| name.as_str())
    }

    /// Whether a partition can be read at any offset without decoding everything before it, or was
    /// opened already.
    #[must_use]
    pub fn is_cheap_to_read(&self, name: &str) -> bool {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let are_plain = |images: &Images| {
            let mut images = images.iter();
            images.all(|(codec, entry)| codec.is_none() && entry.is_stored())
        };
        opened.contains_key(name)
            || match self.partitions.get(name).map(|place| &place.origin) {
                None => false,
                Some(Origin::Payload(_)) => true,
                Some(Origin::Block(block)) => {
                    block.codec.is_none() && block.data.iter().all(Entry::is_stored)
                }
                Some(Origin::Images(images)) => are_plain(images),
                Some(Origin::Super(_)) => {
                    match self.partitions.get(SUPER).map(|place| &place.origin) {
                        Some(Origin::Images(images)) => are_plain(images),
                        _ => false,
                    }
                }
            }
    }

    /// Opens the image of a partition.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NoPartition`] if there is no such partition.
    pub fn image(&self, name: &str) -> Result<Arc<dyn ReadAt>, Error> {
        let Some(name) = self.find(name) else {
            return Err(Error::NoPartition {
                name: name.to_owned(),
                has: self.partitions().take(100).collect::<Vec<_>>().join(", "),
            });
        };
        let opened = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = opened().get(name) {
            return Ok(Arc::clone(image));
        }
        if let Some(Location {
            entry,
            rival: Some(rival),
            ..
        }) = self.partitions.get(name)
        {
            return Err(Error::Ambiguous {
                partition: name.to_owned(),
                entry: entry.clone(),
                other: rival.clone(),
            });
        }
        let image = self.open_image(name)?;
        let image: Arc<dyn ReadAt> = Arc::new(Checked::new(image, Arc::clone(&self.budget)));
        opened().insert(name.to_owned(), Arc::clone(&image));
        Ok(image)
    }

    /// Returns the SHA-256 that a payload states for a partition.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn sha256(&self, name: &str) -> Result<Option<[u8; 32]>, Error> {
        let found = self
            .find(name)
            .map(|name| (name, &self.partitions[name].origin));
        let Some((name, Origin::Payload(payload))) = found else {
            return Ok(None);
        };
        payload
            .sha256(name)
            .map_err(|source| Error::PayloadPartition {
                partition: name.to_owned(),
                source,
            })
    }

    /// Opens the file system of a partition.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn file_system(&self, name: &str) -> Result<Box<dyn FileSystem>, Error> {
        fs::open(self.image(name)?).map_err(|source| Error::FileSystem {
            partition: name.to_owned(),
            source,
        })
    }

    fn open_image(&self, name: &str) -> Result<Arc<dyn ReadAt>, Error> {
        match &self.partitions[name].origin {
            Origin::Payload(payload) => {
                let image = payload.partition(name, Arc::clone(&self.budget));
                let image = image.map_err(|source| Error::PayloadPartition {
                    partition: name.to_owned(),
                    source,
                })?;
                Ok(Arc::new(image.expect("its name is from the manifest")))
            }
            Origin::Super(logical) => {
                let image = logical.partition(name)?;
                Ok(image.expect("its name is from the metadata").into())
            }
            Origin::Block(block) => self.open_block(block),
            Origin::Images(images) => self.open_images(name, images),
        }
    }

    fn open_block(&self, block: &Block) -> Result<Arc<dyn ReadAt>, Error> {
        let fail = |source| Error::TransferList {
            entry: block.list_name.clone(),
            source,
        };
        let list = TransferList::parse(&block.list).map_err(fail)?;
        if block.data.is_empty() {
            return Err(Error::Entry {
                entry: block.list_name.clone(),
                fault: "has no new.dat",
            });
        }
        let data: Arc<dyn ReadAt> = match (&block.data[..], block.codec) {
            ([entry], None) => entry.source(&self.budget),
            (entries, codec) => {
                let mut stream: Box<dyn Read + Send> = Box::new(std::io::empty());
                for entry in entries {
                    stream = Box::new(stream.chain(entry.stream()));
                }
                let (what, stream) = match codec {
                    Some(codec) => (codec.as_str(), codec.decode(stream)),
                    None => ("new.dat", stream),
                };
                let budget = Arc::clone(&self.budget);
                let spill = Spill::new(what, stream, list.data_len, budget);
                Arc::new(spill.with_window(codec.map_or(0, Codec::max_window)))
            }
        };
        list.image(data, block.size).map(Arc::from).map_err(fail)
    }

    fn open_images(
        &self,
        name: &str,
        images: &[(Option<Codec>, Entry)],
    ) -> Result<Arc<dyn ReadAt>, Error> {
        let mut sources: Vec<Arc<dyn ReadAt>> = Vec::new();
        for (codec, entry) in images {
            sources.push(match codec {
                None => entry.source(&self.budget),
                Some(codec) => {
                    let spill = Spill::new(
                        codec.as_str(),
                        codec.decode(entry.stream()),
                        u64::MAX,
                        Arc::clone(&self.budget),
                    );
                    Arc::new(spill.with_window(codec.max_window()))
                }
            });
        }
        let first = &sources[0];
        let is_sparse = sparse::detect(&**first).map_err(|source| Error::Read {
            partition: name.to_owned(),
            source,
        })?;
        if !is_sparse {
            if sources.len() > 1 {
                return Err(Error::RawParts {
                    partition: name.to_owned(),
                });
            }
            return Ok(Arc::clone(first));
        }
        let fail = |source| Error::Sparse {
            partition: name.to_owned(),
            source,
        };
        let image = Sparse::open(sources).map_err(fail)?;
        let is_plain =
            |(codec, entry): &(Option<Codec>, Entry)| codec.is_none() && entry.is_stored();
        if images.iter().all(is_plain) {
            image.check().map_err(fail)?;
        }
        Ok(Arc::new(image))
    }
}

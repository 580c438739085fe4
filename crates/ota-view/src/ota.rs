//! The partitions of a package, whatever its layout.
//!
//! In: an opened [`Package`]. Out: the names of the partitions it brings, each as
//! a [`ReadAt`] and its file system. Nothing is decoded before it is asked for,
//! and what has been decoded of a partition is kept while the [`Ota`] lives.

use std::collections::{BTreeMap, btree_map};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use crate::codec::Codec;
use crate::error_kind::ErrorKind;
use crate::fs::{self, FileSystem};
use crate::image::payload::{self, Payload};
use crate::image::sparse::{self, Sparse};
use crate::image::super_image::{self, Super};
use crate::image::transfer_list::{self, TransferList};
use crate::io::{Budget, Checked, Limits, ReadAt, ReadError, Spill};
use crate::package::layout::{self, parse_image_name};
use crate::package::zip::Entry;
use crate::package::{Package, zip};

/// Sizes of the partitions on the phone.
const OP_LIST: &str = "dynamic_partitions_op_list";
/// Longest list of operations on dynamic partitions, in bytes; real ones take
/// some 2 KiB.
const MAX_OP_LIST_SIZE: u64 = 1 << 20;
/// Most partitions of one package, counting the parts of split ones.
const MAX_PARTITIONS: usize = 1000;
/// Most parts of one split stream.
const MAX_PARTS: usize = 256;
/// Most zips inside a package that are looked into.
const MAX_INNER_ZIPS: usize = 4;
/// The partition that holds the others.
const SUPER: &str = "super";
/// The partitions that a super image may be spread over; the metadata is mostly on the first.
const RETROFIT: [&str; 5] = ["system", "vendor", "product", "system_ext", "odm"];

/// Why a partition cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The zip cannot be read.
    #[error(transparent)]
    Zip(#[from] zip::Error),
    /// A zip inside the package cannot be read.
    #[error("entry `{}`", .entry.escape_debug())]
    InnerZip {
        /// The inner zip.
        entry: String,
        /// The reason.
        #[source]
        source: zip::Error,
    },
    /// The payload cannot be read.
    #[error("payload.bin")]
    Payload(#[from] payload::Error),
    /// A partition of the payload cannot be read.
    #[error("payload.bin: partition `{}`", .partition.escape_debug())]
    PayloadPartition {
        /// The partition.
        partition: String,
        /// The reason.
        #[source]
        source: payload::Error,
    },
    /// A transfer list cannot be used.
    #[error("entry `{}`", .entry.escape_debug())]
    TransferList {
        /// The list.
        entry: String,
        /// The reason.
        #[source]
        source: transfer_list::Error,
    },
    /// More partitions than romfeed reads.
    #[error("more than {MAX_PARTITIONS} partition images or transfer lists")]
    TooMany,
    /// An image in parts that are not sparse.
    #[error("partition `{}` in several parts that are not sparse", .partition.escape_debug())]
    RawParts {
        /// The partition.
        partition: String,
    },
    /// Two entries could be meant.
    #[error("ambiguous: both `{}` and `{}` could be partition `{}`", .entry.escape_debug(), .other.escape_debug(), .partition.escape_debug())]
    Ambiguous {
        /// The partition.
        partition: String,
        /// One entry that holds it.
        entry: String,
        /// Another one.
        other: String,
    },
    /// A list without data, or the like.
    #[error("entry `{}` {fault}", .entry.escape_debug())]
    Entry {
        /// The entry.
        entry: String,
        /// What is wrong.
        fault: &'static str,
    },
    /// A sparse image cannot be read.
    #[error("partition `{}`", .partition.escape_debug())]
    Sparse {
        /// The partition.
        partition: String,
        /// The reason.
        #[source]
        source: sparse::Error,
    },
    /// The super image cannot be read.
    #[error("super image")]
    Super(#[from] super_image::Error),
    /// The beginning of an image cannot be read.
    #[error("partition `{}`", .partition.escape_debug())]
    Read {
        /// The partition.
        partition: String,
        /// The reason.
        #[source]
        source: ReadError,
    },
    /// The file system of a partition cannot be read.
    #[error("partition `{}`", .partition.escape_debug())]
    FileSystem {
        /// The partition.
        partition: String,
        /// The reason.
        #[source]
        source: fs::Error,
    },
    /// No partition of this name.
    #[error("the package has no partition `{}`; it has {}", .name.escape_debug(), .has.escape_debug())]
    NoPartition {
        /// The name.
        name: String,
        /// The names there are.
        has: String,
    },
}

impl Error {
    /// The class of the fault.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Zip(source) | Error::InnerZip { source, .. } => source.kind(),
            Error::Payload(source) | Error::PayloadPartition { source, .. } => source.kind(),
            Error::TransferList { source, .. } => source.kind(),
            Error::RawParts { .. } => ErrorKind::Unsupported,
            Error::TooMany => ErrorKind::Limit,
            Error::Entry { .. } | Error::Ambiguous { .. } => ErrorKind::Corrupt,
            Error::Sparse { source, .. } => source.kind(),
            Error::Super(source) => source.kind(),
            Error::Read { source, .. } => source.kind(),
            Error::FileSystem { source, .. } => source.kind(),
            Error::NoPartition { .. } => ErrorKind::NotFound,
        }
    }
}

/// The partitions of a package.
pub struct Ota {
    package: Package,
    budget: Arc<Budget>,
    partitions: BTreeMap<String, Place>,
    needs_source: bool,
    opened: Mutex<BTreeMap<String, Arc<dyn ReadAt>>>,
}

/// Where a partition is.
struct Place {
    origin: Origin,
    /// The entry that holds it.
    entry: String,
    /// Another entry that could hold it.
    rival: Option<String>,
}

/// Where a partition comes from.
enum Origin {
    Payload(Arc<Payload>),
    Block(Block),
    Images(Images),
    Super(Arc<Super>),
}

/// The parts of an image, or the one that is whole.
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
        let mut rom = Ota {
            package: package.clone(),
            budget,
            partitions: BTreeMap::new(),
            needs_source: false,
            opened: Mutex::default(),
        };
        if let Some(entry) = package.open_entry(layout::PAYLOAD)? {
            let payload = Arc::new(Payload::open(entry.source(&rom.budget))?);
            rom.needs_source = payload.needs_source()?;
            if let Some((partition, source)) = payload.find_cut() {
                return Err(Error::PayloadPartition {
                    partition: partition.to_owned(),
                    source,
                });
            }
            for name in payload.partitions() {
                let origin = Origin::Payload(Arc::clone(&payload));
                rom.add(name.to_owned(), layout::PAYLOAD, origin);
            }
            rom.add_logical_partitions()?;
            return Ok(rom);
        }
        rom.add_block_partitions(package)?;
        rom.add_images(package)?;
        // Factory images have firmware beside the zip of the others.
        if rom.find("system").is_none() && rom.find(SUPER).is_none() {
            rom.add_inner_zips(package)?;
        }
        rom.add_logical_partitions()?;
        Ok(rom)
    }

    /// Adds a partition; a second place for one makes it ambiguous.
    fn add(&mut self, partition: String, entry: &str, origin: Origin) {
        let entry = entry.to_owned();
        match self.partitions.entry(partition) {
            btree_map::Entry::Occupied(mut place) => {
                place.get_mut().rival.get_or_insert(entry);
            }
            btree_map::Entry::Vacant(place) => {
                place.insert(Place {
                    origin,
                    entry,
                    rival: None,
                });
            }
        }
    }

    fn add_block_partitions(&mut self, package: &Package) -> Result<(), Error> {
        let sizes = package
            .read(OP_LIST, MAX_OP_LIST_SIZE)?
            .map(|text| transfer_list::parse_op_list(&text))
            .unwrap_or_default();
        let lists: Vec<String> = package
            .names()
            .filter(|name| name.ends_with(".transfer.list") && !name.contains('/'))
            .map(str::to_owned)
            .collect();
        check_number(lists.len())?;
        for list_name in lists {
            let partition = list_name.trim_end_matches(".transfer.list");
            let patches = package.entry(&format!("{partition}.patch.dat"));
            let NewData {
                codec,
                names,
                has_gap,
                rival,
            } = find_new_data(package, partition);
            if has_gap {
                return Err(Error::Entry {
                    entry: list_name.clone(),
                    fault: "lacks a part of its new.dat",
                });
            }
            if let Some((entry, other)) = names.first().cloned().zip(rival) {
                return Err(Error::Ambiguous {
                    partition: partition.to_owned(),
                    entry,
                    other,
                });
            }
            if names.len() > MAX_PARTS {
                return Err(Error::Entry {
                    entry: list_name.clone(),
                    fault: "has its new.dat in too many parts",
                });
            }
            let list = package
                .read(&list_name, transfer_list::MAX_SIZE)?
                .unwrap_or_default();
            self.needs_source |=
                patches.is_some_and(|entry| entry.size > 0) || transfer_list::needs_source(&list);
            let mut data = Vec::new();
            for name in names {
                data.extend(package.open_entry(&name)?);
            }
            let block = Block {
                list,
                codec,
                data,
                size: sizes.get(partition).copied().unwrap_or(0),
                list_name: list_name.clone(),
            };
            self.add(partition.to_owned(), &list_name, Origin::Block(block));
        }
        Ok(())
    }

    fn add_images(&mut self, package: &Package) -> Result<(), Error> {
        // The entries of each partition and part; more than one if several folders have it.
        type Names = Vec<(Option<Codec>, String)>;
        let mut found: BTreeMap<(String, Option<u32>), Names> = BTreeMap::new();
        for entry in package.names() {
            if let Some(image) = parse_image_name(entry) {
                let key = (image.partition.to_owned(), image.part);
                let names = found.entry(key).or_default();
                names.push((image.codec, entry.to_owned()));
            }
        }
        check_number(found.len())?;
        let mut rivals = Vec::new();
        let mut split: BTreeMap<String, (String, Vec<u32>, Images)> = BTreeMap::new();
        for ((partition, part), names) in found {
            let mut names = names.into_iter();
            let Some((codec, name)) = names.next() else {
                continue;
            };
            rivals.extend(names.next().map(|(_, rival)| (partition.clone(), rival)));
            let Some(entry) = package.open_entry(&name)? else {
                continue;
            };
            let Some(number) = part else {
                self.add(partition, &name, Origin::Images(vec![(codec, entry)]));
                continue;
            };
            let (_, numbers, images) = split
                .entry(partition)
                .or_insert_with(|| (name.clone(), Vec::new(), Vec::new()));
            if *numbers.last().unwrap_or(&number) + 1 < number || number > 1 && numbers.is_empty() {
                return Err(Error::Entry {
                    entry: name,
                    fault: "is a part of an image that lacks the one before it",
                });
            }
            numbers.push(number);
            images.push((codec, entry));
        }
        for (partition, (first, _, images)) in split {
            self.add(partition, &first, Origin::Images(images));
        }
        for (partition, rival) in rivals {
            if let Some(place) = self.partitions.get_mut(&partition) {
                place.rival.get_or_insert(rival);
            }
        }
        Ok(())
    }

    fn add_inner_zips(&mut self, package: &Package) -> Result<(), Error> {
        let zips: Vec<String> = package
            .names()
            .filter(|name| layout::is_images_zip(name))
            .take(MAX_INNER_ZIPS)
            .map(str::to_owned)
            .collect();
        for entry in zips {
            let Some(opened) = package.open_entry(&entry)? else {
                continue;
            };
            let fail = |source| Error::InnerZip {
                entry: entry.clone(),
                source,
            };
            let inner = Package::open(opened.source(&self.budget)).map_err(fail)?;
            self.add_images(&inner)?;
        }
        Ok(())
    }

    fn add_logical_partitions(&mut self) -> Result<(), Error> {
        if self.partitions.contains_key(SUPER) {
            let image = self.image(SUPER)?;
            let fail = |source| Error::Read {
                partition: SUPER.to_owned(),
                source,
            };
            if super_image::detect(&*image).map_err(fail)? {
                let logical = Arc::new(Super::open(image)?);
                for name in logical.partitions() {
                    self.add(name.to_owned(), SUPER, Origin::Super(Arc::clone(&logical)));
                }
            }
        } else if !self.needs_source
            && let Some(first) = self.find_retrofit()
        {
            self.add_retrofit_partitions(&first)?;
        }
        Ok(())
    }

    /// The partition with the metadata of a super image that lies in pieces on the partitions
    /// there were before Android 10. What cannot be read is reported when it is needed.
    fn find_retrofit(&self) -> Option<String> {
        let mut images = RETROFIT.iter().filter_map(|name| {
            let name = self.find(name)?.to_owned();
            self.image(&name).ok().map(|image| (name, image))
        });
        // Where one has a file system, there is no such image.
        let is_piece =
            |(_, image): &(String, Arc<dyn ReadAt>)| matches!(fs::detect(&**image), Ok(None));
        images
            .by_ref()
            .take_while(is_piece)
            .find(|(_, image)| super_image::detect(&**image).unwrap_or(false))
            .map(|(name, _)| name)
    }

    fn add_retrofit_partitions(&mut self, first: &str) -> Result<(), Error> {
        let logical = Super::open(self.image(first)?)?;
        let mut others = Vec::new();
        for device in logical.other_devices() {
            let name = device.trim_end_matches("_a").trim_end_matches("_b");
            let piece = self.find(device).or_else(|| self.find(name));
            others.push(piece.map(|piece| self.image(piece)).transpose()?);
        }
        let logical = Arc::new(logical.with_devices(others));
        for name in logical.partitions() {
            // The piece of this name holds something else.
            let place = Place {
                origin: Origin::Super(Arc::clone(&logical)),
                entry: first.to_owned(),
                rival: None,
            };
            self.partitions.insert(name.to_owned(), place);
            let opened = self.opened.get_mut();
            opened.unwrap_or_else(PoisonError::into_inner).remove(name);
        }
        Ok(())
    }

    /// Whether the package changes the partitions of an earlier build, instead of
    /// bringing its own.
    #[must_use]
    pub fn needs_source(&self) -> bool {
        self.needs_source
    }

    /// The zip: its entries, its comment, and what [`metadata`](crate::package::metadata) and
    /// [`signature`](crate::package::signature) read out of them.
    #[must_use]
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// What may be spent on the package.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The names of all partitions, sorted.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        self.partitions.keys().map(String::as_str)
    }

    /// The partition called `name`, or that of slot A or B.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        [name.to_owned(), format!("{name}_a"), format!("{name}_b")]
            .iter()
            .find_map(|name| self.partitions.get_key_value(name))
            .map(|(name, _)| name.as_str())
    }

    /// Whether a partition was read from already, or can be read from at any place without
    /// decoding all before it.
    #[must_use]
    pub fn is_at_hand(&self, name: &str) -> bool {
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

    /// The bytes of a partition.
    ///
    /// # Errors
    /// Any [`Error`]; class `MissingFacts` if there is no such partition.
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
        if let Some(Place {
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

    /// The SHA-256 that the package itself gives for a whole partition.
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

    /// The file system of a partition.
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
                fault: "has no new.dat beside it",
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

fn check_number(num_partitions: usize) -> Result<(), Error> {
    match num_partitions > MAX_PARTITIONS {
        true => Err(Error::TooMany),
        false => Ok(()),
    }
}

/// The new data of a partition of a block-based package.
pub(crate) struct NewData {
    /// How it is compressed.
    pub(crate) codec: Option<Codec>,
    /// Its entries, in order.
    pub(crate) names: Vec<String>,
    /// A part is missing.
    pub(crate) has_gap: bool,
    /// An entry that could be the data, too: in another form, or the same part again.
    pub(crate) rival: Option<String>,
}

/// Finds the new data of a partition: `system.new.dat`, `.new.dat.br`, or in parts as
/// `.new.dat.0`, `.new.dat.br.0`.
pub(crate) fn find_new_data(package: &Package, partition: &str) -> NewData {
    let prefix = format!("{partition}.new.dat");
    let mut rival = None;
    let mut parts: BTreeMap<(Option<&str>, u32), &str> = BTreeMap::new();
    for name in package.names_with_prefix(&prefix) {
        let rest = name.strip_prefix(&prefix).unwrap_or_default();
        let mut extensions = rest.strip_prefix('.').unwrap_or(rest).split('.');
        let (codec, part) = match (extensions.next(), extensions.next(), extensions.next()) {
            (Some(""), None, None) => (None, 0),
            (Some(one), None, None) => match one.parse() {
                Ok(part) => (None, part),
                Err(_) => (Some(one), 0),
            },
            (Some(one), Some(part), None) => match part.parse() {
                Ok(part) => (Some(one), part),
                Err(_) => continue,
            },
            _ => continue,
        };
        if codec.is_none_or(|codec| Codec::of_extension(codec).is_some()) {
            rival = rival.or(parts.insert((codec, part), name));
        }
    }
    let form = parts.first_key_value().and_then(|((codec, _), _)| *codec);
    let ours = || parts.iter().filter(|((codec, _), _)| *codec == form);
    let mut others = parts.iter().filter(|((codec, _), _)| *codec != form);
    // Some tools count from 0, others from 1.
    let first = ours().next().map_or(0, |((_, part), _)| *part);
    let has_gap = first > 1 || ours().zip(first..).any(|(((_, part), _), n)| *part != n);
    NewData {
        codec: form.and_then(Codec::of_extension),
        names: ours().map(|(_, &name)| name.to_owned()).collect(),
        has_gap,
        rival: others
            .next()
            .map(|(_, name)| *name)
            .or(rival)
            .map(str::to_owned),
    }
}

//! Finds the partitions of a package: in its payload, transfer lists, images and `super`.

use std::collections::{BTreeMap, btree_map};
use std::sync::{Arc, PoisonError};

use super::new_data::{NewData, find_new_data};
use super::{Block, Error, Images, Location, Origin, Ota, SUPER};
use crate::codec::Codec;
use crate::fs;
use crate::image::MAX_PARTITIONS;
use crate::image::super_image::{self, Super};
use crate::image::transfer_list;
use crate::io::ReadAt;
use crate::package::Package;
use crate::package::layout::{self, parse_image_name};

/// Longest list of operations on dynamic partitions, in bytes; real ones have about 2 KiB.
const MAX_OP_LIST_SIZE: u64 = 1 << 20;
/// Most parts of one split stream.
const MAX_NEW_DATA_PARTS: usize = 256;
/// Most zips inside a package that are opened.
const MAX_INNER_ZIPS: usize = 4;
/// The partitions that a super image may be spread over; its metadata is usually on the first.
const RETROFIT: [&str; 5] = ["system", "vendor", "product", "system_ext", "odm"];

impl Ota {
    /// Adds a partition; a second location makes it ambiguous.
    pub(super) fn add(&mut self, partition: String, entry: &str, origin: Origin) {
        let entry = entry.to_owned();
        match self.partitions.entry(partition) {
            btree_map::Entry::Occupied(mut place) => {
                place.get_mut().rival.get_or_insert(entry);
            }
            btree_map::Entry::Vacant(place) => {
                place.insert(Location {
                    origin,
                    entry,
                    rival: None,
                });
            }
        }
    }

    pub(super) fn add_block_partitions(&mut self, package: &Package) -> Result<(), Error> {
        let sizes = package
            .read(transfer_list::OP_LIST, MAX_OP_LIST_SIZE)?
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
            if names.len() > MAX_NEW_DATA_PARTS {
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

    pub(super) fn add_images(&mut self, package: &Package) -> Result<(), Error> {
        // The entries of each partition and part; several if more than one folder has it.
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

    pub(super) fn add_inner_zips(&mut self, package: &Package) -> Result<(), Error> {
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

    pub(super) fn add_logical_partitions(&mut self) -> Result<(), Error> {
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

    /// Finds the partition with the metadata of a super image that is spread over the partitions
    /// of a phone from before Android 10. Read errors are reported when the partition is used.
    fn find_retrofit(&self) -> Option<String> {
        let mut images = RETROFIT.iter().filter_map(|name| {
            let name = self.find(name)?.to_owned();
            self.image(&name).ok().map(|image| (name, image))
        });
        // If one of them has a file system, there is no such image.
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
            // The image of this name contains other data.
            let place = Location {
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
}

fn check_number(num_partitions: usize) -> Result<(), Error> {
    match num_partitions > MAX_PARTITIONS {
        true => Err(Error::TooMany),
        false => Ok(()),
    }
}

//! Whole ROM packages, with the entries real ones have, in their order.
//!
//! In: the properties of a build, and the package's irregularities. Out: the zip. There are four
//! layouts: plain files (up to CyanogenMod 11), block based (CyanogenMod 12 and later, devices
//! without A/B slots), payload (A/B devices), and raw images (repacked for the recovery by hand).
//! Layouts follow the packages that AOSP `releasetools` and its LineageOS versions write; there is
//! no common form for images. [`Package::signed`] signs a package; without it, certificate and
//! signatures are made up.

mod contents;
mod layouts;
mod property_files;
#[cfg(test)]
mod tests;

use crate::{
    metadata::Metadata,
    noise,
    payload::Partition,
    props::Props,
    signing::{self, Key},
    zip::{Entry, Zip},
};
use contents::{aligned, alignment_field, packed};

const METADATA: &str = "META-INF/com/android/metadata";
const METADATA_PB: &str = "META-INF/com/android/metadata.pb";
const OTACERT: &str = "META-INF/com/android/otacert";
const UPDATE_BINARY: &str = "META-INF/com/google/android/update-binary";
const UPDATER_SCRIPT: &str = "META-INF/com/google/android/updater-script";

/// A package under construction; full and with matching metadata by default.
#[derive(Clone, Debug)]
pub struct Package {
    layout: Layout,
    props: Props,
    metadata: Option<Metadata>,
    metadata_forms: MetadataForms,
    delta: Option<(String, String)>,
    build_prop: Option<bool>,
    image: Option<Vec<u8>>,
    new_dat: Option<Vec<u8>>,
    new_dat_br: Option<Vec<u8>>,
    transfer_list: Option<String>,
    block_partitions: Vec<(String, Vec<u8>)>,
    dynamic_op_list: Option<String>,
    images: Vec<Entry>,
    partitions: Vec<Partition>,
    payload: Option<Vec<u8>>,
    added: Vec<Entry>,
    comment: Vec<u8>,
    signer: Option<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Files,
    Block,
    Payload,
    Images,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MetadataForms {
    /// The text, and the binary form where builds of this age have it.
    AsReal,
    TextOnly,
    None,
}

impl Package {
    /// Starts a package of plain files: `system/build.prop` is an entry like all others.
    pub fn files(props: Props) -> Self {
        Self::new(Layout::Files, props)
    }

    /// Starts a block-based package: `system.transfer.list` and `system.new.dat`.
    ///
    /// Full packages for SDK 21 to 28 also have `system/build.prop`, as LineageOS writes them.
    pub fn block(props: Props) -> Self {
        Self::new(Layout::Block, props)
    }

    /// Starts a package for A/B devices: `payload.bin`.
    pub fn payload(props: Props) -> Self {
        Self::new(Layout::Payload, props)
    }

    /// Starts a package of images for the recovery; `system.img` uncompressed unless
    /// [`Package::named_image`] or [`Package::stored_image`] name others.
    pub fn images(props: Props) -> Self {
        Self::new(Layout::Images, props)
    }

    /// Replaces the metadata derived from the properties. Lists of property files are
    /// still filled in unless set.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Leaves out the metadata in both forms.
    pub fn without_metadata(mut self) -> Self {
        self.metadata_forms = MetadataForms::None;
        self
    }

    /// Leaves out the binary form of the metadata.
    pub fn metadata_text_only(mut self) -> Self {
        self.metadata_forms = MetadataForms::TextOnly;
        self
    }

    /// Makes this a delta from the build with this incremental and fingerprint.
    ///
    /// The metadata names the source, and the images need it: a payload copies blocks of the
    /// old partition, a transfer list moves and patches, files are patched. Metadata and
    /// partitions given by hand stay as given.
    pub fn delta(mut self, source_incremental: &str, source_fingerprint: &str) -> Self {
        self.delta = Some((source_incremental.to_owned(), source_fingerprint.to_owned()));
        self
    }

    /// Puts `system/build.prop` next to the images, or leaves it out.
    pub fn with_build_prop(mut self, present: bool) -> Self {
        self.build_prop = Some(present);
        self
    }

    /// Sets the system image, a whole number of 4096-byte blocks.
    pub fn image(mut self, image: impl Into<Vec<u8>>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Replaces the content of `system.new.dat` (block based only).
    pub fn new_dat(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.new_dat = Some(data.into());
        self
    }

    /// Writes a stored `system.new.dat.br` with this brotli stream instead of
    /// `system.new.dat` (block based only).
    pub fn new_dat_br(mut self, stream: impl Into<Vec<u8>>) -> Self {
        self.new_dat_br = Some(stream.into());
        self
    }

    /// Replaces the text of `system.transfer.list` (block based only).
    pub fn transfer_list(mut self, text: &str) -> Self {
        self.transfer_list = Some(text.to_owned());
        self
    }

    /// Adds `X.transfer.list`, `X.new.dat` and an empty `X.patch.dat` for another partition
    /// than `system` (block based only). Deltas have them in full, too.
    ///
    /// # Panics
    /// For `system`, which [`Package::image`] sets, and in [`Package::build`], when the image
    /// is not a whole number of 4096-byte blocks.
    pub fn block_partition(mut self, name: &str, image: impl Into<Vec<u8>>) -> Self {
        assert_ne!(name, "system", "the system image is set by image()");
        self.block_partitions.push((name.to_owned(), image.into()));
        self
    }

    /// Adds `dynamic_partitions_op_list` with this text, as for devices with logical partitions
    /// (block based only).
    pub fn with_dynamic_op_list(mut self, text: &str) -> Self {
        self.dynamic_op_list = Some(text.to_owned());
        self
    }

    /// Adds a compressed entry for an image of any form, such as `product.img`; the first
    /// one replaces the default image (images only).
    pub fn named_image(mut self, entry_name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.images.push(packed(entry_name, bytes));
        self
    }

    /// Adds an image like [`Package::named_image`], but stored, as is usual for those that
    /// are compressed already, such as `super.img.xz`.
    pub fn stored_image(mut self, entry_name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.images.push(Entry::stored(entry_name, bytes));
        self
    }

    /// Adds a partition; the first one replaces all default partitions (payload only).
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partitions.push(partition);
        self
    }

    /// Replaces the content of `payload.bin` (payload only).
    pub fn payload_bin(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Adds an entry at the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "a builder step, not a sum; tests read better with the short name"
    )]
    pub fn add(mut self, entry: Entry) -> Self {
        self.added.push(entry);
        self
    }

    /// Signs the package as a whole, and puts the certificate of the key into it.
    pub fn signed(mut self, key: Key) -> Self {
        self.signer = Some(key);
        self.comment = Vec::new();
        self
    }

    /// Ends the archive with a whole-file signature comment around these signature bytes,
    /// unchecked; replaces [`Package::signed`].
    pub fn signed_comment(mut self, signature: impl AsRef<[u8]>) -> Self {
        self.comment = signing::comment(signature.as_ref());
        self.signer = None;
        self
    }

    /// Returns the metadata that follows from the properties, to be changed and passed to
    /// [`Package::metadata`].
    ///
    /// Which lines there are depends on the SDK: three up to 23, type and cache from 24,
    /// the facts of the build from 28.
    pub fn derived_metadata(&self) -> Metadata {
        let mut metadata = Metadata::new()
            .fingerprint(&self.fingerprint())
            .timestamp(self.number("ro.build.date.utc"))
            .device(&self.device());
        if self.sdk() >= 24 {
            metadata = metadata.required_cache(0).ota_type(match self.layout {
                Layout::Files => "FILE",
                Layout::Block | Layout::Images => "BLOCK",
                Layout::Payload => "AB",
            });
        }
        if self.sdk() >= 28 {
            metadata = metadata
                .incremental(self.get("ro.build.version.incremental"))
                .sdk(self.sdk())
                .security_patch(self.get("ro.build.version.security_patch"));
        }
        match &self.delta {
            Some((incremental, fingerprint)) => metadata
                .pre_incremental(incremental)
                .pre_fingerprint(fingerprint),
            None => metadata,
        }
    }

    /// Writes the package.
    pub fn build(self) -> Vec<u8> {
        let body = match self.layout {
            Layout::Files => self.files_body(),
            Layout::Block => self.block_body(),
            Layout::Payload => self.payload_body(),
            Layout::Images => self.images_body(),
        };
        let body: Vec<Entry> = body.into_iter().chain(self.added.iter().cloned()).collect();
        let mut metadata = self
            .metadata
            .clone()
            .unwrap_or_else(|| self.derived_metadata());
        if self.wants_property_files(&metadata) {
            metadata = self.with_property_files(metadata, &body);
        }
        let zip = self.assemble(&metadata, &body).build();
        match self.signer {
            Some(key) => signing::sign(zip, key),
            None => zip,
        }
    }

    fn new(layout: Layout, props: Props) -> Self {
        Self {
            layout,
            props,
            metadata: None,
            metadata_forms: MetadataForms::AsReal,
            delta: None,
            build_prop: None,
            image: None,
            new_dat: None,
            new_dat_br: None,
            transfer_list: None,
            block_partitions: Vec::new(),
            dynamic_op_list: None,
            images: Vec::new(),
            partitions: Vec::new(),
            payload: None,
            added: Vec::new(),
            comment: Vec::new(),
            signer: None,
        }
    }

    fn assemble(&self, metadata: &Metadata, body: &[Entry]) -> Zip {
        let mut zip = Zip::new().comment(self.comment.clone());
        if self.metadata_forms != MetadataForms::None {
            // A signed package starts with the marker of Java archives.
            let marker = vec![0xfe, 0xca, 0, 0];
            let extra = [marker, alignment_field()].concat();
            zip = zip.entry(Entry::stored(METADATA, metadata.text()).extra(extra.clone(), extra));
        }
        if self.has_metadata_pb() {
            zip = zip.entry(aligned(METADATA_PB, metadata.pb()));
        }
        for entry in body {
            zip = zip.entry(entry.clone());
        }
        zip
    }

    fn has_metadata_pb(&self) -> bool {
        self.metadata_forms == MetadataForms::AsReal && self.sdk() >= 31
    }

    fn certificate(&self) -> String {
        match self.signer {
            Some(key) => signing::pem(key.certificate()),
            None => signing::pem(&noise(17, 270)),
        }
    }

    fn get(&self, key: &str) -> &str {
        self.props.get(key).unwrap_or_default()
    }

    fn first(&self, keys: &[&str]) -> String {
        keys.iter()
            .find_map(|key| self.props.get(key))
            .unwrap_or_default()
            .to_owned()
    }

    fn number(&self, key: &str) -> i64 {
        self.get(key).parse().unwrap_or(0)
    }

    fn sdk(&self) -> u32 {
        self.get("ro.build.version.sdk").parse().unwrap_or(0)
    }

    fn device(&self) -> String {
        self.first(&[
            "ro.lineage.device",
            "ro.cm.device",
            "ro.product.device",
            "ro.build.product",
            "ro.product.system.device",
        ])
    }

    fn fingerprint(&self) -> String {
        self.first(&["ro.build.fingerprint", "ro.system.build.fingerprint"])
    }
}

//! Whole ROM packages, with the entries real ones have, in their order.
//!
//! In: the properties of a build, and the package's irregularities. Out: the zip. There are four
//! layouts: plain files (up to CyanogenMod 11), block based (CyanogenMod 12 and later, devices
//! without A/B slots), payload (A/B devices), and raw images (repacked for the recovery by hand).
//! Layouts follow the packages that AOSP `releasetools` and its LineageOS versions write; there is
//! no common form for images. [`Package::signed`] signs a package; without it, certificate and
//! signatures are made up.

use crate::{
    BLOCK_SIZE,
    metadata::Metadata,
    noise,
    payload::{self, Partition, Payload, op, properties, sha256},
    props::Props,
    proto::Message,
    signing::{self, Key},
    transfer_list::TransferList,
    zip::{Entry, Zip},
};

const METADATA: &str = "META-INF/com/android/metadata";
const METADATA_PB: &str = "META-INF/com/android/metadata.pb";
const OTACERT: &str = "META-INF/com/android/otacert";
const UPDATE_BINARY: &str = "META-INF/com/google/android/update-binary";
const UPDATER_SCRIPT: &str = "META-INF/com/google/android/updater-script";

/// The update engine's minor version in a delta of Android 12 and later.
const DELTA_MINOR_VERSION: u32 = 8;

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

    fn wants_property_files(&self, metadata: &Metadata) -> bool {
        let known = match self.layout {
            Layout::Files | Layout::Images => false,
            Layout::Block => self.sdk() >= 28,
            Layout::Payload => true,
        };
        known && self.metadata_forms != MetadataForms::None && !metadata.has_property_files()
    }

    /// Fills in the lists of names, offsets and lengths.
    ///
    /// The lists come before the entries they locate, so their own length must not depend on the
    /// offsets: space is reserved first and padded with spaces, as AOSP does.
    fn with_property_files(&self, metadata: Metadata, body: &[Entry]) -> Metadata {
        let streaming = self.layout == Layout::Payload;
        let fill = |metadata: Metadata, lists: &(String, String)| {
            let metadata = metadata.property_files(&lists.0);
            if streaming {
                metadata.streaming_property_files(&lists.1)
            } else {
                metadata
            }
        };
        let draft = self.property_files(&metadata, body);
        let reserved = (
            " ".repeat(draft.0.len() + 25),
            " ".repeat(draft.1.len() + 25),
        );
        let places = self.property_files(&fill(metadata.clone(), &reserved), body);
        let pad = |list: &str, room: &str| format!("{list:<width$}", width = room.len());
        fill(
            metadata,
            &(pad(&places.0, &reserved.0), pad(&places.1, &reserved.1)),
        )
    }

    /// Returns the full list and the streaming list for the current package.
    fn property_files(&self, metadata: &Metadata, body: &[Entry]) -> (String, String) {
        let (zip, places) = self.assemble(metadata, body).build_with_offsets();
        let place = |name: &str| {
            let (_, offset, len) = places.iter().find(|(known, _, _)| known == name)?;
            let short = name.rsplit('/').next().unwrap_or(name);
            Some((
                format!("{short}:{offset}:{len}"),
                *offset as usize,
                *len as usize,
            ))
        };
        let mut list: Vec<String> = [
            "payload.bin",
            "payload_properties.txt",
            "apex_info.pb",
            "care_map.pb",
            METADATA,
            METADATA_PB,
        ]
        .into_iter()
        .filter_map(|name| Some(place(name)?.0))
        .collect();
        let streaming = list.join(",");
        if let Some((_, offset, len)) = place("payload.bin")
            && let Some(metadata_len) = stated_metadata_len(&zip[offset..offset + len])
        {
            list.insert(0, format!("payload_metadata.bin:{offset}:{metadata_len}"));
        }
        (list.join(","), streaming)
    }

    fn files_body(&self) -> Vec<Entry> {
        let mut body = vec![
            packed(UPDATE_BINARY, updater()),
            packed(
                UPDATER_SCRIPT,
                self.script("package_extract_dir(\"system\", \"/system\");"),
            ),
            packed("boot.img", boot_image(&self.fingerprint())),
        ];
        if self.build_prop.unwrap_or(true) {
            body.push(match self.delta {
                Some(_) => packed("patch/system/build.prop.p", bsdiff_patch()),
                None => packed("system/build.prop", self.props.text()),
            });
        }
        body.extend([
            packed(
                "system/app/Browser.apk",
                Zip::new().stored("classes.dex", noise(11, 700)).build(),
            ),
            packed("system/bin/toolbox", updater()),
            packed("system/etc/hosts", "127.0.0.1       localhost\n"),
            packed(OTACERT, self.certificate()),
        ]);
        body
    }

    fn block_body(&self) -> Vec<Entry> {
        let version = self.transfer_list_version();
        let image = self.system_image();
        let (mut list, mut data) = TransferList::describe(&image, version);
        if self.delta.is_some() {
            // The first block moves from its old place, the second is patched.
            let moved = if version < 3 {
                "2,0,1 1 2,1,2"
            } else {
                "0123 2,0,1 1 2,1,2"
            };
            list = TransferList::new(version)
                .command(&format!("move {moved}"))
                .command(&format!(
                    "bsdiff 0 {} 0123 4567 2,1,2 1 2,1,2",
                    bsdiff_patch().len()
                ))
                .add_total(2)
                .write(&[(2, 3)]);
            data = noise(3, BLOCK_SIZE);
        }
        let list = self.transfer_list.clone().unwrap_or_else(|| list.text());
        let mut body = vec![
            packed(UPDATE_BINARY, updater()),
            packed(UPDATER_SCRIPT, self.script(&self.block_script())),
            packed("boot.img", boot_image(&self.fingerprint())),
        ];
        let has_build_prop = self
            .build_prop
            .unwrap_or((21..=28).contains(&self.sdk()) && self.delta.is_none());
        if has_build_prop {
            body.push(packed("system/build.prop", self.props.text()));
        }
        if let Some(text) = &self.dynamic_op_list {
            body.push(packed("dynamic_partitions_op_list", text.as_bytes()));
        }
        for (name, image) in &self.block_partitions {
            let (list, data) = TransferList::from_image_version(image, version);
            body.extend([
                packed(&format!("{name}.new.dat"), data),
                aligned(&format!("{name}.patch.dat"), Vec::new()),
                packed(&format!("{name}.transfer.list"), list),
            ]);
        }
        body.push(match &self.new_dat_br {
            Some(stream) => aligned("system.new.dat.br", stream.clone()),
            None => packed("system.new.dat", self.new_dat.clone().unwrap_or(data)),
        });
        let patch = if self.delta.is_some() {
            bsdiff_patch()
        } else {
            Vec::new()
        };
        body.extend([
            aligned("system.patch.dat", patch),
            packed("system.transfer.list", list),
            packed(OTACERT, self.certificate()),
        ]);
        body
    }

    fn images_body(&self) -> Vec<Entry> {
        let images = if self.images.is_empty() {
            vec![packed("system.img", self.system_image())]
        } else {
            self.images.clone()
        };
        let install: Vec<String> = images
            .iter()
            .map(|entry| {
                let file = entry.name();
                let partition = file.split(['.', '_']).next().unwrap_or_default();
                format!("package_extract_file(\"{file}\", \"/dev/block/by-name/{partition}\");")
            })
            .collect();
        let mut body = vec![
            packed(UPDATE_BINARY, updater()),
            packed(UPDATER_SCRIPT, self.script(&install.join("\n"))),
            packed("boot.img", boot_image(&self.fingerprint())),
        ];
        if self.build_prop.unwrap_or(false) {
            body.push(packed("system/build.prop", self.props.text()));
        }
        body.extend(images);
        body.push(packed(OTACERT, self.certificate()));
        body
    }

    fn payload_body(&self) -> Vec<Entry> {
        let payload = self
            .payload
            .clone()
            .unwrap_or_else(|| self.default_payload());
        // A payload given by hand may be too broken to have properties.
        let text = match stated_metadata_len(&payload) {
            Some(_) => properties(&payload),
            None => String::new(),
        };
        let mut body = Vec::new();
        if self.sdk() >= 31 {
            body.push(aligned("apex_info.pb", apex_info()));
        }
        body.push(aligned(
            "care_map.pb",
            care_map(self.get("ro.system.build.fingerprint")),
        ));
        body.push(aligned("payload.bin", payload));
        body.push(aligned("payload_properties.txt", text));
        body.push(packed(OTACERT, self.certificate()));
        body
    }

    fn default_payload(&self) -> Vec<u8> {
        let mut payload = Payload::new()
            .max_timestamp(self.number("ro.build.date.utc"))
            .security_patch_level(self.get("ro.build.version.security_patch"));
        if self.delta.is_some() {
            payload = payload.minor_version(DELTA_MINOR_VERSION);
        }
        if !self.partitions.is_empty() {
            return self
                .partitions
                .iter()
                .cloned()
                .fold(payload, Payload::partition)
                .build();
        }
        let version = self.get("ro.build.date.utc");
        let system = self.system_image();
        for (name, image) in [
            ("boot", boot_image(&self.fingerprint())),
            ("system", system),
            ("vbmeta", blocks(b"AVB0".to_vec())),
        ] {
            let partition = Partition::new(name).version(version);
            payload = payload.partition(match self.delta {
                Some(_) => partition_delta(partition, &image),
                None => partition.replace(image),
            });
        }
        payload.build()
    }

    fn system_image(&self) -> Vec<u8> {
        self.image
            .clone()
            .unwrap_or_else(|| default_image(&self.props))
    }

    fn transfer_list_version(&self) -> u32 {
        match self.sdk() {
            ..=21 => 1,
            22 => 2,
            23 => 3,
            24.. => 4,
        }
    }

    /// Returns the lines of the updater script that write the partitions.
    fn block_script(&self) -> String {
        let mut lines = Vec::new();
        if self.dynamic_op_list.is_some() {
            lines.push(
                "assert(update_dynamic_partitions(package_extract_file(\"dynamic_partitions_op_list\")));"
                    .to_owned(),
            );
        }
        let others = self
            .block_partitions
            .iter()
            .map(|(name, _)| (name.as_str(), format!("{name}.new.dat")));
        let system = ("system", self.new_dat_name().to_owned());
        for (name, data) in others.chain([system]) {
            let device = match self.dynamic_op_list {
                Some(_) => format!("map_partition(\"{name}\")"),
                None => format!("\"/dev/block/{name}\""),
            };
            lines.push(format!(
                "block_image_update({device}, package_extract_file(\"{name}.transfer.list\"), \"{data}\", \"{name}.patch.dat\");"
            ));
        }
        lines.join("\n")
    }

    fn new_dat_name(&self) -> &'static str {
        match self.new_dat_br {
            Some(_) => "system.new.dat.br",
            None => "system.new.dat",
        }
    }

    fn certificate(&self) -> String {
        match self.signer {
            Some(key) => signing::pem(key.certificate()),
            None => signing::pem(&noise(17, 270)),
        }
    }

    fn script(&self, install: &str) -> String {
        let device = self.device();
        format!(
            "assert(getprop(\"ro.product.device\") == \"{device}\" || getprop(\"ro.build.product\") == \"{device}\" || abort(\"This package is for device: {device}; this device is \" + getprop(\"ro.product.device\") + \".\"););\nui_print(\"Target: {}\");\nshow_progress(0.750000, 0);\n{install}\nshow_progress(0.050000, 5);\npackage_extract_file(\"boot.img\", \"/dev/block/boot\");\nset_progress(1.000000);\n",
            self.fingerprint(),
        )
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

/// Returns the length of header, manifest and signature, if the payload is long enough.
fn stated_metadata_len(payload: &[u8]) -> Option<usize> {
    let manifest = u64::from_be_bytes(payload.get(12..20)?.try_into().ok()?);
    let signature = u32::from_be_bytes(payload.get(20..24)?.try_into().ok()?);
    let len = manifest.checked_add(24 + u64::from(signature))?;
    (len <= payload.len() as u64).then(|| payload::metadata_len(payload))
}

/// Returns a partition that copies all blocks except the last from its old place.
fn partition_delta(partition: Partition, image: &[u8]) -> Partition {
    let kept = image.len() - BLOCK_SIZE;
    let mut old = image.to_vec();
    old[kept..].fill(0xa5);
    let mut partition = partition.old_info(old.len() as u64, sha256(&old));
    if kept > 0 {
        let extent = (0, (kept / BLOCK_SIZE) as u64);
        partition = partition.source_copy(&[extent], &image[..kept]);
    }
    partition.encoded(op::REPLACE, &image[kept..], &image[kept..])
}

/// Returns an entry as the signing tool stores it.
fn aligned(name: &str, data: impl Into<Vec<u8>>) -> Entry {
    Entry::stored(name, data).extra(alignment_field(), alignment_field())
}

/// Returns an entry as the signing tool compresses it: written in one go, sizes after the data.
fn packed(name: &str, data: impl Into<Vec<u8>>) -> Entry {
    Entry::deflated(name, data).data_descriptor()
}

/// The extra field 0xd935 of Android's signing tool, without padding.
fn alignment_field() -> Vec<u8> {
    vec![0x35, 0xd9, 2, 0, 0, 0]
}

/// Pads to whole blocks.
fn blocks(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(BLOCK_SIZE), 0);
    bytes
}

/// Returns an image without a file system: the properties, a hole, and some code.
fn default_image(props: &Props) -> Vec<u8> {
    let mut image = blocks(props.text().into_bytes());
    image.resize(image.len() + 6 * BLOCK_SIZE, 0);
    image.extend(noise(5, BLOCK_SIZE));
    image
}

fn boot_image(fingerprint: &str) -> Vec<u8> {
    let mut image = b"ANDROID!".to_vec();
    image.extend_from_slice(&noise(7, 56));
    image.extend_from_slice(fingerprint.as_bytes());
    blocks(image)
}

fn updater() -> Vec<u8> {
    let mut program = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0".to_vec();
    program.extend_from_slice(&noise(9, 236));
    program
}

fn bsdiff_patch() -> Vec<u8> {
    let mut patch = b"BSDIFF40".to_vec();
    patch.extend_from_slice(&noise(13, 120));
    patch
}

/// Returns a `CareMap` with one partition: name, ranges, id, fingerprint.
fn care_map(fingerprint: &str) -> Vec<u8> {
    let system = Message::new()
        .bytes(1, "system")
        .bytes(2, "2,0,7")
        .bytes(3, "ro.system.build.fingerprint")
        .bytes(4, fingerprint);
    Message::new().message(1, &system).build()
}

/// Returns an `ApexMetadata` with one compressed package.
fn apex_info() -> Vec<u8> {
    let apex = Message::new()
        .bytes(1, "com.android.runtime")
        .uint(2, 1)
        .uint(3, 1)
        .uint(4, 6_549_504);
    Message::new().message(1, &apex).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(version: &str, device: &str, sdk: u32) -> Props {
        Props::lineage(
            version,
            "NIGHTLY",
            device,
            1_575_978_075,
            "cd6bf65336",
            sdk,
            "2019-11-05",
        )
    }

    fn contains(haystack: &[u8], needle: &str) -> bool {
        haystack
            .windows(needle.len())
            .any(|window| window == needle.as_bytes())
    }

    /// Every `name:offset:length` of the list must point at what the name says.
    #[test]
    fn property_files_are_where_the_list_says() {
        let zip = Package::payload(lineage("22.2", "enchilada", 35)).build();
        let text = String::from_utf8_lossy(&zip);
        let (_, list) = text.split_once("\nota-property-files=").unwrap_or_else(|| {
            text.split_once("ota-property-files=")
                .expect("the list is there")
        });
        let list = list.lines().next().unwrap();
        assert!(list.ends_with(' '));
        let mut names = Vec::new();
        for item in list.trim_end().split(',') {
            let mut parts = item.split(':');
            let name = parts.next().unwrap();
            let start: usize = parts.next().unwrap().parse().unwrap();
            let len: usize = parts.next().unwrap().parse().unwrap();
            let bytes = &zip[start..start + len];
            match name {
                "payload.bin" => assert_eq!(properties(bytes).lines().count(), 4),
                "payload_metadata.bin" => {
                    assert!(bytes.starts_with(b"CrAU"));
                    assert_eq!(payload::metadata_len(bytes), len);
                }
                "payload_properties.txt" => assert!(bytes.starts_with(b"FILE_HASH=")),
                "metadata" => {
                    assert_eq!(start, 69);
                    assert!(bytes.ends_with(b"pre-device=enchilada\n"));
                }
                "metadata.pb" => assert!(bytes.starts_with(b"\x08\x01\x22")),
                _ => assert_eq!(bytes[0], 0x0a, "{name}"),
            }
            names.push(name);
        }
        assert_eq!(
            names,
            [
                "payload_metadata.bin",
                "payload.bin",
                "payload_properties.txt",
                "apex_info.pb",
                "care_map.pb",
                "metadata",
                "metadata.pb"
            ]
        );
    }

    #[test]
    fn old_metadata_has_three_lines() {
        let props = Props::cm(
            "12.1",
            "NIGHTLY",
            "golden",
            1_440_683_551,
            "8faea5e644",
            22,
            "",
        );
        let text = Package::block(props).derived_metadata().text();
        assert_eq!(
            text,
            "post-build=samsung/cm_golden/golden:5.1.1/LMY48G/8faea5e644:userdebug/release-keys\n\
             post-timestamp=1440683551\npre-device=golden\n"
        );
    }

    #[test]
    fn block_packages_have_build_prop_up_to_android_9() {
        let with = Package::block(lineage("16.0", "natrium", 28));
        assert!(contains(&with.clone().build(), "system/build.prop"));
        assert!(!contains(
            &with.with_build_prop(false).build(),
            "system/build.prop"
        ));
        let without = Package::block(lineage("17.1", "natrium", 29));
        assert!(!contains(&without.build(), "system/build.prop"));
    }

    #[test]
    fn block_packages_have_other_partitions_than_system() {
        let plain = Package::block(lineage("18.1", "sweet", 30));
        assert!(!contains(
            &plain.clone().build(),
            "dynamic_partitions_op_list"
        ));
        let package = plain
            .block_partition("product", blocks(b"product".to_vec()))
            .with_dynamic_op_list("resize product 4096\n");
        assert_eq!(
            package.block_script(),
            "assert(update_dynamic_partitions(package_extract_file(\"dynamic_partitions_op_list\")));\n\
             block_image_update(map_partition(\"product\"), package_extract_file(\"product.transfer.list\"), \"product.new.dat\", \"product.patch.dat\");\n\
             block_image_update(map_partition(\"system\"), package_extract_file(\"system.transfer.list\"), \"system.new.dat\", \"system.patch.dat\");"
        );
        let names: Vec<String> = package.block_body().iter().map(Entry::name).collect();
        assert_eq!(
            names[2..],
            [
                "boot.img",
                "dynamic_partitions_op_list",
                "product.new.dat",
                "product.patch.dat",
                "product.transfer.list",
                "system.new.dat",
                "system.patch.dat",
                "system.transfer.list",
                OTACERT
            ]
        );
        let zip = package.build();
        assert!(contains(&zip, "product.transfer.listPK"));
    }

    #[test]
    fn images_are_in_the_package_under_their_names() {
        let package = Package::images(lineage("18.1", "sweet", 30));
        let names = |package: &Package| -> Vec<String> {
            package.images_body().iter().map(Entry::name).collect()
        };
        assert_eq!(
            names(&package),
            [
                UPDATE_BINARY,
                UPDATER_SCRIPT,
                "boot.img",
                "system.img",
                OTACERT
            ]
        );
        let package = package
            .named_image("product.img", *b"image")
            .stored_image("super_1.img", *b"kept as it is");
        assert_eq!(names(&package)[3..5], ["product.img", "super_1.img"]);
        let zip = package.build();
        assert!(contains(&zip, "super_1.imgkept as it is"));
        assert!(contains(&zip, "ota-type=BLOCK\n"));
        assert!(!contains(&zip, "ota-property-files="));
    }

    #[test]
    fn deltas_name_their_source() {
        for package in [
            Package::payload(lineage("22.2", "enchilada", 35)),
            Package::block(lineage("16.0", "natrium", 28)),
            Package::files(lineage("16.0", "natrium", 28)),
        ] {
            let zip = package.delta("aaaa", "a/b/c").build();
            assert!(contains(&zip, "pre-build-incremental=aaaa\n"));
            assert!(!contains(&zip, "system/build.propPK"));
        }
    }

    #[test]
    fn the_signature_footer_measures_the_comment() {
        let zip = Package::files(lineage("16.0", "natrium", 28))
            .signed_comment([1; 100])
            .build();
        let footer = &zip[zip.len() - 6..];
        assert_eq!(footer, [106, 0, 0xff, 0xff, 124, 0]);
        assert_eq!(&zip[zip.len() - 124..][..17], b"signed by SignApk");
    }

    #[test]
    fn signing_changes_only_certificate_and_comment() {
        for package in [
            Package::files(lineage("16.0", "natrium", 28)),
            Package::block(lineage("16.0", "natrium", 28)),
            Package::payload(lineage("22.2", "enchilada", 35)),
            Package::images(lineage("18.1", "sweet", 30)),
        ] {
            let signed = package.clone().signed(Key::Bob);
            assert_ne!(signed.certificate(), package.certificate());
            let zip = signed.clone().build();
            assert_eq!(zip, signed.build());
            assert!(contains(&zip, "signed by SignApk\0"));
            let unsigned = package.clone().signed(Key::Alice).signed_comment([]);
            assert_eq!(unsigned.build(), package.signed_comment([]).build());
        }
    }

    #[test]
    fn broken_payloads_can_be_packed() {
        let broken = [b"CrAU".to_vec(), vec![0xff; 40], Vec::new()];
        for payload in broken {
            let zip = Package::payload(lineage("22.2", "enchilada", 35)).payload_bin(payload);
            assert!(!contains(&zip.build(), "payload_metadata.bin"));
        }
    }

    #[test]
    fn the_same_calls_give_the_same_bytes() {
        let make = || Package::payload(lineage("22.2", "enchilada", 35)).build();
        assert_eq!(make(), make());
    }
}

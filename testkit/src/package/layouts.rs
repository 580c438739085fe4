//! The entries of each layout.

use super::contents::{
    aligned, apex_info, blocks, boot_image, bsdiff_patch, care_map, default_image, packed, updater,
};
use super::property_files::stated_metadata_len;
use super::{OTACERT, Package, UPDATE_BINARY, UPDATER_SCRIPT};
use crate::{
    BLOCK_SIZE, noise,
    payload::{Partition, Payload, op, properties, sha256},
    transfer_list::TransferList,
    zip::{Entry, Zip},
};

/// The update engine's minor version in a delta of Android 12 and later.
const DELTA_MINOR_VERSION: u32 = 8;

impl Package {
    pub(super) fn files_body(&self) -> Vec<Entry> {
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

    pub(super) fn block_body(&self) -> Vec<Entry> {
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

    pub(super) fn images_body(&self) -> Vec<Entry> {
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

    pub(super) fn payload_body(&self) -> Vec<Entry> {
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
    pub(super) fn block_script(&self) -> String {
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

    fn script(&self, install: &str) -> String {
        let device = self.device();
        format!(
            "assert(getprop(\"ro.product.device\") == \"{device}\" || getprop(\"ro.build.product\") == \"{device}\" || abort(\"This package is for device: {device}; this device is \" + getprop(\"ro.product.device\") + \".\"););\nui_print(\"Target: {}\");\nshow_progress(0.750000, 0);\n{install}\nshow_progress(0.050000, 5);\npackage_extract_file(\"boot.img\", \"/dev/block/boot\");\nset_progress(1.000000);\n",
            self.fingerprint(),
        )
    }
}

/// Returns a partition that copies all blocks except the last from its old place.
fn partition_delta(partition: Partition, image: &[u8]) -> Partition {
    let copied = image.len() - BLOCK_SIZE;
    let mut old = image.to_vec();
    old[copied..].fill(0xa5);
    let mut partition = partition.old_info(old.len() as u64, sha256(&old));
    if copied > 0 {
        let extent = (0, (copied / BLOCK_SIZE) as u64);
        partition = partition.source_copy(&[extent], &image[..copied]);
    }
    partition.encoded(op::REPLACE, &image[copied..], &image[copied..])
}

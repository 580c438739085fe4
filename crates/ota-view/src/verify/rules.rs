//! The rules that a package must follow so that phones install it.

use crate::finding::{Rule, Severity};

macro_rules! rules {
    ($($name:ident, $id:literal, $severity:ident, $title:literal, $source:literal, $fix:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub static $name: Rule = Rule {
                id: $id,
                severity: Severity::$severity,
                title: $title,
                source: $source,
                fix: $fix,
            };
        )*

        /// All rules of this module.
        pub static ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    PACKAGE_UNREADABLE, "package-unreadable", Error,
        "a package is a file that can be read",
        "the operating system",
        "check that it is a file, and its permissions";
    PACKAGE_ZIP, "package-zip", Error,
        "a package is a zip that every reader understands in the same way",
        "APPNOTE 6.3.10; AOSP libziparchive refuses names that occur twice",
        "build or copy the package again";
    PACKAGE_NOT_A_ROM, "package-not-a-rom", Error,
        "a package contains a system in a form that a phone can install",
        "AOSP update_engine, and the recovery's update-binary",
        "publish the zip that `mka bacon` or the like made for the recovery or the updater";
    PACKAGE_UPDATE_BINARY, "package-update-binary", Error,
        "a package without payload.bin has its own installer",
        "AOSP recovery install/install.cpp: META-INF/com/google/android/update-binary",
        "build the package again; a zip of images is for fastboot";
    PACKAGE_METADATA, "package-metadata", Error,
        "a package for a recovery of Android 10 or later has META-INF/com/android/metadata",
        "AOSP recovery install/install.cpp (TryUpdateBinary, ReadMetadataFromPackage)",
        "make the package with `mka bacon` or `ota_from_target_files`";
    PACKAGE_NO_METADATA, "package-no-metadata", Warning,
        "a package has META-INF/com/android/metadata",
        "AOSP recovery install/install.cpp: recoveries refuse packages without it from Android 10 on",
        "make the package with `mka bacon` or `ota_from_target_files`";
    PACKAGE_CRC, "package-crc", Error,
        "each entry has its stated checksum",
        "APPNOTE 4.4.7; `unzip -t` checks the same",
        "build or copy the package again";
    PACKAGE_PROPERTY_FILES, "package-property-files", Error,
        "ota-property-files lists the offsets of entries correctly",
        "AOSP releasetools ota_utils.py (PropertyFiles); updaters that stream use it",
        "sign with releasetools (`sign_target_files_apks`, `ota_from_target_files`), and let no zip tool touch the package after";
    PACKAGE_NO_PROPERTY_FILES, "package-no-property-files", Warning,
        "the metadata of an A/B package has ota-property-files",
        "AOSP releasetools ota_utils.py; LineageOS 23 streams only with them, GrapheneOS' updater refuses packages without",
        "make the package with `ota_from_target_files`";
    PAYLOAD_COMPRESSED, "payload-compressed", Error,
        "payload.bin is stored, not compressed",
        "LineageOS Updater ABUpdateInstaller: update_engine reads it in place",
        "store it (`zip -0`), or make the package with `ota_from_target_files`";
    PAYLOAD_OFFSET, "payload-offset", Error,
        "payload.bin begins where the Updater expects it",
        "LineageOS Updater Utils.getZipEntryOffset: adds up the sizes in the central directory",
        "put payload.bin first, without data descriptors, alignment by local fields or zip64 before it; do not run zipalign";
    PAYLOAD_NO_PROPERTIES, "payload-no-properties", Error,
        "payload_properties.txt is next to payload.bin",
        "LineageOS Updater ABUpdateInstaller and UpdaterService",
        "make it with `delta_generator --properties_file`, or the package with `ota_from_target_files`";
    PAYLOAD_PROPERTIES, "payload-properties", Error,
        "payload_properties.txt has sizes and hashes of the payload, each once, and no empty line",
        "AOSP update_engine payload_consumer/payload_constants.cc, update_attempter_android.cc (ParseKeyValuePairHeaders)",
        "make it with `delta_generator --properties_file`";
    PAYLOAD_FILE_HASH, "payload-file-hash", Error,
        "FILE_SIZE and FILE_HASH are those of payload.bin",
        "AOSP update_engine: it compares them after the download",
        "make payload_properties.txt again for this payload, or copy the package again";
    PAYLOAD_METADATA_HASH, "payload-metadata-hash", Error,
        "METADATA_SIZE and METADATA_HASH are those of the payload's header and manifest",
        "AOSP update_engine payload_consumer/payload_metadata.cc",
        "make payload_properties.txt again for this payload";
    PAYLOAD_MANIFEST, "payload-manifest", Error,
        "the payload's header and manifest can be read",
        "AOSP update_engine update_metadata.proto, major version 2",
        "build or copy the package again";
    PAYLOAD_LENGTH, "payload-length", Error,
        "the payload's data is what the manifest takes, one operation after another",
        "AOSP update_engine payload_consumer/delta_performer.cc",
        "build or copy the package again";
    PAYLOAD_OPERATION_HASH, "payload-operation-hash", Error,
        "the data of each operation has the hash the manifest states",
        "AOSP update_engine delta_performer.cc (ValidateOperationHash)",
        "build or copy the package again";
    BLOCKS_LIST, "blocks-list", Error,
        "a transfer list can be read",
        "AOSP recovery updater/blockimg.cpp",
        "build the package again";
    BLOCKS_FILES, "blocks-files", Error,
        "each transfer list has its new.dat and its patch.dat",
        "AOSP recovery updater/blockimg.cpp (PerformBlockImageUpdate)",
        "build the package again; full packages have a patch.dat too, which is empty";
    BLOCKS_DATA, "blocks-data", Error,
        "new.dat decodes to as many bytes as its transfer list writes",
        "AOSP recovery updater/blockimg.cpp",
        "build or copy the package again";
    SIGNATURE_MISSING, "signature-missing", Error,
        "a package is signed as a whole",
        "Android RecoverySystem.verifyPackage, which every updater calls",
        "sign it: `java -jar signapk.jar -w KEY.x509.pem KEY.pk8 IN.zip OUT.zip`";
    SIGNATURE_MALFORMED, "signature-malformed", Error,
        "the whole-file signature can be read",
        "AOSP recovery otautil/verifier.cpp; RFC 5652",
        "sign it again; any change to a package after it was signed breaks the signature";
    SIGNATURE_UNSUPPORTED, "signature-unsupported", Error,
        "a package is signed with RSA or ECDSA P-256, and SHA-1 or SHA-2",
        "AOSP signapk, and recovery otautil/verifier.cpp",
        "sign it with signapk and an RSA key of 2048 or 4096 bits";
    SIGNATURE_INVALID, "signature-invalid", Error,
        "the whole-file signature belongs to the file",
        "Android RecoverySystem.verifyPackage",
        "sign it again; any change to a package after it was signed breaks the signature";
    SIGNATURE_CERTIFICATE_ORDER, "signature-certificate-order", Error,
        "the signer's certificate is the first in the signature",
        "Android RecoverySystem.verifyPackage uses no other",
        "sign it with signapk, without further certificates";
    SIGNATURE_RECOVERY, "signature-recovery", Error,
        "a package that the recovery installs is signed in a way it verifies",
        "AOSP recovery otautil/verifier.cpp: RSA of 2048 or 4096 bits with exponent 3 or 65537, or P-256; SHA-1 or SHA-256, as in the certificate; no signed attributes",
        "sign it with signapk";
    SIGNATURE_SIDELOAD, "signature-sideload", Warning,
        "an A/B package can be sideloaded in a recovery too",
        "AOSP recovery otautil/verifier.cpp: RSA of 2048 or 4096 bits with exponent 3 or 65537, or P-256; SHA-1 or SHA-256, as in the certificate; no signed attributes",
        "sign it with signapk";
    SIGNATURE_TEST_KEY, "signature-test-key", Warning,
        "a package is not signed with a public test key",
        "AOSP build/make target/product/security",
        "make keys of your own and sign with them; phones that run the old build need one build signed with the old key that trusts the new";
    SIGNATURE_OTHER_CERTIFICATE, "signature-other-certificate", Error,
        "a package is signed with the key of the maintainer's certificate",
        "the certificate that is expected; phones trust /system/etc/security/otacerts.zip",
        "sign it with the right key, or name the right certificate";
}

/// Finds a rule by its id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        for rule in ALL {
            assert!(std::ptr::eq(find(rule.id).unwrap(), *rule), "{}", rule.id);
            let is_plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
            assert!(rule.id.bytes().all(is_plain), "{}", rule.id);
            for text in [rule.title, rule.source, rule.fix] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}", rule.id);
            }
        }
    }
}

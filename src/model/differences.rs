//! What differs between two records of a build, in words for people.

use super::build::{Build, Origin};

impl Build {
    /// Returns what differs in another record of the build, in words.
    #[must_use]
    pub fn differences(&self, other: &Build) -> Vec<&'static str> {
        let of_build = [
            (self.device != other.device, "device"),
            (self.variant != other.variant, "variant"),
            (self.romtype != other.romtype, "release type"),
            (self.version != other.version, "version"),
            (self.timestamp != other.timestamp, "date"),
            (self.incremental != other.incremental, "incremental"),
            (self.kind != other.kind, "kind"),
            (self.sdk_level != other.sdk_level, "API level"),
            (
                self.security_patch != other.security_patch,
                "security patch",
            ),
            (self.filename != other.filename, "file name"),
            (self.path != other.path, "path"),
            (self.size != other.size, "size"),
            (self.sha256 != other.sha256, "SHA-256"),
            (self.md5 != other.md5, "MD5"),
            (self.id != other.id, "id"),
            (self.url != other.url, "address"),
            (self.ota_url != other.ota_url, "address in the ROM"),
            (
                self.property_files != other.property_files,
                "property files",
            ),
            (self.signer != other.signer, "signer"),
            (self.next_device != other.next_device, "next device"),
            (self.csig != other.csig, "csig"),
            (self.images != other.images, "images"),
            (self.family != other.family, "family"),
        ];
        let changed = of_build.into_iter().filter(|(is_changed, _)| *is_changed);
        let mut changed: Vec<&'static str> = changed.map(|(_, word)| word).collect();
        match (&self.origin, &other.origin) {
            (Some(one), Some(other)) => changed.extend(one.differences(other)),
            (one, other) if one != other => changed.push("source"),
            _ => {}
        }
        changed
    }
}

impl Origin {
    fn differences(&self, other: &Origin) -> impl Iterator<Item = &'static str> {
        let of_place = [
            (self.source != other.source, "source"),
            (self.path != other.path, "path in the source"),
            (self.id != other.id, "upload"),
            (self.tag != other.tag, "version tag"),
            (self.beside != other.beside, "files next to it"),
            (self.is_hashed != other.is_hashed, "SHA-256 was checked"),
        ];
        let changed = of_place.into_iter().filter(|(is_changed, _)| *is_changed);
        changed.map(|(_, word)| word)
    }
}

//! A phone, as its updater sees it.

use super::Generation;

/// The properties of a phone that its updater reads; a property that is not set is empty or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phone {
    /// `ro.lineage.device`, or `ro.cm.device` before LineageOS 15.
    pub device: String,
    /// `ro.updater.next_device`, which replaces the device (U7).
    pub next_device: Option<String>,
    /// `ro.lineage.releasetype` or `ro.cm.releasetype`, in its original letter case.
    pub release_type: String,
    /// `ro.lineage.build.version`; for CMUpdater `ro.cm.version`, or the start of it.
    pub version: String,
    /// `ro.build.version.incremental`.
    pub incremental: String,
    /// `ro.build.date.utc`, in seconds.
    pub datetime: i64,
    /// `ro.build.version.sdk`.
    pub sdk: u32,
    /// `lineage.updater.allow_downgrading`, or `cm.updater.allow_downgrading`.
    pub allow_downgrading: bool,
    /// `lineage.updater.allow_major_upgrades`, which updaters read from LineageOS 22.1 on.
    pub allow_major_upgrades: bool,
    /// `ro.build.ab_update`; only such phones install without downloading first.
    pub is_ab: bool,
    /// The variant that [`Generation::Axion`] fills in: `VANILLA`, or else `GMS`.
    pub variant: String,
    /// `net.pixelos.version`, which [`Generation::PixelOs17`] fills in.
    pub branch: String,
    /// `ro.boot.vbmeta.digest`, by which [`Generation::Custota`] chooses a delta.
    pub vbmeta_digest: String,
}

impl Phone {
    /// Returns the device that this generation puts into the address (U7).
    pub(super) fn asked_device(&self, generation: Generation) -> &str {
        match &self.next_device {
            Some(next) if generation.asks_for_next_device() && !next.is_empty() => next,
            _ => &self.device,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_device_replaces_the_device_unless_empty_or_for_cmupdater() {
        let mut phone = Phone {
            device: "old".to_owned(),
            next_device: Some("new".to_owned()),
            ..Phone::default()
        };
        assert_eq!(phone.asked_device(Generation::Java22), "new");
        assert_eq!(phone.asked_device(Generation::Cm14), "old");
        phone.next_device = Some(String::new());
        assert_eq!(phone.asked_device(Generation::Java22), "old");
    }
}

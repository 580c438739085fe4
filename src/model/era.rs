//! The updater of a build, by its API level, its date and its version.
//!
//! In: facts of a build, some of them unknown. Out: its version of LineageOS or CyanogenMod, and
//! what follows from that. The API level counts first, then the date; a version number counts
//! only as far as it fits both, since forks number their releases on their own: 11.4 may be
//! crDroid of 2025.
//!
//! Sources: the dates of the first builds of each branch; the changes of the updaters named with
//! the dates below.

/// CMUpdater 6e2947a5, which sends GET requests, in seconds since the epoch.
pub const JANUARY_2017: i64 = 1_484_092_800;
/// The first Updater in cm-14.1.
pub const JULY_2017: i64 = 1_498_953_600;
/// Updater e930cf7, which fills in a template.
pub const APRIL_2018: i64 = 1_522_886_400;
/// The first Updater in lineage-16.0.
pub const MARCH_2019: i64 = 1_551_744_000;
/// The Updater that installs newer minor versions.
pub const DECEMBER_2024: i64 = 1_734_998_400;
/// The Updater of LineageOS 23.2.
pub const JUNE_2026: i64 = 1_780_272_000;

/// Last API level of which all phones may have CMUpdater that asks by POST: CyanogenMod 14.0.
const LAST_POST_SDK: u32 = 24;
/// Longest time after its first build that a release is still built, in seconds: seven years.
const MAX_AGE: i64 = 7 * 31_557_600;

/// A release of CyanogenMod or LineageOS.
struct Release {
    major: u32,
    /// Its last minor version.
    last_minor: u32,
    /// Its first and last API level.
    sdk: (u32, u32),
    /// Its first builds, in seconds since the epoch.
    since: i64,
}

const fn release(major: u32, last_minor: u32, sdk: (u32, u32), since: i64) -> Release {
    Release {
        major,
        last_minor,
        sdk,
        since,
    }
}

/// Those with an updater.
const RELEASES: [Release; 14] = [
    release(10, 2, (16, 18), 1_346_457_600),
    release(11, 0, (19, 19), 1_385_856_000),
    release(12, 1, (21, 22), 1_414_800_000),
    release(13, 0, (23, 23), 1_443_657_600),
    release(14, 1, (24, 25), 1_475_280_000),
    release(15, 1, (26, 27), 1_501_545_600),
    release(16, 0, (28, 28), 1_533_081_600),
    release(17, 1, (29, 29), 1_567_296_000),
    release(18, 1, (30, 30), 1_598_918_400),
    release(19, 1, (31, 32), 1_633_046_400),
    release(20, 0, (33, 33), 1_659_312_000),
    release(21, 0, (34, 34), 1_696_118_400),
    release(22, 2, (35, 35), 1_725_148_800),
    release(23, 9, (36, 36), 1_748_736_000),
];

/// What is known of a build; a fact that is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The version, as its updater compares it, or with more behind a `-`.
    pub version: Option<&'a str>,
    /// The API level.
    pub sdk: Option<u32>,
    /// When it was built, in seconds since the epoch.
    pub date: Option<i64>,
}

impl Facts<'_> {
    /// Major and minor version, if the version is one of CyanogenMod or LineageOS that fits the API
    /// level, or else the date.
    #[must_use]
    pub fn lineage_version(&self) -> Option<(u32, u32)> {
        let version = self.version?.split('-').next()?;
        let (major, minor) = parse_version(version)?;
        let release = RELEASES
            .iter()
            .find(|one| one.major == major && minor <= one.last_minor)?;
        let fits = match (self.sdk, self.date) {
            (Some(sdk), _) => (release.sdk.0..=release.sdk.1).contains(&sdk),
            (None, Some(date)) => (release.since..release.since + MAX_AGE).contains(&date),
            (None, None) => true,
        };
        fits.then_some((major, minor))
    }

    /// The API level of its version, if that is one of CyanogenMod or LineageOS.
    #[must_use]
    pub fn lineage_sdk(&self) -> Option<u32> {
        let (major, minor) = self.lineage_version()?;
        let release = RELEASES.iter().find(|one| one.major == major)?;
        let (first, last) = release.sdk;
        Some(last.min(first + minor))
    }

    /// Whether phones with CMUpdater that asks by POST may run it.
    #[must_use]
    pub fn has_post_updater(&self) -> bool {
        let is_before_get = self.date.is_some_and(|date| date < JANUARY_2017);
        match self.sdk {
            Some(..=LAST_POST_SDK) => true,
            Some(25) => is_before_get,
            Some(_) => false,
            None => is_before_get || matches!(self.lineage_version(), Some((..=13, _))),
        }
    }

    /// Its version, if its updater installs newer minor versions of its own major version, as LineageOS's
    /// does from 22.1 on.
    #[must_use]
    pub fn takes_minor_from(&self) -> Option<(u32, u32)> {
        self.lineage_version().filter(|version| *version >= (22, 1))
    }
}

/// The first two numbers of a version; the second is 0 where there is none.
#[must_use]
pub fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let major = numbers.next()??;
    Some((major, numbers.next().unwrap_or(Some(0))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_2025: i64 = 1_745_323_616;

    fn facts(version: &str, sdk: u32, date: i64) -> Facts<'_> {
        Facts {
            version: Some(version).filter(|version| !version.is_empty()),
            sdk: Some(sdk).filter(|sdk| *sdk > 0),
            date: Some(date).filter(|date| *date > 0),
        }
    }

    #[test]
    fn a_version_counts_where_it_fits_api_level_and_date() {
        for (version, sdk, date, expected) in [
            ("11", 19, 0, Some((11, 0))),
            ("11-20160603-UNOFFICIAL-x", 0, 1_464_912_000, Some((11, 0))),
            ("12.1", 0, 0, Some((12, 1))),
            ("21.0", 34, IN_2025, Some((21, 0))),
            ("22.2", 0, IN_2025, Some((22, 2))),
            // crDroid, Evolution X, VoltageOS and PixelOS.
            ("11.4", 35, IN_2025, None),
            ("11.0", 0, IN_2025, None),
            ("10.1", 34, IN_2025, None),
            ("9.5", 0, 0, None),
            ("2.7", 35, IN_2025, None),
            ("15.0", 35, IN_2025, None),
            ("10.9", 0, 0, None),
            ("Banana", 0, 0, None),
            ("", 35, 0, None),
        ] {
            let found = facts(version, sdk, date).lineage_version();
            assert_eq!(found, expected, "{version} {sdk} {date}");
        }
    }

    #[test]
    fn minor_versions_of_early_releases_have_api_levels_of_their_own() {
        for (version, date, expected) in [
            ("10.1", 0, Some(17)),
            ("14.1", 0, Some(25)),
            ("19.1", 0, Some(32)),
            ("22.2", IN_2025, Some(35)),
            ("23.2", 0, Some(36)),
            ("11.4", IN_2025, None),
            ("Banana", 0, None),
        ] {
            assert_eq!(facts(version, 0, date).lineage_sdk(), expected, "{version}");
        }
    }

    #[test]
    fn posts_are_sent_up_to_2017() {
        for (version, sdk, date, expected) in [
            ("11", 19, 1_600_000_000, true),
            ("11", 0, 1_500_000_000, true),
            ("13.0", 23, 0, true),
            ("14.1", 25, JANUARY_2017 - 1, true),
            ("14.1", 25, JANUARY_2017, false),
            ("14.1", 25, 0, false),
            ("14.1", 0, JANUARY_2017, false),
            ("x", 0, JANUARY_2017 - 1, true),
            ("12.1", 0, 0, true),
            ("11.4", 35, IN_2025, false),
            ("11.0", 0, IN_2025, false),
            ("9.5", 0, IN_2025, false),
            ("2.7", 0, 0, false),
            ("11.4", 0, 0, false),
            ("", 0, 0, false),
        ] {
            let found = facts(version, sdk, date).has_post_updater();
            assert_eq!(found, expected, "{version} {sdk} {date}");
        }
    }

    #[test]
    fn newer_minor_versions_are_taken_from_22_1_on() {
        for (version, sdk, expected) in [
            ("21.0", 34, false),
            ("22.0", 35, false),
            ("22.1", 35, true),
            ("22.2", 0, true),
            ("23.0", 36, true),
            ("23.2", 36, true),
            ("22.1", 34, false),
            ("2.3", 36, false),
        ] {
            let found = facts(version, sdk, 0).takes_minor_from().is_some();
            assert_eq!(found, expected, "{version} {sdk}");
        }
    }
}

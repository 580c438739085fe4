//! The rules of the updaters on phones, for each generation.
//!
//! In: a [`Phone`], the value of its address property, and published bytes. Out: the request that an
//! updater sends ([`request()`]), whether it accepts the response ([`accept`]), the entries it reads
//! from a body ([`read`]), its [`Verdict`] on each with the [`Reason`] ([`judge`]), and the list as
//! the phone shows it ([`assess`]).
//!
//! The rules are as strict and as lenient as those of the real updaters. They share no code with the
//! rest of romfeed, because a mistake in shared code would hide itself.
//!
//! Sources, of the repositories CyanogenMod/android_packages_apps_CMUpdater,
//! LineageOS/android_packages_apps_CMUpdater and LineageOS/android_packages_apps_Updater:
//!
//! - [`Generation::Cm10`], [`Generation::Cm11`]: CMUpdater, branches cm-10.2 and cm-11.0;
//! - [`Generation::Cm12`]: CMUpdater, branch cm-12.1, `UpdateCheckService` of 53348d48;
//! - [`Generation::Cm14`]: CMUpdater, branch cm-14.1 from 6e2947a5 on;
//! - [`Generation::First15`]: Updater, branch lineage-15.0;
//! - [`Generation::Template14`]: Updater, branch cm-14.1 from 6b44a77 on;
//! - [`Generation::Java22`]: Updater, branches lineage-16.0 to lineage-22.0;
//! - [`Generation::Java23`]: Updater, lineage-22.1 to the last revision in Java, `Utils.canInstall`
//!   as changed on 2024-12-24 and 2025-02-18;
//! - [`Generation::KotlinV1`]: Updater, `UpdatesNetworkDataSource` of a973e5b3;
//! - [`Generation::KotlinVersion`]: the same of 0e7af6f8, with `UpdatesRepository` of 2d441e8b;
//! - [`Generation::Kotlin23`]: Updater, LineageOS 23.2, whose `UpdatesRepository` compares
//!   `os_sdk_level`.
//!
//! Sources of forks, from their repositories of the updater: crDroid 14.0 and its `NetworkUpdate.kt` of
//! 2026; Evolution X udc and vic; VoltageOS 14, Matrixx 14.0, Infinity X 15; PixelOS fourteen and
//! its `NetworkUpdate.kt` of 2026; DerpFest 16; AxionOS of 2026; LMODroid fourteen. Others:
//! `UpdaterThread.kt` of Custota 6.4, `Service.java` of GrapheneOS 14.
//!
//! Letters and numbers in comments group the rules: U for URLs, T for transport, P for the
//! list, E for entries, F for filters, V2 for the Kotlin updater.
//!
//! Left out: the steps after the choice of a build (download, signature, installation), the requests
//! for deltas of some forks, lists of a romtype other than the phone's, and RisingOS's comparison of
//! the maintainer's name with a built-in one.

mod entry;
mod generation;
mod java;
mod keys;
mod kotlin;
mod kotlinx;
mod line;
mod list;
mod listing;
mod orgjson;
mod phone;
mod reason;
mod request;
mod response;
mod uri;
mod value;
mod verdict;
mod warning;

pub use entry::{Dropped, Entry, EntryFault, List, ListFault};
pub use generation::{Address, Generation};
pub use list::read;
pub use listing::{Listing, Row, assess, notifies};
pub use phone::Phone;
pub use reason::Reason;
pub use request::{Method, UpdaterRequest, UrlFault, replaces, request};
pub use response::{MAX_REDIRECTS, TransportFault, UpdaterResponse, accept};
pub use verdict::{Verdict, can_stream, judge};
pub use warning::{Warning, warnings};

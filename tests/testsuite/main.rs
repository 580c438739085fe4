//! Tests of the built program, one module per feature.

#![expect(clippy::unwrap_used, reason = "in a test, the panic is the message")]

mod aosp;
mod backend;
mod bad_catalogs;
mod bad_images;
mod bad_input;
mod catalog;
mod catalog_address;
#[cfg(feature = "s3")]
mod catalog_bucket;
mod catalog_clashes;
mod catalog_folder;
mod catalog_forms;
mod catalog_git;
mod catalog_lost;
mod catalog_merge;
mod catalog_parsed;
mod channels;
mod check;
mod clients;
mod command_line;
mod corpus;
mod costs;
mod device_files;
mod documents;
mod downloads;
mod endless;
mod eras;
mod exchange;
mod explore;
mod fallbacks;
mod families;
mod faults;
mod faults_of_devices;
mod files;
mod folder_host;
mod fuzz_bodies;
mod fuzz_seeds;
mod generate;
#[cfg(all(target_os = "linux", feature = "serve"))]
mod hang_up;
mod hash;
mod hints_and_warnings;
mod images;
mod import_forms;
mod in_the_way;
mod init;
mod init_again;
mod inspect;
mod install;
mod known_families;
mod languages;
mod layering;
mod layouts;
mod maintainers;
mod manual;
mod matrix;
mod messages;
mod mistakes;
mod newcomers;
mod notes;
mod odd_characters;
#[cfg(unix)]
mod odd_files;
mod pages;
mod places_of_settings;
mod portable;
mod projects;
#[cfg(unix)]
mod publish;
#[cfg(unix)]
mod publish_hosts;
#[cfg(unix)]
mod publish_to;
mod published;
mod random_changes;
mod reference;
mod remembered;
mod remote;
mod replaced;
mod retired;
mod review;
#[cfg(unix)]
mod secure_host;
#[cfg(feature = "serve")]
mod serve;
mod sharing;
mod simulate;
mod simulate_phones;
mod sources;
mod sources_at_once;
mod sources_broken;
mod sources_changed;
mod sources_corrected;
mod sources_folders;
mod sources_messages;
mod sources_moved;
mod sources_online;
mod sources_releases;
mod sources_s3;

mod superseded;
mod support;
mod templates;
mod terminal;
mod texts;
mod unchanged;
mod verify;
mod workers;

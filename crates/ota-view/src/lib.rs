//! Reads any file or property out of any Android update package, without unpacking it.
//!
//! In: a package as a [`ReadAt`]: a file, bytes in memory, or a source of your own such as a file
//! behind HTTP range requests. Out: its partitions, their file systems and files, the properties
//! of the device it is for, its metadata and its signer.
//!
//! ```
//! use ota_view::package::{metadata, signature};
//! use ota_view::{Ota, Until};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let images = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/images");
//! # let image = std::fs::read(format!("{images}/ext4-android.img.xz"))?;
//! # let package = testkit::zip::Zip::new()
//! #     .stored("system.img.xz", image)
//! #     .stored(metadata::TEXT, "pre-device=bacon\n")
//! #     .build();
//! // `package` is a `Vec<u8>` here; for a file, use `FileSource::open(path)?`.
//! let ota = Ota::open(package)?;
//! assert_eq!(ota.partitions().collect::<Vec<_>>(), ["system"]);
//!
//! // A file of the partition; longer than 1 MiB would be an error.
//! let system = ota.file_system("system")?;
//! let text = system.read("/system/build.prop", 1 << 20)?;
//! assert!(String::from_utf8(text)?.contains("ro.build.version.sdk="));
//!
//! // The properties that the phone will have, merged from the `build.prop` files of all partitions.
//! // `Until::Enough` stops earlier.
//! let device = ota.props(Until::Everything)?;
//! assert!(device.props.get("ro.build.version.sdk").is_some());
//!
//! // What META-INF says about the update, and its signer: none here.
//! let metadata = metadata::read(ota.package())?;
//! assert_eq!(metadata.devices, ["bacon"]);
//! assert_eq!(signature::read_signer(ota.package())?, None);
//! # Ok(())
//! # }
//! ```
//!
//! # What is read
//! - Layouts of packages: `payload.bin` of A/B devices, block-based `*.new.dat`, partition images
//!   (raw, sparse, split or compressed), `super` images, and, in old ROMs, the system's files as
//!   entries of the zip.
//! - File systems: ext2, ext3, ext4 and EROFS.
//! - Compression: deflate, gzip, brotli, xz, LZMA, zstd, bzip2, LZ4 in EROFS.
//!
//! # What is not read
//! - Deltas: they need the partitions of an earlier build. [`Ota::needs_source`] recognises them.
//! - F2FS and squashfs: they are recognised, but their files are not read.
//!
//! The crate never changes or writes a package.
//!
//! # Untrusted input
//! Packages may be hostile. Reading ends with an error, never a panic: every size, count and depth
//! has a limit, decoders of other crates run inside [`catch_panic`], and a [`Budget`] bounds the
//! decoded bytes, the memory, the temporary files and the time of a package. The default
//! [`Limits`] suit real packages.
//!
//! # Cost
//! Reading is lazy: to find a property in a payload of 2 GB, a few reads and some megabytes of
//! decoding are enough. A stream that can only be decoded from its start is decoded as far as
//! needed, and stored; what does not fit in memory goes to an unnamed temporary file.
//!
//! # Features
//! - `verify` (on by default): the module `verify`, which reads all of a package to find out
//!   whether a phone will install it.

pub mod catch_panic;
pub mod codec;
pub mod device_props;
pub mod error_kind;
pub mod finding;
pub mod fs;
pub mod image;
pub mod io;
mod little_endian;
pub mod ota;
pub mod package;
pub mod props;
mod protobuf;
#[cfg(feature = "verify")]
pub mod verify;

pub use device_props::{DeviceProps, Until};
pub use error_kind::ErrorKind;
pub use fs::FileSystem;
pub use io::{Budget, FileSource, Limits, ReadAt, ReadError};
pub use ota::{Error, Ota};
pub use package::{Layout, Package};
pub use props::PropertyMap;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Errors, either of the library or of this module, and reads that fail with them.

use ext4_view::Ext4Error;

use crate::fs::{Error, Kind, Watched};
use crate::io::ReadError;

/// An error of the library, or of this module.
pub(super) enum Fault {
    Library(Ext4Error),
    Own(Error),
}

impl Fault {
    pub(super) fn corrupt(fault: String) -> Fault {
        Fault::Own(Error::Corrupt {
            kind: Kind::Ext4,
            fault,
        })
    }
}

impl From<Ext4Error> for Fault {
    fn from(error: Ext4Error) -> Fault {
        Fault::Library(error)
    }
}

/// Reads bytes of the partition.
pub(super) fn read(source: &Watched, offset: u64, buf: &mut [u8]) -> Result<(), Fault> {
    let result = source.read(offset, buf);
    result.map_err(|source: ReadError| {
        Fault::Own(Error::Read {
            kind: Kind::Ext4,
            place: format!("byte {offset:#x}"),
            source,
        })
    })
}

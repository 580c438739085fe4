//! Files that went bad on the disk, or under somebody's hands.

use std::io;
use std::path::Path;

use super::Random;

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is empty.
    Empty,
    /// It ends before its end.
    CutShort,
    /// Bytes of no meaning, as long as the file was.
    Garbage,
    /// Some bits are others.
    Flipped,
    /// JSON, and not of this form.
    OtherJson,
    /// The form of a later version.
    LaterSchema,
    /// JSON that is folders upon folders.
    Deep,
    /// A text of another encoding.
    NotUtf8,
    /// A folder has its name.
    Folder,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Empty,
        Self::CutShort,
        Self::Garbage,
        Self::Flipped,
        Self::OtherJson,
        Self::LaterSchema,
        Self::Deep,
        Self::NotUtf8,
        Self::Folder,
    ];

    /// Whether the file can still be one that somebody meant: a bit of a name is a bit.
    pub fn may_pass(self) -> bool {
        self == Self::Flipped
    }

    /// Does it to a file.
    pub fn inflict(self, file: &Path, random: &mut Random) -> io::Result<()> {
        let mut bytes = std::fs::read(file)?;
        match self {
            Self::Empty => bytes.clear(),
            Self::CutShort => bytes.truncate(random.index(bytes.len() - 2).max(1)),
            Self::Garbage => bytes = crate::noise(random.number(), bytes.len()),
            Self::Flipped => {
                for _ in 0..3 {
                    let at = random.index(bytes.len());
                    bytes[at] ^= 1 << random.below(8);
                }
            }
            Self::OtherJson => bytes = b"[{\"schema\": \"1\"}]".to_vec(),
            Self::LaterSchema => bytes = b"{\"schema\": 99, \"version\": 99, \"x\": {}}".to_vec(),
            Self::Deep => bytes = "[".repeat(1 << 20).into_bytes(),
            Self::NotUtf8 => bytes.fill(0xfe),
            Self::Folder => {
                std::fs::remove_file(file)?;
                return std::fs::create_dir(file);
            }
        }
        std::fs::write(file, bytes)
    }
}

//! Files that are damaged on disk, or edited badly by hand.

use std::io;
use std::path::Path;

use super::Random;

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file is empty.
    Empty,
    /// The file is cut short.
    CutShort,
    /// Random bytes, as many as the file had.
    Garbage,
    /// Some bits are flipped.
    Flipped,
    /// JSON of another form.
    OtherJson,
    /// The schema of a later version.
    LaterSchema,
    /// JSON that is nested very deeply.
    Deep,
    /// Text in another encoding.
    NotUtf8,
    /// A folder with its name.
    Folder,
}

impl Damage {
    /// Returns all kinds.
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

    /// Whether the damaged file can still look valid: a flipped bit in a name goes unnoticed.
    pub fn may_pass(self) -> bool {
        self == Self::Flipped
    }

    /// Applies the damage to a file.
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

//! JSON files with a sum of what is in them, since a flipped bit would be published.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, BufRead, BufReader, BufWriter, IntoInnerError, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::files::open_regular;

/// The form of a file.
#[derive(Deserialize)]
struct SummedFile<'a> {
    /// The sum of `site` as it stands here.
    sum: &'a str,
    #[serde(borrow)]
    site: &'a RawValue,
}

/// The beginning of a file; the digits are those of its sum.
const HEAD: [u8; 33] = *br#"{"sum":"0000000000000000","site":"#;
/// Where the sum stands in it.
const SUM: Range<usize> = 8..24;
/// The end of a file.
const END: &[u8] = b"}";

/// Reads a file; none if it is damaged.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let file: SummedFile<'_> = serde_json::from_slice(bytes).ok()?;
    let site = file.site.get();
    let mut hasher = DefaultHasher::new();
    hasher.write(site.as_bytes());
    match file.sum == sum(&hasher) {
        true => serde_json::from_str(site).ok(),
        false => None,
    }
}

/// Writes a new file, piece by piece.
///
/// # Errors
/// Whatever the system reports.
pub(super) fn write(file: &mut File, value: &impl Serialize) -> io::Result<()> {
    file.write_all(&HEAD)?;
    let sum = write_value(&mut *file, value)?;
    file.write_all(END)?;
    file.seek(SeekFrom::Start(SUM.start as u64))?;
    file.write_all(sum.as_bytes())
}

/// Whether a file is what [`write()`] would make; no copy of that is made.
///
/// # Errors
/// Why the file cannot be read, or that it differs.
pub(super) fn is_in(file: &Path, value: &impl Serialize) -> io::Result<bool> {
    let mut file = BufReader::new(open_regular(file)?);
    let mut head = [0; HEAD.len()];
    file.read_exact(&mut head)?;
    let sum = write_value(Expected(&mut file), value)?;
    let mut expected = HEAD;
    expected[SUM].copy_from_slice(sum.as_bytes());
    let mut end = Vec::new();
    file.take(END.len() as u64 + 1).read_to_end(&mut end)?;
    Ok(head == expected && end == END)
}

/// Writes a value, and returns its sum.
fn write_value(to: impl Write, value: &impl Serialize) -> io::Result<String> {
    let hasher = DefaultHasher::new();
    let mut buffered = BufWriter::new(Summed { to, hasher });
    serde_json::to_writer(&mut buffered, value)?;
    let summed = buffered.into_inner().map_err(IntoInnerError::into_error)?;
    Ok(sum(&summed.hasher))
}

fn sum(hasher: &DefaultHasher) -> String {
    format!("{:016x}", hasher.finish())
}

/// Adds up what is written.
struct Summed<W> {
    to: W,
    hasher: DefaultHasher,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let num = self.to.write(bytes)?;
        self.hasher.write(&bytes[..num]);
        Ok(num)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Compares what is written with what it reads.
struct Expected<R>(R);

impl<R: BufRead> Write for Expected<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let expected = self.0.fill_buf()?;
        let num = expected.len().min(bytes.len());
        if num == 0 || expected[..num] != bytes[..num] {
            return Err(io::Error::other("it differs"));
        }
        self.0.consume(num);
        Ok(num)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_with_the_right_sum_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        // Longer than all buffers.
        let texts: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
        write(&mut File::create(&path).unwrap(), &texts).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(parse::<Vec<String>>(&whole), Some(texts.clone()));
        assert!(is_in(&path, &texts).unwrap());
        assert!(!is_in(&path, &texts[1..].to_vec()).unwrap_or(false));
        for at in [SUM.start, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(parse::<Vec<String>>(&damaged), None);
            assert!(!is_in(&path, &texts).unwrap_or(false));
        }
        for other in [&whole[..whole.len() - 1], &[&*whole, b" "].concat()] {
            std::fs::write(&path, other).unwrap();
            assert!(!is_in(&path, &texts).unwrap_or(false));
        }
    }
}

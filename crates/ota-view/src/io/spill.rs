//! Makes a forward-only stream readable at any offset.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::file::read_file_at;
use super::scratch::ScratchFile;
use super::{Budget, Exceeded, ReadAt, ReadError, check_bounds};

/// Most decoded bytes kept in memory; the rest goes to a file. Payload operations (2 MiB) and small
/// partitions never need the file.
const MAX_IN_MEMORY: usize = 8 << 20;
/// Bytes decoded at a time while they fit in memory.
const STEP: usize = 128 << 10;
/// Bytes decoded at a time when they go to the file.
const FILE_STEP: usize = 1 << 20;
/// Bytes of disk space reserved at a time.
const SPACE_STEP: u64 = 16 << 20;

/// A stream that is decoded as far as it is read, and whose decoded bytes are stored.
///
/// The beginning is stored in memory, the rest in a nameless temporary file, which the system
/// deletes even if the program is killed.
pub struct Spill {
    what: &'static str,
    size: u64,
    budget: Arc<Budget>,
    /// Bytes of memory that the stream itself uses until it ends.
    stream_len: usize,
    /// Most decoded bytes that the stream itself keeps until it ends.
    window: u64,
    state: Mutex<SpillState>,
}

struct SpillState {
    stream: Option<Box<dyn Read + Send>>,
    memory: Vec<u8>,
    file: Option<ScratchFile>,
    /// Bytes decoded so far.
    len: u64,
    /// Bytes of memory reserved in the run.
    held: u64,
    /// Why decoding stopped.
    fault: Option<ReadError>,
}

impl Spill {
    /// Wraps a stream of `size` bytes; `u64::MAX` if its length is not known.
    ///
    /// `what` names the kind of stream in errors.
    #[must_use]
    pub fn new(
        what: &'static str,
        stream: Box<dyn Read + Send>,
        size: u64,
        budget: Arc<Budget>,
    ) -> Spill {
        Spill {
            what,
            size,
            budget,
            stream_len: 0,
            window: 0,
            state: Mutex::new(SpillState {
                stream: Some(stream),
                memory: Vec::new(),
                file: None,
                len: 0,
                held: 0,
                fault: None,
            }),
        }
    }

    /// Sets how many bytes of memory the stream itself uses until it ends.
    #[must_use]
    pub fn with_stream_len(mut self, stream_len: usize) -> Spill {
        self.stream_len = stream_len;
        self
    }

    /// Sets how many decoded bytes the stream itself keeps until it ends, at most.
    #[must_use]
    pub fn with_window(mut self, window: u64) -> Spill {
        self.window = window;
        self
    }

    /// Returns the bytes of memory in use.
    #[must_use]
    pub fn memory_len(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stream_len = match &state.stream {
            Some(_) => self.stream_len,
            None => 0,
        };
        state.memory.capacity().saturating_add(stream_len)
    }

    /// Decodes until `end` bytes are stored, or the stream ends.
    fn advance(&self, state: &mut SpillState, end: u64) -> Result<(), ReadError> {
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        let mut buffer = Vec::new();
        while state.len < end
            && let Some(stream) = &mut state.stream
        {
            let step = match state.memory.len() < MAX_IN_MEMORY {
                true => STEP,
                false => FILE_STEP,
            };
            buffer.resize(step, 0);
            let left = usize::try_from(self.size.saturating_sub(state.len));
            let step = left.unwrap_or(usize::MAX).min(step);
            let (read, ended) = fill(stream, &mut buffer[..step]);
            let stored = self
                .budget
                .charge_decoded(read as u64)
                .map_err(ReadError::from)
                .and_then(|()| self.store(state, &buffer[..read]))
                .and_then(|()| Ok(self.hold(state)?));
            stored.map_err(|fault| state.fail(fault))?;
            match ended {
                None => {}
                Some(Ok(())) => state.stream = None,
                Some(Err(error)) => {
                    let fault = ReadError::decode(self.what, state.len, error);
                    let fault = state.fail(fault);
                    if state.len < end {
                        return Err(fault);
                    }
                }
            }
        }
        if state.len >= self.size {
            state.stream = None;
        }
        if state.stream.is_none() {
            self.hold(state)?;
        }
        Ok(())
    }

    /// Reserves the memory that is in use now.
    fn hold(&self, state: &mut SpillState) -> Result<(), Exceeded> {
        let in_stream = match &state.stream {
            Some(_) => state.len.min(self.window),
            None => 0,
        };
        let in_use = in_stream.saturating_add(state.memory.len() as u64);
        let scratch = &self.budget.limits().scratch;
        scratch.hold(&mut state.held, in_use, &self.budget.memory)
    }

    fn store(&self, state: &mut SpillState, bytes: &[u8]) -> Result<(), ReadError> {
        let in_memory = bytes.len().min(MAX_IN_MEMORY - state.memory.len());
        let (head, tail) = bytes.split_at(in_memory);
        state.memory.extend_from_slice(head);
        state.len += head.len() as u64;
        if tail.is_empty() {
            return Ok(());
        }
        let end = state.len + tail.len() as u64;
        let at = state.len - state.memory.len() as u64;
        let scratch = match &mut state.file {
            Some(scratch) => scratch,
            None => {
                let scratch = self.budget.limits().scratch.open()?;
                state.file.insert(scratch)
            }
        };
        while at + tail.len() as u64 > scratch.reserved() {
            scratch.reserve(SPACE_STEP, &self.budget.reserved)?;
        }
        let failed = |error, scratch: &ScratchFile| ReadError::Store {
            folder: scratch.folder.clone(),
            source: Arc::new(error),
        };
        // On Windows, a read at an offset moves the position of the next write.
        let written = scratch.file.seek(SeekFrom::Start(at));
        written
            .and_then(|_| scratch.file.write_all(tail))
            .map_err(|error| failed(error, scratch))?;
        scratch.note_written(tail.len() as u64);
        state.len = end;
        Ok(())
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut state.file {
            file.release(&self.budget.reserved);
        }
        let scratch = &self.budget.limits().scratch;
        // Reserving less never fails.
        let _ = scratch.hold(&mut state.held, 0, &self.budget.memory);
    }
}

/// Reads until `buf` is full; returns the length, and why it ended early if it did.
fn fill(stream: &mut dyn Read, buf: &mut [u8]) -> (usize, Option<io::Result<()>>) {
    let mut len = 0;
    while len < buf.len() {
        match stream.read(&mut buf[len..]) {
            Ok(0) => return (len, Some(Ok(()))),
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (len, Some(Err(error))),
        }
    }
    (len, None)
}

impl SpillState {
    fn fail(&mut self, fault: ReadError) -> ReadError {
        self.stream = None;
        self.fault = Some(fault.clone());
        fault
    }

    /// Copies bytes that have been decoded.
    fn copy(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let head = self.memory.get(start..).unwrap_or_default();
        let len = head.len().min(buf.len());
        let (in_memory, in_file) = buf.split_at_mut(len);
        in_memory.copy_from_slice(&head[..len]);
        if in_file.is_empty() {
            return Ok(());
        }
        let offset = offset + len as u64;
        let scratch = self.file.as_ref();
        let scratch = scratch.expect("what is not in memory is there");
        read_file_at(&scratch.file, in_file, offset - self.memory.len() as u64).map_err(|error| {
            ReadError::Io {
                offset,
                source: Arc::new(error),
            }
        })
    }
}

impl ReadAt for Spill {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset + buf.len() as u64;
        if end > state.len {
            self.advance(&mut state, end)?;
        }
        check_bounds(offset, buf.len(), state.len)?;
        state.copy(offset, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_kind::ErrorKind;
    use crate::io::{Limits, Scratch};
    use std::time::Instant;

    fn budget(limits: impl FnOnce(&mut Limits)) -> Arc<Budget> {
        let mut all = Limits::new(std::env::temp_dir(), Instant::now);
        limits(&mut all);
        Arc::new(Budget::new(all))
    }

    fn scratch(folder: impl Into<std::path::PathBuf>, max: u64) -> Arc<Scratch> {
        Arc::new(Scratch::new([folder.into()], max))
    }

    /// Counts up, and fails at its end.
    struct Endless {
        at: u64,
        end: u64,
    }

    impl Read for Endless {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if self.at >= self.end {
                return Err(io::Error::other("broken"));
            }
            let len = buf.len().min(5000);
            for byte in &mut buf[..len] {
                *byte = (self.at / 7) as u8;
                self.at += 1;
            }
            Ok(len)
        }
    }

    #[test]
    fn stream_is_read_at_any_offset_in_memory_and_on_disk() {
        let total = 20u64 << 20;
        let spill = Spill::new(
            "test",
            Box::new(Endless { at: 0, end: total }),
            total,
            budget(|_| ()),
        );
        for offset in [3, (8 << 20) - 5, 15 << 20, 100, (8 << 20) + 1] {
            let mut buf = [0; 1000];
            spill.read_exact_at(offset, &mut buf).unwrap();
            let expected: Vec<u8> = (offset..offset + 1000).map(|at| (at / 7) as u8).collect();
            assert_eq!(&buf[..], &expected[..], "{offset}");
        }
    }

    #[test]
    fn stream_is_decoded_only_as_far_as_it_is_read() {
        let budget = budget(|_| ());
        let stream = Box::new(Endless {
            at: 0,
            end: 1 << 40,
        });
        let spill = Spill::new("test", stream, 1 << 40, Arc::clone(&budget));
        spill.read_exact_at(1000, &mut [0; 10]).unwrap();
        assert!(budget.counters().bytes_decoded <= STEP as u64);
    }

    #[test]
    fn short_and_broken_streams_have_their_error_kinds() {
        let short = Spill::new("test", Box::new(&b"abc"[..]), u64::MAX, budget(|_| ()));
        let mut two = [0; 2];
        short.read_exact_at(1, &mut two).unwrap();
        assert_eq!(&two, b"bc");
        let error = short.read_exact_at(2, &mut two).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);

        let stream = Box::new(Endless { at: 0, end: 10_000 });
        let broken = Spill::new("test", stream, 100_000, budget(|_| ()));
        let mut buf = [0; 20_000];
        for _ in 0..2 {
            let error = broken.read_exact_at(0, &mut buf).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        }
        broken.read_exact_at(9_000, &mut buf[..1000]).unwrap();
    }

    #[test]
    fn read_beyond_the_largest_offset_is_out_of_bounds() {
        let spill = Spill::new("test", Box::new(&b"abc"[..]), u64::MAX, budget(|_| ()));
        let error = spill.read_exact_at(u64::MAX, &mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        spill.read_exact_at(0, &mut [0; 3]).unwrap();
    }

    #[test]
    fn missing_temporary_folder_is_named() {
        let budget = budget(|limits| limits.scratch = scratch("/nowhere/to/be/found", 1 << 40));
        let spill = Spill::new("test", Box::new(io::repeat(1)), 1 << 40, budget);
        spill.read_exact_at(1 << 20, &mut [0; 10]).unwrap();
        let error = spill.read_exact_at(10 << 20, &mut [0; 10]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(
            error.to_string().contains("/nowhere/to/be/found"),
            "{error}"
        );
    }

    #[test]
    fn memory_of_streams_is_shared_and_returned() {
        let limits = Limits::new(std::env::temp_dir(), Instant::now);
        let open = |budget: &Arc<Budget>| {
            let stream = Box::new(io::repeat(1));
            let spill = Spill::new("test", stream, 40 << 20, Arc::clone(budget));
            spill.with_window(30 << 20)
        };
        let read = |spill: &Spill, mib: u64| {
            let read = spill.read_exact_at((mib << 20) - 1, &mut [0]);
            read.map_err(|error| error.to_string())
        };
        let limits = Limits {
            scratch: Arc::new(Scratch::new([std::env::temp_dir()], 1 << 40).with_memory(60 << 20)),
            ..limits
        };
        let (one, other) = (
            Arc::new(Budget::new(limits.clone())),
            Arc::new(Budget::new(limits)),
        );
        // Eight MiB of its beginning, and what the decoder keeps.
        let first = open(&one);
        read(&first, 20).unwrap();
        let second = open(&other);
        assert!(read(&second, 39).unwrap_err().contains("other packages"));
        drop(second);
        // A stream at its end keeps its beginning alone.
        read(&first, 40).unwrap();
        let third = open(&other);
        read(&third, 39).unwrap();
        drop((first, third));
        let all: Vec<Spill> = (0..3).map(|_| open(&one)).collect();
        read(&all[0], 39).unwrap();
        let error = read(&all[1], 39).unwrap_err();
        assert_eq!(error, "more than 60 MiB of memory to decode");
    }

    #[test]
    fn decompression_bomb_stops_at_the_limits() {
        let endless = || Box::new(io::repeat(0));
        let read = |limits: fn(&mut Limits)| {
            let spill = Spill::new("test", endless(), 1 << 40, budget(limits));
            let error = spill.read_exact_at(1 << 39, &mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Limit);
            error.to_string()
        };
        let text = read(|limits| limits.scratch = scratch(std::env::temp_dir(), 16 << 20));
        assert_eq!(text, "more than 16777216 bytes to keep in temporary files");
        let text = read(|limits| limits.decoded = 1 << 20);
        assert_eq!(text, "more than 1048576 bytes to decode");
    }
}

//! Runs the programs that copy: with arguments as they are, never by a shell.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use super::{Error, Observer, io_error};

/// Longest line of a program that is read, in bytes.
const MAX_LINE: usize = 1 << 20;
/// Longest list of paths for a program, in bytes.
const MAX_OUTPUT: u64 = 512 << 20;
/// Most lines of the error output of a program that are kept.
const MAX_MESSAGES: usize = 1000;

/// Runs programs, and shows their error output.
#[derive(Clone)]
pub struct Runner {
    /// An empty folder for lists and the like.
    work: PathBuf,
    /// The lock of the site. Each program has it as its empty input, so that the site stays locked until the program
    /// ends, even if romfeed is killed before.
    lock: Option<Arc<File>>,
    pub(super) observer: Arc<dyn Observer>,
}

/// A program: its name, and how to get it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) hint: &'static str,
}

impl Program {
    /// Looks for the program in the folders of `PATH`.
    ///
    /// # Errors
    /// [`Error::NotInstalled`].
    pub(super) fn require(self) -> Result<(), Error> {
        let Some(folders) = std::env::var_os("PATH") else {
            return Ok(());
        };
        // npm installs scripts.
        let endings: &[&str] = match cfg!(windows) {
            true => &[".exe", ".cmd"],
            false => &[""],
        };
        let is_in = |folder: PathBuf| {
            let mut files = endings
                .iter()
                .map(|end| folder.join(format!("{}{end}", self.name)));
            files.any(|file| is_executable(&file))
        };
        match std::env::split_paths(&folders).any(is_in) {
            true => Ok(()),
            false => Err(self.not_installed()),
        }
    }

    fn not_installed(self) -> Error {
        Error::NotInstalled {
            program: self.name,
            hint: self.hint,
        }
    }

    /// Returns the error for an end that is not a success.
    pub(super) fn failed(self, what: &str, status: ExitStatus) -> Error {
        Error::Failed {
            program: self.name,
            what: what.to_owned(),
            status: match status.code() {
                Some(code) => format!("exit code {code}"),
                None => status.to_string(),
            },
        }
    }

    /// Returns the error for an answer that is not understood.
    pub(super) fn answer(self, reason: impl ToString) -> Error {
        Error::Answer {
            program: self.name,
            reason: reason.to_string(),
        }
    }
}

/// What a program printed, and how it ended.
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) bytes: Vec<u8>,
    /// The lines of its error output, which were not shown yet.
    pub(super) messages: Vec<String>,
}

impl Output {
    /// Returns whether a line of the error output has this text.
    pub(super) fn says(&self, text: &str) -> bool {
        self.messages.iter().any(|line| line.contains(text))
    }

    /// Returns whether the program ended with one of these exit codes.
    pub(super) fn has_code(&self, codes: &[i32]) -> bool {
        self.status.code().is_some_and(|code| codes.contains(&code))
    }
}

impl Runner {
    /// Makes a runner with an empty folder, which it may use, and the lock of the site, if it is to be held.
    #[must_use]
    pub fn new(work: PathBuf, lock: Option<File>, observer: Arc<dyn Observer>) -> Runner {
        Runner {
            work,
            lock: lock.map(Arc::new),
            observer,
        }
    }

    /// Returns the path of a file in the folder for lists.
    pub(super) fn temporary(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// Makes an empty folder, in place of an earlier one.
    pub(super) fn empty_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.work.join(name);
        let made = match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => std::fs::create_dir_all(&folder),
        };
        made.map_err(io_error(&folder))?;
        Ok(folder)
    }

    /// Writes a list of paths for a program, each with this beginning and this end.
    pub(super) fn list(&self, paths: &[&str], begin: &str, end: &str) -> Result<PathBuf, Error> {
        let file = self.work.join("list");
        let text: String = paths.iter().flat_map(|path| [begin, path, end]).collect();
        std::fs::write(&file, text).map_err(io_error(&file))?;
        Ok(file)
    }

    /// Runs a program, and calls `on_line` with each line of its output and `on_message` with each of its error output.
    /// Progress with `\r` is lines, too.
    pub(super) fn run(
        &self,
        program: Program,
        command: &mut Command,
        on_line: &mut (dyn FnMut(&[u8]) + Send),
        on_message: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ExitStatus, Error> {
        let mut child = self.spawn(program, command)?;
        let [stdout, stderr] = pipes(&mut child);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                each_line(stderr, &mut |line| {
                    on_message(&String::from_utf8_lossy(line))
                });
            });
            each_line(stdout, on_line);
        });
        child.wait().map_err(io_error(Path::new(program.name)))
    }

    /// Runs a program, and returns what it printed.
    pub(super) fn output(&self, program: Program, command: &mut Command) -> Result<Output, Error> {
        self.collect(program, self.spawn(program, command)?, &[])
    }

    /// As [`Runner::output`], with an input of some hundred bytes at most, for what other users must not see among the
    /// arguments.
    pub(super) fn output_with(
        &self,
        program: Program,
        command: &mut Command,
        input: &[u8],
    ) -> Result<Output, Error> {
        let child = spawn_with(program, command, Stdio::piped())?;
        self.collect(program, child, input)
    }

    /// Writes the input of a program, and reads what it prints.
    fn collect(&self, program: Program, mut child: Child, input: &[u8]) -> Result<Output, Error> {
        if let Some(mut pipe) = child.stdin.take() {
            // A program that does not read its input says why it failed.
            let _ = pipe.write_all(input);
        }
        let [stdout, stderr] = pipes(&mut child);
        let mut bytes = Vec::new();
        let mut messages = Vec::new();
        let read = std::thread::scope(|scope| {
            scope.spawn(|| {
                each_line(stderr, &mut |line| {
                    if messages.len() < MAX_MESSAGES {
                        messages.push(String::from_utf8_lossy(line).into_owned());
                    }
                });
            });
            stdout.take(MAX_OUTPUT).read_to_end(&mut bytes)
        });
        read.map_err(io_error(Path::new(program.name)))?;
        let status = child.wait().map_err(io_error(Path::new(program.name)))?;
        Ok(Output {
            status,
            bytes,
            messages,
        })
    }

    /// Shows the error output of a program that failed, and returns the error.
    pub(super) fn failed(&self, program: Program, what: &str, output: &Output) -> Error {
        self.show(output);
        program.failed(what, output.status)
    }

    /// Shows the error output of a program.
    pub(super) fn show(&self, output: &Output) {
        output
            .messages
            .iter()
            .for_each(|line| self.observer.said(line));
    }

    fn spawn(&self, program: Program, command: &mut Command) -> Result<Child, Error> {
        let input = match &self.lock {
            Some(lock) => lock.try_clone().map(Stdio::from),
            None => Ok(Stdio::null()),
        };
        let input = input.map_err(io_error(Path::new(program.name)))?;
        spawn_with(program, command, input)
    }
}

fn is_executable(file: &Path) -> bool {
    #[cfg(unix)]
    let is_allowed = |metadata: &std::fs::Metadata| {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o111 != 0
    };
    #[cfg(not(unix))]
    let is_allowed = |_: &std::fs::Metadata| true;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && is_allowed(&metadata))
}

fn spawn_with(program: Program, command: &mut Command, input: Stdio) -> Result<Child, Error> {
    let spawned = command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    spawned.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => program.not_installed(),
        _ => io_error(Path::new(program.name))(error),
    })
}

fn pipes(child: &mut Child) -> [Box<dyn Read + Send>; 2] {
    let stdout = child
        .stdout
        .take()
        .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
    let stderr = child
        .stderr
        .take()
        .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
    [stdout, stderr].map(|pipe| pipe.unwrap_or_else(|| Box::new(io::empty())))
}

/// Calls `on_line` with each line that is not empty, up to the end of the pipe or an error. Lines end with `\n` or, if
/// they show progress, with `\r`. Of a line that is too long, only the end is used.
fn each_line(pipe: impl Read, on_line: &mut dyn FnMut(&[u8])) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        let chunk = match pipe.fill_buf() {
            Ok(chunk) if !chunk.is_empty() => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            _ => break,
        };
        let num_bytes = chunk.len();
        for byte in chunk {
            match byte {
                b'\n' | b'\r' => {
                    if !line.is_empty() {
                        on_line(&line);
                    }
                    line.clear();
                }
                _ => line.push(*byte),
            }
        }
        if line.len() > MAX_LINE {
            line.clear();
        }
        pipe.consume(num_bytes);
    }
    if !line.is_empty() {
        on_line(&line);
    }
}

/// Returns the path of a folder as the first or last argument of a program that may take other beginnings for options
/// or for hosts.
pub(super) fn plain_folder(folder: &Path) -> PathBuf {
    match folder.is_absolute() {
        true => folder.to_owned(),
        false => Path::new(".").join(folder),
    }
}

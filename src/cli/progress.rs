//! The progress bar: what is read, hashed or downloaded, the rate and the remaining time, on a terminal only.

use std::fmt;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use romfeed::generate::Observer;
use romfeed::ingest::Examined;
use romfeed::model::facts::Fact;
use romfeed::upload;

use super::escape::escape;
use super::report::{Terminal, count};

const UPLOADING: &str = "uploading {msg} {bar:12} {bytes} of {total_bytes}, {eta} left";
const LISTING: &str = "{spinner} asking {msg} for its files, {elapsed}";
const READING: &str = "reading {bar:24} {pos} of {len} zips on other hosts{pace}";
const HASHING: &str = "hashing {bar:24} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const DOWNLOADING: &str =
    "downloading for digests {bar:24} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
/// Time between two pictures of what has no other sign of life, such as a host that is waited for.
const TICK: Duration = Duration::from_millis(200);

/// Shows the progress of a run.
#[derive(Clone)]
pub(crate) struct Progress {
    terminal: Terminal,
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(terminal: Terminal) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        Progress { terminal, bar }
    }

    /// Begins a bar of this length.
    fn begin(&self, template: &str, len: u64) {
        if self.terminal.quiet {
            return;
        }
        let pace = |state: &ProgressState, text: &mut dyn fmt::Write| {
            if state.pos() > 0 {
                let left = HumanDuration(state.eta());
                // A text that cannot be written is only a bar without a rate.
                let _ = write!(text, ", {:.1} a second, {left:#} left", state.per_sec());
            }
        };
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        self.bar.set_style(style.with_key("pace", pace));
        self.bar.set_length(len);
        // Indicatif draws on terminals only.
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.reset();
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(TICK);
        }
    }

    /// Removes the bar.
    fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }

    /// Hides the bar while `print` runs.
    pub(crate) fn pause<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Observer for Progress {
    fn listing(&self, source: &str) {
        let source = source.escape_debug().to_string();
        if self.terminal.verbosity > 0 {
            self.terminal
                .line(&format!("asking {source} for its files"));
        }
        self.bar.set_message(source);
        self.begin(LISTING, 0);
    }

    fn listed(&self) {
        self.end();
    }

    fn reading(&self, num_packages: usize) {
        if self.terminal.verbosity > 0 {
            let zips = match num_packages {
                1 => "1 zip on another host".to_owned(),
                num => format!("{num} zips on other hosts"),
            };
            self.terminal.line(&format!("reading {zips}"));
        }
        self.begin(READING, num_packages as u64);
    }

    fn read(&self) {
        self.bar.inc(1);
    }

    fn reading_done(&self) {
        self.end();
    }

    fn examined(&self, package: &Examined) {
        if self.terminal.verbosity > 0 {
            let value = |fact| {
                package
                    .facts
                    .value(fact)
                    .unwrap_or("?")
                    .escape_debug()
                    .to_string()
            };
            self.terminal.line(&format!(
                "{}: {} {} for {}, {} of {}",
                package.path.escape_debug(),
                package.kind.as_str(),
                value(Fact::Version),
                value(Fact::Device),
                value(Fact::Romtype),
                value(Fact::Datetime),
            ));
        }
    }

    fn hashing(&self, num_files: usize, num_bytes: u64) {
        if num_files > 0 {
            self.begin(HASHING, num_bytes);
        }
    }

    fn downloading(&self, num_packages: usize, num_bytes: u64) {
        if num_packages > 0 {
            self.begin(DOWNLOADING, num_bytes);
        }
    }

    fn hashed(&self, num_bytes: u64) {
        self.bar.inc(num_bytes);
    }

    fn hashing_done(&self) {
        self.end();
    }
}

impl upload::Observer for Progress {
    fn copying(&self, num_files: usize, num_bytes: u64) {
        self.bar.set_message(count(num_files, "file", "files"));
        self.begin(UPLOADING, num_bytes);
    }

    fn copied(&self, num_bytes: u64) {
        self.bar.set_position(num_bytes);
    }

    fn copying_done(&self) {
        self.end();
    }

    fn said(&self, line: &str) {
        self.pause(|| self.terminal.always(&escape(line)));
    }
}

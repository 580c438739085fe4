//! The progress bar: what is read, hashed or downloaded, the rate and the remaining time, on a terminal only.

use std::fmt;
#[cfg(feature = "serve")]
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use romfeed::generate::Observer;
use romfeed::ingest::Examined;
use romfeed::model::facts::Fact;
use romfeed::upload;

use super::escape::escape;
#[cfg(feature = "serve")]
use super::escape::shown;
#[cfg(feature = "serve")]
use super::interrupt;
use super::report::{Terminal, count};

// Each fits a line of 60 characters.
const UPLOADING: &str = "uploading {msg} {bar:8} {amount}";
const LISTING: &str = "{spinner} {elapsed:4} {pos} of {len} sources listed, asking {wide_msg}";
const READING: &str = "reading {bar:10} {pos} of {len} zips{pace}";
const HASHING: &str = "hashing {bar:10} {amount}";
const DOWNLOADING: &str = "downloading {bar:8} {amount}";
/// Time between two pictures of what has no other sign of life, such as a host that is waited for.
const TICK: Duration = Duration::from_millis(200);

/// Describes what a run that is stopped at a step has done, and what to do.
#[cfg(feature = "serve")]
fn describe_stop(step: u8, out: &str) -> interrupt::Message {
    match step {
        step if step == Step::Nothing as u8 => (
            format!("stopped: nothing was written, {out} is as it was"),
            Some("run it again: zips that were read to their end are not read again"),
        ),
        step if step == Step::Writing as u8 => (
            format!(
                "stopped while {out} was written: some of its files are new, others are not; nothing of it is \
                 published"
            ),
            Some("run it again before you upload anything: it writes the rest"),
        ),
        _ => (
            format!("stopped: {out} is complete, and not yet published"),
            None,
        ),
    }
}

/// Describes how many bytes of all are done, and the bytes a second: `1.2 of 12.3 GiB, 256 MiB/s`.
fn amount(done: u64, all: u64, per_second: f64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let scale = |bytes: f64| {
        let mut scaled = bytes / 1024.0;
        let mut unit = 0;
        while scaled >= 1000.0 && unit + 1 < UNITS.len() {
            scaled /= 1024.0;
            unit += 1;
        }
        (scaled, unit)
    };
    // Rounding does not show in one digit after the point.
    let [done, all] = [done as f64, all as f64];
    let (scaled, unit) = scale(all);
    let done = if all > 0.0 { done / all * scaled } else { 0.0 };
    let (rate, rate_unit) = scale(per_second);
    format!(
        "{done:.1} of {scaled:.1} {}, {rate:.0} {}/s",
        UNITS[unit], UNITS[rate_unit]
    )
}

/// Shows the progress of a run.
#[derive(Clone)]
pub(crate) struct Progress {
    terminal: Terminal,
    bar: ProgressBar,
    step: Arc<AtomicU8>,
}

/// What a run has done to catalog and site so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Writing,
    Written,
}

impl Progress {
    pub(crate) fn new(terminal: Terminal) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        Progress {
            terminal,
            bar,
            step: Arc::default(),
        }
    }

    /// Prepares what a signal prints during the run; `out` is the folder of the site.
    #[cfg(feature = "serve")]
    pub(crate) fn prepare_stop(&self, out: &Path) {
        let (bar, step, out) = (self.bar.clone(), Arc::clone(&self.step), shown(out));
        interrupt::on_stop(self.terminal, move || {
            bar.finish_and_clear();
            describe_stop(step.load(Ordering::SeqCst), &out)
        });
    }

    fn reach(&self, step: Step) {
        self.step.store(step as u8, Ordering::SeqCst);
    }

    /// Begins a bar of this length.
    fn begin(&self, template: &str, len: u64) {
        if self.terminal.quiet || self.terminal.is_dumb {
            return;
        }
        let pace = |state: &ProgressState, text: &mut dyn fmt::Write| {
            if state.pos() > 0 {
                let left = HumanDuration(state.eta());
                // A text that cannot be written is only a bar without a rate.
                let _ = write!(text, ", {:.1} a second, {left:#} left", state.per_sec());
            }
        };
        let amount = |state: &ProgressState, text: &mut dyn fmt::Write| {
            let left = HumanDuration(state.eta());
            let amount = amount(
                state.pos(),
                state.len().unwrap_or_default(),
                state.per_sec(),
            );
            let _ = write!(text, "{amount}, {left:#} left");
        };
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        let style = style.with_key("pace", pace).with_key("amount", amount);
        self.bar.set_style(style);
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
    fn listing(&self, num_sources: usize) {
        self.begin(LISTING, num_sources as u64);
    }

    fn asking(&self, source: &str) {
        let source = source.escape_debug().to_string();
        if self.terminal.verbosity > 0 {
            self.terminal
                .line(&format!("asking {source} for its files"));
        }
        self.bar.set_message(source);
    }

    fn listed(&self) {
        self.bar.inc(1);
    }

    fn listing_done(&self) {
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

    fn writing(&self) {
        self.reach(Step::Writing);
    }

    fn written(&self) {
        self.reach(Step::Written);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_line_fits_60_columns() {
        let text = amount(999 << 30, 999 << 30, 999.0 * 1024.0 * 1024.0);
        assert_eq!(text, "999.0 of 999.0 GiB, 999 MiB/s");
        let line = format!("downloading {} {text}, 59m left", "#".repeat(8));
        assert!(line.len() <= 60, "{}", line.len());
        assert_eq!(amount(0, 0, 0.0), "0.0 of 0.0 KiB, 0 KiB/s");
        assert_eq!(amount(3 << 29, 3 << 30, 2e9), "1.5 of 3.0 GiB, 2 GiB/s");
    }
}

//! The progress bar: hashed bytes, rate and remaining time, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use romfeed::generate::Observer;
use romfeed::ingest::Examined;
use romfeed::model::facts::Fact;

use super::report::Terminal;

const TEMPLATE: &str = "hashing {bar:24} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// Shows the progress of a run.
pub(crate) struct Progress {
    terminal: Terminal,
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(terminal: Terminal) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        bar.set_style(ProgressStyle::with_template(TEMPLATE).expect("the template is a constant"));
        Progress { terminal, bar }
    }
}

impl Progress {
    /// Hides the bar while `print` runs.
    pub(crate) fn pause<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Observer for Progress {
    fn listing(&self, source: &str) {
        if self.terminal.verbosity > 0 {
            let source = source.escape_debug();
            self.terminal
                .line(&format!("asking {source} for its files"));
        }
    }

    fn reading(&self, num_packages: usize) {
        if self.terminal.verbosity > 0 {
            self.terminal
                .line(&format!("reading {num_packages} zips on other hosts"));
        }
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
        if num_files > 0 && !self.terminal.quiet {
            self.bar.set_length(num_bytes);
            // Indicatif draws on terminals only.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.reset();
        }
    }

    fn hashed(&self, num_bytes: u64) {
        self.bar.inc(num_bytes);
    }

    fn hashing_done(&self) {
        self.bar.finish_and_clear();
    }
}

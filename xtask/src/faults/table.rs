//! The faults that were tried, and their results.

use testkit::faults::{Ended, Stage, outcome};

use crate::tools::Result;

/// Number of losses printed for each fault.
const MAX_PRINTED: usize = 5;

/// The side of a run that a fault affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Output: every file is old or new, and the run reports what it could not write.
    Output,
    /// Input: what cannot be read is missing from the site until the next run. Unreadable texts are
    /// only warnings.
    Input,
}

/// A fault with all its tries.
#[derive(Debug)]
pub(super) struct Row {
    fault: String,
    num_tries: usize,
    num_effects: usize,
    losses: Vec<String>,
    /// The fault need not keep any run from finishing.
    is_harmless: bool,
}

/// All faults.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// Creates a row, to be [added](Self::add) when it is complete.
    pub(super) fn row(fault: &str) -> Row {
        Row {
            fault: fault.to_owned(),
            num_tries: 0,
            num_effects: 0,
            losses: Vec::new(),
            is_harmless: false,
        }
    }

    /// Adds a row and prints it.
    pub(super) fn add(&mut self, row: Row) {
        if self.0.is_empty() {
            eprintln!(
                "{:<52} {:>6} {:>11} {:>7}",
                "fault", "tries", "took effect", "losses"
            );
        }
        let (tries, effects, losses) = (row.num_tries, row.num_effects, row.losses.len());
        eprintln!("{:<52} {tries:>6} {effects:>11} {losses:>7}", row.fault);
        for loss in row.losses.iter().take(MAX_PRINTED) {
            eprintln!("    {loss}");
        }
        self.0.push(row);
    }

    /// Prints the totals; an error if anything was lost, or if a fault that should have an effect
    /// had none.
    pub(super) fn finish(self) -> Result<()> {
        let sum = |count: fn(&Row) -> usize| self.0.iter().map(count).sum::<usize>();
        let num_losses = sum(|row| row.losses.len());
        let [tries, effects] = [sum(|row| row.num_tries), sum(|row| row.num_effects)];
        eprintln!("{:<52} {tries:>6} {effects:>11} {num_losses:>7}", "all");
        let is_idle = |row: &&Row| row.num_effects == 0 && !row.is_harmless || row.num_tries == 0;
        match (num_losses, self.0.iter().find(is_idle)) {
            (0, None) => Ok(()),
            (0, Some(row)) => Err(format!("{} had no effect", row.fault).into()),
            (n, _) => Err(format!("{n} losses").into()),
        }
    }
}

impl Row {
    /// Declares that no run has to be kept from finishing.
    pub(super) fn harmless(mut self) -> Row {
        self.is_harmless = true;
        self
    }

    /// Counts a try; `losses` are its results, and `what` identifies the try.
    pub(super) fn count(&mut self, took_effect: bool, losses: Vec<String>, what: &str) {
        self.num_tries += 1;
        self.num_effects += usize::from(took_effect);
        let losses = losses.into_iter().map(|loss| format!("{what}: {loss}"));
        self.losses.extend(losses);
    }

    /// Applies a fault to a stage: prepare, disturb, outcome, and run again to recover.
    ///
    /// `act` makes the disturbed run and returns how it ended, or `None` if it was killed. `after`
    /// removes a fault that would last.
    pub(super) fn try_fault(
        &mut self,
        stage: &Stage,
        what: &str,
        act: impl FnOnce() -> Result<Option<Ended>>,
        after: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let act = || {
            let ended = act()?;
            after()?;
            Ok(ended)
        };
        self.try_on(Side::Output, stage, what, act)
    }

    /// Does the same for one side of the run.
    pub(super) fn try_on(
        &mut self,
        side: Side,
        stage: &Stage,
        what: &str,
        act: impl FnOnce() -> Result<Option<Ended>>,
    ) -> Result<()> {
        stage.rewind()?;
        let ended = act()?;
        let (mut losses, took_effect) = match side {
            Side::Output => stage.losses()?,
            Side::Input => stage.losses_of_input()?,
        };
        losses.extend(ended.iter().filter_map(unclear));
        let done = ended
            .iter()
            .filter(|ended| ended.exited_with(&[0]) && side == Side::Output);
        losses.extend(done.flat_map(|_| undone(stage)));
        losses.extend(stage.recover()?);
        let is_reported = ended.is_some_and(|ended| !ended.exited_with(&[0]));
        self.count(
            took_effect || is_reported,
            losses,
            &format!("{}, {what}", stage.name),
        );
        Ok(())
    }
}

/// Returns what is wrong with how a run ended: it has to end by itself, with a line for what it
/// could not do.
fn unclear(ended: &Ended) -> Option<String> {
    let stderr = ended.stderr.trim();
    match ended.status.code() {
        _ if ended.has_panicked() => Some(format!("it panicked: {stderr}")),
        None => Some(format!("it died: {}", ended.status)),
        Some(0) => None,
        Some(_) if ended.says("") => None,
        Some(code) => Some(format!("it exited with {code} without a message: {stderr}")),
    }
}

/// Returns what is missing after a run that reported success.
fn undone(stage: &Stage) -> Vec<String> {
    let now = stage.site.outputs().unwrap_or_default();
    let undone = outcome::differences(&now, &stage.after).into_iter();
    // romfeed's own folder is only a cache.
    let undone = undone.filter(|line| !line.starts_with(".romfeed/"));
    let report = |line| format!("success was reported, but {line}");
    undone.map(report).collect()
}

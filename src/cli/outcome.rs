//! How commands end, as exit codes.

use std::process::ExitCode;

use romfeed::generate;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything succeeded.
    Done,
    /// Something failed, or the site is stale with `--exit-code`; `generate` has published the rest.
    Failed,
    /// `generate` stopped, and published nothing or not all of it.
    Stopped,
    /// The call or the settings are wrong.
    Usage,
    /// A second signal ended the server at once.
    #[cfg(feature = "serve")]
    Interrupted,
}

impl Outcome {
    /// Returns how a run with this error ends.
    pub(crate) fn from_error(error: &generate::Error) -> Outcome {
        match error.is_usage() {
            true => Outcome::Usage,
            false => Outcome::Failed,
        }
    }

    /// Returns `Done` if everything succeeded, otherwise `Failed`.
    pub(crate) fn from_success(is_success: bool) -> Outcome {
        match is_success {
            true => Outcome::Done,
            false => Outcome::Failed,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
            Outcome::Stopped => 3,
            #[cfg(feature = "serve")]
            Outcome::Interrupted => 130,
        })
    }
}

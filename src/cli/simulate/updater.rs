//! The updaters that `romfeed simulate` simulates.

use romfeed::clients::simulate::{Grounds, Site, Subject, candidates};
use romfeed::clients::updaters::Generation;

use super::Failure;
use crate::cli::escape::escape;
use crate::cli::nearest::did_you_mean;

/// All generations of LineageOS, for `--client`.
const ALL: &str = "all";
/// Maximum number of devices in a message.
const MAX_DEVICES: usize = 8;

/// Parses the generations that `--client` names.
pub(super) fn parse(ids: &[String]) -> Result<Vec<Generation>, Failure> {
    if ids.iter().any(|id| id == ALL) {
        return Ok(Generation::LINEAGE.to_vec());
    }
    let parse = |id: &String| Generation::from_id(id).ok_or_else(|| unknown_updater(id));
    let mut parsed: Vec<Generation> = ids.iter().map(parse).collect::<Result<_, _>>()?;
    parsed.sort_unstable();
    parsed.dedup();
    Ok(parsed)
}

fn unknown_updater(id: &str) -> Failure {
    let known = Generation::ALL.into_iter().map(Generation::id);
    let known: Vec<&str> = known.chain([ALL]).collect();
    let list = format!("known are {}", known.join(", "));
    let hint = match did_you_mean(id, known) {
        Some(near) => format!("{near} {list}"),
        None => list,
    };
    let id = id.escape_debug();
    Failure::new(format!("--client: there is no updater `{id}`")).hint(hint)
}

/// Returns the updaters that the phone may have, and the grounds for that.
///
/// A phone without properties of which nothing decides the updater is a mistake in the call, for example a
/// mistyped device.
pub(super) fn find(
    subject: &Subject,
    site: &Site<'_>,
) -> Result<(Vec<Generation>, Grounds), Failure> {
    match candidates(subject) {
        (_, Grounds::Nothing) if subject.props.is_none() => Err(nothing_known(subject, site)),
        found => Ok(found),
    }
}

fn nothing_known(subject: &Subject, site: &Site<'_>) -> Failure {
    let phone = subject.phone(Generation::Java22);
    let device = phone.next_device.unwrap_or(phone.device);
    let describe = "describe the phone by --version or --sdk, or choose an updater with --client";
    if device.is_empty() {
        return Failure::new("neither device nor version nor API level of the phone is known")
            .hint("give --device, --version or --sdk, or choose an updater with --client");
    }
    let devices = site.devices();
    let shown = escape(&device);
    // The devices of a live site are not known.
    if devices.is_empty() || devices.contains(&*device) {
        let text = format!("neither version nor API level of `{shown}` is known");
        return Failure::new(text).hint(describe);
    }
    let variant = site
        .variant
        .map(|variant| format!(" in the variant `{variant}`"));
    let text = format!(
        "no build for `{shown}` is published{}",
        variant.unwrap_or_default()
    );
    let hint = match did_you_mean(&device, devices.iter().copied()) {
        Some(near) => near,
        None => {
            let num_more = devices.len().saturating_sub(MAX_DEVICES);
            let names: Vec<String> = devices.into_iter().take(MAX_DEVICES).map(escape).collect();
            let more = match num_more {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            format!(
                "there are builds for {}{more}; or {describe}",
                names.join(", ")
            )
        }
    };
    Failure::new(text).hint(hint)
}

//! How a file differs from what init would write, in a few words.

use std::collections::BTreeMap;

/// Longest part of a line that is shown, in characters.
const MAX_SHOWN: usize = 60;

/// Describes how the text of a file differs from the text that init would write.
pub(super) fn describe(there: &str, ours: &str) -> String {
    let [there, ours]: [Vec<&str>; 2] = [there, ours].map(|text| text.lines().collect());
    let pairs = there.iter().zip(&ours);
    let num_same = pairs.take_while(|(a, b)| a == b).count();
    let number = num_same.saturating_add(1);
    let has = |lines: &[&str], line: &str| lines.iter().skip(num_same).any(|other| *other == line);
    let first = match (there.get(num_same), ours.get(num_same)) {
        (Some(there_line), Some(line)) if has(&there, line) && !has(&ours, there_line) => {
            format!(
                "line {number} is {}, which init does not write",
                shown(there_line)
            )
        }
        (Some(there_line), Some(line)) if has(&ours, there_line) && !has(&there, line) => {
            format!("it lacks {} before line {number}", shown(line))
        }
        (Some(there_line), Some(line)) => format!(
            "line {number} is {}, where init writes {}",
            shown(there_line),
            shown(line)
        ),
        (Some(there_line), None) => {
            format!(
                "line {number} is {}, which init does not write",
                shown(there_line)
            )
        }
        (None, Some(line)) => format!("it lacks {} at its end", shown(line)),
        (None, None) => "line endings only".to_owned(),
    };
    match num_only_in(&there, &ours) {
        0 | 1 => first,
        num => format!("{num} lines differ; {first}"),
    }
}

/// Counts the lines of one text that the other does not have, each as often as it occurs.
fn num_only_in(text: &[&str], other: &[&str]) -> usize {
    let mut unused: BTreeMap<&str, usize> = BTreeMap::new();
    for line in other {
        *unused.entry(line).or_default() += 1;
    }
    let is_used = |line: &&&str| match unused.get_mut(**line) {
        Some(num) if *num > 0 => {
            *num -= 1;
            false
        }
        _ => true,
    };
    text.iter().filter(is_used).count()
}

fn shown(line: &str) -> String {
    let line = line.trim();
    match line.chars().nth(MAX_SHOWN) {
        _ if line.is_empty() => "an empty line".to_owned(),
        None => format!("`{}`", line.escape_debug()),
        Some(_) => {
            let start: String = line.chars().take(MAX_SHOWN).collect();
            format!("`{}…`", start.escape_debug())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn the_first_other_line_is_named_and_the_others_are_counted() {
        let ours = "a\nb\nc\nd\n";
        for (there, expected) in [
            ("a\nB\nc\nd\n", "line 2 is `B`, where init writes `b`"),
            (
                "a\nx\nb\nc\nd\n",
                "line 2 is `x`, which init does not write",
            ),
            ("a\nb\nd\n", "it lacks `c` before line 3"),
            ("a\nb\nc\n", "it lacks `d` at its end"),
            (
                "a\nb\nc\nd\ne\n",
                "line 5 is `e`, which init does not write",
            ),
            (
                "a\nX\nb\nc\ne\n",
                "2 lines differ; line 2 is `X`, which init does not write",
            ),
            ("a\nc\nb\nd\n", "line 2 is `c`, where init writes `b`"),
            (
                "a\n\nb\nc\nd\n",
                "line 2 is an empty line, which init does not write",
            ),
            ("mine", "line 1 is `mine`, where init writes `a`"),
            ("", "it lacks `a` at its end"),
        ] {
            assert_eq!(describe(there, ours), expected, "{there:?}");
        }
    }

    #[test]
    fn long_lines_are_cut_and_control_characters_are_escaped() {
        let there = format!("\u{1b}[31m{}\n", "ä".repeat(70));
        let text = describe(&there, "b\n");
        assert!(
            text.starts_with("line 1 is `\\u{1b}[31mä") && text.contains("ä…`"),
            "{text}"
        );
    }
}

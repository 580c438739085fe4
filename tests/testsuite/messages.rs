//! Whole messages of `generate` and `check` for everything that can be wrong.
//!
//! Each case provokes one error; stdout, stderr and exit code are pinned in full. After an intended
//! change of a message, `INSTA_UPDATE=always cargo test messages::` updates them; then read the
//! diff.

#![cfg(unix)]

mod check;
mod generate;

use super::support::{BASE_URL, RomDir, bacon, bacon_name, bacon_props};

/// The output of the program in the cases of a test.
#[derive(Default)]
struct Transcript(String);

impl Transcript {
    /// Runs the program in a folder. `title` names the problem.
    fn run(&mut self, title: &str, dir: &RomDir, args: &[&str]) {
        let run = dir.run(args);
        let code = run.code.expect("the program ends by itself");
        let mut text = format!("# {title}\n$ romfeed {}\n", args.join(" ").escape_debug());
        for (name, output) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            if !output.is_empty() {
                text.push_str(&format!("[{name}]\n{output}"));
            }
        }
        let folder = dir
            .path()
            .to_str()
            .expect("temporary folders have plain names");
        self.0.push_str(&text.replace(folder, "[folder]"));
        self.0.push_str(&format!("[exit code {code}]\n\n"));
    }
}

/// Returns the path of [`bacon`] in the folder of builds.
fn zip_path(days: i64) -> String {
    format!("builds/bacon/{}", bacon_name(days))
}

/// Creates a folder with one published build.
fn published() -> RomDir {
    let dir = RomDir::new().file(&zip_path(0), bacon(0));
    dir.generate().expect(0);
    dir
}

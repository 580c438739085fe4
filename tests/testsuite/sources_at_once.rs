//! Sources that are listed at the same time.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::folder_host::{Files, Form, answer};
use super::remote::host::{Answer, Host};
use super::support::{RomDir, bacon, bacon_name};

/// Longest time that a host waits for the other to be asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a web server with a zip, whose first answer waits until both servers were asked.
fn host(index: i64, num_asked: &Arc<(Mutex<usize>, Condvar)>) -> Host {
    let files = Files::from([(bacon_name(index), bacon(index))]);
    let num_asked = Arc::clone(num_asked);
    Host::new(move |asked, number| {
        if number == 0 {
            let (num, changed) = &*num_asked;
            let mut num = num.lock().unwrap();
            *num += 1;
            changed.notify_all();
            let waited = changed.wait_timeout_while(num, PATIENCE, |num| *num < 2);
            if waited.unwrap().1.timed_out() {
                return Answer::new(404);
            }
        }
        answer(&files, Form::Json, asked)
    })
}

#[test]
fn no_source_waits_for_the_list_of_another() {
    let num_asked = Arc::default();
    let hosts = [0, 1].map(|index| host(index, &num_asked));
    let mut settings = "base_url = \"https://ota.example.org\"\n".to_owned();
    for (name, host) in ["second", "first"].iter().zip(&hosts) {
        let address = host.url("/");
        settings.push_str(&format!(
            "[[source]]\nname = \"{name}\"\nlisting = \"{address}\"\nurl = \"https://zips.example.org/{{path}}\"\n"
        ));
    }
    let dir = RomDir::new().file("romfeed.toml", &settings);
    dir.run(&["generate"]).expect(0).says("2 builds");
    for index in [0, 1] {
        assert!(
            String::from_utf8(dir.read("out/bacon.json"))
                .unwrap()
                .contains(&bacon_name(index))
        );
    }
    // They are told of in the order of the settings.
    let listed = dir.run(&["sources"]).expect(0).stderr;
    let at = |name: &str| listed.find(name).unwrap_or_else(|| panic!("{listed}"));
    assert!(at("second") < at("first"), "{listed}");
}

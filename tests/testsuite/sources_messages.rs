//! What is said of mistakes in the settings of sources, and of hosts that cannot be used.

use super::folder_host::{Files, Form, answer, web_server};
use super::remote::host::{Answer, Host};
use super::support::{RomDir, bacon, bacon_name};

fn listing(host: &Host) -> String {
    format!(
        "base_url = \"https://ota.example.org\"\n[[source]]\nlisting = \"{}\"\n\
         url = \"https://dl.example.org/{{path}}\"\n",
        host.url("/")
    )
}

#[test]
fn misspelt_settings_of_sources_are_corrected() {
    for (settings, says) in [
        (
            "[source]\ngithub = \"me/x\"\n",
            "`[source]` is one table, and there may be several; did you mean `[[source]]`?",
        ),
        (
            "[sources]\ngithub = \"me/x\"\n",
            "unknown key `sources`; did you mean `source`?",
        ),
        (
            "[[source]]\ngithub = \"me/x\"\nulr = \"https://h/{path}\"\n",
            "unknown key `ulr`; did you mean `url`?",
        ),
        (
            "[[source]]\ngithub = \"me/x\"\nmax_download = \"5G\"\n",
            "unknown key `max_download` here; did you mean the one at the top of the file, above the first `[`?",
        ),
        (
            "[[source]]\ngithub = \"me/x\"\nsource_jobs = 3\n",
            "unknown key `source_jobs` here; did you mean the one at the top",
        ),
        (
            "[variant]\nname = \"gapps\"\n",
            "did you mean `[[variant]]`?",
        ),
    ] {
        let dir = RomDir::new().file("romfeed.toml", settings);
        dir.run(&["generate"]).expect(2).says(says);
    }
}

#[test]
fn host_that_sends_whole_files_only_is_named_once() {
    let files: Files = (0..3).map(|day| (bacon_name(day), bacon(day))).collect();
    let served = files.clone();
    // Like http.server of Python.
    let host = Host::new(move |asked, _| {
        let file = served.get(asked.path.trim_start_matches('/'));
        match file {
            Some(file) => Answer::new(200).body(file),
            None => answer(&served, Form::Html, asked),
        }
    });
    let dir = RomDir::new().file("romfeed.toml", listing(&host));
    let run = dir.run(&["generate"]);
    run.expect(1)
        .says("listing: its host does not answer requests for a part of a file (status 200 to a Range), so 3 zips")
        .says("let the host send zips as they are and in parts")
        .lacks(&bacon_name(0));
}

#[test]
fn missing_web_folder_is_reported_without_advice_about_tokens() {
    let host = Host::new(|_, _| Answer::new(404));
    let dir = RomDir::new().file("romfeed.toml", listing(&host));
    dir.run(&["generate"])
        .expect(1)
        .says("answers with status 404")
        .says("hint: check the source in romfeed.toml")
        .lacks("token");
}

#[test]
fn run_without_asking_says_that_the_sources_were_not_asked() {
    let host = web_server(Files::from([(bacon_name(0), bacon(0))]), Form::Json);
    let settings = format!("{}hash = \"download\"\n", listing(&host));
    let dir = RomDir::new().file("romfeed.toml", settings);
    let not_asked = "the sources were not asked (--offline)";
    let offline = || dir.run(&["generate", "--offline"]).expect(0);
    offline().says("nothing to publish").says(not_asked);
    dir.run(&["generate"]).expect(0).lacks("not asked");
    offline()
        .says(not_asked)
        .says("the site is made from the catalog alone");
}

#[test]
fn list_is_asked_for_again_after_a_passing_error() {
    let files = Files::from([(bacon_name(0), bacon(0))]);
    let host = Host::new(move |asked, nth| match nth {
        0 => Answer::new(502),
        1 => Answer::new(200).body(b"[").broken_off(),
        _ => answer(&files, Form::Json, asked),
    });
    let settings = format!("{}hash = \"download\"\n", listing(&host));
    let dir = RomDir::new().file("romfeed.toml", settings);
    dir.run(&["generate"]).expect(0).says("new listing/");
}

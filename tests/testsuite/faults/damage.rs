//! Files that were damaged between two runs.

use testkit::faults::damage::Damage;
use testkit::faults::{Random, outcome};

use super::{at_step, is_safe};

#[test]
fn a_damaged_cache_changes_no_output() {
    at_step(1, |stage| {
        let mut random = Random::new(2);
        for damage in Damage::ALL
            .into_iter()
            .filter(|damage| *damage != Damage::Folder)
        {
            stage.rewind().unwrap();
            damage
                .inflict(&stage.site.path(".romfeed/cache.json"), &mut random)
                .unwrap();
            let ended = stage.site.run(stage.call).unwrap();
            assert!(ended.exited_with(&[0]), "{damage:?}: {}", ended.stderr);
            is_safe(stage, &format!("{damage:?}"));
        }
    });
}

#[test]
fn an_unwritable_cache_is_reported() {
    at_step(1, |stage| {
        let mut random = Random::new(2);
        stage.rewind().unwrap();
        let cache = stage.site.path(".romfeed/cache.json");
        Damage::Folder.inflict(&cache, &mut random).unwrap();
        let ended = stage.site.run(stage.call).unwrap();
        let warning =
            "warning: cache.json: cannot be written, so the next run reads these zips again: ";
        assert!(
            ended.exited_with(&[0]) && ended.stderr.contains(warning),
            "{}",
            ended.stderr
        );
        std::fs::remove_dir(cache).unwrap();
        is_safe(stage, "a folder in the place of the cache");
    });
}

/// Damages a file that a run cannot do without.
fn is_refused_untouched(file: &str) {
    at_step(1, |stage| {
        let mut random = Random::new(3);
        for damage in Damage::ALL.into_iter().filter(|damage| !damage.may_pass()) {
            stage.rewind().unwrap();
            damage.inflict(&stage.site.path(file), &mut random).unwrap();
            let before = stage.site.outputs().unwrap();
            let ended = stage.site.run(stage.call).unwrap();
            assert!(ended.exited_with(&[2, 3]), "{damage:?}: {}", ended.stderr);
            let name = file.rsplit('/').next().unwrap();
            assert!(ended.says(name), "{damage:?}: {}", ended.stderr);
            assert!(
                ended.stderr.contains("hint: "),
                "{damage:?}: {}",
                ended.stderr
            );
            let touched = outcome::differences(&stage.site.outputs().unwrap(), &before);
            assert!(touched.is_empty(), "{damage:?}: {touched:?}");
        }
    });
}

#[test]
fn a_damaged_catalog_is_reported_and_nothing_is_changed() {
    is_refused_untouched("catalog.json");
}

#[test]
fn a_damaged_manifest_is_reported_and_nothing_is_changed() {
    is_refused_untouched("out/.romfeed/manifest.json");
}

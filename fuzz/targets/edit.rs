//! Any consumers file that can be used stays one after any edit that is made, with exactly the other consumers; else not a byte
//! of it changes.
#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use countersign::consumers::edit::{Change, Draft, Editor, Rules, Setting};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("countersign-fuzz-edit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder in the temporary folder");
    folder.join("consumers.yaml")
});

/// The entries' settings by key.
fn settings(editor: &Editor) -> Option<BTreeMap<String, Change>> {
    Some(editor.list().ok()?.entries.into_iter().map(|entry| (entry.key, entry.settings)).collect())
}

fuzz_target!(|input: (u8, u8, &str, &str)| {
    let (step, which, new, text) = input;
    std::fs::write(&*FILE, text).expect("a file in a folder of ours");
    let editor = Editor::open(&FILE, Rules::by_default());
    let Some(mut wanted) = settings(&editor) else { return };
    let key = wanted.keys().nth(usize::from(which) % wanted.len().max(1)).cloned();
    let change = Change { name: Setting::To(new.to_owned()), description: Setting::To(new.to_owned()), ..Change::default() };
    let result = match (step % 3, key) {
        (0, Some(key)) => editor.remove(&key, None).inspect(|_| drop(wanted.remove(&key))),
        (1, Some(key)) => editor.edit(&key, &change, None).inspect(|_| {
            let entry = wanted.get_mut(&key).expect("one of the keys");
            (entry.name, entry.description) = (change.name.clone(), change.description.clone());
        }),
        (_, key) => {
            let public_keys = key.map_or(Setting::Keep, |key| wanted[&key].public_keys.clone());
            let draft = Draft { key: new.to_owned(), settings: Change { public_keys, ..change } };
            editor.add(&draft).inspect(|_| {
                let settings = Change { key: Some(new.to_owned()), ..draft.settings.clone() };
                wanted.insert(new.to_owned(), settings);
            })
        }
    };
    match result {
        Ok(written) => {
            let mut found = settings(&editor).expect("a list that can be used");
            // A pasted key is mended when it is written.
            if let Some(entry) = found.get_mut(&written.key) {
                let mended = wanted.get_mut(&written.key).expect("what was written is wanted");
                mended.public_keys.clone_from(&entry.public_keys);
            }
            assert_eq!(found, wanted, "{text}");
        }
        Err(_) => assert_eq!(std::fs::read(&*FILE).expect("the file"), text.as_bytes()),
    }
});

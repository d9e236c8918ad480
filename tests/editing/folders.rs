//! A folder of files: an entry is edited where it stands, and a new one has a file of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::desk::{Desk, adding, two};

#[test]
fn a_new_consumer_goes_to_a_file_with_its_name() {
    let desk = Desk::with_folder();
    let out = desk.done(&adding("reports"));
    assert!(out.contains("in the new file ") && out.contains("consumers/reports.yaml:2"), "{out}");
    for (key, name) in
        [("../../x", "%2E.%2F..%2Fx.yaml"), (".hidden", "%2Ehidden.yaml"), ("ü: 日本", "%C3%BC%3A%20%E6%97%A5%E6%9C%AC.yaml")]
    {
        desk.done(&adding(key));
        assert!(desk.place().join(name).is_file(), "{name}");
    }
    assert_eq!(desk.keys().len(), 4);
    assert_eq!(fs::read_dir(desk.path("")).unwrap().count(), 4, "nothing was written outside of the folder");
}

#[test]
fn a_name_that_is_taken_is_not_overwritten() {
    let desk = Desk::with_folder();
    fs::write(desk.place().join("new.yaml"), two()).unwrap();
    let out = desk.done(&adding("new"));
    assert!(out.contains("new-2.yaml:2"), "{out}");
    assert_eq!(fs::read_to_string(desk.place().join("new.yaml")).unwrap(), two());
}

#[test]
fn an_entry_is_changed_where_it_stands_and_its_neighbours_are_not() {
    let desk = Desk::with_folder();
    fs::write(desk.place().join("both.yaml"), two()).unwrap();
    desk.done(&adding("new"));
    let out = desk.done(&["edit", "wiki", "--disabled"]);
    assert!(out.contains("both.yaml:"), "{out}");
    assert!(!fs::read_to_string(desk.place().join("new.yaml")).unwrap().contains("enabled"));
    let error = desk.refused(&adding("wiki"));
    assert!(error.contains("already, in ") && error.contains("both.yaml:"), "{error}");
}

#[test]
fn a_new_file_is_owned_like_its_neighbours() {
    let desk = Desk::with_folder();
    let neighbour = desk.place().join("both.yaml");
    fs::write(&neighbour, two()).unwrap();
    fs::set_permissions(&neighbour, fs::Permissions::from_mode(0o640)).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        std::os::unix::fs::chown(&neighbour, Some(4242), Some(4343)).unwrap();
    }
    desk.done(&adding("new"));
    let (old, new) = (fs::metadata(neighbour).unwrap(), fs::metadata(desk.place().join("new.yaml")).unwrap());
    assert_eq!((new.mode(), new.uid(), new.gid()), (old.mode(), old.uid(), old.gid()));
}

#[test]
fn a_file_goes_with_its_last_entry_unless_there_is_more_in_it() {
    let desk = Desk::with_folder();
    ["one", "two", "three"].iter().for_each(|key| drop(desk.done(&adding(key))));
    let two = desk.place().join("two.yaml");
    fs::write(&two, format!("# kept\n{}", fs::read_to_string(&two).unwrap())).unwrap();
    assert!(desk.done(&["remove", "one", "--yes"]).contains("with its file"));
    desk.done(&["remove", "two", "--yes"]);
    assert_eq!(fs::read_to_string(&two).unwrap(), "# kept\nconsumers: []\n");
    desk.done(&adding("two"));
    assert!(fs::read_to_string(&two).unwrap().starts_with("# kept\nconsumers:\n  - key: two\n"), "the empty file is used again");
    ["two", "three"].iter().for_each(|key| drop(desk.done(&["remove", key, "--yes"])));
    assert_eq!(desk.keys(), [""; 0], "the last file stays, as an empty list");
}

#[test]
fn of_two_entries_with_one_key_none_is_removed() {
    let desk = Desk::with_folder();
    for name in ["a.yaml", "b.yaml"] {
        fs::write(desk.place().join(name), two()).unwrap();
    }
    let error = desk.refused(&["remove", "wiki", "--yes"]);
    assert!(error.contains("the consumer key \"wiki\" stands twice, first in"), "{error}");
    assert!(["a.yaml", "b.yaml"].iter().all(|name| fs::read_to_string(desk.place().join(name)).unwrap() == two()));
}

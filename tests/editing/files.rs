//! One file: its bytes, its owner, its links, and those who may not write it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::process::Command;

use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::desk::{Desk, Screen, adding, two};

const ACCESS_LIST: &str = "system.posix_acl_access";

#[test]
fn only_the_changed_value_differs() {
    let text = "\u{feff}# a\r\nconsumers:\r\n  - key: reports # k\r\n    name: 'Old'   # n\r\n    # c\r\n    public_key: \"KEY\"\r\n\r\n# end\r\n";
    let desk = Desk::with("consumers: []\n");
    let key: String = fs::read_to_string(desk.path("a.pub")).unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    let text = text.replace("KEY", &key);
    fs::write(desk.place(), &text).unwrap();
    desk.done(&["edit", "reports", "--name", "New"]);
    assert_eq!(desk.text(), text.replace("'Old'", "New"));
    desk.done(&["edit", "reports", "--callback-url", "https://reports.example.com/cb"]);
    desk.done(&["edit", "reports", "--no-callback-url"]);
    assert_eq!(desk.text(), text.replace("'Old'", "New"));
}

#[test]
fn what_is_like_that_already_is_not_written_again() {
    let desk = Desk::with_two();
    let before = fs::metadata(desk.place()).unwrap();
    let out = desk.done(&["edit", "reports", "--name", "reports", "--enabled", "--two-legged"]);
    assert!(out.contains("is like that already"), "{out}");
    let after = fs::metadata(desk.place()).unwrap();
    assert_eq!((after.ino(), after.ctime_nsec()), (before.ino(), before.ctime_nsec()));
}

#[test]
fn mode_and_owner_stay() {
    let desk = Desk::with_two();
    fs::set_permissions(desk.place(), Permissions::from_mode(0o640)).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        chown(desk.place(), Some(4242), Some(4343)).unwrap();
    }
    let before = fs::metadata(desk.place()).unwrap();
    desk.done(&adding("new"));
    let after = fs::metadata(desk.place()).unwrap();
    assert_ne!(after.ino(), before.ino(), "the file is a new one");
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
}

#[test]
fn an_access_list_stays() {
    let desk = Desk::with_two();
    // acl(5) as it is kept: version 2, then tag, permissions and id of each entry. The owner's group may do nothing.
    let entries = [(1u16, 6u16, u32::MAX), (2, 4, 4242), (4, 0, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)];
    let entry = |(tag, may, id): (u16, u16, u32)| [&tag.to_le_bytes()[..], &may.to_le_bytes(), &id.to_le_bytes()].concat();
    let list: Vec<u8> = 2u32.to_le_bytes().into_iter().chain(entries.into_iter().flat_map(entry)).collect();
    setxattr(desk.place(), ACCESS_LIST, &list, XattrFlags::empty()).unwrap();
    desk.done(&["edit", "reports", "--disabled"]);
    let mut kept = [0; 64];
    let length = getxattr(desk.place(), ACCESS_LIST, &mut kept[..]).unwrap();
    assert_eq!(kept[..length], list);
}

#[test]
fn a_link_stays_a_link() {
    let desk = Desk::with("");
    fs::create_dir(desk.path("elsewhere")).unwrap();
    let real = desk.path("elsewhere/real.yaml");
    fs::write(&real, two()).unwrap();
    fs::remove_file(desk.place()).unwrap();
    symlink("elsewhere/real.yaml", desk.place()).unwrap();
    desk.done(&adding("new"));
    assert!(fs::symlink_metadata(desk.place()).unwrap().is_symlink());
    assert!(fs::read_to_string(real).unwrap().contains("key: new\n"));
}

#[test]
fn nothing_is_left_beside_the_file() {
    let desk = Desk::with_two();
    fs::write(desk.path(".consumers.yaml.new"), "torn").unwrap();
    let others = || fs::read_dir(desk.path("")).unwrap().count();
    let before = others();
    desk.done(&adding("new"));
    assert_eq!(others(), before - 1, "what a killed editor left is gone, and nothing new is there");
}

#[test]
fn a_write_protected_file_is_left_alone_even_by_root() {
    let desk = Desk::with_two();
    fs::set_permissions(desk.place(), Permissions::from_mode(0o444)).unwrap();
    for arguments in [&adding("new")[..], &["edit", "reports", "--disabled"], &["remove", "reports", "--yes"]] {
        let error = desk.refused(arguments);
        assert!(error.contains("write-protected (mode 0444)"), "{error}");
    }
    assert!(desk.list().iter().all(|entry| entry["read_only"].as_str().unwrap().contains("0444")));
    assert!(desk.done(&["show", "reports"]).contains("read-only"));
}

/// Runs a command as another user, or where the file system is read-only.
fn through(wrapper: &[&str], desk: &Desk, arguments: &[&str]) -> Screen {
    let command = desk.command(arguments);
    let mut wrapped = Command::new(wrapper[0]);
    wrapped.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args()).current_dir(desk.path(""));
    Screen::of(wrapped.output().unwrap_or_else(|error| panic!("{} is needed by this test: {error}", wrapper[0])))
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        // Only root can become somebody else; whoever else runs the tests is somebody else than root already.
        assert!(File::options().write(true).open("/etc/passwd").is_err());
        return;
    }
    let desk = Desk::with_two();
    fs::set_permissions(desk.path(""), Permissions::from_mode(0o777)).unwrap();
    for (mode, words) in
        [(0o644, "may not be written by user 4242"), (0o666, "belongs to user 0, and user 4242 can't give it back")]
    {
        fs::set_permissions(desk.place(), Permissions::from_mode(mode)).unwrap();
        let screen =
            through(&["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"], &desk, &["edit", "reports", "--disabled"]);
        assert_eq!(screen.code, Some(1), "{}", screen.out);
        assert!(screen.err.contains(words), "{}", screen.err);
        assert_eq!(desk.text(), two());
    }
}

#[test]
fn where_the_file_system_is_read_only_it_says_so() {
    let desk = Desk::with_two();
    let place = desk.path("").display().to_string();
    let script = format!("mount --bind -o ro '{place}' '{place}' && cd '{place}' && exec \"$@\"");
    // Whoever is not root becomes root of a namespace.
    let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", &script, "sh"];
    let screen = through(&wrapper, &desk, &["remove", "reports", "--yes"]);
    assert_eq!(screen.code, Some(1), "{}{}", screen.out, screen.err);
    assert!(screen.err.contains("read-only here") && screen.err.contains("ReadWritePaths="), "{}", screen.err);
    assert_eq!(desk.text(), two());
}

#[test]
fn a_change_of_an_older_revision_is_a_conflict() {
    let desk = Desk::with_two();
    let revision = desk.show("reports")["revision"].as_str().unwrap().to_owned();
    desk.done(&["edit", "wiki", "--disabled"]);
    for arguments in [
        &["edit", "reports", "--disabled", "--revision", &revision][..],
        &["remove", "reports", "--yes", "--revision", &revision],
    ] {
        let error = desk.refused(arguments);
        assert!(error.contains("was changed meanwhile") && error.contains("hint: look at what is there now"), "{error}");
    }
    let revision = desk.show("reports")["revision"].as_str().unwrap().to_owned();
    desk.done(&["remove", "reports", "--yes", "--revision", &revision]);
    let error = desk.refused(&["edit", "reports", "--disabled", "--revision", &revision]);
    assert!(error.contains("was removed meanwhile"), "{error}");
}

#[test]
fn a_list_that_could_not_be_used_is_never_written() {
    let desk = Desk::with_two();
    fs::write(desk.path("garbage"), "no key!").unwrap();
    for (arguments, words) in [
        (vec!["edit", "reports", "--callback-url", "oob"], "`callback_url` has to be an http or https URL"),
        (vec!["edit", "reports", "--name", " "], "`name` is blank"),
        (vec!["edit", "reports", "--signature-method", "HMAC-SHA1"], "let the consumer sign with RSA-SHA1"),
        (vec!["edit", "reports", "--allow-from", "10.0.0.1/8"], "bits set beyond its prefix"),
        (vec!["edit", "reports", "--rate-limit", "5/1"], "`rate_limit.per` has to be a duration"),
        (vec!["edit", "reports", "--expires", "soon"], "`expires` has to be a date or a time"),
        (vec!["edit", "reports", "--public-key", "garbage"], "neither PEM nor base64"),
        (vec!["edit", "reports", "--key", "other"], "add a new consumer with the new key"),
        (vec!["edit", "reprots", "--disabled"], "did you mean \"reports\"?"),
        (vec!["remove", "nobody", "--yes"], "there is no consumer \"nobody\""),
        (adding("reports"), "there is a consumer \"reports\" already, in "),
        (adding("a\nb"), "a character that it may not have"),
    ] {
        let error = desk.refused(&arguments);
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
    fs::write(desk.place(), two() + "  - key: [\n").unwrap();
    let error = desk.refused(&["edit", "reports", "--disabled"]);
    assert!(error.contains("this is no valid YAML") || error.contains("brackets are not closed"), "{error}");
}

//! A journal that is damaged, foreign or gone in part, and what stands in a sound one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::site::{Site, end, from_now, kill};
use crate::support::{CONSUMER, Gateway, by_reporting};
use crate::{admitted, refused};

#[test]
fn whatever_is_damaged_foreign_or_gone_the_start_says_so_and_the_window_is_refused() {
    type Damage = fn(&Site);
    let damages: [(&str, Damage, &str); 10] = [
        ("a changed byte of a record", |site| change(&only_bucket(site), 40), "is damaged"),
        ("a changed byte of a header", |site| change(&only_bucket(site), 13), "is damaged"),
        ("records cut off", |site| cut(&only_bucket(site), 48), "records are gone from its file"),
        ("a missing file", |site| fs::remove_file(only_bucket(site)).unwrap(), "is gone"),
        ("another key", |site| fs::write(site.file("key"), [7; 16]).unwrap(), "is damaged"),
        ("a missing key", |site| fs::remove_file(site.file("key")).unwrap(), "its key is gone"),
        ("a missing mark", |site| fs::remove_file(site.file("mark")).unwrap(), "no mark"),
        ("a changed digit of the mark", |site| change_digit(&site.file("mark"), "low-water: "), "not a mark"),
        ("a cut mark", |site| cut(&site.file("mark"), 60), "not a mark"),
        ("another program's file", |site| fs::write(site.file("4711"), "id;name;amount\n1;a;7,00\n").unwrap(), "is damaged"),
    ];
    for (what, damage, why) in damages {
        let site = Site::new();
        let gateway = site.start();
        // In one minute and so in one file, whenever this runs.
        let stamp = from_now(200) / 60 * 60;
        let captured: Vec<_> = (0..3).map(|_| by_reporting().timestamp(stamp)).collect();
        captured.iter().for_each(|request| admitted(&gateway, what, request));
        // A clean end, after which every record is accounted for.
        end(gateway);
        damage(&site);
        let connections = site.backend.connections();
        let gateway = site.start_in_doubt(why);
        gateway.wait_for_line("the nonce journal is damaged");
        captured.iter().for_each(|request| refused(&gateway, "timestamp_refused", what, request));
        for age in [-290, 0, 290] {
            refused(&gateway, "timestamp_refused", what, &by_reporting().timestamp(from_now(age)));
        }
        assert_eq!(site.backend.connections(), connections, "{what}: nothing reached the backend");
        // It is mended, not said again and again; and still nothing of that time passes.
        kill(gateway);
        let gateway = site.start_again();
        captured.iter().for_each(|request| refused(&gateway, "timestamp_refused", what, request));
    }
}

#[test]
fn a_record_that_was_not_written_whole_is_no_damage() {
    let site = Site::new();
    let gateway = site.start();
    let stamp = from_now(200) / 60 * 60;
    let captured: Vec<_> = (0..3).map(|_| by_reporting().timestamp(stamp)).collect();
    captured.iter().for_each(|request| admitted(&gateway, "before", request));
    kill(gateway);
    let path = only_bucket(&site);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &[9; 11]].concat()).unwrap();
    let gateway = site.start_again();
    captured.iter().for_each(|request| refused(&gateway, "nonce_used", "captured", request));
    admitted(&gateway, "a fresh one in the same file", &by_reporting().timestamp(stamp));
    assert_eq!(fs::metadata(&path).unwrap().len(), whole.len() as u64 + 24);
}

#[test]
fn no_signature_nonce_or_consumer_key_stands_in_the_state_directory_and_nobody_else_can_read_it() {
    let site = Site::new();
    let gateway = site.start();
    let requests: Vec<_> = (0..20).map(|number| by_reporting().nonce(&format!("nonce-in-plain-text-{number}"))).collect();
    requests.iter().for_each(|request| admitted(&gateway, "signed", request));
    let look = |gateway: &Gateway| {
        assert!(gateway.pid() > 0);
        let files = files_under(&site.state());
        let names: Vec<&str> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert!(["lock", "key", "mark"].iter().all(|name| names.contains(name)) && names.len() > 3, "{names:?}");
        for path in files {
            let bytes = fs::read(&path).unwrap();
            let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
            for request in &requests {
                let (raw, header) = (request.signature_bytes(), request.authorization_value());
                let encoded = header.split_once("oauth_signature=\"").unwrap().1;
                assert!(!holds(&raw[..16]) && !holds(&encoded.as_bytes()[..16]), "a signature is in {}", path.display());
            }
            assert!(!holds(b"nonce-in-plain-text"), "a nonce is in {}", path.display());
            assert!(!holds(CONSUMER.as_bytes()), "a consumer key is in {}", path.display());
            let private = path.parent().unwrap() == site.state() || mode(&path) & 0o077 == 0;
            assert!(private, "{} has the mode {:o}", path.display(), mode(&path));
        }
        assert_eq!(mode(&site.state()) & 0o077, 0);
        assert_eq!(mode(&site.file("")) & 0o077, 0);
    };
    look(&gateway);
    end(gateway);
    look(&site.start_again());
}

fn only_bucket(site: &Site) -> PathBuf {
    let mut buckets = site.buckets();
    assert_eq!(buckets.len(), 1, "{buckets:?}");
    buckets.remove(0)
}

fn change(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn change_digit(path: &Path, before: &str) {
    let text = fs::read_to_string(path).unwrap();
    let (head, tail) = text.split_once(before).unwrap();
    let digit = if tail.starts_with('1') { "2" } else { "1" };
    fs::write(path, format!("{head}{before}{digit}{}", &tail[1..])).unwrap();
}

fn cut(path: &Path, length: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode()
}

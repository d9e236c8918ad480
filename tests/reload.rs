//! Changes of the files on disk, and what the running gateway makes of them.

#![expect(clippy::unwrap_used, reason = "what a test sets up itself is there")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use countersign::clock::{Clock, ManualClock};
use countersign::config::{Options, Source};
use countersign::consumers::reload::{ReloadOutcome, ReloadState, ReloadThread, Reloader, SettingsOutcome, spawn};
use countersign::policy::Policy;

const KEY: &str = include_str!("data/example-2048.pub");
/// No test waits for as long as this unless it fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// A consumers.yaml with these keys.
fn list(keys: &[&str]) -> String {
    let body = KEY.replace('\n', "\n      ");
    let entry = |key: &&str| format!("  - key: {key}\n    name: {key}\n    public_key: |\n      {}\n", body.trim_end());
    if keys.is_empty() {
        "consumers: []\n".to_owned()
    } else {
        format!("consumers:\n{}", keys.iter().map(entry).collect::<String>())
    }
}

/// A folder with a consumers file or folder in it.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn with(keys: &[&str]) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(files.consumers(), list(keys)).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn consumers(&self) -> PathBuf {
        self.path("consumers.yaml")
    }

    fn source(&self) -> Source {
        Source::Options(Options {
            upstream: "http://127.0.0.1:9".to_owned(),
            consumers: self.consumers(),
            listen: None,
            state_directory: Some(self.path("state")),
        })
    }

    fn reloader(&self) -> Reloader {
        Reloader::start(self.source()).unwrap().0
    }

    fn running(&self) -> Running {
        Running::start(self.source())
    }

    /// As an editor saves.
    fn rename_over(&self, text: &str) {
        fs::write(self.path(".new"), text).unwrap();
        fs::rename(self.path(".new"), self.consumers()).unwrap();
    }
}

/// A reloader on its thread.
struct Running {
    policy: Arc<ArcSwap<Policy>>,
    state: Arc<ReloadState>,
    thread: ReloadThread,
}

impl Running {
    fn start(source: Source) -> Self {
        let (reloader, _) = Reloader::start(source).unwrap();
        let (policy, state) = (reloader.policy(), reloader.state());
        Self { policy, state, thread: spawn(reloader).unwrap() }
    }

    fn keys(&self) -> Vec<String> {
        keys(&self.policy)
    }

    fn wait_for(&self, keys: &[&str]) {
        until(&format!("{keys:?} are live"), || self.keys() == keys);
    }

    fn kept_old(&self) -> u64 {
        self.state.counts()[2].1
    }
}

fn keys(policy: &ArcSwap<Policy>) -> Vec<String> {
    let mut keys: Vec<String> = policy.load().consumers.iter().map(|consumer| consumer.key.to_string()).collect();
    keys.sort();
    keys
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn each_step_says_what_became_of_the_file() {
    let files = Files::with(&["a", "b"]);
    let mut reloader = files.reloader();
    assert_eq!(reloader.check().consumers, None);
    files.rename_over(&format!("# a comment\n{}", list(&["a", "b"])));
    assert_eq!(reloader.check().consumers, Some(ReloadOutcome::Unchanged));
    assert_eq!(reloader.check().consumers, None);

    files.rename_over(&list(&["b", "c", "d"]));
    let outcome = reloader.check().consumers.unwrap();
    assert!(matches!(outcome, ReloadOutcome::Replaced { consumers: 3, added: 2, removed: 1, changed: 0, .. }), "{outcome:?}");
    assert_eq!(keys(&reloader.policy()), ["b", "c", "d"]);
}

#[test]
fn an_unchanged_consumer_is_the_same_one_after_a_reload() {
    let files = Files::with(&["a", "b"]);
    let mut reloader = files.reloader();
    let before = reloader.policy().load_full();
    files.rename_over(&list(&["a", "c"]));
    reloader.check();
    let after = reloader.policy().load_full();
    assert!(Arc::ptr_eq(before.consumers.get("a").unwrap(), after.consumers.get("a").unwrap()));
}

#[test]
fn a_replaced_list_is_freed_by_the_reloader_and_not_by_the_request_that_used_it_last() {
    let files = Files::with(&["a"]);
    let mut reloader = files.reloader();
    let of_a_request = reloader.policy().load_full();
    files.rename_over(&list(&["b"]));
    reloader.check();
    let old = Arc::downgrade(&of_a_request.consumers);
    reloader.let_go();
    drop(of_a_request);
    assert!(old.upgrade().is_some(), "the request's thread has freed the list");
    reloader.let_go();
    assert!(old.upgrade().is_none(), "nobody frees the list");

    // The thread does it by itself.
    let running = files.running();
    let old = Arc::downgrade(&running.policy.load().consumers);
    let of_a_request = running.policy.load_full();
    files.rename_over(&list(&["c"]));
    running.wait_for(&["c"]);
    drop(of_a_request);
    until("the old list is freed", || old.upgrade().is_none());
}

#[test]
fn a_changed_consumer_keeps_its_prepared_key_and_its_spent_budget() {
    let files = Files::with(&[]);
    let limited =
        |name: &str| list(&["a"]).replace("name: a", &format!("name: {name}\n    rate_limit: {{ requests: 1, per: 1h }}"));
    files.rename_over(&limited("before"));
    let mut reloader = files.reloader();
    let before = Arc::clone(reloader.policy().load().consumers.get("a").unwrap());
    before.rate_limit.as_ref().unwrap().take().unwrap();

    files.rename_over(&limited("after"));
    reloader.check();
    let after = Arc::clone(reloader.policy().load().consumers.get("a").unwrap());
    assert_eq!(after.name, "after");
    assert!(Arc::ptr_eq(&before.public_keys[0], &after.public_keys[0]));
    after.rate_limit.as_ref().unwrap().take().unwrap_err();

    // A limit that comes in later is there, too.
    files.rename_over(&list(&["a"]));
    reloader.check();
    files.rename_over(&limited("again"));
    reloader.check();
    assert!(reloader.policy().load().consumers.get("a").unwrap().rate_limit.is_some());
}

#[test]
fn a_broken_file_keeps_the_old_consumers_and_is_told_of_once() {
    let files = Files::with(&["a"]);
    let mut reloader = files.reloader();
    files.rename_over("consumers: [{ key: b }]");
    let ReloadOutcome::KeptOld(problems) = reloader.check().consumers.unwrap() else { panic!("the file was taken") };
    assert!(problems.to_string().contains("consumers.yaml:1: "), "{problems}");
    assert_eq!(keys(&reloader.policy()), ["a"]);
    assert_eq!(reloader.state().problems(), problems.0);
    for _ in 0..3 {
        assert!(reloader.check().is_nothing(), "the same broken content is not news");
    }
    files.rename_over("consumers: [{ key: b }]");
    assert!(reloader.check().is_nothing(), "nor is it in another file");
    assert!(matches!(reloader.reload_now().consumers, Some(ReloadOutcome::KeptOld(_))), "who asks is told");

    files.rename_over(&list(&["a"]));
    assert_eq!(reloader.check().consumers, Some(ReloadOutcome::Unchanged));
    assert_eq!(reloader.state().problems(), []);
}

#[test]
fn the_state_tells_the_list_in_force_and_when_and_from_where_it_was_read() {
    let files = Files::with(&["a"]);
    let mut reloader = files.reloader();
    let state = reloader.state();
    let first = state.list();
    assert_eq!((first.consumers, &*first.files), (1, &[files.consumers()][..]));

    files.rename_over("consumers: [");
    reloader.check();
    assert_eq!((state.list().consumers, state.list().at), (1, first.at), "a file that cannot be used was not taken");
    files.rename_over(&list(&["a", "b"]));
    reloader.check();
    assert_eq!(state.list().consumers, 2);
    let second = state.list().at;
    reloader.reload_now();
    assert_ne!(state.list().at, second, "it was read again, and is as it was");

    fs::remove_file(files.consumers()).unwrap();
    fs::create_dir(files.consumers()).unwrap();
    fs::write(files.consumers().join("2.yaml"), list(&["c"])).unwrap();
    fs::write(files.consumers().join("1.yaml"), list(&[])).unwrap();
    reloader.check();
    assert_eq!(&*state.list().files, ["1.yaml", "2.yaml"].map(|name| files.consumers().join(name)));
}

#[test]
fn a_change_that_leaves_size_and_time_alone_is_found_at_the_second_look() {
    let files = Files::with(&["a"]);
    let mut reloader = files.reloader();
    reloader.check();
    let modified = fs::metadata(files.consumers()).unwrap().modified().unwrap();
    for key in ["b", "c"] {
        fs::write(files.consumers(), list(&[key])).unwrap();
        File::options().append(true).open(files.consumers()).unwrap().set_modified(modified).unwrap();
        reloader.check();
        reloader.check();
        assert_eq!(keys(&reloader.policy()), [key]);
    }
}

#[test]
fn a_file_that_is_renamed_over_is_live_soon() {
    let files = Files::with(&["a"]);
    let running = files.running();
    for round in ["b", "c", "d"] {
        files.rename_over(&list(&[round]));
        running.wait_for(&[round]);
    }
}

#[test]
fn a_removed_consumer_is_gone_after_a_reload() {
    let files = Files::with(&["a", "b"]);
    let running = files.running();
    fs::write(files.consumers(), list(&["a"])).unwrap();
    running.wait_for(&["a"]);
    fs::write(files.consumers(), list(&[])).unwrap();
    running.wait_for(&[]);
}

#[test]
fn a_file_that_is_written_slowly_never_shortens_the_list() {
    let files = Files::with(&["a", "b", "c"]);
    let running = files.running();
    let text = list(&["a", "b", "c", "d"]);
    // The first half is a valid file of its own: it ends where the second entry ends.
    let half = list(&["a", "b"]).len();
    let begun = Instant::now();
    let mut file = File::create(files.consumers()).unwrap();
    for piece in [&text.as_bytes()[..half], &text.as_bytes()[half..]] {
        file.write_all(piece).unwrap();
        let written = Instant::now();
        while written.elapsed() < Duration::from_millis(600) {
            let keys = running.keys();
            // A writer that pauses for two seconds is waited for no longer, and this one may be on a machine that stands still.
            assert!(keys.len() >= 3 || begun.elapsed() >= Duration::from_secs(2), "half a file was taken: {keys:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    drop(file);
    running.wait_for(&["a", "b", "c", "d"]);
}

#[test]
fn an_emptied_file_keeps_the_old_consumers_until_it_is_written() {
    let files = Files::with(&["a"]);
    let running = files.running();
    File::create(files.consumers()).unwrap();
    until("the empty file is refused", || running.kept_old() > 0);
    assert_eq!(running.keys(), ["a"]);
    fs::write(files.consumers(), list(&["a", "b"])).unwrap();
    running.wait_for(&["a", "b"]);
}

#[test]
fn a_deleted_file_keeps_the_old_consumers_and_is_picked_up_when_it_is_back() {
    let files = Files::with(&["a"]);
    let running = files.running();
    fs::remove_file(files.consumers()).unwrap();
    until("the missing file is noticed", || running.kept_old() > 0);
    assert_eq!(running.keys(), ["a"]);
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(running.kept_old(), 1, "said once");
    fs::write(files.consumers(), list(&["b"])).unwrap();
    running.wait_for(&["b"]);
}

#[test]
fn a_file_that_cannot_be_read_keeps_the_old_consumers() {
    let files = Files::with(&["a"]);
    let running = files.running();
    fs::remove_file(files.consumers()).unwrap();
    fs::create_dir(files.consumers()).unwrap();
    until("the folder without files is refused", || running.kept_old() > 0);
    assert_eq!(running.keys(), ["a"]);
    fs::remove_dir(files.consumers()).unwrap();
    fs::write(files.consumers(), list(&["b"])).unwrap();
    running.wait_for(&["b"]);
}

/// As Kubernetes mounts a ConfigMap: `consumers.yaml` leads to `..data/consumers.yaml`, and `..data` to a folder with a date.
fn publish(folder: &Path, version: &str, keys: &[&str]) {
    fs::create_dir(folder.join(version)).unwrap();
    fs::write(folder.join(version).join("consumers.yaml"), list(keys)).unwrap();
    symlink(version, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn a_swapped_link_is_followed() {
    let files = Files { folder: tempfile::tempdir().unwrap() };
    publish(files.folder.path(), "..2026_01", &["a"]);
    symlink("..data/consumers.yaml", files.consumers()).unwrap();
    let running = files.running();
    assert_eq!(running.keys(), ["a"]);
    for (version, key) in [("..2026_02", "b"), ("..2026_03", "c")] {
        publish(files.folder.path(), version, &[key]);
        running.wait_for(&[key]);
    }
}

#[test]
fn a_folder_of_files_is_one_list() {
    let files = Files { folder: tempfile::tempdir().unwrap() };
    fs::create_dir(files.consumers()).unwrap();
    let file = |name: &str| files.consumers().join(name);
    fs::write(file("1.yaml"), list(&["a"])).unwrap();
    publish(&files.consumers(), "..2026_01", &["b"]);
    symlink("..data/consumers.yaml", file("2.yaml")).unwrap();
    fs::write(file(".hidden.yaml"), "junk: [").unwrap();
    let running = files.running();
    assert_eq!(running.keys(), ["a", "b"]);

    fs::write(file("3.yml"), list(&["c"])).unwrap();
    running.wait_for(&["a", "b", "c"]);
    fs::remove_file(file("1.yaml")).unwrap();
    running.wait_for(&["b", "c"]);
    publish(&files.consumers(), "..2026_02", &["d"]);
    running.wait_for(&["c", "d"]);
}

#[test]
fn a_hundred_changes_a_second_are_few_reads_and_the_last_one_counts() {
    let files = Files::with(&["a"]);
    let running = files.running();
    let begun = Instant::now();
    for round in 0..200 {
        let key = format!("k{round}");
        if round % 2 == 0 {
            files.rename_over(&list(&[&key]));
        } else {
            fs::write(files.consumers(), list(&[&key])).unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    running.wait_for(&["k199"]);
    let reads: u64 = running.state.counts().iter().map(|(_, count)| count).sum();
    // Each needs 50 ms without a change before it, which here only a machine that stands still gives, or 400 ms with changes.
    let took = begun.elapsed();
    assert!(u128::from(reads) <= took.as_millis() / 50, "{reads} reads for 200 changes in {took:?}");
}

#[test]
fn whoever_asks_for_a_reload_is_told_the_outcome() {
    let files = Files::with(&["a"]);
    let running = files.running();
    let outcome = || running.thread.reload_now().recv_timeout(DEADLINE).unwrap().consumers.unwrap();
    assert_eq!(outcome(), ReloadOutcome::Unchanged);
    files.rename_over(&list(&["b"]));
    // The thread may have been faster.
    assert!(matches!(outcome(), ReloadOutcome::Replaced { .. } | ReloadOutcome::Unchanged));
    assert_eq!(running.keys(), ["b"]);
}

#[test]
fn settings_go_live_but_for_those_that_need_a_restart() {
    let files = Files::with(&["a"]);
    fs::write(files.path("other.yaml"), list(&["b"])).unwrap();
    let config = files.path("countersign.yaml");
    let write = |text: &str| fs::write(&config, format!("upstream: http://127.0.0.1:9\nstate_directory: state\n{text}")).unwrap();
    write("consumers: consumers.yaml\nlisten: 127.0.0.1:1\n");
    let mut reloader = Reloader::start(Source::File(config.clone())).unwrap().0;
    let policy = reloader.policy();

    write(
        "consumers: other.yaml\nlisten: 127.0.0.1:2\nrefusals: { reveal: diagnosis }\nlimits: { nonces: 5000, parameters: 20 }\n",
    );
    let outcome = reloader.check().settings.unwrap();
    let SettingsOutcome::Replaced { needs_restart, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(needs_restart, ["listen", "limits.nonces", "limits.nonces_per_consumer"]);
    let now = policy.load_full();
    assert_eq!(now.settings.listen[0].address, "127.0.0.1:1".parse().unwrap());
    assert_eq!((now.settings.limits.nonces, now.settings.limits.parameters), (4_000_000, 20));
    assert_eq!(now.settings.refusals.reveal, countersign::config::Reveal::Diagnosis);
    assert_eq!(keys(&policy), ["b"]);

    // A broken configuration does not keep a consumer from being removed.
    write("listne: 1");
    fs::write(files.path("other.yaml"), list(&["c"])).unwrap();
    let reloaded = reloader.check();
    assert!(matches!(reloaded.settings, Some(SettingsOutcome::KeptOld(_))), "{reloaded:?}");
    assert!(matches!(reloaded.consumers, Some(ReloadOutcome::Replaced { .. })), "{reloaded:?}");
    assert_eq!(keys(&policy), ["c"]);
    assert!(!reloader.state().problems().is_empty());
}

#[test]
fn a_changed_consumer_keeps_what_it_did_and_a_removed_one_takes_it_along() {
    let files = Files::with(&["stays", "goes"]);
    let mut reloader = files.reloader();
    let policy = reloader.policy();
    let clock = Clock::Manual(ManualClock::at(1_800_000_000));
    let requests = |key: &str| policy.load().consumers.get(key).unwrap().activity.last_hour(clock.now()).requests;
    for key in ["stays", "goes"] {
        policy.load().consumers.get(key).unwrap().activity.note(false, clock.now());
        assert_eq!(requests(key), 1, "{key}");
    }
    files.rename_over(&list(&["stays"]).replace("name: stays", "name: Renamed"));
    assert!(matches!(reloader.reload_now().consumers, Some(ReloadOutcome::Replaced { .. })));
    assert_eq!((policy.load().consumers.get("stays").unwrap().name.as_str(), requests("stays")), ("Renamed", 1));
    files.rename_over(&list(&["stays", "goes"]));
    assert!(matches!(reloader.reload_now().consumers, Some(ReloadOutcome::Replaced { .. })));
    assert_eq!((requests("stays"), requests("goes")), (1, 0), "whoever comes back begins anew");
}

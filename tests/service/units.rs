//! The files in systemd/, as systemd itself reads them, and as they fit the configuration that is shipped with them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A file of systemd/.
pub(crate) fn unit(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)).unwrap()
}

/// The values of a setting, in their order.
pub(crate) fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn only<'a>(unit: &'a str, key: &str) -> &'a str {
    let [value] = values(unit, key)[..] else { panic!("not one {key}=") };
    value
}

fn seconds(text: &str) -> u64 {
    text.strip_suffix('s').unwrap_or(text).parse().unwrap()
}

/// Copies of both units that name the program of this build, since none is installed.
fn copies(change: impl Fn(String) -> String) -> (TempDir, [PathBuf; 2]) {
    let folder = TempDir::new().unwrap();
    let copy = |name| {
        let text = change(unit(name)).replace("/usr/bin/countersign ", concat!(env!("CARGO_BIN_EXE_countersign"), " "));
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let paths = [copy("countersign.service"), copy("countersign.socket")];
    (folder, paths)
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

fn analyze(arguments: &[&str], paths: &[PathBuf]) -> Output {
    Command::new("systemd-analyze").args(arguments).args(paths).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let (_folder, paths) = copies(|text| text);
    let output = analyze(&["verify", "--man=no"], &paths);
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""));
    // It returns 0 for a key that it does not know, and says so; what it says is what counts.
    let (_folder, paths) = copies(|text| text.replace("[Service]", "[Service]\nProtectEverything=yes"));
    assert!(said(&analyze(&["verify", "--man=no"], &paths)).contains("ProtectEverything"));
}

#[test]
fn systemd_finds_little_exposed() {
    let (_folder, paths) = copies(|text| text);
    // The threshold counts tenths: 1.1 of 10. What is left is the network itself, and what a comment in the unit explains.
    let arguments = ["security", "--offline=yes", "--no-pager", "--threshold=11"];
    let output = analyze(&arguments, &paths[..1]);
    assert!(output.status.success(), "{}", said(&output));
    let (_folder, paths) = copies(|text| text.replace("PrivateDevices=yes", ""));
    assert!(!analyze(&arguments, &paths[..1]).status.success(), "the threshold is where it hurts");
}

#[test]
fn every_setting_of_the_service_has_its_reason() {
    let text = unit("countersign.service");
    let (_, service) = text.split_once("[Service]\n").unwrap();
    let mut has_reason = false;
    for line in service.split("[Install]").next().unwrap().lines() {
        // A comment is about all settings below it, up to the next comment or empty line.
        has_reason = line.starts_with('#') || (has_reason && !line.is_empty());
        assert!(has_reason || line.is_empty(), "{line}");
    }
}

#[test]
fn the_configuration_that_is_shipped_fits_the_units() {
    let (service, socket) = (unit("countersign.service"), unit("countersign.socket"));
    let settings = countersign::config::load(Path::new("config/countersign.yaml")).unwrap().settings;
    let listen: Vec<String> = settings.listen.iter().map(|it| it.address.to_string()).collect();
    assert_eq!(listen, values(&socket, "ListenStream"));
    assert_eq!(settings.state_directory, Path::new("/var/lib").join(only(&service, "StateDirectory")));
    assert_eq!(settings.consumers, settings.state_directory.join("consumers.yaml"));
    assert!(settings.timeouts.drain.as_secs() + 10 <= seconds(only(&service, "TimeoutStopSec")));
    // Each connection of a client has one to the application; a thousand more are files, and connections kept idle.
    let files: usize = only(&service, "LimitNOFILE").parse().unwrap();
    assert!(files >= 2 * settings.limits.connections + 1000);
}

#[test]
fn the_user_of_the_service_is_made() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    let root = format!("--root={}", folder.path().display());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/countersign.sysusers");
    let output = Command::new("systemd-sysusers").arg(root).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let users = std::fs::read_to_string(folder.path().join("etc/passwd")).unwrap();
    let user = only(&unit("countersign.service"), "User").to_owned();
    let line = users.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap();
    assert!(line.ends_with(":/var/lib/countersign:/usr/sbin/nologin"), "{line}");
}

//! A disk that is full: a file system of 1 MiB, with the nonces and the log on it, and a file of somebody else's that fills it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::full::{not_written, set_limit};
use crate::site::{LOADER, Site, kill};
use crate::support::{Gateway, Signing, eventually, signed};
use crate::{admitted, refused};

fn by_loader() -> Signing {
    signed(LOADER.0, LOADER.1)
}

#[test]
fn a_full_disk_refuses_with_503_and_costs_log_lines_until_there_is_room() {
    let (site, disk) = on_a_small_disk();
    let log = site.folder().join("access.log");
    let site = site.setting(&format!("log: {{ file: {} }}", log.display()));
    let mut gateway = site.builder().start_silent();
    let mut captured = vec![by_loader()];
    admitted(&gateway, "there is room", &captured[0]);
    disk.fill(&gateway);
    let waiting = first_refused(&gateway, &mut captured);
    let arrived = site.backend.byte_count();
    for _ in 0..10 {
        not_written(&gateway, &waiting);
        refused(&gateway, "nonce_used", "also while it is full", &captured[0]);
    }
    // The log's last block has room for some lines too.
    eventually("a line finds no room", || {
        not_written(&gateway, &waiting);
        (gateway.count_lines("the log cannot be written") > 0).then_some(())
    });
    assert_eq!(site.backend.byte_count(), arrived, "nothing of these reached the backend");
    assert!(gateway.is_running());

    disk.make_room(&gateway);
    admitted(&gateway, "there is room again", &waiting);
    captured.push(waiting);
    captured.iter().for_each(|request| refused(&gateway, "nonce_used", "a replay", request));
    let text = eventually("the log goes on", || Some(disk.read(&log)).filter(|text| text.contains("log lines were dropped")));
    assert_eq!(gateway.count_lines("the log cannot be written"), 1, "said once, not of every line");
    let torn: Vec<_> = text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err()).collect();
    assert!(torn.len() <= 1, "one line found half its room: {torn:?}");

    kill(gateway);
    let gateway = site.builder().start_silent();
    captured.iter().for_each(|request| refused(&gateway, "nonce_used", "after the restart", request));
}

/// A file's last block has room for 170 records more; what it took joins `captured`.
fn first_refused(gateway: &Gateway, captured: &mut Vec<Signing>) -> Signing {
    for _ in 0..1000 {
        let request = by_loader();
        if gateway.ask(&request).status != 200 {
            not_written(gateway, &request);
            return request;
        }
        captured.push(request);
    }
    panic!("the disk is not full");
}

#[test]
fn a_start_on_a_full_disk_fails_and_nothing_is_forgotten() {
    let (site, disk) = on_a_small_disk();
    let gateway = site.start();
    let captured = by_loader();
    admitted(&gateway, "there is room", &captured);
    disk.fill(&gateway);
    kill(gateway);
    let (status, said) = site.builder().through(&words(&disk.wrapper_when_full())).start_in_vain();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&site.state().display().to_string()), "{said}");
    disk.empty();
    let gateway = site.start_again();
    refused(&gateway, "nonce_used", "a replay", &captured);
}

fn on_a_small_disk() -> (Site, Disk) {
    let site = Site::new();
    let disk = Disk::under(site.folder());
    (site.through(&words(&disk.wrapper())), disk)
}

fn words(wrapper: &[String]) -> Vec<&str> {
    wrapper.iter().map(String::as_str).collect()
}

/// A disk that can be filled under a running gateway.
enum Disk {
    /// A file system in a namespace of its own, which lasts as long as `holder`.
    Small { holder: Child, folder: PathBuf },
    /// Where that is not allowed: a limit on the size of files, that hits each of them in the same way.
    Limit,
}

impl Disk {
    /// Puts it under the folder, for gateways that are started through the wrapper.
    fn under(folder: &Path) -> Self {
        let mount = "mount -t tmpfs -o size=1M small \"$0\" && echo mounted && exec cat";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", mount]).arg(folder);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        if said == "mounted\n" {
            return Self::Small { holder, folder: folder.to_owned() };
        }
        holder.wait().unwrap();
        eprintln!("no file system of our own is allowed here; a limit on the size of files stands in for it");
        Self::Limit
    }

    fn wrapper(&self) -> Vec<String> {
        let pid;
        let words = match self {
            Self::Small { holder, .. } => {
                pid = holder.id().to_string();
                &["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &pid][..]
            }
            // The signal that comes with the limit may be ignored in the tests' own process.
            Self::Limit => &["env", "--default-signal=XFSZ"],
        };
        words.iter().map(ToString::to_string).collect()
    }

    /// For a gateway that is started on it when it is full.
    fn wrapper_when_full(&self) -> Vec<String> {
        let mut wrapper = self.wrapper();
        if let Self::Limit = self {
            wrapper.extend(["prlimit".to_owned(), "--fsize=0:".to_owned()]);
        }
        wrapper
    }

    fn fill(&self, gateway: &Gateway) {
        match self {
            Self::Small { folder, .. } => {
                let mut filler = File::create(self.outside(&folder.join(FILLER))).unwrap();
                while filler.write_all(&[0; 4096]).is_ok() {}
            }
            Self::Limit => set_limit(gateway, "0"),
        }
    }

    fn make_room(&self, gateway: &Gateway) {
        match self {
            Self::Small { .. } => self.empty(),
            Self::Limit => set_limit(gateway, "unlimited"),
        }
    }

    /// Makes room for gateways that are not yet there.
    fn empty(&self) {
        if let Self::Small { folder, .. } = self {
            fs::remove_file(self.outside(&folder.join(FILLER))).unwrap();
        }
    }

    fn read(&self, path: &Path) -> String {
        fs::read_to_string(self.outside(path)).unwrap()
    }

    /// A path on it, as it is seen from without (proc_pid_root(5)).
    fn outside(&self, path: &Path) -> PathBuf {
        match self {
            Self::Small { holder, .. } => format!("/proc/{}/root{}", holder.id(), path.display()).into(),
            Self::Limit => path.to_owned(),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Small { holder, .. } = self {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

const FILLER: &str = "filler";

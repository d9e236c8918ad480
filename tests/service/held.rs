//! One thread of the gateway that stands still, as in a loop without end or behind a broken disk.

use std::process::{Child, Command};
use std::time::Duration;

use crate::support::eventually;

/// Stands in the thread's way for as long as it lives.
pub(crate) struct Held(Child);

impl Held {
    pub(crate) fn thread(pid: u32, name: &str) -> Self {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|entry| entry.unwrap().path());
        let named = |path: &std::path::PathBuf| std::fs::read_to_string(path.join("comm")).unwrap().trim() == name;
        let thread = threads.into_iter().find(named).unwrap();
        let number = thread.file_name().unwrap().to_str().unwrap();
        // Each system call of this one thread takes an hour more; the others go on.
        let strace = ["-qq", "-o", "/dev/null", "-e", "inject=all:delay_enter=3600s", "-p", number];
        let held = Self(Command::new("strace").args(strace).spawn().unwrap());
        let stands = || std::fs::read_to_string(thread.join("stat")).unwrap().contains(") t ");
        eventually("the thread stands still", || {
            // It stops for a moment when the tracer takes hold of it, too.
            (0..10)
                .all(|_| {
                    std::thread::sleep(Duration::from_millis(10));
                    stands()
                })
                .then_some(())
        });
        held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! The thread that runs the reloader: told by the system about changes in the files' directories, and looking besides.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tracing::debug;

use super::settle::Settle;
use super::{Reloaded, Reloader};

/// The running thread; it ends when this is dropped.
pub struct ReloadThread {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Has the thread read the files; for whoever does not own it.
#[derive(Debug, Clone)]
pub struct ReloadAsker(Sender<Message>);

impl ReloadAsker {
    /// As [`ReloadThread::reload_now`].
    pub fn reload_now(&self) -> Receiver<Reloaded> {
        let (reply, outcome) = channel();
        // If the thread is gone so is the reply's sender, and the receiver says so.
        let _ = self.0.send(Message::ReloadNow(reply));
        outcome
    }
}

#[derive(Debug)]
enum Message {
    Event(Event),
    ReloadNow(Sender<Reloaded>),
    Stop,
}

/// Starts the thread.
///
/// # Errors
/// The system has no thread for us.
pub fn spawn(reloader: Reloader) -> std::io::Result<ReloadThread> {
    let (sender, receiver) = channel();
    let events = sender.clone();
    // Before the thread runs: no change after this call goes unseen.
    let watch = Watch::new(reloader, events);
    let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(move || watch.run(&receiver))?;
    Ok(ReloadThread { sender, thread: Some(thread) })
}

impl ReloadThread {
    /// Has the files read whether they changed or not. The outcome comes through the receiver, which may be dropped.
    pub fn reload_now(&self) -> Receiver<Reloaded> {
        self.asker().reload_now()
    }

    /// For others who have the files read.
    pub fn asker(&self) -> ReloadAsker {
        ReloadAsker(self.sender.clone())
    }

    /// Whether the thread runs; one that ended by itself has panicked, and the list would never change again.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for ReloadThread {
    fn drop(&mut self) {
        let _ = self.sender.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Watch {
    reloader: Reloader,
    settle: Settle,
    next_poll: Instant,
    watcher: Option<RecommendedWatcher>,
    directories: HashSet<PathBuf>,
    /// What the files are called, as links and as what these lead to.
    names: HashSet<OsString>,
}

impl Watch {
    fn new(reloader: Reloader, events: Sender<Message>) -> Self {
        let now = Instant::now();
        let told = move |event: notify::Result<Event>| {
            if let Ok(event) = event {
                let _ = events.send(Message::Event(event));
            }
        };
        // Without it (no more inotify instances, a file system without events) there is still the polling.
        let watcher = notify::recommended_watcher(told).inspect_err(|error| debug!(%error, "no file events")).ok();
        let (directories, names) = Default::default();
        let mut watch = Self { reloader, settle: Settle::new(now), next_poll: now, watcher, directories, names };
        watch.follow();
        watch
    }

    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            let wake = self.settle.due().map_or(self.next_poll, |due| due.min(self.next_poll));
            match receiver.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(Message::Event(event)) => self.note(event, Instant::now()),
                Ok(Message::ReloadNow(reply)) => {
                    // Whoever asked need not wait for the answer.
                    let _ = reply.send(self.look(Reloader::reload_now));
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.poll(Instant::now());
            if self.settle.due().is_some_and(|due| due <= Instant::now()) {
                self.look(Reloader::look);
            }
        }
    }

    fn note(&mut self, event: Event, now: Instant) {
        for path in event.paths {
            if !self.concerns(&path) {
                continue;
            }
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) | EventKind::Create(CreateKind::File) => self.settle.written(path, now),
                EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Name(_)) => {
                    self.settle.finished(&path, now);
                }
                EventKind::Access(_) => {}
                EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Other => self.settle.notice(now),
            }
        }
    }

    /// A log in the same directory is written to all the time, and is nothing to us.
    fn concerns(&self, path: &Path) -> bool {
        let Some(name) = path.file_name() else { return true };
        if self.names.contains(name) {
            return true;
        }
        let name = name.as_encoded_bytes();
        // `..data` and its like are the links of a mounted ConfigMap.
        name.starts_with(b"..") || name.ends_with(b".yaml") || name.ends_with(b".yml")
    }

    fn poll(&mut self, now: Instant) {
        if now < self.next_poll {
            return;
        }
        self.next_poll = now + POLL;
        self.reloader.let_go();
        if self.settle.due().is_none() && self.reloader.looks_changed() {
            self.settle.notice(now);
        }
    }

    fn look(&mut self, step: impl FnOnce(&mut Reloader) -> Reloaded) -> Reloaded {
        let begun = Instant::now();
        // Before the files are read: what happens while they are is then noticed.
        self.follow();
        let reloaded = step(&mut self.reloader);
        self.settle.looked(begun, Instant::now());
        reloaded
    }

    /// Watches the directories that the files are in now, links followed.
    fn follow(&mut self) {
        let files: HashSet<PathBuf> = self.reloader.stamps_now().into_iter().flat_map(|stamp| names_of(stamp.path)).collect();
        let directories = files.iter().map(|file| directory_of(file)).collect();
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.directories.difference(&directories) {
            let _ = watcher.unwatch(gone);
        }
        for directory in &directories {
            // Again even if it is watched: another directory may have its name now.
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                debug!(%error, "no file events from this directory");
            }
        }
        self.names = files.iter().filter_map(|file| file.file_name().map(ToOwned::to_owned)).collect();
        self.directories = directories;
    }
}

/// The file itself and what it is a link to.
fn names_of(path: PathBuf) -> impl Iterator<Item = PathBuf> {
    let target = std::fs::canonicalize(&path);
    std::iter::once(path).chain(target)
}

/// A folder of consumers files is watched itself.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        _ if path.is_dir() => path.to_owned(),
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Found this late at the worst, with the time to settle, a change is live within the second that is promised.
const POLL: Duration = Duration::from_millis(500);

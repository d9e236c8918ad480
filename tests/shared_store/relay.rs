//! A relay between gateway and store that delays the store's answers, or loses them.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::store::Store;

/// Relays as long as it lives.
pub(crate) struct Relay {
    folder: TempDir,
    manner: Arc<Manner>,
}

#[derive(Default)]
struct Manner {
    delay_millis: AtomicU64,
    loses_answers: AtomicBool,
}

impl Relay {
    pub(crate) fn before(store: &Store) -> Self {
        let (folder, manner) = (TempDir::new().unwrap(), Arc::<Manner>::default());
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let (socket, shared) = (store.socket(), Arc::clone(&manner));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A store that is gone: so is the connection.
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                join(client, server, &shared);
            }
        });
        Self { folder, manner }
    }

    pub(crate) fn delay(&self, millis: u64) {
        self.manner.delay_millis.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn lose_answers(&self, loses: bool) {
        self.manner.loses_answers.store(loses, Ordering::SeqCst);
    }

    /// The store's setting, by way of this.
    pub(crate) fn setting(&self, store: &Store, more: &str) -> String {
        let quoted = |socket: PathBuf| format!("unix:{}\"", socket.display());
        store.setting_with(more).replace(&quoted(store.socket()), &quoted(self.folder.path().join("s")))
    }
}

fn join(client: UnixStream, server: UnixStream, manner: &Arc<Manner>) {
    let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || pump(from_client, to_server, || true));
    let manner = Arc::clone(manner);
    std::thread::spawn(move || {
        pump(server, client, || {
            std::thread::sleep(Duration::from_millis(manner.delay_millis.load(Ordering::SeqCst)));
            !manner.loses_answers.load(Ordering::SeqCst)
        });
    });
}

fn pump(mut from: UnixStream, mut to: UnixStream, passes: impl Fn() -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if passes() && to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

//! Programs that a test starts.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long a client may take for all its calls; on an idle machine it is some seconds.
pub(crate) const RUN: Duration = Duration::from_secs(300);

/// A process that ends with the test, whatever the test comes to.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// `None` when the time is over.
    pub(crate) fn wait(&mut self, time: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < time {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A private key's file below tests/data/keys.
pub(crate) fn key_file(name: &str) -> String {
    format!("{}/tests/data/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

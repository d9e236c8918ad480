//! The service manager's notifications, sd_notify(3). Without one (`NOTIFY_SOCKET` is not set) they go nowhere.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

/// The gateway serves: at its start, and again after each reload.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload was asked for. The time lets the manager tell this reload from an earlier one.
pub fn reloading() {
    tell(&[NotifyState::Reloading, NotifyState::MonotonicUsec(super::monotonic_usec().into())]);
}

/// What `systemctl status` shows.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The gateway finishes what is in flight and ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing the requests in flight")]);
}

/// The data plane is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is to be said, if the manager waits for it: twice in the time that it waits, as sd_watchdog_enabled(3)
/// recommends.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|longest| longest / 2).filter(|interval| !interval.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    let message: String = states.iter().map(|state| format!("{state}\n")).collect();
    // A manager that does not listen is no reason to stop serving; if it waits for us it will say so itself.
    if let Err(error) = send(&message) {
        tracing::debug!(%error, "the service manager was not told");
    }
}

/// Bounded in time: a manager that hangs, and reads nothing, must not keep the gateway from reloading and ending.
fn send(message: &str) -> io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(&path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(LONGEST_SEND))?;
    socket.send_to_addr(message.as_bytes(), &address).map(drop)
}

/// The manager's queue is empty but for a moment; when it is full, it does not matter what we say.
const LONGEST_SEND: Duration = Duration::from_millis(500);

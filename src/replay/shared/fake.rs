//! A store for tests: it says of itself what one has to say in which nonces may be kept, and keeps the marker.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::config::{SharedReplay, StoreAddress, StoreKey};

/// What leads to a store at `path`.
pub(super) fn settings(path: PathBuf) -> SharedReplay {
    SharedReplay {
        store: StoreAddress::Unix(path),
        user: None,
        password: None,
        key: StoreKey::new([7; 32]),
        timeout: Duration::from_millis(100),
    }
}

/// Serves one connection to `path`. The store is empty, and its clock stands still.
pub(super) fn serve(path: &Path, seconds: u64) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || answer(listener.accept().unwrap().0, seconds));
}

fn answer(mut stream: UnixStream, seconds: u64) {
    let mut marker = None;
    let mut commands = BufReader::new(stream.try_clone().unwrap());
    while let Some(words) = command(&mut commands) {
        let answer = match words[0].as_str() {
            "INFO" => bulk("run_id:0123456789abcdef\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n"),
            "TIME" => format!("*2\r\n{}{}", bulk(&seconds.to_string()), bulk("0")),
            "GET" => marker.as_deref().map_or("$-1\r\n".to_owned(), bulk),
            "SET" => {
                marker = Some(words[2].clone());
                "+OK\r\n".to_owned()
            }
            _ => "+OK\r\n".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// `None`: the connection was closed.
fn command(from: &mut impl BufRead) -> Option<Vec<String>> {
    let many = number(from)?;
    let word = |_| {
        let mut bytes = vec![0; number(from)? + 2];
        from.read_exact(&mut bytes).ok()?;
        bytes.truncate(bytes.len() - 2);
        String::from_utf8(bytes).ok()
    };
    (0..many).map(word).collect()
}

/// The number in a line like `*3` or `$5`.
fn number(from: &mut impl BufRead) -> Option<usize> {
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    line.get(1..)?.trim_end().parse().ok()
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

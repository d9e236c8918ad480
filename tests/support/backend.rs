//! A backend that records every connection and every byte, and answers as a test tells it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::message::{self, Head, Request};
use super::wait::{DEADLINE, eventually};

/// A listening backend; it stops listening when it is dropped.
pub struct Backend {
    address: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
    latest: Arc<Mutex<Option<Request>>>,
    stopped: Arc<AtomicBool>,
}

/// What came on one connection.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub bytes: Vec<u8>,
    /// How the gateway ended it; `None` while it is open, or when the backend ended it.
    pub end: Option<End>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Finished,
    Reset,
}

/// One connection, in the hands of a script.
pub struct Wire {
    /// Counted from 0 in the order of their arrival.
    pub number: usize,
    stream: TcpStream,
    pending: Vec<u8>,
    records: Arc<Mutex<Vec<Record>>>,
    latest: Arc<Mutex<Option<Request>>>,
}

/// A response with a Content-Length.
pub fn response(status: u16, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

impl Backend {
    /// Answers every request with 200 and `ok`.
    pub fn start() -> Self {
        Self::answering(|_| response(200, &[("Content-Type", "text/plain")], b"ok"))
    }

    /// Answers every complete request with the bytes that `answer` makes, and keeps the connection.
    pub fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::scripted(move |wire| {
            while let Some(request) = wire.request() {
                if !wire.send(&answer(&request)) {
                    return;
                }
            }
        })
    }

    /// Gives each connection to `script` in a thread of its own; the connection is closed when the script returns.
    pub fn scripted(script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        Self::listening(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// As [`Self::scripted`], on a listener that there is already.
    pub fn listening(listener: TcpListener, script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let (records, stopped) = (Arc::<Mutex<Vec<Record>>>::default(), Arc::new(AtomicBool::new(false)));
        let latest = Arc::<Mutex<Option<Request>>>::default();
        let (accepted, stop, script) = (Arc::clone(&records), Arc::clone(&stopped), Arc::new(script));
        let last = Arc::clone(&latest);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                stream.set_nodelay(true).unwrap();
                let number = {
                    let mut all = accepted.lock().unwrap();
                    all.push(Record::default());
                    all.len() - 1
                };
                let (records, latest) = (Arc::clone(&accepted), Arc::clone(&last));
                let mut wire = Wire { number, stream, pending: Vec::new(), records, latest };
                let script = Arc::clone(&script);
                std::thread::spawn(move || script(&mut wire));
            }
        });
        Self { address, records, latest, stopped }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every connection so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.records.lock().unwrap().len()
    }

    /// How many bytes came, on all connections together.
    pub fn byte_count(&self) -> usize {
        self.records.lock().unwrap().iter().map(|record| record.bytes.len()).sum()
    }

    /// All bytes, one connection after the other.
    pub fn bytes(&self) -> Vec<u8> {
        self.records.lock().unwrap().iter().flat_map(|record| record.bytes.clone()).collect()
    }

    /// Every complete request, connection by connection; anything that is not one request after the other is a failure.
    pub fn requests(&self) -> Vec<Request> {
        let parsed = |record: Record| match message::requests(&record.bytes) {
            Ok((requests, _incomplete)) => requests,
            Err(why) => panic!("the backend got no proper HTTP ({why}): {}", record.bytes.escape_ascii()),
        };
        self.records().into_iter().flat_map(parsed).collect()
    }

    /// The one request that came.
    pub fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// The request that was complete last, on whichever connection.
    pub fn last_request(&self) -> Request {
        self.latest.lock().unwrap().clone().expect("a request reached the backend")
    }

    /// Waits until a look at the connections gives something.
    pub fn wait<T>(&self, what: &str, look: impl Fn(&[Record]) -> Option<T>) -> T {
        eventually(what, || look(&self.records.lock().unwrap()))
    }

    /// Asserts that nothing ever came: not one byte and not one connection.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.connections(), 0, "connections at the backend: {}", self.bytes().escape_ascii());
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Wire {
    /// Reads some bytes; false at the end.
    pub fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let end = match self.stream.read(&mut buffer) {
            Ok(0) => End::Finished,
            Ok(length) => {
                self.pending.extend_from_slice(&buffer[..length]);
                self.records.lock().unwrap()[self.number].bytes.extend_from_slice(&buffer[..length]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            Err(_) => return false,
        };
        self.records.lock().unwrap()[self.number].end = Some(end);
        false
    }

    /// Waits for a head; its bytes stay where they are.
    pub fn head(&mut self) -> Option<Head> {
        loop {
            match message::head(&self.pending) {
                Ok(None) => {}
                Ok(head) => return head,
                Err(_) => return None,
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Waits for a complete request. `None`: the connection ended, or what came is none (the record shows it).
    pub fn request(&mut self) -> Option<Request> {
        loop {
            match message::request(&self.pending) {
                Ok(None) => {}
                Ok(Some((request, length))) => {
                    self.pending.drain(..length);
                    *self.latest.lock().unwrap() = Some(request.clone());
                    return Some(request);
                }
                Err(_) => return None,
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Writes; false if the gateway takes no more.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Reads and records until the gateway ends the connection.
    pub fn until_closed(&mut self) {
        while self.fill() {}
    }

    /// Ends the connection with a reset instead of a proper end.
    pub fn reset(&mut self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        // The reset goes out when the script returns and the socket is closed.
    }

    /// Says that no more bytes come, and stays readable.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

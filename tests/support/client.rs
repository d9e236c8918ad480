//! A client that sends exactly the bytes it is given.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::message::{self, Response};
use super::secrets;
use super::wait::DEADLINE;

/// A connection to the gateway.
pub struct Client {
    stream: TcpStream,
    pending: Vec<u8>,
    ended: bool,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    /// Connects from one of the machine's loopback addresses.
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::of(socket.into())
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream, pending: Vec::new(), ended: false }
    }

    /// Sends; a peer that hung up already is no failure here, the answer tells.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The next response to a method with a body in its answer.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next response.
    #[track_caller]
    pub fn response_to(&mut self, method: &str) -> Response {
        match self.try_response_to(method) {
            Some(response) => response,
            None => panic!("the connection ended without a complete response: {}", self.pending.escape_ascii()),
        }
    }

    /// The next response; `None` if the connection ends before it is complete.
    #[track_caller]
    pub fn try_response_to(&mut self, method: &str) -> Option<Response> {
        let start = Instant::now();
        loop {
            match message::response(&self.pending, method, self.ended) {
                Ok(Some((response, length))) => {
                    self.pending.drain(..length);
                    secrets::received(&response);
                    return Some(response);
                }
                Ok(None) if self.ended => return None,
                Ok(None) => {}
                Err(why) => panic!("the gateway sent no proper HTTP ({why}): {}", self.pending.escape_ascii()),
            }
            self.fill();
            assert!(start.elapsed() < DEADLINE, "no complete response: {}", self.pending.escape_ascii());
        }
    }

    #[track_caller]
    pub fn try_response(&mut self) -> Option<Response> {
        self.try_response_to("GET")
    }

    /// Sends, and waits for the response.
    #[track_caller]
    pub fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        let method = bytes.as_ref().split(|b| *b == b' ').next().unwrap_or_default().to_vec();
        self.send(bytes);
        self.response_to(&String::from_utf8_lossy(&method))
    }

    /// Waits until as many bytes came, and takes them.
    #[track_caller]
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        let start = Instant::now();
        while self.pending.len() < length {
            assert!(!self.ended, "the connection ended after {}", self.pending.escape_ascii());
            assert!(start.elapsed() < DEADLINE, "only {} of {length} bytes", self.pending.len());
            self.fill();
        }
        self.pending.drain(..length).collect()
    }

    /// Reads for a while and tells how many bytes wait, for tests that expect none.
    pub fn waiting(&mut self, duration: Duration) -> usize {
        let start = Instant::now();
        while start.elapsed() < duration && !self.ended {
            self.fill();
        }
        self.pending.len()
    }

    /// Waits until the gateway ends the connection, and gives whatever came before.
    #[track_caller]
    pub fn until_closed(&mut self) -> Vec<u8> {
        let start = Instant::now();
        while !self.ended {
            assert!(start.elapsed() < DEADLINE, "the connection stays open");
            self.fill();
        }
        std::mem::take(&mut self.pending)
    }

    /// Whether the gateway ended the connection already.
    pub fn is_closed(&mut self) -> bool {
        self.fill();
        self.ended
    }

    /// Says that no more bytes come.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Dies without a proper end.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    fn fill(&mut self) {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(length) => self.pending.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => self.ended = true,
        }
    }
}

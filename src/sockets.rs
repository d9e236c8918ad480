//! The listening sockets: those that the service manager passed, and for the rest of `listen` our own.
//!
//! A passed socket outlives the process: what connects while no gateway runs waits in its queue for the next one
//! (`LISTEN_FDS`, sd_listen_fds(3)).

use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::Listener;

/// The sockets that the service manager passed, by their names.
#[derive(Debug, Default)]
pub struct PassedSockets(Vec<Passed>);

#[derive(Debug)]
struct Passed {
    name: String,
    address: SocketAddr,
    socket: TcpListener,
}

/// A socket that is listened on.
#[derive(Debug)]
pub struct ListeningSocket {
    /// The socket.
    pub socket: TcpListener,
    /// Where it is bound.
    pub address: SocketAddr,
    /// Whether it was passed, so that somebody else keeps it open when we close it.
    pub is_passed: bool,
}

/// Why there are no sockets to listen on.
#[derive(Debug)]
pub enum SocketError {
    /// This address cannot be bound.
    Bind(SocketAddr, io::Error),
    /// What was passed is no socket that accepts connections.
    Unusable(io::Error),
    /// A passed socket that no `listen` is about.
    Unasked {
        /// Its name.
        name: String,
        /// Its address.
        address: SocketAddr,
    },
}

impl PassedSockets {
    /// Takes them from the environment. To be called once, before there are other threads: the variables are removed, so that
    /// nobody takes the sockets again.
    ///
    /// # Errors
    /// If one is no listening TCP socket.
    pub fn from_environment() -> Result<Self, SocketError> {
        // Read first: taking the descriptors does not look at their names.
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut descriptors = listenfd::ListenFd::from_env();
        let mut passed = Vec::new();
        for index in 0..descriptors.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = descriptors.take_tcp_listener(index).map_err(SocketError::Unusable)?;
            passed.extend(socket.map(|socket| Passed::new(name, socket)).transpose().map_err(SocketError::Unusable)?);
        }
        Ok(Self(passed))
    }

    /// A socket for each entry of `listen`, in its order: passed ones where there are some, else our own.
    ///
    /// # Errors
    /// [`SocketError`]; a passed socket that would not be used is one, since clients would wait in its queue for ever.
    pub fn open(mut self, listen: &[Listener]) -> Result<Vec<ListeningSocket>, SocketError> {
        let some_passed = !self.0.is_empty();
        let mut found: Vec<Option<Passed>> = listen.iter().map(|_| None).collect();
        // The surest match of all entries comes before a less sure one of any.
        for is_for in [Passed::has_both, Passed::has_name, Passed::has_address] {
            for (entry, found) in listen.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                let at = self.0.iter().position(|passed| is_for(passed, entry));
                *found = at.map(|at| self.0.remove(at));
            }
        }
        if let Some(Passed { name, address, .. }) = self.0.pop() {
            return Err(SocketError::Unasked { name, address });
        }
        let socket = |(entry, found): (&Listener, Option<Passed>)| match found {
            Some(Passed { socket, address, .. }) => Ok(ListeningSocket { socket, address, is_passed: true }),
            None => {
                if some_passed {
                    tracing::warn!(address = %entry.address, "no passed socket is for this address; it is closed at a restart");
                }
                bind(entry.address)
            }
        };
        listen.iter().zip(found).map(socket).collect()
    }
}

impl Passed {
    fn new(name: String, socket: TcpListener) -> io::Result<Self> {
        // `Accept=yes` in a socket unit passes connections, on which nothing could ever be accepted.
        if !socket2::SockRef::from(&socket).is_listener()? {
            return Err(io::Error::other(format!("the one called `{name}` does not listen (Accept=yes?)")));
        }
        Ok(Self { address: socket.local_addr()?, name, socket })
    }

    fn has_both(&self, entry: &Listener) -> bool {
        self.has_name(entry) && self.has_address(entry)
    }

    fn has_name(&self, entry: &Listener) -> bool {
        entry.socket.as_ref() == Some(&self.name)
    }

    fn has_address(&self, entry: &Listener) -> bool {
        self.address == entry.address
    }
}

fn bind(wanted: SocketAddr) -> Result<ListeningSocket, SocketError> {
    let failed = |error| SocketError::Bind(wanted, error);
    let socket = TcpListener::bind(wanted).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(ListeningSocket { socket, address, is_passed: false })
}

impl std::fmt::Display for SocketError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bind(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Unusable(error) => write!(f, "a socket that the service manager passed cannot be used: {error}"),
            Self::Unasked { name, address } => {
                write!(f, "the service manager passed a socket on {address}, called `{name}`, that no `listen` is about")
            }
        }
    }
}

impl std::error::Error for SocketError {}

impl SocketError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Bind(..) => "see what has the port with: ss -ltnp; choose another with listen: or --listen",
            Self::Unusable(_) => "a .socket unit of ours has ListenStream= with an IP address or a port, and no Accept=yes",
            Self::Unasked { .. } => {
                "let `listen` and ListenStream= name the same addresses, or write listen: [{ address: …, socket: NAME }] with the \
                 FileDescriptorName= of the .socket unit"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(name: &str) -> Passed {
        Passed::new(name.to_owned(), TcpListener::bind("127.0.0.1:0").unwrap()).unwrap()
    }

    fn entry(address: SocketAddr, socket: Option<&str>) -> Listener {
        Listener { address, socket: socket.map(str::to_owned), tls: None }
    }

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    fn opened(sockets: Vec<Passed>, listen: &[Listener]) -> Vec<(SocketAddr, bool)> {
        let opened = PassedSockets(sockets).open(listen).unwrap();
        opened.iter().map(|socket| (socket.socket.local_addr().unwrap(), socket.is_passed)).collect()
    }

    #[test]
    fn passed_sockets_are_found_by_address_in_any_order() {
        let sockets = [passed("a"), passed("a")];
        let [first, second] = [sockets[0].address, sockets[1].address];
        let listen = [entry(second, None), entry(first, None)];
        assert_eq!(opened(sockets.into(), &listen), [(second, true), (first, true)]);
    }

    #[test]
    fn a_name_finds_a_socket_whatever_its_address_and_comes_before_another_entrys_address() {
        let sockets = [passed("web"), passed("other")];
        let [web, other] = [sockets[0].address, sockets[1].address];
        assert_eq!(opened(sockets.into(), &[entry(ANY, Some("other")), entry(web, None)]), [(other, true), (web, true)]);
        // The name of one and the address of the other: the name decides.
        let sockets = [passed("one"), passed("two")];
        let [one, two] = [sockets[0].address, sockets[1].address];
        let listen = [entry(two, Some("one")), entry(one, Some("two"))];
        assert_eq!(opened(sockets.into(), &listen), [(one, true), (two, true)]);
    }

    #[test]
    fn sockets_of_one_name_are_told_apart_by_their_addresses() {
        let sockets = [passed("web"), passed("web")];
        let [first, second] = [sockets[0].address, sockets[1].address];
        let listen = [entry(second, Some("web")), entry(first, Some("web"))];
        assert_eq!(opened(sockets.into(), &listen), [(second, true), (first, true)]);
    }

    #[test]
    fn an_entry_without_a_passed_socket_is_bound() {
        let socket = passed("web");
        let address = socket.address;
        let opened = opened(vec![socket], &[entry(ANY, Some("absent")), entry(address, None)]);
        assert!(!opened[0].1 && opened[0].0 != address, "{opened:?}");
        assert_eq!(opened[1], (address, true));
    }

    #[test]
    fn a_passed_socket_that_no_entry_is_about_is_an_error() {
        let socket = passed("web");
        let address = socket.address;
        let error = PassedSockets(vec![socket]).open(&[entry(ANY, Some("absent"))]).unwrap_err();
        assert!(matches!(&error, SocketError::Unasked { name, address: its } if name == "web" && *its == address), "{error}");
    }

    #[test]
    fn a_connection_is_no_listening_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let error = Passed::new("web".to_owned(), std::os::fd::OwnedFd::from(connection).into()).unwrap_err();
        assert!(error.to_string().contains("`web` does not listen"), "{error}");
    }
}

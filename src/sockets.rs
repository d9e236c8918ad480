//! The listening sockets: those that the service manager passed, and for the rest of `listen` our own.
//!
//! A passed socket outlives the process: what connects while no gateway runs waits in its queue for the next one
//! (`LISTEN_FDS`, sd_listen_fds(3)).

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::admin::AdminSocket;
use crate::config::{AdminAddress, AdminSettings, Listener};

/// The sockets that the service manager passed, by their names.
#[derive(Debug, Default)]
pub struct PassedSockets {
    tcp: Vec<Passed>,
    /// For administrators alone: clients of the application come over the network.
    files: Vec<PassedFile>,
}

#[derive(Debug)]
struct Passed {
    name: String,
    address: SocketAddr,
    socket: TcpListener,
}

/// A socket in the file system.
#[derive(Debug)]
struct PassedFile {
    name: String,
    path: PathBuf,
    socket: UnixListener,
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
        address: AdminAddress,
    },
    /// A passed socket that would open the administrators' pages to the network.
    Public {
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
    /// If one is no listening socket.
    pub fn from_environment() -> Result<Self, SocketError> {
        // Read first: taking the descriptors does not look at their names.
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut descriptors = listenfd::ListenFd::from_env();
        let mut passed = Self::default();
        for index in 0..descriptors.len() {
            let name = names.next().unwrap_or_default().to_owned();
            // One that is no file is left at its place.
            if let Ok(Some(socket)) = descriptors.take_unix_listener(index) {
                passed.files.push(PassedFile::new(name, socket).map_err(SocketError::Unusable)?);
                continue;
            }
            let socket = descriptors.take_tcp_listener(index).map_err(SocketError::Unusable)?;
            passed.tcp.extend(socket.map(|socket| Passed::new(name, socket)).transpose().map_err(SocketError::Unusable)?);
        }
        Ok(passed)
    }

    /// The socket for administrators, if one was passed: by its name, else by its address. To be called before [`Self::open`].
    ///
    /// # Errors
    /// If the one of that name is open to the network.
    pub fn take_for_admin(&mut self, admin: &AdminSettings) -> Result<Option<AdminSocket>, SocketError> {
        let has_name = |name: &str| admin.socket.as_deref() == Some(name);
        let file = self.files.iter().position(|it| has_name(&it.name) || AdminAddress::Unix(it.path.clone()) == admin.listen);
        if let Some(at) = file {
            let PassedFile { path, socket, .. } = self.files.remove(at);
            return Ok(Some(AdminSocket::passed_file(socket, path)));
        }
        let named = self.tcp.iter().position(|it| has_name(&it.name));
        let at = named.or_else(|| self.tcp.iter().position(|it| AdminAddress::Loopback(it.address) == admin.listen));
        let Some(Passed { name, address, socket }) = at.map(|at| self.tcp.remove(at)) else {
            if let Some(name) = &admin.socket {
                // Others than those who may open that one may be able to connect there.
                tracing::warn!(name, address = %admin.listen, "no socket of this name was passed for administrators; they have this address");
            }
            return Ok(None);
        };
        if address.ip().to_canonical().is_loopback() {
            Ok(Some(AdminSocket::passed(socket, address)))
        } else {
            Err(SocketError::Public { name, address })
        }
    }

    /// A socket for each entry of `listen`, in its order: passed ones where there are some, else our own.
    ///
    /// # Errors
    /// [`SocketError`]; a passed socket that would not be used is one, since clients would wait in its queue for ever.
    pub fn open(mut self, listen: &[Listener]) -> Result<Vec<ListeningSocket>, SocketError> {
        let some_passed = !self.tcp.is_empty();
        let mut found: Vec<Option<Passed>> = listen.iter().map(|_| None).collect();
        // The surest match of all entries comes before a less sure one of any.
        for is_for in [Passed::has_both, Passed::has_name, Passed::has_address] {
            for (entry, found) in listen.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                let at = self.tcp.iter().position(|passed| is_for(passed, entry));
                *found = at.map(|at| self.tcp.remove(at));
            }
        }
        let of_tcp = self.tcp.pop().map(|passed| (passed.name, AdminAddress::Loopback(passed.address)));
        if let Some((name, address)) =
            of_tcp.or_else(|| self.files.pop().map(|passed| (passed.name, AdminAddress::Unix(passed.path))))
        {
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
        check_listens(&name, &socket2::SockRef::from(&socket))?;
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

impl PassedFile {
    fn new(name: String, socket: UnixListener) -> io::Result<Self> {
        check_listens(&name, &socket2::SockRef::from(&socket))?;
        // One without a path (an abstract one) is found by its name.
        let path = socket.local_addr()?.as_pathname().map(ToOwned::to_owned).unwrap_or_default();
        Ok(Self { name, path, socket })
    }
}

/// `Accept=yes` in a socket unit passes connections, on which nothing could ever be accepted.
fn check_listens(name: &str, socket: &socket2::SockRef<'_>) -> io::Result<()> {
    if socket.is_listener()? {
        return Ok(());
    }
    Err(io::Error::other(format!("the one called `{name}` does not listen (Accept=yes?)")))
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
            Self::Public { name, address } => {
                write!(
                    f,
                    "the service manager passed a socket on {address}, called `{name}`, for administrators, and it is no loopback address"
                )
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
            Self::Public { .. } => {
                "administrators' pages are never open to the network: ListenStream=127.0.0.1:9090 or /run/countersign/admin.sock, and \
                 through ssh from elsewhere"
            }
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
        let opened = PassedSockets { tcp: sockets, files: Vec::new() }.open(listen).unwrap();
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
        let error = PassedSockets { tcp: vec![socket], files: Vec::new() }.open(&[entry(ANY, Some("absent"))]).unwrap_err();
        let address = AdminAddress::Loopback(address);
        assert!(matches!(&error, SocketError::Unasked { name, address: its } if name == "web" && *its == address), "{error}");
    }

    fn admin(listen: AdminAddress, socket: Option<&str>) -> AdminSettings {
        AdminSettings { listen, socket: socket.map(str::to_owned), users: PathBuf::new() }
    }

    #[test]
    fn the_administrators_socket_is_found_by_its_name_or_its_address_and_is_nobody_elses() {
        let web = passed("web");
        let address = web.address;
        let mut sockets = PassedSockets { tcp: vec![web, passed("admin")], files: Vec::new() };
        let named = sockets.tcp[1].address;
        let found = sockets.take_for_admin(&admin(AdminAddress::Loopback(ANY), Some("admin"))).unwrap().unwrap();
        assert_eq!(found.address(), &AdminAddress::Loopback(named));
        assert!(sockets.take_for_admin(&admin(AdminAddress::Loopback(ANY), None)).unwrap().is_none());
        let found = sockets.take_for_admin(&admin(AdminAddress::Loopback(address), None)).unwrap().unwrap();
        assert_eq!(found.address(), &AdminAddress::Loopback(address));
        assert!(sockets.open(&[]).unwrap().is_empty(), "nothing is left for clients");
    }

    #[test]
    fn a_socket_in_the_file_system_is_for_administrators_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let file = || PassedFile::new("admin".to_owned(), UnixListener::bind(&path).unwrap()).unwrap();
        let mut sockets = PassedSockets { tcp: Vec::new(), files: vec![file()] };
        let found = sockets.take_for_admin(&admin(AdminAddress::Unix(path.clone()), None)).unwrap().unwrap();
        drop(found);
        assert!(path.exists(), "whoever passed it keeps its name");
        std::fs::remove_file(&path).unwrap();
        let error = PassedSockets { tcp: Vec::new(), files: vec![file()] }.open(&[]).unwrap_err();
        assert!(error.to_string().contains("admin.sock, called `admin`, that no `listen` is about"), "{error}");
    }

    #[test]
    fn a_passed_socket_that_is_open_to_the_network_is_not_for_administrators() {
        let everywhere = Passed::new("admin".to_owned(), TcpListener::bind("0.0.0.0:0").unwrap()).unwrap();
        let mut sockets = PassedSockets { tcp: vec![everywhere], files: Vec::new() };
        let error = sockets.take_for_admin(&admin(AdminAddress::Loopback(ANY), Some("admin"))).unwrap_err();
        assert!(matches!(error, SocketError::Public { .. }), "{error}");
    }

    #[test]
    fn a_connection_is_no_listening_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let error = Passed::new("web".to_owned(), std::os::fd::OwnedFd::from(connection).into()).unwrap_err();
        assert!(error.to_string().contains("`web` does not listen"), "{error}");
    }
}

//! The socket that administrators connect to: a loopback address, a file that its owner alone may open, or what the service manager
//! passed.

use std::fs::Permissions;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::connection::Listener;
use crate::config::AdminAddress;

/// A socket that is listened on.
#[derive(Debug)]
pub struct AdminSocket {
    socket: Bound,
    address: AdminAddress,
    file: Option<SocketFile>,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The name of a socket of ours, taken away with it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: by the end the name may be another process's.
    identity: (u64, u64),
}

impl AdminSocket {
    /// Binds an address.
    ///
    /// # Errors
    /// If it cannot be bound, or another process listens there.
    pub fn bind(address: &AdminAddress) -> io::Result<Self> {
        match address {
            AdminAddress::Loopback(wanted) => {
                let socket = TcpListener::bind(wanted)?;
                let address = AdminAddress::Loopback(socket.local_addr()?);
                Ok(Self { socket: Bound::Tcp(socket), address, file: None })
            }
            AdminAddress::Unix(path) => {
                let (socket, file) = bind_file(path)?;
                Ok(Self { socket: Bound::Unix(socket), address: address.clone(), file: Some(file) })
            }
        }
    }

    /// One that the service manager passed.
    pub fn passed(socket: TcpListener, address: SocketAddr) -> Self {
        Self { socket: Bound::Tcp(socket), address: AdminAddress::Loopback(address), file: None }
    }

    /// One in the file system that the service manager passed; who may open it is the manager's to say.
    pub fn passed_file(socket: UnixListener, path: PathBuf) -> Self {
        Self { socket: Bound::Unix(socket), address: AdminAddress::Unix(path), file: None }
    }

    /// Where it is bound.
    pub fn address(&self) -> &AdminAddress {
        &self.address
    }

    /// Hands it to the runtime that it is called in.
    pub(super) fn listen(self) -> io::Result<Listener> {
        match self.socket {
            Bound::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                tokio::net::TcpListener::from_std(socket).map(Listener::Tcp)
            }
            Bound::Unix(socket) => {
                socket.set_nonblocking(true)?;
                Ok(Listener::Unix { listener: tokio::net::UnixListener::from_std(socket)?, _name: self.file })
            }
        }
    }
}

/// Nobody but the owner can connect at any moment: nothing listens before the file's mode is set.
fn bind_file(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let metadata = std::fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) };
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    Ok((OwnedFd::from(socket).into(), file))
}

/// A process that was killed leaves the name behind, and it cannot be bound again. What is no socket, or answers, stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file of another kind at that path"))
        }
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
            Err(error) => Err(error),
            Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        },
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino()) == self.identity;
        if std::fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// As many as the standard library lets wait.
const BACKLOG: i32 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn socket_at(path: &Path) -> io::Result<AdminSocket> {
        AdminSocket::bind(&AdminAddress::Unix(path.to_owned()))
    }

    #[test]
    fn the_file_is_its_owners_alone_and_goes_with_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let socket = socket_at(&path).unwrap();
        assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_name_that_was_left_behind_is_taken_over_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        drop(UnixListener::bind(&path).unwrap());
        let socket = socket_at(&path).unwrap();
        assert_eq!(socket_at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
        drop(socket);
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(socket_at(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn the_name_of_a_successor_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let first = socket_at(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = socket_at(&path).unwrap();
        drop(first);
        UnixStream::connect(&path).unwrap();
    }
}

//! The administrator's listener, as written.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `admin`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// Where administrators connect.
    pub listen: AdminAddress,
    /// The name of a socket that the service manager passes for it (`FileDescriptorName=`).
    pub socket: Option<String>,
    /// The file with the administrators.
    pub users: PathBuf,
}

/// `admin.listen`: nowhere that the network reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminAddress {
    /// A loopback address.
    Loopback(SocketAddr),
    /// A socket in the file system, for its owner alone.
    Unix(PathBuf),
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

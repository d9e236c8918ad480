//! `replay`: the store that several instances share, and the secrets that they have for it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// `replay`, where there is more than one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedReplay {
    /// Where the store is.
    pub store: StoreAddress,
    /// As whom the gateway signs in there; `None`: as the default user.
    pub user: Option<String>,
    /// With what; `None`: the store asks for none.
    pub password: Option<StorePassword>,
    /// Keys the names of nonces in the store. All instances have the same.
    pub key: StoreKey,
    /// How long a request waits for the store.
    pub timeout: Duration,
}

/// `replay.shared`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// `redis://host:port/database`
    Tcp {
        /// A name or an address.
        host: String,
        /// Its port.
        port: u16,
        /// The number of the database.
        database: u32,
    },
    /// `unix:/path`
    Unix(PathBuf),
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, database } if host.contains(':') => write!(f, "redis://[{host}]:{port}/{database}"),
            Self::Tcp { host, port, database } => write!(f, "redis://{host}:{port}/{database}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What is in `replay.key_file`: 32 random bytes. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// A key of these bytes, which must be random.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

/// What is in `replay.password_file`. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct StorePassword(String);

impl StorePassword {
    /// A password as it stands in its file, without the line's end.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StorePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorePassword(…)")
    }
}

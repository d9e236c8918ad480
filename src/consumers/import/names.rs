//! Where a name is.

use std::net::IpAddr;

use url::Host;

use super::error::ImportError;
use super::target::Target;

/// Who knows it.
#[derive(Debug)]
pub(super) enum Names {
    /// The system: its files and servers, as for every other program.
    System,
    /// One answer after the other.
    #[cfg(test)]
    Scripted(std::sync::Mutex<std::collections::VecDeque<Vec<IpAddr>>>),
}

impl Names {
    /// Every address of the target's host, at least one; an address that stands in the URL is its own.
    pub(super) async fn resolve(&self, target: &Target) -> Result<Vec<IpAddr>, ImportError> {
        let name = match target.parsed_host() {
            Host::Ipv4(address) => return Ok(vec![address.into()]),
            Host::Ipv6(address) => return Ok(vec![address.into()]),
            Host::Domain(name) => name,
        };
        let unknown = |why: String| ImportError::UnknownHost { host: name.to_owned(), why };
        let mut addresses = self.look_up(name).await.map_err(|error| unknown(error.to_string()))?;
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        if addresses.is_empty() { Err(unknown("it has no address".into())) } else { Ok(addresses) }
    }

    async fn look_up(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        match self {
            // The port is not looked up, and not taken from the answer.
            Self::System => Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()),
            #[cfg(test)]
            Self::Scripted(answers) => {
                let mut answers = answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                Ok(answers.pop_front().unwrap_or_default())
            }
        }
    }
}

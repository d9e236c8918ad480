//! The ways by which the user's code, `oauth_verifier`, comes back here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use url::{Host, Url};

use super::code::Code;
use super::listener::Listener;
use super::provider::Provider;
use super::{problem, tell};
use crate::cli::failure::Failure;
use crate::dance::callback;
use crate::tokens;

/// `--callback`
#[derive(Debug, Clone)]
pub(super) enum Callback {
    /// The server's page shows the code.
    OutOfBand,
    /// This machine's loopback address, in clear text: the browser is waited for.
    Here(Url, IpAddr),
    /// Somebody else's page: the code is in the address that the browser was sent to.
    Elsewhere(String),
}

/// A callback, ready.
pub(super) enum Way<'a> {
    Asked { callback: &'a str, code: Code<'a> },
    Waited(Listener),
}

impl Callback {
    /// Makes it ready, as far as that is possible before the browser is on its way.
    pub(super) fn open<'a>(&'a self, code: Code<'a>, provider: &Provider<'_>) -> Result<Way<'a>, Failure> {
        let callback = match self {
            Self::Here(url, address) if matches!(code, Code::Terminal) => {
                // 0, a free port, is the URL's own only where it is written.
                let address = SocketAddr::new(*address, url.port_or_known_default().unwrap_or_default());
                return provider.runtime.block_on(Listener::bind(url, address)).map(Way::Waited);
            }
            Self::Here(url, _) => url.as_str(),
            Self::OutOfBand => OUT_OF_BAND,
            Self::Elsewhere(url) => url,
        };
        code.check()?;
        Ok(Way::Asked { callback, code })
    }
}

impl FromStr for Callback {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // By the gateway's own rules: what it refuses need not be sent.
        match callback::read(text.as_bytes()).ok_or("write oob, or an absolute http or https URL")? {
            tokens::Callback::OutOfBand => Ok(Self::OutOfBand),
            tokens::Callback::Url(text) => Ok(here(&text).unwrap_or(Self::Elsewhere(text))),
        }
    }
}

/// The URL of a server on this machine that nobody else reaches; with https it is another program's.
fn here(text: &str) -> Option<Callback> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http")?;
    let address: IpAddr = match url.host()? {
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
        Host::Domain("localhost") => Ipv4Addr::LOCALHOST.into(),
        Host::Domain(_) => return None,
    };
    address.is_loopback().then_some(Callback::Here(url, address))
}

impl Way<'_> {
    /// What `oauth_callback` says.
    pub(super) fn url(&self) -> &str {
        match self {
            Self::Asked { callback, .. } => callback,
            Self::Waited(listener) => listener.url(),
        }
    }

    /// The code, once the user has decided.
    pub(super) fn verifier(self, request_token: &str, provider: &Provider<'_>) -> Result<String, Failure> {
        let verifier = match self {
            Self::Asked { callback, code } => {
                let question = if callback == OUT_OF_BAND { TYPE } else { PASTE };
                verifier_in(&code.read(question)?, request_token)?
            }
            Self::Waited(listener) => {
                tell(&format!("Waiting for the browser to come back to {}\n", listener.url()));
                provider.runtime.block_on(listener.wait(request_token))?
            }
        };
        // What the old providers send in a code's place.
        if verifier == "denied" { Err(problem::denied()) } else { Ok(verifier) }
    }
}

/// A code as it is typed, or the whole address in which it came.
fn verifier_in(text: &str, request_token: &str) -> Result<String, Failure> {
    if text.is_empty() {
        return Err(Failure::new("no code was given").hint("once access is allowed, the page shows it"));
    }
    let Some((_, query)) = text.split_once('?') else { return Ok(text.to_owned()) };
    let value = |wanted| url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value);
    if value("oauth_token").is_some_and(|token| token != request_token) {
        return Err(
            Failure::new("the address belongs to another request token").hint("open the address that is shown, and decide there")
        );
    }
    let verifier = value("oauth_verifier").ok_or_else(|| Failure::new("there is no oauth_verifier in the address"))?;
    Ok(verifier.into_owned())
}

const OUT_OF_BAND: &str = "oob";
const TYPE: &str = "Type the code that the page shows: ";
const PASTE: &str = "Paste the address that the browser was sent to then, or the oauth_verifier in it: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_address_in_clear_text_is_waited_at() {
        for url in ["http://127.0.0.1:0/cb", "http://127.0.0.2/", "http://[::1]:8000/", "http://localhost:8000/cb?x=1"] {
            assert!(matches!(url.parse(), Ok(Callback::Here(..))), "{url}");
        }
        for url in ["https://127.0.0.1/", "http://192.0.2.1/", "http://localhost.example.com/", "https://reports.example.com/cb"]
        {
            assert!(matches!(url.parse(), Ok(Callback::Elsewhere(_))), "{url}");
        }
        assert!(matches!("oob".parse(), Ok(Callback::OutOfBand)));
        assert!("reports.example.com".parse::<Callback>().is_err());
    }

    #[test]
    fn a_code_is_typed_or_stands_in_a_pasted_address() {
        assert_eq!(verifier_in("aB3", "t").unwrap(), "aB3");
        assert_eq!(verifier_in("https://a/cb?x=1&oauth_token=t&oauth_verifier=a%20b", "t").unwrap(), "a b");
        assert_eq!(verifier_in("https://a/cb?oauth_verifier=c", "t").unwrap(), "c");
        for wrong in ["", "https://a/cb?oauth_token=u&oauth_verifier=c", "https://a/cb?oauth_token=t"] {
            assert!(verifier_in(wrong, "t").is_err(), "{wrong}");
        }
    }
}

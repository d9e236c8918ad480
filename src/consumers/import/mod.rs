//! A consumer's entry from the consumer itself: another application publishes its key, name and public key below its base URL.
//!
//! Whoever names the URL makes this machine send a request, which an attacker would send to the machine's own network. So: one name,
//! resolved once; only addresses of the internet, unless the administrator allows one; no redirect to another host; little time and
//! little data. What comes back is read by [`parse`], which knows no network.

mod address;
mod document;
mod error;
mod fetch;
mod names;
mod target;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use address::Inside;
pub use document::{DocumentError, Found, MAX_DOCUMENT, parse};
pub use error::ImportError;
use fetch::Answer;
use names::Names;
use target::Target;

/// One import.
#[derive(Debug)]
pub struct Import {
    base_url: String,
    allowed: Allowed,
    authorities: Option<PathBuf>,
    names: Names,
}

/// What the administrator allows beyond https to an address of the internet.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Clear text: whoever is between can give another key.
    pub http: bool,
    /// Addresses inside.
    pub addresses: Vec<IpAddr>,
}

impl Import {
    /// Of the application with this base URL, such as `https://jira.example.com/jira`.
    pub fn new(base_url: impl Into<String>, allowed: Allowed) -> Self {
        Self { base_url: base_url.into(), allowed, authorities: None, names: Names::System }
    }

    /// Takes a certificate only from the authorities in this file, instead of from any that the system trusts.
    #[must_use]
    pub fn with_authorities(self, file: PathBuf) -> Self {
        Self { authorities: Some(file), ..self }
    }

    /// Asks the application.
    ///
    /// # Errors
    /// [`ImportError`], within [`TIME`].
    pub async fn fetch(&self) -> Result<Found, ImportError> {
        tokio::time::timeout(TIME, self.ask()).await.unwrap_or(Err(ImportError::TooSlow { limit: TIME }))
    }

    async fn ask(&self) -> Result<Found, ImportError> {
        let mut target = Target::of_base(&self.base_url, self.allowed.http)?;
        let addresses = self.addresses(&target).await?;
        for _ in 0..=MAX_REDIRECTS {
            match fetch::get(&target, &addresses, self.authorities.as_deref()).await? {
                Answer::Document(bytes) => return Ok(parse(&bytes)?),
                Answer::Elsewhere(location) => target = target.redirected(&location)?,
            }
        }
        Err(ImportError::TooManyRedirects)
    }

    /// Where the target's host is, in the one look that there is: an answer that differs the next time changes nothing.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, ImportError> {
        let all = self.names.resolve(target).await?;
        let (open, inside): (Vec<IpAddr>, Vec<IpAddr>) = all.into_iter().partition(|address| self.may_be_asked(*address));
        if open.is_empty() {
            let inside = inside.into_iter().filter_map(|address| Some((address, Inside::judge(address)?))).collect();
            return Err(ImportError::Inside { host: target.host().to_owned(), addresses: inside });
        }
        Ok(open)
    }

    fn may_be_asked(&self, address: IpAddr) -> bool {
        let is_allowed = self.allowed.addresses.iter().any(|allowed| allowed.to_canonical() == address.to_canonical());
        is_allowed || Inside::judge(address).is_none()
    }
}

/// For everything together: looking up the name, connecting, TLS, redirects and the document.
pub const TIME: Duration = Duration::from_secs(5);

/// From http to https, and to a canonical path; nobody needs more.
const MAX_REDIRECTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn import(url: &str, answers: &[&[&str]]) -> Import {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        let allowed = Allowed { http: true, addresses: Vec::new() };
        Import { names: Names::Scripted(std::sync::Mutex::new(answers.collect())), ..Import::new(url, allowed) }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    fn addresses(import: &Import) -> Result<Vec<IpAddr>, ImportError> {
        run(async { import.addresses(&Target::of_base(&import.base_url, true)?).await })
    }

    #[test]
    fn a_name_that_resolves_inside_is_refused_with_all_its_addresses() {
        let import = import("http://app.example.com/", &[&["10.0.0.1", "fd00:ec2::254"]]);
        let refused = run(import.fetch()).unwrap_err();
        let inside = vec![("10.0.0.1".parse().unwrap(), Inside::Private), ("fd00:ec2::254".parse().unwrap(), Inside::Metadata)];
        assert_eq!(refused, ImportError::Inside { host: "app.example.com".into(), addresses: inside });
    }

    #[test]
    fn of_several_addresses_only_those_that_may_be_asked_are() {
        let mixed = import("http://app.example.com/", &[&["127.0.0.1", "9.9.9.9", "::1", "2620:fe::fe"]]);
        let open: Vec<IpAddr> = ["9.9.9.9", "2620:fe::fe"].map(|address| address.parse().unwrap()).into();
        assert_eq!(addresses(&mixed).unwrap(), open);
    }

    #[test]
    fn an_allowed_address_is_asked_in_whichever_form_it_is_written() {
        for (allowed, resolved) in [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "::1")] {
            let mut import = import("http://app.example.com/", &[&[resolved]]);
            import.allowed.addresses = vec![allowed.parse().unwrap()];
            assert_eq!(addresses(&import).unwrap(), [resolved.parse::<IpAddr>().unwrap()], "{allowed}");
        }
        let mut other = import("http://app.example.com/", &[&["127.0.0.2"]]);
        other.allowed.addresses = vec!["127.0.0.1".parse().unwrap()];
        assert!(addresses(&other).is_err());
    }

    /// Gives one answer to each connection, and tells the requests.
    fn application(answers: &[&str]) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Vec<String> = answers.iter().map(|answer| answer.to_string()).collect();
        let serve = move || {
            let answer = |text: String| {
                let (mut stream, mut request) = (listener.accept().unwrap().0, Vec::new());
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                stream.write_all(text.as_bytes()).unwrap();
                String::from_utf8(request).unwrap()
            };
            answers.into_iter().map(answer).collect()
        };
        (port, std::thread::spawn(serve))
    }

    #[test]
    fn a_name_is_resolved_once_and_the_address_that_was_checked_is_asked_each_time() {
        let document = "<consumer><key>k</key><name>n</name><publicKey>p</publicKey></consumer>";
        let redirect = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
        let found = format!("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n{document}");
        let (port, application) = application(&[redirect, &found]);
        let url = format!("http://user:secret@app.example.com:{port}/jira");
        // The second answer is the one that an attacker's name server would give next.
        let mut import = import(&url, &[&["127.0.0.1"], &["169.254.169.254"]]);
        import.allowed.addresses = vec!["127.0.0.1".parse().unwrap()];
        assert_eq!(run(import.fetch()).unwrap().key.as_str(), "k");
        let Names::Scripted(answers) = &import.names else { panic!("the names of this test") };
        assert_eq!(answers.lock().unwrap().len(), 1, "resolved once");
        let requests = application.join().unwrap();
        assert!(requests[0].starts_with("GET /jira/plugins/servlet/oauth/consumer-info HTTP/1.1\r\n"), "{requests:?}");
        assert!(requests[1].starts_with("GET /elsewhere HTTP/1.1\r\n"), "{requests:?}");
        for request in requests {
            assert!(request.contains(&format!("host: app.example.com:{port}\r\n")), "{request}");
            assert!(!request.contains("authorization") && !request.contains("secret"), "{request}");
        }
    }

    #[test]
    fn a_name_without_addresses_is_told() {
        assert!(matches!(addresses(&import("http://app.example.com/", &[])), Err(ImportError::UnknownHost { .. })));
    }
}

//! What the client believes to talk to: scheme, authority and outer path prefix, derived in exactly one way.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use crate::config::{PublicUrl, Settings};
use crate::oauth::base_string::{Authority, BaseStringUri, Scheme};
use crate::oauth::percent::is_unreserved;
use crate::refusal::Refusal;
use crate::routes::CanonicalPath;

/// The outside of a request, as signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `https` in front of a TLS proxy, whatever the gateway itself speaks.
    pub scheme: Scheme,
    /// Host and port as the client wrote them.
    pub authority: Authority,
    /// What a trusted proxy took off the path (`X-Forwarded-Prefix`), without a slash at the end.
    pub prefix: String,
    /// The client's address: the peer's, or what trusted proxies say it is.
    pub client: IpAddr,
}

impl Origin {
    /// From `public_url` if it is set, else from the forwarding headers of a trusted peer, else as received.
    pub(super) fn derive(
        settings: &Settings,
        peer: IpAddr,
        listener: Scheme,
        host: Authority,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let trusted = &settings.trusted_proxies;
        let mut origin = Self { scheme: listener, authority: host, prefix: String::new(), client: peer };
        if is_in(trusted, peer) {
            origin.believe(headers, trusted)?;
        }
        if let Some(PublicUrl { scheme, authority, .. }) = &settings.public_url {
            origin.scheme = *scheme;
            origin.authority = authority.clone();
        }
        Ok(origin)
    }

    /// The base string URI of a request with this path (RFC 5849 §3.4.1.2).
    pub fn base_string_uri(&self, path: &str) -> BaseStringUri {
        if self.prefix.is_empty() {
            BaseStringUri::new(self.scheme, &self.authority, path)
        } else {
            BaseStringUri::new(self.scheme, &self.authority, &format!("{}{path}", self.prefix))
        }
    }

    /// What the paths that are received here are below, as a URL.
    pub fn base_url(&self) -> String {
        format!("{}://{}{}", self.scheme.as_str(), self.authority, self.prefix)
    }

    /// The application's base URL, for the realm: below `public_url`'s path, if it has one, which is no part of what is signed.
    pub fn realm(&self, settings: &Settings) -> String {
        let path = settings.public_url.as_ref().map(|url| url.path.as_str()).filter(|path| !path.is_empty());
        format!("{}://{}{}", self.scheme.as_str(), self.authority, path.unwrap_or(&self.prefix))
    }

    /// Takes over what a trusted peer says, in `X-Forwarded-*` or in `Forwarded`. Where both are there they have to mean the
    /// same: proxies that set the former often pass the latter on from the client as it came, and which of two base URLs
    /// was signed must not be a guess.
    fn believe(&mut self, headers: &HeaderMap, trusted: &[IpNet]) -> Result<(), Refusal> {
        let chain = list(headers, "x-forwarded-for")?;
        let (protos, hosts) = (list(headers, "x-forwarded-proto")?, list(headers, "x-forwarded-host")?);
        let ports = list(headers, "x-forwarded-port")?;
        let mut hops = 1;
        let elements = forwarded_elements(headers)?;
        if chain.is_empty() && protos.is_empty() && hosts.is_empty() && ports.is_empty() {
            self.believe_forwarded(&elements, trusted)?;
        } else {
            hops = self.follow(chain.iter().map(|address| parse_node(address)), trusted);
            let [proto, host, port] = [&protos, &hosts, &ports].map(|values| nth_from_end(values, hops).map(String::as_str));
            self.set(proto, host, port)?;
            let client = self.check_agreement(&elements, !chain.is_empty(), trusted)?;
            // A client that sends one of the others itself must not hide its address, which `Forwarded` alone names.
            self.client = client;
        }
        if let Some(prefix) = nth_from_end(&list(headers, "x-forwarded-prefix")?, hops) {
            let prefix = prefix.trim_end_matches('/');
            if !prefix.is_empty() && !is_plain_path(prefix) {
                return Err(Refusal::BadRequest(
                    "X-Forwarded-Prefix of the trusted proxy is no plain path that begins with a slash",
                ));
            }
            prefix.clone_into(&mut self.prefix);
        }
        Ok(())
    }

    /// RFC 7239: each proxy adds an element at the end.
    fn believe_forwarded(&mut self, elements: &[Element], trusted: &[IpNet]) -> Result<(), Refusal> {
        let hops = self.follow(elements.iter().map(|element| element.node.as_deref().and_then(parse_node)), trusted);
        let Some(element) = nth_from_end(elements, hops) else { return Ok(()) };
        self.set(element.proto.as_deref(), element.host.as_deref(), None)
    }

    /// Refuses a `Forwarded` that would change the base URL, or the client where both families name one. Gives the client by
    /// whichever family names it.
    fn check_agreement(&self, elements: &[Element], names_client: bool, trusted: &[IpNet]) -> Result<IpAddr, Refusal> {
        let mut other = self.clone();
        other.believe_forwarded(elements, trusted)?;
        let client = if elements.iter().any(|element| element.node.is_some()) { other.client } else { self.client };
        let same_client = !names_client || client == self.client;
        if same_client && other.base_string_uri("/") == self.base_string_uri("/") {
            return Ok(client);
        }
        Err(Refusal::BadRequest("the trusted proxy's X-Forwarded-* and Forwarded headers contradict each other"))
    }

    /// Walks from the peer towards the client as long as addresses are trusted. Returns how many entries count.
    ///
    /// An entry that is no address (`unknown`, a pseudonym) ends the walk at nobody's address, which is in no list.
    fn follow(&mut self, chain: impl DoubleEndedIterator<Item = Option<IpAddr>>, trusted: &[IpNet]) -> usize {
        let mut hops = 0;
        for address in chain.rev() {
            hops += 1;
            self.client = address.unwrap_or(NOBODY);
            if !is_in(trusted, self.client) {
                break;
            }
        }
        hops.max(1)
    }

    fn set(&mut self, proto: Option<&str>, host: Option<&str>, port: Option<&str>) -> Result<(), Refusal> {
        if let Some(proto) = proto {
            self.scheme = Scheme::parse(proto)
                .ok_or(Refusal::BadRequest("the trusted proxy forwards a scheme that is neither http nor https"))?;
        }
        if let Some(host) = host {
            self.authority =
                Authority::parse(host).ok_or(Refusal::BadRequest("the trusted proxy forwards a Host that is no host"))?;
        }
        if let Some(port) = port.filter(|_| self.authority.port().is_none()) {
            let port = port.parse().ok().filter(|port| *port != 0);
            let port = port.ok_or(Refusal::BadRequest("X-Forwarded-Port of the trusted proxy is no port"))?;
            self.authority = self.authority.clone().with_port(port);
        }
        Ok(())
    }
}

/// Whether one of the networks holds the address; an IPv4 address mapped into IPv6 counts as itself.
pub fn is_in(nets: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    nets.iter().any(|net| net.contains(&address))
}

/// One element of `Forwarded` (RFC 7239 §4).
#[derive(Default)]
struct Element {
    node: Option<String>,
    proto: Option<String>,
    host: Option<String>,
}

impl Element {
    fn parse(text: &str) -> Self {
        let mut element = Self::default();
        for pair in split_outside_quotes(text, b';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = Some(value.trim().trim_matches('"').to_owned());
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => element.node = value,
                "proto" => element.proto = value,
                "host" => element.host = value,
                _ => {}
            }
        }
        element
    }
}

/// The comma-separated values of all lines of an `X-Forwarded-*` header, in order; quotes mean nothing in them.
fn list(headers: &HeaderMap, name: &str) -> Result<Vec<String>, Refusal> {
    let mut values = Vec::new();
    for line in headers.get_all(name) {
        let parts = readable(line)?.split(',').map(str::trim).filter(|value| !value.is_empty());
        values.extend(parts.map(str::to_owned));
    }
    Ok(values)
}

fn forwarded_elements(headers: &HeaderMap) -> Result<Vec<Element>, Refusal> {
    let mut elements = Vec::new();
    for line in headers.get_all("forwarded") {
        let line = readable(line)?;
        // What a client leaves open would swallow the proxy's own entry behind it.
        if line.matches('"').count() % 2 != 0 || line.contains('\\') {
            return Err(Refusal::BadRequest("the trusted proxy forwards a Forwarded header with an open quote or an escape"));
        }
        elements.extend(split_outside_quotes(line, b',').into_iter().filter(|text| !text.trim().is_empty()).map(Element::parse));
    }
    Ok(elements)
}

/// A line that cannot be read whole cannot be read in part: what a client put in front must not hide the rest.
fn readable(line: &HeaderValue) -> Result<&str, Refusal> {
    line.to_str().map_err(|_| Refusal::BadRequest("the trusted proxy forwards a header that is not ASCII"))
}

fn split_outside_quotes(text: &str, separator: u8) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && c == char::from(separator)
    })
    .collect()
}

/// Whether a path has one reading and is written in unreserved characters, escapes and slashes (RFC 3986 §3.3): it stands in front of
/// the paths of links and cookies, too, where `//evil.example` would be another host.
fn is_plain_path(path: &str) -> bool {
    let is_plain = |byte: u8| is_unreserved(byte) || matches!(byte, b'%' | b'/');
    path.bytes().all(is_plain) && CanonicalPath::of(path).is_ok()
}

/// The value that the outermost trusted hop made; if there are fewer values than hops, the first.
fn nth_from_end<T>(values: &[T], hops: usize) -> Option<&T> {
    values.get(values.len().saturating_sub(hops))
}

/// An address, with or without a port, an IPv6 one in brackets (RFC 7239 §6); a name or `unknown` is none.
fn parse_node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    text.rsplit_once(':')?.0.parse().ok()
}

/// Stands for a client whose address nobody knows.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(peer: &str, lines: &[(&'static str, &str)]) -> Origin {
        try_derived(peer, lines).unwrap()
    }

    fn try_derived(peer: &str, lines: &[(&'static str, &str)]) -> Result<Origin, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let peer: IpAddr = peer.parse().unwrap();
        let authority = Authority::parse("inner:8080").unwrap();
        let mut origin = Origin { scheme: Scheme::Http, authority, prefix: String::new(), client: peer };
        if is_in(&trusted, peer) {
            origin.believe(&headers, &trusted)?;
        }
        Ok(origin)
    }

    #[test]
    fn an_unlisted_peer_is_not_believed() {
        let origin = derived("192.0.2.1", &[("x-forwarded-proto", "https"), ("x-forwarded-for", "198.51.100.7")]);
        assert_eq!(origin.base_url(), "http://inner:8080");
        assert_eq!(origin.client, "192.0.2.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_trusted_peer_is_believed() {
        let lines = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "Jira.example.com"),
            ("x-forwarded-port", "8443"),
            ("x-forwarded-prefix", "/jira/"),
            ("x-forwarded-for", "203.0.113.9, 198.51.100.7"),
        ];
        let origin = derived("10.0.0.1", &lines);
        assert_eq!(origin.base_url(), "https://jira.example.com:8443/jira");
        assert_eq!(origin.base_string_uri("/rest").as_str(), "https://jira.example.com:8443/jira/rest");
        assert_eq!(origin.client, "198.51.100.7".parse::<IpAddr>().unwrap(), "what an untrusted address says does not count");
    }

    #[test]
    fn values_are_taken_from_the_outermost_trusted_hop() {
        let lines = [
            ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2"),
            ("x-forwarded-proto", "gopher, https, http"),
            ("x-forwarded-host", "evil, jira, inner"),
        ];
        assert_eq!(derived("10.0.0.1", &lines).base_url(), "https://jira");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        let value = r#"for=evil;host=evil, For="[2001:db8::1]:4711";Proto=https;host="jira:444", for=10.0.0.2;proto=http"#;
        let origin = derived("10.0.0.1", &[("forwarded", value)]);
        assert_eq!(origin.base_url(), "https://jira:444");
        assert_eq!(origin.client, "2001:db8::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_comma_in_quotes_begins_no_element_of_forwarded() {
        let origin = derived("10.0.0.1", &[("forwarded", r#"for=192.0.2.1;proto=https;by="a,b""#)]);
        assert_eq!((origin.base_url().as_str(), origin.client), ("https://inner:8080", "192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_forwarded_that_two_readers_may_take_apart_differently_is_refused() {
        for odd in [r#"for="192.0.2.1"#, r#"for=192.0.2.1\;host=evil"#, r#"for="192.0.2.1";host=evil""#] {
            assert!(try_derived("10.0.0.1", &[("forwarded", odd)]).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_prefix_is_a_plain_path_or_none() {
        let prefixed = |prefix| try_derived("10.0.0.1", &[("x-forwarded-prefix", prefix)]);
        assert_eq!(prefixed("/jira//").unwrap().prefix, "/jira");
        assert_eq!(prefixed("/a-b/c_d.e~f/%C3%a4").unwrap().prefix, "/a-b/c_d.e~f/%C3%a4");
        assert_eq!(prefixed("/").unwrap().prefix, "");
        for odd in [
            "jira",
            "jira/",
            "http://evil/jira",
            "//evil.example",
            "/a//b",
            "/\\evil.example",
            "/a\\b",
            "/..",
            "/a/../b",
            "/./a",
            "/%2e%2E/a",
            "/%2f%2Fevil.example",
            "/%5cevil.example",
            "/a;b",
            "/a?b",
            "/a#b",
            "/a%",
            "/a%zz",
            "/a%FF",
            "/a b",
            "/a\"b",
            "/a<b>",
            "/a@b",
            "/a:b",
        ] {
            assert!(prefixed(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn the_two_families_of_headers_must_mean_the_same() {
        let both =
            |x: &[(&'static str, &str)], forwarded: &str| try_derived("10.0.0.1", &[x, &[("forwarded", forwarded)]].concat());
        let https = [("x-forwarded-proto", "https"), ("x-forwarded-host", "jira"), ("x-forwarded-for", "192.0.2.1")];
        for same in
            ["host=jira", "proto=HTTPS;host=\"JIRA:443\"", "for=192.0.2.1", "For=\"192.0.2.1:9\";proto=https;host=jira", "by=_x"]
        {
            let origin = both(&https, same).unwrap();
            assert_eq!((origin.base_url().as_str(), origin.client), ("https://jira", "192.0.2.1".parse().unwrap()), "{same}");
        }
        for other in
            ["host=evil", "proto=http", "for=192.0.2.2", "for=unknown", "host=jira;proto=https, host=evil", "host=\"jira:80\""]
        {
            assert!(both(&https, other).is_err(), "{other}");
        }
        // What X-Forwarded-* leave open is as received; Forwarded does not fill it in.
        assert!(both(&https[..1], "host=jira").is_err());
        // But for the client, whom nobody hides by naming something else.
        assert_eq!(both(&https[..2], "for=192.0.2.2").unwrap().client, "192.0.2.2".parse::<IpAddr>().unwrap());
    }
}

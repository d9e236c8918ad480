//! The base string URI (RFC 5849 §3.4.1.2) and the signature base string (§3.4.1.1).

use std::fmt;

use super::parameters::Parameters;
use super::percent;

/// `http` or `https`; OAuth knows no other (RFC 5849 §3.4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Clear text, default port 80.
    Http,
    /// TLS, default port 443.
    Https,
}

impl Scheme {
    /// Reads `http` or `https` in any case (RFC 3986 §3.1).
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("http") {
            Some(Self::Http)
        } else if text.eq_ignore_ascii_case("https") {
            Some(Self::Https)
        } else {
            None
        }
    }

    /// In lower case, as the base string has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is left out of the base string URI.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A host with an optional port, as a Host header carries it: `example.com`, `10.0.0.1:8080`, `[::1]:80`.
///
/// The host is kept in lower case. Userinfo, paths, blanks and percent-encoded hosts are refused:
/// with them two readers may disagree about whom the request is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    host: String,
    port: Option<u16>,
}

impl Authority {
    /// Reads `host` or `host:port`.
    ///
    /// # Errors
    /// `None` for anything but a reg-name of letters, digits, `-`, `.`, `_`, an IPv4 address or a bracketed IPv6 address,
    /// with a port of 1 to 65535 without leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // RFC 3986 §3.2.3: an empty port is the default port.
            Some((host, "")) => (host, None),
            Some((host, port)) if !port.ends_with(']') => (host, Some(parse_port(port)?)),
            _ => (text, None),
        };
        let valid = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
        };
        // 255: the longest name in DNS (RFC 1035 §2.3.4).
        (valid && host.len() <= 255).then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    /// The host in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host without brackets, as addresses and certificates have it.
    pub fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// The port, if one was written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether `text` is this authority exactly as it would be displayed, for an authority without a port.
    pub fn is_written(&self, text: &[u8]) -> bool {
        self.port.is_none() && self.host.as_bytes() == text
    }

    /// The same host with another port.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Scheme, host, port where it isn't the scheme's own, and the raw path (RFC 5849 §3.4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseStringUri(String);

impl BaseStringUri {
    /// The path stays as it was received, escapes and all; an empty one becomes `/`.
    pub fn new(scheme: Scheme, authority: &Authority, path: &str) -> Self {
        let mut uri = String::with_capacity(16 + authority.host.len() + path.len());
        uri.push_str(scheme.as_str());
        uri.push_str("://");
        uri.push_str(&authority.host);
        if let Some(port) = authority.port.filter(|port| *port != scheme.default_port()) {
            uri.push(':');
            uri.push_str(&port.to_string());
        }
        uri.push_str(if path.is_empty() { "/" } else { path });
        Self(uri)
    }

    /// As it goes, encoded, into the base string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text that a consumer signs (RFC 5849 §3.4.1.1): method, base string URI and normalized parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureBaseString(Vec<u8>);

impl SignatureBaseString {
    /// Concatenates the three parts; `method` goes in upper case, as §3.4.1.1 has it.
    pub fn new(method: &str, uri: &BaseStringUri, parameters: &Parameters) -> Self {
        // Every %XX of the parameters grows to %25XX; a third more is rarely too little.
        let expected = method.len() + uri.0.len() * 2 + parameters.signed_len() * 4 / 3 + parameters.len() * 6;
        let mut text = Vec::with_capacity(expected);
        text.extend(method.bytes().map(|b| b.to_ascii_uppercase()));
        text.push(b'&');
        percent::encode_into(&mut text, uri.0.as_bytes());
        let mut separator: &[u8] = b"&";
        for (name, value) in parameters.signed() {
            text.extend_from_slice(separator);
            encode_again(&mut text, name);
            text.extend_from_slice(b"%3D");
            encode_again(&mut text, value);
            separator = b"%26";
        }
        if separator == b"&" {
            text.push(b'&');
        }
        Self(text)
    }

    /// The bytes that the digest is made of; always ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SignatureBaseString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for SignatureBaseString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignatureBaseString({self})")
    }
}

/// Encodes text that is encoded already: of its characters only `%` is not unreserved.
fn encode_again(out: &mut Vec<u8>, encoded: &[u8]) {
    let mut parts = encoded.split(|b| *b == b'%');
    out.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        out.extend_from_slice(b"%25");
        out.extend_from_slice(part);
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let canonical = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::super::parameters::Raw;
    use super::super::percent::Plus;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn uri(scheme: Scheme, authority: &str, path: &str) -> String {
        BaseStringUri::new(scheme, &Authority::parse(authority).unwrap(), path).as_str().to_owned()
    }

    #[test]
    fn only_the_schemes_own_port_is_dropped() {
        assert_eq!(uri(Scheme::Http, "EXAMPLE.com:80", "/r%20v/X"), "http://example.com/r%20v/X");
        assert_eq!(uri(Scheme::Https, "example.com:80", ""), "https://example.com:80/");
        assert_eq!(uri(Scheme::Https, "[2001:DB8::1]:443", "/"), "https://[2001:db8::1]/");
        assert_eq!(uri(Scheme::Http, "[::1]:443", "//a/../b"), "http://[::1]:443//a/../b");
    }

    #[test]
    fn an_authority_that_two_readers_may_read_differently_is_refused() {
        for text in [
            "", ":80", ":", "a:0", "a:080", "a:65536", "a:+80", "a/b@c", "u@a", "a b", "::1", "[::1", "[::1]x", "[a]", "a%41",
            "a\0", "a,b",
        ] {
            assert_eq!(Authority::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_authority_is_taken_apart_and_written_as_it_was_parsed() {
        fn parsed(text: &str) -> Authority {
            Authority::parse(text).unwrap()
        }
        for (text, host, bare, port) in [
            ("Example.com", "example.com", "example.com", None),
            ("example.com:", "example.com", "example.com", None),
            ("example.com:8080", "example.com", "example.com", Some(8080)),
            ("[::1]", "[::1]", "::1", None),
            ("[::1]:80", "[::1]", "::1", Some(80)),
        ] {
            let authority = parsed(text);
            assert_eq!((authority.host(), authority.bare_host(), authority.port()), (host, bare, port), "{text}");
            assert_eq!(parsed(&authority.to_string()), authority);
            assert!(!parsed(text).with_port(81).is_written(host.as_bytes()));
            assert_eq!(parsed(text).with_port(81).port(), Some(81));
        }
        assert!(parsed("Example.com").is_written(b"example.com"));
        assert!(!parsed("example.com").is_written(b"Example.com") && !parsed("example.com").is_written(b"example.co"));
    }

    #[test]
    fn a_request_without_parameters_ends_with_an_empty_part() {
        let parameters = Parameters::collect(Raw::default(), 1).unwrap();
        let uri = BaseStringUri::new(Scheme::Http, &Authority::parse("a").unwrap(), "/");
        let text = SignatureBaseString::new("get", &uri, &parameters);
        assert_eq!(text.to_string(), "GET&http%3A%2F%2Fa%2F&");
        assert_eq!(format!("{text:?}"), "SignatureBaseString(GET&http%3A%2F%2Fa%2F&)");
    }

    type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

    /// What is signed, in its normal form: the method in upper case, the URI, and the parameters decoded and sorted.
    type Meaning = (String, String, Pairs);

    /// A request's base string, and what it has to mean.
    fn base_string(method: &str, path: &str, mut pairs: Pairs) -> (Vec<u8>, Meaning) {
        let encoded = pairs.iter().map(|(name, value)| format!("{}={}", percent::encode(name), percent::encode(value)));
        let query = encoded.collect::<Vec<_>>().join("&");
        let parameters = Parameters::collect(Raw { query: Some(query.as_bytes()), ..Raw::default() }, 10).unwrap();
        let uri = BaseStringUri::new(Scheme::Http, &Authority::parse("a").unwrap(), path);
        let text = SignatureBaseString::new(method, &uri, &parameters);
        pairs.sort();
        (text.as_bytes().to_vec(), (method.to_ascii_uppercase(), uri.as_str().to_owned(), pairs))
    }

    /// Takes a base string apart again.
    fn read(text: &[u8]) -> Meaning {
        let decode = |text: &[u8]| percent::decode(text, Plus::IsPlus).unwrap().into_owned();
        let string = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let parts: Vec<&[u8]> = text.split(|b| *b == b'&').collect();
        let [method, uri, parameters] = parts[..] else { panic!("{} parts: {}", parts.len(), text.escape_ascii()) };
        let normalized = decode(parameters);
        let pairs = normalized.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
            let at = pair.iter().position(|b| *b == b'=').unwrap();
            (decode(&pair[..at]), decode(&pair[at + 1..]))
        });
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort();
        (string(method.to_vec()), string(decode(uri)), pairs)
    }

    #[test]
    fn what_differs_has_another_base_string() {
        // All requests of up to two parameters in the characters that separate and escape.
        let texts: [&[u8]; 6] = [b"", b"a", b"&", b"=", b"%", b"%3D"];
        let pairs: Pairs = texts.iter().flat_map(|name| texts.map(|value| (name.to_vec(), value.to_vec()))).collect();
        let two = pairs.iter().flat_map(|first| pairs.iter().map(|second| vec![first.clone(), second.clone()]));
        let lists: Vec<Pairs> = [vec![]].into_iter().chain(pairs.iter().map(|pair| vec![pair.clone()])).chain(two).collect();
        let mut meanings = std::collections::HashMap::new();
        for (method, path) in [("GET", "/"), ("get", "/&"), ("GET", "/%26"), ("HEAD", "/&a=")] {
            for list in &lists {
                let (text, meaning) = base_string(method, path, list.clone());
                let first = meanings.entry(text).or_insert_with(|| meaning.clone());
                assert_eq!(*first, meaning, "two requests, one base string");
            }
        }
    }

    proptest! {
        #[test]
        fn a_base_string_reads_back_as_what_went_in(method in "[A-Za-z-]{1,9}", path in "/.*", pairs in vec((".*", vec(any::<u8>(), 0..9)), 0..9)) {
            let pairs = pairs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
            let (text, meaning) = base_string(&method, &path, pairs);
            prop_assert!(text.is_ascii());
            prop_assert_eq!(read(&text), meaning);
        }
    }
}

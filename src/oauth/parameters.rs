//! The parameters of a request: header, query and form body merged, normalized and sorted (RFC 5849 §3.4.1.3).
//!
//! Kept out: which parameters a request must have; that is the claim, see `request::signed`.

use std::borrow::Cow;
use std::ops::Range;

use super::percent::{self, Plus};

/// All parameters of a request in the order of RFC 5849 §3.4.1.3.2 (sorted by encoded name, then encoded value).
///
/// The header's `realm` is not among them. `oauth_signature` is by its name; its value is kept apart.
#[derive(Debug)]
pub struct Parameters {
    /// Encoded names and values (§3.6), one after the other.
    encoded: Vec<u8>,
    pairs: Vec<Pair>,
    /// The pairs whose name begins with `oauth_`; they stand together once sorted.
    protocol: Range<usize>,
    /// The decoded value of the (first) `oauth_signature`: more than all else together, and never in a base string.
    signature: Option<Vec<u8>>,
}

/// A parameter that stands where a request can carry one.
#[derive(Debug, Clone)]
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
    source: Source,
}

/// Where a parameter stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The Authorization header (RFC 5849 §3.5.1).
    Header,
    /// The query component of the request target (§3.5.3).
    Query,
    /// An `application/x-www-form-urlencoded` body (§3.5.2).
    Form,
}

/// The raw texts that carry parameters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw<'a> {
    /// The Authorization header's value after the scheme `OAuth`.
    pub header: Option<&'a [u8]>,
    /// The query, without the `?`.
    pub query: Option<&'a [u8]>,
    /// The form body.
    pub form: Option<&'a [u8]>,
}

/// Why the parameters of a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// A `%` without two hexadecimal digits.
    BadEscape {
        /// Where it stood.
        source: Source,
        /// The raw name of the parameter, cut to [`SHOWN_NAME`] bytes.
        name: String,
    },
    /// The Authorization header is not a list of `name="value"`.
    HeaderSyntax {
        /// What was expected, in words for the operator.
        expected: &'static str,
        /// Offset in bytes after the scheme.
        at: usize,
    },
    /// More parameters than the limit.
    TooMany {
        /// The limit, see `limits.parameters`.
        limit: usize,
    },
}

/// How much of a parameter's name an error repeats, in bytes; enough to find it, too short to fill a log.
pub const SHOWN_NAME: usize = 64;

/// How many names an error lists at most.
const SHOWN_NAMES: usize = 10;

impl Parameters {
    /// Reads, normalizes and sorts the parameters of a request.
    ///
    /// # Errors
    /// [`Malformed`] if one of the texts cannot be read in exactly one way, or holds more than `limit` parameters together.
    pub fn collect(raw: Raw<'_>, limit: usize) -> Result<Self, Malformed> {
        let length = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len);
        let total = length(raw.header) + length(raw.query) + length(raw.form);
        // A quarter more: most texts hold few characters that grow when they are encoded.
        let encoded = Vec::with_capacity(total + total / 4);
        let mut collector = Collector { encoded, pairs: Vec::with_capacity(16), signature: None, limit };
        if let Some(header) = raw.header {
            collector.header(header)?;
        }
        if let Some(query) = raw.query {
            collector.form_encoded(query, Source::Query)?;
        }
        if let Some(form) = raw.form {
            collector.form_encoded(form, Source::Form)?;
        }
        Ok(collector.sorted())
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether the request has no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether the protocol parameter `name` is there, with whatever value.
    pub fn has_protocol(&self, name: &str) -> bool {
        self.pairs[self.protocol.clone()].iter().any(|pair| self.name(pair) == name.as_bytes())
    }

    /// The decoded value of `oauth_signature`; the first if it is repeated.
    pub fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref()
    }

    /// The decoded value of another protocol parameter (one that begins with `oauth_`); the first if it is repeated.
    pub fn protocol(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        debug_assert!(name.starts_with(PROTOCOL_PREFIX) && name.as_bytes() != SIGNATURE, "{name} is not kept here");
        let pair = self.pairs[self.protocol.clone()].iter().find(|pair| self.name(pair) == name.as_bytes())?;
        Some(self.decoded(pair))
    }

    /// The decoded values of any parameter but `oauth_signature`, whose are empty, in sorted order, with the place each stood in.
    pub fn values(&self, name: &str) -> impl Iterator<Item = (Source, Cow<'_, [u8]>)> {
        let encoded = percent::encode(name.as_bytes()).into_bytes();
        self.pairs.iter().filter(move |pair| self.name(pair) == encoded).map(|pair| (pair.source, self.decoded(pair)))
    }

    /// The protocol parameters that stand more than once, as (encoded) `name`, once each (RFC 5849 §3.1: they must not).
    pub fn repeated_protocol(&self) -> Vec<String> {
        let mut repeated: Vec<String> = self.pairs[self.protocol.clone()]
            .windows(2)
            .filter(|two| self.name(&two[0]) == self.name(&two[1]))
            .map(|two| shown(self.name(&two[0])))
            .take(SHOWN_NAMES)
            .collect();
        repeated.dedup();
        repeated
    }

    /// A parameter of the Authorization header that belongs in the query or body: signed in the header it would be taken
    /// off with it, and the backend would see another request than the one that was signed.
    ///
    /// The header's own are `oauth_*`; `xoauth_*` and `opensocial_*` are extensions that containers put there and that
    /// no backend reads. What `xoauth_requestor_id` may say there is for whoever knows the user to judge.
    pub fn foreign_in_header(&self) -> Option<String> {
        let belongs =
            |name: &[u8]| [PROTOCOL_PREFIX, "xoauth_", "opensocial_"].iter().any(|prefix| name.starts_with(prefix.as_bytes()));
        let foreign = self.pairs.iter().find(|pair| pair.source == Source::Header && !belongs(self.name(pair)))?;
        Some(shown(self.name(foreign)))
    }

    /// The names and values that go into the base string: all but `oauth_signature`, encoded and sorted.
    pub fn signed(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| (self.name(pair), &self.encoded[pair.value.clone()])).filter(|(name, _)| *name != SIGNATURE)
    }

    /// The encoded names and values of [`Self::signed`] together, in bytes; what a base string will roughly need.
    pub fn signed_len(&self) -> usize {
        self.signed().map(|(name, value)| name.len() + value.len()).sum()
    }

    fn name(&self, pair: &Pair) -> &[u8] {
        &self.encoded[pair.name.clone()]
    }

    fn decoded(&self, pair: &Pair) -> Cow<'_, [u8]> {
        percent::decode(&self.encoded[pair.value.clone()], Plus::IsPlus).expect("our own encoding decodes")
    }
}

/// Whether the raw query or form names a parameter that makes it a request with OAuth credentials:
/// `oauth_signature`, `oauth_signature_method` or `oauth_consumer_key`.
///
/// `oauth_token` and `oauth_verifier` alone do not: they come back to the application in its own OAuth callbacks.
pub fn carries_credentials(form_encoded: &[u8]) -> bool {
    segments(form_encoded).any(|segment| {
        let (name, _) = split_segment(segment);
        percent::decode(name, Plus::IsSpace)
            .is_ok_and(|name| matches!(&*name, SIGNATURE | b"oauth_signature_method" | b"oauth_consumer_key"))
    })
}

/// Cuts every segment whose decoded name begins with `oauth_`; the other bytes stay as they are.
///
/// Returns the text itself when there was nothing to cut.
pub fn cut_protocol_parameters(form_encoded: &[u8]) -> Cow<'_, [u8]> {
    let is_protocol = |segment: &[u8]| {
        let (name, _) = split_segment(segment);
        percent::decode(name, Plus::IsSpace).is_ok_and(|name| name.starts_with(PROTOCOL_PREFIX.as_bytes()))
    };
    if !segments(form_encoded).any(is_protocol) {
        return Cow::Borrowed(form_encoded);
    }
    let kept: Vec<&[u8]> = form_encoded.split(|b| *b == b'&').filter(|segment| !is_protocol(segment)).collect();
    Cow::Owned(kept.join(&b'&'))
}

struct Collector {
    encoded: Vec<u8>,
    pairs: Vec<Pair>,
    signature: Option<Vec<u8>>,
    limit: usize,
}

impl Collector {
    /// RFC 5849 §3.5.1: `name="value"` separated by commas, both percent-encoded; blanks around either are allowed.
    fn header(&mut self, text: &[u8]) -> Result<(), Malformed> {
        let mut rest = Scanner { text, at: 0 };
        rest.skip_blanks();
        while !rest.is_done() {
            // Clients that join an empty list leave a comma; RFC 9110 §5.6.1 asks recipients to bear empty elements.
            if rest.eat(b',') {
                rest.skip_blanks();
                continue;
            }
            let name = rest.take_while(|b| !matches!(b, b'=' | b',' | b'"' | b' ' | b'\t'));
            rest.skip_blanks();
            if name.is_empty() || !rest.eat(b'=') {
                return Err(rest.expected("a parameter name followed by ="));
            }
            rest.skip_blanks();
            if !rest.eat(b'"') {
                return Err(rest.expected("a value in double quotes"));
            }
            let value = rest.take_until(b'"').ok_or_else(|| rest.expected("the closing double quote"))?;
            rest.skip_blanks();
            if !rest.is_done() && !rest.eat(b',') {
                return Err(rest.expected("a comma between two parameters"));
            }
            rest.skip_blanks();
            // §3.4.1.3.1: the realm is the one parameter of the header that is not signed.
            if name != b"realm" {
                self.push(name, value, Source::Header, Plus::IsPlus)?;
            }
        }
        Ok(())
    }

    fn form_encoded(&mut self, text: &[u8], source: Source) -> Result<(), Malformed> {
        segments(text).try_for_each(|segment| {
            let (name, value) = split_segment(segment);
            self.push(name, value, source, Plus::IsSpace)
        })
    }

    fn push(&mut self, name: &[u8], value: &[u8], source: Source, plus: Plus) -> Result<(), Malformed> {
        if self.pairs.len() == self.limit {
            return Err(Malformed::TooMany { limit: self.limit });
        }
        let start = self.encoded.len();
        let bad_escape = |_| Malformed::BadEscape { source, name: shown(name) };
        percent::normalize_into(&mut self.encoded, name, plus).map_err(bad_escape)?;
        let middle = self.encoded.len();
        if self.encoded[start..middle] == *SIGNATURE {
            let decoded = percent::decode(value, plus).map_err(bad_escape)?;
            self.signature.get_or_insert_with(|| decoded.into_owned());
        } else {
            percent::normalize_into(&mut self.encoded, value, plus).map_err(bad_escape)?;
        }
        self.pairs.push(Pair { name: start..middle, value: middle..self.encoded.len(), source });
        Ok(())
    }

    fn sorted(self) -> Parameters {
        let Self { encoded, mut pairs, signature, .. } = self;
        fn key<'a>(encoded: &'a [u8], pair: &Pair) -> (&'a [u8], &'a [u8]) {
            (&encoded[pair.name.clone()], &encoded[pair.value.clone()])
        }
        pairs.sort_unstable_by(|a, b| key(&encoded, a).cmp(&key(&encoded, b)));
        let name = |pair: &Pair| &encoded[pair.name.clone()];
        let start = pairs.partition_point(|pair| name(pair) < PROTOCOL_PREFIX.as_bytes());
        let length = pairs[start..].iter().take_while(|pair| name(pair).starts_with(PROTOCOL_PREFIX.as_bytes())).count();
        Parameters { encoded, pairs, protocol: start..start + length, signature }
    }
}

/// The `&`-separated parts; empty ones are no parameters.
fn segments(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'&').filter(|segment| !segment.is_empty())
}

/// Name and value at the first `=`; without one the value is empty.
fn split_segment(segment: &[u8]) -> (&[u8], &[u8]) {
    match segment.iter().position(|b| *b == b'=') {
        Some(at) => (&segment[..at], &segment[at + 1..]),
        None => (segment, b""),
    }
}

fn shown(name: &[u8]) -> String {
    name[..name.len().min(SHOWN_NAME)].escape_ascii().to_string()
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(hit);
        hit
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|b| wanted(*b)) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// What stands before `byte`, which is taken too; `None`, at the end, if it does not come.
    fn take_until(&mut self, byte: u8) -> Option<&'a [u8]> {
        let start = self.at;
        let found = memchr::memchr(byte, &self.text[start..]);
        self.at = found.map_or(self.text.len(), |length| start + length + 1);
        found.map(|length| &self.text[start..start + length])
    }

    fn skip_blanks(&mut self) {
        self.take_while(|b| matches!(b, b' ' | b'\t'));
    }

    fn expected(&self, expected: &'static str) -> Malformed {
        Malformed::HeaderSyntax { expected, at: self.at }
    }
}

const PROTOCOL_PREFIX: &str = "oauth_";
const SIGNATURE: &[u8] = b"oauth_signature";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normalized(raw: Raw<'_>) -> String {
        let parameters = Parameters::collect(raw, 100).unwrap();
        let pairs: Vec<String> = parameters
            .signed()
            .map(|(name, value)| format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
            .collect();
        pairs.join("&")
    }

    fn query(text: &str) -> String {
        normalized(Raw { query: Some(text.as_bytes()), ..Raw::default() })
    }

    #[test]
    fn names_are_sorted_before_values_and_after_encoding() {
        assert_eq!(query("b=2&a=10&a=1&a-b=3&a%5B0%5D=x"), "a=1&a=10&a%5B0%5D=x&a-b=3&b=2");
    }

    #[test]
    fn a_name_without_a_value_equals_an_empty_value() {
        assert_eq!(query("b&a=&&=c&"), "=c&a=&b=");
    }

    #[test]
    fn the_headers_realm_is_not_signed_but_a_querys_is() {
        let raw = Raw { header: Some(br#" realm="x y, z",oauth_a="1" , b="%26+" "#), query: Some(b"realm=q"), form: None };
        assert_eq!(normalized(raw), "b=%26%2B&oauth_a=1&realm=q");
    }

    #[test]
    fn the_signature_is_not_signed_wherever_it_stands() {
        let text = "oauth_signature=s&a=1&oauth%5Fsignature=t";
        assert_eq!(query(text), "a=1");
    }

    #[test]
    fn repeated_protocol_parameters_are_named_across_places() {
        let header = br#"oauth_a="1",oauth_nonce="1",oauth_x="1""#;
        let raw = Raw { header: Some(header), query: Some(b"oauth%5fnonce=2&a=1&a=1"), form: None };
        assert_eq!(Parameters::collect(raw, 100).unwrap().repeated_protocol(), ["oauth_nonce"]);
        let nameless = Raw { query: Some(b"oauth_=1&oauth_=2"), ..Raw::default() };
        assert_eq!(Parameters::collect(nameless, 100).unwrap().repeated_protocol(), ["oauth_"]);
    }

    #[test]
    fn protocol_parameters_are_found_by_name_and_decoded() {
        let header = br#"oauth_nonce="a%20b",oauth_token="",oauth_signature="%2F%2B8%3D""#;
        let raw = Raw { header: Some(header), query: Some(b"a=1&nonce=2&bb=22"), form: None };
        let parameters = Parameters::collect(raw, 100).unwrap();
        assert_eq!(parameters.protocol("oauth_nonce").as_deref(), Some(&b"a b"[..]));
        assert_eq!(parameters.protocol("oauth_token").as_deref(), Some(&b""[..]));
        assert_eq!(parameters.protocol("oauth_verifier"), None);
        assert_eq!(parameters.signature(), Some(&b"/+8="[..]));
        assert!(parameters.has_protocol("oauth_token") && parameters.has_protocol("oauth_signature"));
        assert!(!parameters.has_protocol("oauth_verifier") && !parameters.has_protocol("nonce"));
        assert!(!parameters.is_empty() && Parameters::collect(Raw::default(), 1).unwrap().is_empty());
        let without_signature = "a=1bb=22nonce=2oauth_nonce=a%20boauth_token=".len() - "=====".len();
        assert_eq!(parameters.signed_len(), without_signature);
    }

    #[test]
    fn what_belongs_elsewhere_is_found_in_the_header() {
        let foreign = |header: &[u8], query: &[u8]| {
            let raw = Raw { header: Some(header), query: Some(query), form: None };
            Parameters::collect(raw, 100).unwrap().foreign_in_header()
        };
        assert_eq!(foreign(br#"oauth_a="1",xoauth_b="1",opensocial_c="1""#, b"user=a&xoauth_requestor_id=b"), None);
        assert_eq!(foreign(br#"oauth_a="1",user="a""#, b"b=1"), Some("user".to_owned()));
        assert_eq!(foreign(br#"xoauth_requestor_id="a",oauth_a="1""#, b""), None);
        assert_eq!(foreign(br#"xoauth="a",oauth_a="1""#, b""), Some("xoauth".to_owned()));
    }

    #[test]
    fn an_unquoted_or_cut_header_is_refused() {
        for header in ["oauth_a=1", "oauth_a", "oauth_a=\"1", "=\"1\"", "a=\"1\" b=\"2\"", "a=\"1\"\u{b}", "\"a\"=\"1\""] {
            let raw = Raw { header: Some(header.as_bytes()), ..Raw::default() };
            assert!(matches!(Parameters::collect(raw, 100), Err(Malformed::HeaderSyntax { .. })), "{header}");
        }
    }

    #[test]
    fn ten_thousand_parameters_pass_and_one_more_does_not() {
        let text = vec!["a=1"; 10_000].join("&");
        let raw = Raw { query: Some(text.as_bytes()), ..Raw::default() };
        assert_eq!(Parameters::collect(raw, 10_000).unwrap().len(), 10_000);
        assert_eq!(Parameters::collect(raw, 9_999).unwrap_err(), Malformed::TooMany { limit: 9_999 });
    }

    #[test]
    fn credentials_are_recognised_however_the_name_is_spelled() {
        for text in ["oauth_signature=x", "a=1&oauth%5Fconsumer_key", "%6fauth_signature_method="] {
            assert!(carries_credentials(text.as_bytes()), "{text}");
        }
        for text in ["oauth_token=x&oauth_verifier=y", "a=oauth_signature", "xoauth_signature=1", ""] {
            assert!(!carries_credentials(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn only_protocol_segments_are_cut() {
        let cut = |text: &str| String::from_utf8(cut_protocol_parameters(text.as_bytes()).into_owned()).unwrap();
        assert_eq!(cut("a=%zz&oauth_nonce=1&&b&%6Fauth_x=2&c=oauth_"), "a=%zz&&b&c=oauth_");
        assert_eq!(cut("oauth_nonce=1"), "");
        assert_eq!(cut("a=1&"), "a=1&");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(header: Vec<u8>, query: Vec<u8>, form: Vec<u8>) {
            let raw = Raw { header: Some(&header), query: Some(&query), form: Some(&form) };
            if let Ok(parameters) = Parameters::collect(raw, 50) {
                prop_assert!(parameters.signed().is_sorted());
                let _ = (parameters.repeated_protocol(), parameters.protocol("oauth_nonce"));
            }
            let _ = (carries_credentials(&query), cut_protocol_parameters(&query));
        }

        #[test]
        fn the_order_in_the_request_does_not_matter(pairs: Vec<(String, String)>) {
            let render = |pairs: &[(String, String)]| -> String {
                let encode = |text: &str| percent::encode(text.as_bytes());
                pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect::<Vec<_>>().join("&")
            };
            let mut backwards = pairs.clone();
            backwards.reverse();
            prop_assert_eq!(query(&render(&pairs)), query(&render(&backwards)));
        }
    }
}

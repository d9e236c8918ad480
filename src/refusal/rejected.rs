//! `oauth_parameters_rejected`: the parameters that are refused, told to whoever sent them.

use crate::oauth::parameters::Parameters;
use crate::oauth::percent::{self, Plus};

/// Pairs as received, each encoded anew (RFC 5849 §3.6) and joined as in a query; bounded, and without secrets.
///
/// Where no parameter can be named there are none: a header whose syntax is broken, two Authorization headers, and more
/// parameters than are read have no single reading, so any pair would be a guess.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectedParameters(String);

impl RejectedParameters {
    /// Every parameter with one of these names, wherever it stands. The names are encoded, as the errors of
    /// [`Parameters`] give them.
    pub fn named<'n>(parameters: &Parameters, names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut these = Self::default();
        for encoded in names {
            let decoded = percent::decode(encoded.as_bytes(), Plus::IsPlus).unwrap_or_else(|_| encoded.as_bytes().into());
            let name = std::str::from_utf8(&decoded).unwrap_or_default();
            let mut values = parameters.values(name).map(|(_, value)| value).peekable();
            if values.peek().is_none() {
                // A name that was cut, or is no UTF-8.
                these.add(&decoded, b"");
            }
            values.for_each(|value| these.add(&decoded, &value));
        }
        these
    }

    /// One parameter whose value cannot be read, by its raw name.
    pub fn unreadable(raw_name: &str) -> Self {
        let mut this = Self::default();
        let name = percent::decode(raw_name.as_bytes(), Plus::IsSpace).unwrap_or_else(|_| raw_name.as_bytes().into());
        this.add(&name, b"");
        this
    }

    /// The pairs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn add(&mut self, name: &[u8], value: &[u8]) {
        let shown: &[u8] = if HARMLESS.iter().any(|harmless| harmless.as_bytes() == name) { value } else { b"" };
        let pair = format!("{}={}", percent::encode(name), percent::encode(&shown[..shown.len().min(SHOWN_VALUE)]));
        let separator = if self.0.is_empty() { "" } else { "&" };
        if self.0.len() + separator.len() + pair.len() <= MAX_LENGTH {
            self.0.push_str(separator);
            self.0.push_str(&pair);
        }
    }
}

/// Whose values are sent back. All others are named with an empty one: a signature, a verifier, a token with its secret or
/// a stranger's parameter may be worth something to whoever reads the answer on its way or in a log of it.
const HARMLESS: [&str; 9] = [
    "oauth_body_hash",
    "oauth_callback",
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_version",
    "user_id",
    "xoauth_requestor_id",
];

/// How much of a value is sent back, in bytes: enough to recognise any that is near to being right.
const SHOWN_VALUE: usize = 128;

/// All pairs together, in bytes. They are encoded once more in a header, to at most five thirds of that (`%XX` to
/// `%25XX`), and common clients take header lines of 4 KiB and more. One pair always fits: names are cut to 64 bytes
/// before.
const MAX_LENGTH: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::parameters::Raw;

    fn of_query(query: &str, names: &[&str]) -> String {
        let parameters = Parameters::collect(Raw { query: Some(query.as_bytes()), ..Raw::default() }, 100).unwrap();
        RejectedParameters::named(&parameters, names.iter().copied()).as_str().to_owned()
    }

    #[test]
    fn values_are_sent_back_as_they_were_meant() {
        let query = "oauth_nonce=b%26c&oauth%5Fnonce=a+%e4&x=1";
        assert_eq!(of_query(query, &["oauth_nonce"]), "oauth_nonce=a%20%E4&oauth_nonce=b%26c");
    }

    #[test]
    fn no_secret_is_sent_back() {
        for name in ["oauth_signature", "oauth_token_secret", "oauth_verifier", "oauth_token", "password", "oauth_unknown"] {
            let query = format!("{name}=hidden&{name}=known");
            assert_eq!(of_query(&query, &[name]), format!("{name}=&{name}="));
        }
    }

    #[test]
    fn no_more_is_sent_back_than_a_header_holds() {
        let long = format!("oauth_nonce={}", "%00".repeat(1000));
        assert_eq!(of_query(&long, &["oauth_nonce"]), format!("oauth_nonce={}", "%00".repeat(SHOWN_VALUE)));
        let many = vec!["oauth_nonce=12345678"; 100].join("&");
        let sent = of_query(&many, &["oauth_nonce"]);
        assert!((MAX_LENGTH - 40..=MAX_LENGTH).contains(&sent.len()), "{}", sent.len());
        assert!(sent.split('&').all(|pair| pair == "oauth_nonce=12345678"), "{sent}");
    }

    #[test]
    fn a_name_that_cannot_be_read_is_sent_back_raw() {
        assert_eq!(RejectedParameters::unreadable("a%5Fb").as_str(), "a_b=");
        assert_eq!(RejectedParameters::unreadable("%zz").as_str(), "%25zz=");
    }
}

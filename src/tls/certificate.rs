//! What a certificate says about itself: its names, and until when it holds.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::oauth::timestamp::Timestamp;
use crate::yaml;

/// The end of a certificate's validity.
#[derive(Debug, Clone)]
pub(super) struct Expiry {
    /// The file that it is in.
    pub(super) file: PathBuf,
    /// The setting that names the file.
    pub(super) place: yaml::Path,
    not_before: u64,
    not_after: u64,
}

/// The part of a certificate that concerns us.
pub(super) struct Facts {
    /// DNS names of the subject alternative names, in lower case.
    pub(super) names: Vec<String>,
    not_before: u64,
    not_after: u64,
}

impl Facts {
    /// `None`: it is no certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        // Raw: serial numbers that are too long stand in certificates that are in use.
        let parsed = CertificateInner::<Raw>::from_der(certificate).ok()?;
        let names: Option<SubjectAltName> = parsed.tbs_certificate.get().ok().flatten().map(|(_critical, names)| names);
        let names = names.map(|SubjectAltName(names)| names).unwrap_or_default();
        let names = names.into_iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
            _ => None,
        });
        let validity = &parsed.tbs_certificate.validity;
        let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        Some(Self { names: names.collect(), not_before: seconds(validity.not_before), not_after: seconds(validity.not_after) })
    }

    pub(super) fn expiry(&self, file: PathBuf, place: yaml::Path) -> Expiry {
        Expiry { file, place, not_before: self.not_before, not_after: self.not_after }
    }

    /// Whether a client that asks for `name` (in lower case) may take this certificate (RFC 6125 §6.4.3: a `*` stands
    /// for exactly one label, the first).
    pub(super) fn is_for(&self, name: &str) -> bool {
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|own| own == name || own.strip_prefix("*.").is_some_and(|suffix| Some(suffix) == parent))
    }
}

impl Expiry {
    pub(super) fn not_after(&self) -> Timestamp {
        Timestamp::from_seconds(self.not_after)
    }

    /// What somebody should know about it, with what to do.
    pub(super) fn warning(&self, now: Timestamp) -> Option<(String, &'static str)> {
        let file = self.file.display();
        let now = now.seconds();
        if now < self.not_before {
            let message =
                format!("the certificate {file} holds only from {}, in {}", date(self.not_before), days(self.not_before - now));
            return Some((message, "clients refuse it until then; see whether the clock is right"));
        }
        if now > self.not_after {
            let message =
                format!("the certificate {file} expired on {}, {} ago", date(self.not_after), days(now - self.not_after));
            return Some((message, "clients refuse it: renew it; the new files are taken over without a restart"));
        }
        let left = self.not_after - now;
        (left < WARN_BEFORE).then(|| {
            let message = format!("the certificate {file} expires on {}, in {}", date(self.not_after), days(left));
            (message, "renew it; the new files are taken over without a restart")
        })
    }
}

fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("{seconds} s after 1970"), |time| time.to_string())
}

fn days(seconds: u64) -> String {
    match seconds / DAY {
        0 => format!("{} h", seconds / 3600),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

const DAY: u64 = 86_400;
/// What renews by itself does so 30 days before the end (ACME clients' default), so a warning says that this failed.
const WARN_BEFORE: u64 = 30 * DAY;

#[cfg(test)]
mod tests {
    use super::*;

    fn with_names(names: &[&str]) -> Facts {
        Facts { names: names.iter().map(ToString::to_string).collect(), not_before: 0, not_after: 0 }
    }

    #[test]
    fn a_star_stands_for_exactly_one_label() {
        let facts = with_names(&["example.com", "*.example.org"]);
        for name in ["example.com", "a.example.org"] {
            assert!(facts.is_for(name), "{name}");
        }
        for name in ["a.example.com", "example.org", "a.b.example.org", "org", "", "*.example.com"] {
            assert!(!facts.is_for(name), "{name}");
        }
    }

    #[test]
    fn the_last_thirty_days_are_warned_of() {
        let expiry = Expiry { file: "c.pem".into(), place: Vec::new(), not_before: 1_000_000, not_after: 100 * DAY };
        let at = |seconds| expiry.warning(Timestamp::from_seconds(seconds)).map(|(message, _)| message);
        assert_eq!(at(1_000_000), None);
        assert_eq!(at(70 * DAY), None);
        assert_eq!(at(70 * DAY + 1).unwrap(), "the certificate c.pem expires on 1970-04-11T00:00:00Z, in 29 days");
        assert_eq!(at(100 * DAY).unwrap(), "the certificate c.pem expires on 1970-04-11T00:00:00Z, in 0 h");
        assert_eq!(at(101 * DAY).unwrap(), "the certificate c.pem expired on 1970-04-11T00:00:00Z, 1 day ago");
        assert_eq!(at(0).unwrap(), "the certificate c.pem holds only from 1970-01-12T13:46:40Z, in 11 days");
    }
}

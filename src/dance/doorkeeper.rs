//! What the pages know beside tokens: who has signed in here, which forms are ours, and where decisions are written down.

use std::fmt;
use std::io;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Semaphore;

use super::cookies::FORM;
use super::visit::Visit;
use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::config::{DanceSettings, ResourceOwner};
use crate::observe::Audit;
use crate::secret::Secret;
use crate::web::cookies;

/// One for a gateway, made at the start.
pub struct Doorkeeper {
    /// Where it is written down who allowed what to whom.
    pub(super) audit: Audit,
    /// The users that sign in here; `None`: others know who they are.
    pub(super) accounts: Option<Arc<Accounts>>,
    /// Sign-ins that are looked at, or wait for it.
    pub(super) sign_ins: Semaphore,
    key: hmac::Key,
}

/// What the forms of a page are good for: nothing else, and for nobody else.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormPurpose<'a> {
    /// For whom the page was made; empty: for anybody.
    pub(super) user: &'a str,
    /// The request token that it is about; empty: none.
    pub(super) token: &'a str,
}

/// The hidden field `csrf` of a page's forms.
pub(super) struct FormProof(pub(super) String);

/// The browser's half of the proof: a random cookie, the same for all forms that it has open.
pub(super) struct Browser {
    cookie: String,
    /// The header that sets it, if the browser did not have it.
    pub(super) set_cookie: Option<String>,
}

impl Doorkeeper {
    /// With the settings of the start; the users file does not change while the gateway runs.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new(dance: &DanceSettings, audit: Audit, clock: &Clock) -> io::Result<Self> {
        let accounts = match &dance.resource_owner {
            ResourceOwner::Users(file) => Some(Arc::new(Accounts::of(file, clock.clone()))),
            ResourceOwner::SessionProbe(_) | ResourceOwner::TrustedHeader { .. } => None,
        };
        // Forms are as short-lived as the process: nobody leaves a question of ours open for days.
        let mut key = [0; 32];
        crate::secret::fill(&mut key)?;
        Ok(Self { audit, accounts, sign_ins: Semaphore::new(SIGN_INS), key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// The proof that the forms of this browser's page were ours.
    pub(super) fn proof(&self, browser: &Browser, purpose: FormPurpose<'_>) -> FormProof {
        FormProof(URL_SAFE_NO_PAD.encode(self.tag(&browser.cookie, purpose)))
    }

    /// Whether what was sent is a form of ours, opened in the same browser, for this purpose.
    pub(super) fn is_proved(&self, visit: &Visit, purpose: FormPurpose<'_>) -> bool {
        let name = FORM.name(visit);
        let cookie = cookies::find(&visit.headers, &name).filter(|cookie| Secret::looks_like_one(cookie));
        let sent = visit.form.as_ref().and_then(|form| URL_SAFE_NO_PAD.decode(form.one("csrf")?).ok());
        let is_tag = |(cookie, sent): (&str, Vec<u8>)| verify_slices_are_equal(&self.tag(cookie, purpose), &sent).is_ok();
        cookie.zip(sent).is_some_and(is_tag)
    }

    /// Each part with its length before it: no two purposes are the same bytes.
    fn tag(&self, cookie: &str, purpose: FormPurpose<'_>) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [cookie, purpose.user, purpose.token] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().to_vec()
    }
}

impl Browser {
    /// By its cookie, or by a new one.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(super) fn of(visit: &Visit) -> io::Result<Self> {
        match cookies::find(&visit.headers, &FORM.name(visit)).filter(|cookie| Secret::looks_like_one(cookie)) {
            Some(cookie) => Ok(Self { cookie: cookie.to_owned(), set_cookie: None }),
            None => {
                let fresh = Secret::random()?;
                Ok(Self { cookie: fresh.reveal().to_owned(), set_cookie: Some(FORM.set(visit, fresh.reveal())) })
            }
        }
    }
}

impl fmt::Debug for Doorkeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorkeeper").field("accounts", &self.accounts).finish_non_exhaustive()
    }
}

/// Two passwords are hashed at once, each in some hundredths of a second: who waits behind so many others waits half a second.
const SIGN_INS: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::visit::Fields;
    use super::super::visit::tests::visit;
    use super::*;
    use crate::oauth::base_string::Scheme;

    fn doorkeeper() -> Doorkeeper {
        let folder = tempfile::tempdir().unwrap();
        let file = crate::config::LogTarget::File(folder.path().join("log"));
        let log = crate::config::Log { file: file.clone(), audit: file, ..Default::default() };
        let audit = Audit::open(&log, &crate::observe::Sink::open(&log.file).unwrap()).unwrap();
        let resource_owner = ResourceOwner::TrustedHeader { name: http::HeaderName::from_static("x-sso-user"), from: Vec::new() };
        let dance = DanceSettings { paths: Default::default(), lifetimes: Default::default(), resource_owner };
        Doorkeeper::new(&dance, audit, &Clock::System).unwrap()
    }

    #[test]
    fn a_form_is_proved_for_its_browser_user_and_request_token_alone() {
        let keeper = doorkeeper();
        let browser = Browser::of(&visit(Scheme::Http, "a", &[])).unwrap();
        let cookie = browser.set_cookie.as_deref().unwrap().split(';').next().unwrap();
        let proof = keeper.proof(&browser, FormPurpose { user: "ada", token: "t1" });
        let sent = |cookie: &str, csrf: &str| {
            let form = Some(Fields::read(format!("csrf={csrf}").as_bytes()));
            Visit { form, ..visit(Scheme::Http, "a", &[("cookie", cookie)]) }
        };
        let is_proved = |visit: &Visit, user, token| keeper.is_proved(visit, FormPurpose { user, token });
        let good = sent(cookie, &proof.0);
        assert!(is_proved(&good, "ada", "t1"));
        for (user, token) in [("eve", "t1"), ("ada", "t2"), ("adat", "1"), ("", "adat1"), ("ada", "")] {
            assert!(!is_proved(&good, user, token), "{user} {token}");
        }
        let other = Browser::of(&visit(Scheme::Http, "a", &[])).unwrap().set_cookie.unwrap();
        for (cookie, csrf) in
            [(other.split(';').next().unwrap(), &*proof.0), (cookie, ""), (cookie, "x"), (cookie, &proof.0[1..]), ("", &proof.0)]
        {
            assert!(!is_proved(&sent(cookie, csrf), "ada", "t1"), "{cookie} {csrf}");
        }
        assert!(!doorkeeper().is_proved(&good, FormPurpose { user: "ada", token: "t1" }), "of another process");
        let again = Browser::of(&good).unwrap();
        assert!(again.set_cookie.is_none(), "two open pages do not spoil each other");
        assert_eq!(keeper.proof(&again, FormPurpose { user: "ada", token: "t1" }).0, proof.0);
    }

    #[test]
    fn the_key_of_forms_is_not_shown() {
        assert_eq!(format!("{:?}", doorkeeper()), "Doorkeeper { accounts: None, .. }");
    }
}

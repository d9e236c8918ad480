//! A gateway with a listener for administrators, and what they do there in a browser.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) use crate::support::browser::{Browser, hidden};
use crate::support::gateway::{Builder, Gateway};
use crate::support::{Backend, Response, eventually};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A gateway with a listener for administrators.
pub(crate) struct Site {
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    _backend: Backend,
}

impl Site {
    /// A gateway that nobody can sign in to yet.
    #[track_caller]
    pub(crate) fn without_users() -> Self {
        Self::with(|builder| builder)
    }

    /// The same, with more settings.
    #[track_caller]
    pub(crate) fn with(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let backend = Backend::start();
        let gateway = settings(Gateway::builder().upstream(&backend).setting("admin: { listen: 127.0.0.1:0 }")).start();
        let line = gateway.wait_for_line("listening for administrators");
        let line: Value = serde_json::from_str(&line).unwrap();
        let address = line["address"].as_str().unwrap().parse().unwrap();
        Self { gateway, address, _backend: backend }
    }

    /// A gateway that ada can sign in to.
    #[track_caller]
    pub(crate) fn with_ada() -> Self {
        Self::with_ada_and(|builder| builder)
    }

    /// The same, with more settings.
    #[track_caller]
    pub(crate) fn with_ada_and(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let site = Self::with(settings);
        site.admin(&["add-user", "ada", "--password-stdin"], PASSWORD);
        site
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::at(self.address)
    }

    /// A browser in which ada is signed in.
    #[track_caller]
    pub(crate) fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.sign_in("ada", PASSWORD).status, 303);
        browser
    }

    /// `countersign admin` with this gateway's configuration.
    #[track_caller]
    pub(crate) fn admin(&self, arguments: &[&str], input: &str) -> String {
        let config = self.gateway.folder().join("countersign.yaml");
        let screen = crate::accounts_cli::admin(&[arguments, &["--config", config.to_str().unwrap()]].concat(), input);
        assert_eq!(screen.code, Some(0), "{arguments:?}: {}", screen.err);
        screen.out
    }

    /// The audit lines so far, which go to standard error.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let parsed = self.gateway.lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        parsed.filter(|line| line.get("audit").is_some()).collect()
    }

    /// Waits for an audit line.
    #[track_caller]
    pub(crate) fn wait_for_audit(&self, action: &str, result: &str) -> Value {
        eventually(action, || self.audited(action, result))
    }

    /// The line of something that somebody asks for who hangs up at once. A request whose end is seen before it is begun comes to
    /// nothing, and leaves no line: it is sent again then.
    #[track_caller]
    pub(crate) fn wait_for_audit_of(&self, action: &str, result: &str, ask_and_leave: impl Fn()) -> Value {
        eventually(action, || {
            ask_and_leave();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2) {
                if let Some(line) = self.audited(action, result) {
                    return Some(line);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            None
        })
    }

    fn audited(&self, action: &str, result: &str) -> Option<Value> {
        self.audit().into_iter().find(|line| line["audit"] == action && line["result"] == result)
    }
}

impl Browser {
    #[track_caller]
    pub(crate) fn sign_in(&mut self, name: &str, password: &str) -> Response {
        self.fill_in("/sign-in", &[("name", name), ("password", password), ("return", "/")])
    }

    /// As [`Self::sign_in`], but from a page that was open before somebody signed in here.
    #[track_caller]
    pub(crate) fn sign_in_as_well(&mut self, name: &str, password: &str) -> Response {
        let csrf = self.cookies["countersign_form"].clone();
        self.post("/sign-in", &[("csrf", &csrf), ("name", name), ("password", password)])
    }

    /// What each form of the session has hidden in it.
    #[track_caller]
    pub(crate) fn session_csrf(&mut self) -> String {
        hidden(&self.get("/account").text(), "csrf")
    }

    #[track_caller]
    pub(crate) fn sign_out(&mut self) -> Response {
        let csrf = self.session_csrf();
        self.post("/sign-out", &[("csrf", &csrf)])
    }

    /// Whether somebody is signed in.
    #[track_caller]
    pub(crate) fn is_signed_in(&mut self) -> bool {
        // The sign-in page leads on who is signed in already.
        match self.get("/sign-in").status {
            303 => true,
            200 => false,
            other => panic!("status {other}"),
        }
    }
}

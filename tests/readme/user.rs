//! The user of docs/dance.md, who opens each address that is shown, signs in where that is asked, and allows access.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Mutex;

use super::section::Group;
use super::support::{Browser, Response, hidden};

/// At the keyboard of a script.
pub(super) struct User {
    keyboard: Mutex<ChildStdin>,
}

impl User {
    pub(super) fn at(keyboard: ChildStdin) -> Self {
        Self { keyboard: Mutex::new(keyboard) }
    }

    /// Reads the screen to its end, which comes at once where the user can't go on.
    pub(super) fn watches(&self, group: &Group, out: ChildStdout, err: ChildStderr) -> (String, String) {
        std::thread::scope(|scope| {
            let out = scope.spawn(|| self.reads(out, group));
            let err = self.reads(err, group);
            (out.join().unwrap(), err)
        })
    }

    fn reads(&self, screen: impl Read, group: &Group) -> String {
        let _stuck = EndedByPanic(group);
        let mut seen = String::new();
        for line in BufReader::new(screen).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(address) = line.split_whitespace().find(|word| word.starts_with("http") && word.contains("?oauth_token="))
            {
                self.allows(address);
            }
            seen += &line;
            seen.push('\n');
        }
        seen
    }

    fn allows(&self, address: &str) {
        let (mut browser, page) = open(address);
        assert_eq!(page.field("location").map(|place| place.contains("/sign-in")), Some(true), "{}", page.text());
        let sign_in = page.field("location").unwrap().to_owned();
        let token = address.split_once("oauth_token=").unwrap().1;
        let fields = [("oauth_token", token), ("name", "alice"), ("password", "correct horse battery staple")];
        let signed_in = browser.fill_in(&sign_in, &fields);
        let consent = signed_in.field("location").unwrap_or_else(|| panic!("{}", signed_in.text())).to_owned();
        let asked = browser.get(&consent).text();
        // Signing out is a form of the page, too.
        let form = asked.split("<form ").find(|form| form.contains("name=\"decision\"")).unwrap_or_else(|| panic!("{asked}"));
        let fields = [("csrf", &*hidden(form, "csrf")), ("oauth_token", token), ("decision", "allow")];
        let allowed = browser.post(&consent, &fields);
        match allowed.field("location") {
            Some(callback) => assert_eq!(open(callback).1.status, 200),
            None => self.types(&text_of(&allowed.text())),
        }
    }

    fn types(&self, code: &str) {
        writeln!(self.keyboard.lock().unwrap(), "{code}").unwrap();
    }
}

/// Without it a script would wait for the user for ever.
struct EndedByPanic<'a>(&'a Group);

impl Drop for EndedByPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end();
        }
    }
}

/// What a new browser gets at an address of this machine.
fn open(address: &str) -> (Browser, Response) {
    let (host, target) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut browser = Browser::at(host.parse::<SocketAddr>().unwrap());
    let page = browser.get(&format!("/{target}"));
    (browser, page)
}

/// The code on the page.
fn text_of(page: &str) -> String {
    let rest = page.split_once(" id=\"verifier\"").unwrap_or_else(|| panic!("no code on {page}")).1;
    rest.split_once('>').unwrap().1.split_once('<').unwrap().0.trim().to_owned()
}

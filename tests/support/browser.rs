//! A browser, as far as it matters here: it keeps cookies, sends forms with what their page has hidden in them, and says where they
//! come from.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::client::Client;
use super::message::Response;
use super::secrets;

/// One at a site that is at this address.
pub struct Browser {
    pub address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn at(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, &[("sec-fetch-site", "none")], "")
    }

    /// Sends a form of the page at `path`: opens that first, and sends what is hidden in it together with `fields`.
    #[track_caller]
    pub fn fill_in(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let page = self.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        let csrf = hidden(&page.text(), "csrf");
        self.post(path, &[&[("csrf", &*csrf)], fields].concat())
    }

    /// Sends a form from a page of the same origin.
    #[track_caller]
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let origin = format!("http://{}", self.address);
        self.post_from(path, fields, &[("origin", &origin), ("sec-fetch-site", "same-origin")])
    }

    /// Sends a form with these headers about where it comes from.
    #[track_caller]
    pub fn post_from(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
        secrets::typed(fields);
        self.send("POST", path, &[&[FORM], headers].concat(), &form(fields))
    }

    /// Sends a form from a page of the same origin, and hangs up at once.
    #[track_caller]
    pub fn post_and_leave(&self, path: &str, fields: &[(&str, &str)]) {
        let (form, origin) = (form(fields), format!("http://{}", self.address));
        let head = self.head("POST", path, &[FORM, ("origin", &origin), ("sec-fetch-site", "same-origin")], &form);
        let mut client = Client::connect(self.address);
        client.send(head + &form);
        client.finish();
    }

    fn head(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", self.address, body.len());
        if !cookies.is_empty() {
            head += &format!("cookie: {}\r\n", cookies.join("; "));
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        head + "\r\n"
    }

    #[track_caller]
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let response = Client::connect(self.address).ask(self.head(method, path, headers, body) + body);
        for cookie in response.values("set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A form's fields as they are sent.
fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// The value of a hidden field.
#[track_caller]
pub fn hidden(page: &str, name: &str) -> String {
    let field = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    let rest = page.split_once(&field).unwrap_or_else(|| panic!("no {name} in {page}")).1;
    rest.split_once('"').unwrap().0.to_owned()
}

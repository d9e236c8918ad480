//! The first administrator, by the link in the log.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::browser::{Browser, PASSWORD, Site, hidden};
use crate::support::{Backend, Gateway, Response};

/// The path of the link that the gateway printed.
#[track_caller]
pub(crate) fn link(site: &Site) -> String {
    let line = site.gateway.wait_for_line("this link makes the first administrator");
    let link = serde_json::from_str::<Value>(&line).unwrap()["link"].as_str().unwrap().to_owned();
    let path = link.strip_prefix(&format!("http://{}", site.address)).unwrap();
    assert!(path.starts_with("/setup/") && path.len() == "/setup/".len() + 43, "{link}");
    path.to_owned()
}

#[track_caller]
fn set_up(browser: &mut Browser, link: &str, name: &str, password: &str, again: &str) -> Response {
    browser.fill_in(link, &[("name", name), ("password", password), ("again", again)])
}

#[test]
fn the_link_makes_the_first_administrator_once() {
    let site = Site::without_users();
    let (link, mut browser) = (link(&site), site.browser());
    assert!(!browser.is_signed_in());
    let made = set_up(&mut browser, &link, "ada", PASSWORD, PASSWORD);
    assert_eq!((made.status, made.field("location")), (303, Some("/")));
    assert!(browser.is_signed_in());
    assert!(site.browser().sign_in("ada", PASSWORD).status == 303, "and the password is good later too");
    let again = site.browser().get(&link);
    assert_eq!(again.status, 410, "{}", again.text());
    let line = site.wait_for_audit("add_user", "done");
    assert_eq!((line["who"].as_str(), line["user"].as_str()), (Some("ada"), Some("ada")));
}

#[test]
fn the_link_is_on_the_console_wherever_the_log_goes_and_whatever_it_leaves_out() {
    let backend = Backend::start();
    let without_users = |log: &str| Gateway::builder().upstream(&backend).setting("admin: { listen: 127.0.0.1:0 }").setting(log);
    let quiet = without_users("log: { file: access.log }").start_quietly();
    let silent = without_users("log: { level: error }").start_silent();
    for gateway in [quiet, silent] {
        let line = gateway.wait_for_line("this link makes the first administrator");
        let (_, link) = line.split_once(": http://").unwrap();
        let (address, path) = link.split_at(link.find('/').unwrap());
        assert_eq!(Browser::at(address.parse().unwrap()).get(path).status, 200, "{line}");
    }
}

#[test]
fn two_who_have_the_link_make_one_administrator() {
    let site = Site::without_users();
    let link = link(&site);
    let mut browsers: Vec<Browser> = (0..6).map(|_| site.browser()).collect();
    let tokens: Vec<String> = browsers.iter_mut().map(|browser| hidden(&browser.get(&link).text(), "csrf")).collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = browsers
            .iter_mut()
            .zip(&tokens)
            .enumerate()
            .map(|(at, (browser, csrf))| {
                let (name, link) = (format!("user{at}"), &link);
                scope.spawn(move || {
                    let fields = [("csrf", &**csrf), ("name", &name), ("password", PASSWORD), ("again", PASSWORD)];
                    browser.post(link, &fields).status
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [303, 410].contains(status)), "{statuses:?}");
    assert_eq!(site.admin(&["list"], "").lines().count(), 1);
}

#[test]
fn what_is_filled_in_wrong_is_told_beside_its_field_and_the_link_stays_good() {
    let site = Site::without_users();
    let (link, mut browser) = (link(&site), site.browser());
    for (name, password, again, field, why) in [
        ("a b", PASSWORD, PASSWORD, "name", "The name has to have 1 to 64 letters"),
        ("ada", "short", "short", "password", "The password has 5 characters, and needs at least 15"),
        ("ada", PASSWORD, "correct horse batterz", "again", "The two passwords are not the same"),
    ] {
        let refused = set_up(&mut browser, &link, name, password, again);
        let page = refused.text();
        assert_eq!(refused.status, 422, "{page}");
        assert!(page.contains(&format!("<li><a href=\"#{field}\">{why}")), "{page}");
        assert!(page.contains(&format!("<p class=\"error\" id=\"{field}-error\">{why}")), "{page}");
        assert!(page.contains("aria-invalid=\"true\""), "{page}");
        assert!(!page.contains(password) && !page.contains("batterz"), "no password comes back: {page}");
        assert!(page.contains(&format!("value=\"{name}\"")), "what was right need not be typed again: {page}");
    }
    assert_eq!(set_up(&mut browser, &link, "ada", PASSWORD, PASSWORD).status, 303);
}

#[test]
fn a_wrong_link_opens_nothing() {
    let site = Site::without_users();
    let real = link(&site);
    let mut browser = site.browser();
    for path in ["/setup/x", &format!("{real}x"), &real[..real.len() - 1], &real.to_lowercase(), "/setup/%00"] {
        if path == real {
            continue;
        }
        assert_eq!(browser.get(path).status, 410, "{path}");
    }
    for path in ["/setup", "/setup/", &format!("{real}/")] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    assert_eq!(browser.get(&real).status, 200);
}

#[test]
fn where_there_is_a_user_there_is_no_link() {
    let site = Site::with_ada();
    // The link was printed before ada was there, and is worth nothing since.
    let link = link(&site);
    assert_eq!(site.browser().get(&link).status, 410);
    site.admin(&["remove", "ada"], "");
    assert_eq!(site.browser().get(&link).status, 410, "nor when there is nobody again");
}

#[test]
fn a_form_from_elsewhere_makes_no_administrator() {
    let site = Site::without_users();
    let (link, mut browser) = (link(&site), site.browser());
    let fields = [("name", "eve"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(browser.post(&link, &fields).status, 403, "without what is hidden in the form");
    let csrf = hidden(&browser.get(&link).text(), "csrf");
    let with = [&[("csrf", &*csrf)], &fields[..]].concat();
    let elsewhere = [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(browser.post_from(&link, &with, &elsewhere).status, 403);
    assert_eq!(site.browser().post(&link, &with).status, 403, "in another browser");
    assert!(!site.gateway.folder().join("admin-users.yaml").exists());
    assert_eq!(browser.post(&link, &with).status, 303);
}

#[test]
fn through_a_unix_socket_it_is_the_same() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("admin: { listen: unix:admin.sock }").start();
    let line = gateway.wait_for_line("this link makes the first administrator");
    let link = serde_json::from_str::<Value>(&line).unwrap()["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with("/setup/"), "what stands before it only the administrator knows: {link}");
    let curl = |arguments: &[&str], path: &str| {
        let mut command = Command::new("curl");
        command.current_dir(gateway.folder()).args(["--silent", "--unix-socket", "admin.sock", "-b", "jar", "-c", "jar"]);
        command.args(["-w", "%{http_code}"]).args(arguments).arg(format!("http://localhost{path}"));
        String::from_utf8(command.stdin(Stdio::null()).output().unwrap().stdout).unwrap()
    };
    let csrf = format!("csrf={}", hidden(&curl(&[], &link), "csrf"));
    let (password, again) = (format!("password={PASSWORD}"), format!("again={PASSWORD}"));
    let form = ["-d", "name=ada", "--data-urlencode", &csrf, "--data-urlencode", &password, "--data-urlencode", &again];
    let from = |origin: &str| [&["-H", origin], &form[..]].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
    for (origin, status) in [("Origin: http://evil.example", "403"), ("Origin: http://localhost", "303")] {
        let arguments = from(origin);
        let answer = curl(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &link);
        assert!(answer.ends_with(status), "{origin}: {answer}");
    }
    assert!(curl(&[], "/account").contains("You are signed in as <strong>ada</strong>"));
}

#[test]
fn whoever_hangs_up_leaves_a_line_in_the_audit_log() {
    let site = Site::without_users();
    let (link, mut browser) = (link(&site), site.browser());
    let csrf = hidden(&browser.get(&link).text(), "csrf");
    let set_up = [("csrf", &*csrf), ("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)];
    let added = site.wait_for_audit_of("add_user", "done", || browser.post_and_leave(&link, &set_up));
    assert_eq!(added["user"], "ada");
    let guess = [("csrf", &*csrf), ("name", "ada"), ("password", "a guess")];
    let refused = site.wait_for_audit_of("sign_in", "refused", || browser.post_and_leave("/sign-in", &guess));
    assert_eq!(refused["user"], "ada");
}

#[test]
fn a_gateway_that_may_not_write_the_users_file_says_so_and_prints_no_link_that_would_disappoint() {
    let setting = "admin: { listen: 127.0.0.1:0, users: not-there/admin-users.yaml }";
    let gateway = Gateway::builder().upstream(&Backend::start()).setting(setting).start();
    let line = gateway.wait_for_line("the users file cannot be written");
    assert!(line.contains("not-there/admin-users.yaml") && line.contains("No such file"), "{line}");
    gateway.wait_for_line("listening for administrators");
    assert_eq!(gateway.count_lines("/setup/"), 0);
}

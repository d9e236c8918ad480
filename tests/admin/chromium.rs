//! What a real browser makes of the pages, of their headers, and of others' attempts.

use serde_json::{Value, json};

use crate::browser::Site;
use crate::setup::link;
use crate::support::tools;

/// Goes through the pages in a window of this width.
#[track_caller]
fn visit(site: &Site, width: u32) -> Value {
    let base = format!("http://{}", site.address);
    let mut command = tools::browsing("admin/chromium.py");
    command.arg(&base).arg(format!("{base}{}", link(site))).arg(width.to_string());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "chromium and chromedriver are needed (./tests/run installs them): {told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_browser_signs_in_and_out_on_a_phone_and_on_a_desk_and_meets_a_page_that_means_harm() {
    for width in [390, 1280] {
        let seen = visit(&Site::without_users(), width);
        // That the right words came at each step the script itself has waited for.
        assert_eq!(seen["short_password"], seen["link"], "{seen}");
        assert_eq!(seen["signed_out"], "/sign-in", "{seen}");
        assert_eq!(seen["sent_to_sign_in"], "/sign-in?return=%2Faccount", "{seen}");
        assert_eq!(seen["back"], "/account", "{seen}");
        assert_eq!(seen["complaints"], json!([]), "the pages keep to their own policy");
        assert_eq!(seen["too_wide"], json!([]), "no page has to be moved sideways at {width} pixels");
        // Another port of this machine is the same site to a browser: it sends the cookie along.
        assert_eq!(seen["after_foreign_form"], "/account", "{seen}");
        assert!(!seen["framed"].as_str().unwrap().contains("signed in"), "{seen}");
    }
}

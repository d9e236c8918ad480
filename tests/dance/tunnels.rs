//! Tunnels that a user's token opened.

use crate::site::{REPORTING, Site};
use crate::support::{Backend, Client, Consumer, eventually, response};

/// Switches protocols for `/socket`, then records; answers anything else with `ok`.
fn switching() -> Backend {
    Backend::scripted(|wire| {
        while let Some(request) = wire.request() {
            if request.target == "/socket" {
                wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
                return wire.until_closed();
            }
            wire.send(&response(200, &[], b"ok"));
        }
    })
}

fn open(site: &Site, token: &str) -> Client {
    let mut client = site.gateway.client_from("127.0.0.1");
    let upgrade = REPORTING.signs().get("/socket").set("oauth_token", token);
    assert_eq!(client.ask(upgrade.line("Connection: Upgrade").line("Upgrade: websocket").bytes()).status, 101);
    client
}

#[test]
fn a_tunnel_ends_when_the_token_that_opened_it_is_revoked_or_renewed() {
    let site = Site::before(switching(), "{}", |builder| builder);
    let open = |token: &str| open(&site, token);
    let (renewed, staying) = (site.access_token_of(REPORTING, "bob"), site.access_token_of(REPORTING, "carol"));
    let revoked = site.access_token();
    let mut others = open(&staying.token);
    let (mut first, mut second) = (open(&revoked.token), open(&renewed.token));
    site.alice().revokes(REPORTING.key);
    assert_eq!(first.until_closed(), b"");
    assert_eq!(site.renew(&renewed.token, &renewed.session_handle).status, 200);
    assert_eq!(second.until_closed(), b"");
    site.gateway.wait_for_line("a tunnel was closed: its access token is no longer good");
    // Another user's tunnel has nothing to do with it.
    others.send(b"still here");
    site.backend.wait("its bytes arrive", |records| records.iter().any(|it| it.bytes.ends_with(b"still here")).then_some(()));
}

#[test]
fn a_tunnel_of_a_user_ends_when_its_consumer_may_no_longer_use_tokens_and_not_when_it_needs_one() {
    let site = Site::before(switching(), "{}", |builder| builder);
    let token = site.access_token().token;
    let mut tunnel = open(&site, &token);
    let change = |line: &str| site.gateway.write_consumers(&Consumer::file(&[REPORTING.entry().with(line)]));
    change("two_legged: { allowed: false, execute_as: bob }");
    eventually("the change is live", || (site.gateway.ask(&REPORTING.signs().get("/x")).status == 401).then_some(()));
    // Longer than a tunnel takes to ask for its consumer.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    tunnel.send(b"still here");
    site.backend.wait("its bytes arrive", |records| records.iter().any(|it| it.bytes.ends_with(b"still here")).then_some(()));
    change("three_legged: false");
    assert_eq!(tunnel.until_closed(), b"");
    site.gateway.wait_for_line("three_legged: false");
}

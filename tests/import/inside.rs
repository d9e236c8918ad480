//! Row H48 of docs/attacks.md: whoever names the URL does not reach what only this machine reaches.

use super::application::{Application, Screen, import, with_empty_list};
use super::support::Backend;

/// A refusal for where the host is; it names the options that would allow it.
#[track_caller]
fn is_inside(screen: &Screen, what: &str, addresses: &[&str]) {
    let options: String = addresses.iter().map(|address| format!(" --allow-address {address}")).collect();
    screen.refused(&format!("is {what}"), &options);
}

#[test]
fn h48_the_machine_itself_is_not_asked_in_any_spelling_of_its_address() {
    let inside = Backend::start();
    let port = inside.address().port();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.000.000.001",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "127.0.0.2",
        "0.0.0.0",
        "0",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "user@127.0.0.1",
        "9.9.9.9@127.0.0.1",
    ];
    for host in hosts {
        for scheme in ["http", "https"] {
            let screen = import(&format!("{scheme}://{host}:{port}/"), &["--http"]);
            assert!(screen.err.contains("is this machine itself"), "{host}: {screen:?}");
            assert_eq!(screen.code, Some(1), "{host}");
        }
    }
    inside.assert_untouched();
}

#[test]
fn h48_metadata_services_and_private_networks_are_not_asked() {
    let cases = [
        ("169.254.169.254", "a cloud's metadata service"),
        ("2852039166", "a cloud's metadata service"),
        ("[::ffff:a9fe:a9fe]", "a cloud's metadata service"),
        ("[fd00:ec2::254]", "a cloud's metadata service"),
        ("100.100.100.200", "a cloud's metadata service"),
        ("10.0.0.1", "a private network"),
        ("172.31.0.1", "a private network"),
        ("192.168.1.1", "a private network"),
        ("[fd00::1]", "a private network"),
        ("[64:ff9b::10.0.0.1]", "a private network"),
        ("100.64.0.1", "a provider's inner network"),
        ("169.254.0.1", "the local segment of the network"),
        ("[fe80::1]", "the local segment of the network"),
        ("224.0.0.1", "a group of hosts"),
        ("[ff02::1]", "a group of hosts"),
        ("192.0.2.1", "a reserved range"),
    ];
    for (host, what) in cases {
        is_inside(&import(&format!("https://{host}/"), &[]), what, &[]);
    }
}

#[test]
fn h48_the_refusal_is_one_step_from_the_command_that_works() {
    let application = Application::start();
    let url = application.url("jira");
    let clear = import(&url, &[]);
    clear.refused("over http", " --http");
    let inside = import(&url, &["--http"]);
    is_inside(&inside, "this machine itself", &["127.0.0.1"]);
    // As it stands there, but for the name of the program.
    let hint = inside.err.split_once("countersign ").unwrap().1;
    let screen = with_empty_list(&hint.split_whitespace().collect::<Vec<_>>());
    assert_eq!(screen.code, Some(0), "{screen:?}");
}

#[test]
fn h48_allowing_one_address_allows_no_other() {
    let inside = Backend::start();
    let port = inside.address().port();
    for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"] {
        let screen = import(&format!("http://{host}:{port}/"), &["--http", "--allow-address", "127.0.0.2"]);
        assert!(screen.code == Some(1) && screen.err.contains("--allow-address 127.0.0.2 --allow-address"), "{host}: {screen:?}");
    }
    inside.assert_untouched();
}

#[test]
fn h48_a_redirect_inside_or_to_another_host_is_not_followed() {
    let (application, inside) = (Application::start(), Backend::start());
    let port = inside.address().port();
    let elsewhere = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://localhost:{}/jira", application.port),
        format!("//127.0.0.1:{port}/x"),
        format!("http://127.0.0.1:{}@127.0.0.2:{port}/", application.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]/".to_owned(),
    ];
    for location in elsewhere {
        let hexadecimal: String = location.bytes().map(|byte| format!("{byte:02x}")).collect();
        let screen = application.import(&format!("redirect/{hexadecimal}"));
        screen.refused(&format!("redirects to {location}, which is not followed"), "new URL");
    }
    let file: String = b"file:///etc/passwd".iter().map(|byte| format!("{byte:02x}")).collect();
    application.import(&format!("redirect/{file}")).refused("nothing is read from file: URLs", "https URL");
    application.import("loop").refused("redirects without an end", "browser");
    inside.assert_untouched();
}

#[test]
fn h48_other_schemes_and_texts_that_are_no_base_url_are_refused() {
    for url in ["file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1:6379/", "dict://127.0.0.1/", "jar:https://a/!/"] {
        import(url, &[]).refused("nothing is read from", "https URL");
    }
    import("jira.example.com", &[]).refused("is no URL", "https://jira.example.com");
    for url in ["https://", "https://example.com/?x=1", "https://example.com/#x", "https://[::1", "https://exa mple.com/"] {
        import(url, &[]).refused("is no base URL", "https://jira.example.com");
    }
}

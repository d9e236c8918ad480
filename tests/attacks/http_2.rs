//! HTTP/2, which is not spoken: nothing of it is read, so nothing in it can be a flood.

use crate::support::{Backend, Gateway, by_reporting};

/// RFC 9113 §3.4: what a client begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames (§6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

/// The flags of HEADERS that nothing more of the request, and nothing more of its headers, comes (§6.2).
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET http://a/` by the static table of RFC 7541, with an identity header of its own.
const REQUEST: &[u8] = b"\x82\x86\x84\x41\x01a\x00\x10x-forwarded-user\x05admin";

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Odd stream numbers are the client's (§5.1.1).
fn streams(count: u32, frames: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..count).flat_map(|number| frames(2 * number + 1)).collect()
}

#[test]
fn f39_whoever_begins_with_http_2_is_hung_up_on_and_none_of_the_frames_is_read() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /**, access: open }")
        .setting("timeouts: { header: 1s, idle: 1s }")
        .start();
    let request = |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, REQUEST);
    let begun = frame(HEADERS, 0, 1, REQUEST);
    let floods: [(&str, Vec<u8>); 9] = [
        ("one request", request(1)),
        (
            "streams that are reset at once",
            streams(10_000, |stream| [request(stream), frame(RST_STREAM, 0, stream, &[0; 4])].concat()),
        ),
        ("headers without an end", [begun.clone(), frame(CONTINUATION, 0, 1, &[0x82; 1000]).repeat(10_000)].concat()),
        ("empty data", [begun, frame(DATA, 0, 1, b"").repeat(100_000)].concat()),
        ("pings", frame(PING, 0, 0, &[0; 8]).repeat(100_000)),
        ("settings", frame(SETTINGS, 0, 0, b"").repeat(100_000)),
        // INITIAL_WINDOW_SIZE, 0: nothing may be answered.
        ("a window of nothing", [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), streams(10_000, request)].concat()),
        // One long value in the table, and then its number again and again.
        (
            "small headers that unpack to large ones",
            streams(100, |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, &bomb())),
        ),
        ("nothing more", Vec::new()),
    ];
    let before = gateway.resident_kib();
    for (what, frames) in floods {
        let mut client = gateway.client();
        client.send([PREFACE, &frame(SETTINGS, 0, 0, b""), &frames].concat());
        assert_eq!(client.until_closed().escape_ascii().to_string(), "", "{what}");
        // Behind a request that was answered, too.
        let mut client = gateway.client();
        assert_eq!(client.ask(by_reporting().get("/good").bytes()).status, 200, "{what}");
        client.send([PREFACE, &frame(SETTINGS, 0, 0, b""), &frames].concat());
        assert_eq!(client.until_closed().escape_ascii().to_string(), "", "{what}, behind a request");
    }
    // One that stalls in the preface has the time that any head has.
    for part in [1, 16, PREFACE.len() - 1] {
        let mut client = gateway.client();
        client.send(&PREFACE[..part]);
        client.until_closed();
    }
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 20 * 1024, "memory grew by {grown} KiB");
    assert!(backend.requests().iter().all(|request| request.target == "/good"), "{:?}", backend.requests());
    assert!(!backend.bytes().windows(5).any(|window| window == b"admin"));
}

/// 4,000 bytes of a header that is kept (RFC 7541 §6.2.1), and the number of its place 10,000 times (§6.1).
fn bomb() -> Vec<u8> {
    let value = [b'x'; 4000];
    // 4000 as an integer of seven bits and more: 127, 3873 in groups of seven bits.
    let kept = [&b"\x40\x01a"[..], &[0x7f, 0xa1, 0x1e], &value].concat();
    [kept, vec![0xbe; 10_000]].concat()
}

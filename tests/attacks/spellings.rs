//! Every single bit of what is signed.

use std::ops::Range;

use crate::support::{Backend, Client, Consumer, Gateway, Place, RSA_1024, signed};

/// The parts of the request that are signed, or are the signature.
struct Parts {
    method: Range<usize>,
    target: Range<usize>,
    host: Range<usize>,
    values: Vec<Range<usize>>,
}

#[test]
fn a02_no_mutant_of_a_signed_request_passes() {
    let original = signed("reporting", &RSA_1024).get("/rest/api/2/x?name=b%2Fc&d=1").bytes();
    let parts = Parts::of(&original);
    no_mutant_passes(&original, &parts.positions(), |position, mutated| parts.is_equivalent(&original, position, mutated));
}

#[test]
fn a02_no_mutant_of_a_signed_form_passes() {
    let request = signed("reporting", &RSA_1024).post("/rest/api/2/x?d=1").form("name=b%2Fc&n=+1&e=").in_place(Place::Form);
    let original = request.bytes();
    let text = std::str::from_utf8(&original).unwrap();
    let body = text.find("\r\n\r\n").unwrap() + 4..original.len();
    let target = text.find(' ').unwrap() + 1..text.find(" HTTP").unwrap();
    let positions: Vec<usize> = target.chain(body.clone()).collect();
    no_mutant_passes(&original, &positions, |position, mutated| {
        body.contains(&position) && in_escape(&original, position) && is_other_case(original[position], mutated)
    });
}

/// Sends the request with each bit of these positions flipped; an equivalent mutant is the same request in another spelling.
fn no_mutant_passes(original: &[u8], positions: &[usize], is_equivalent: impl Fn(usize, u8) -> bool) {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).consumer(Consumer::new("reporting", &RSA_1024)).start();
    let method = original.iter().position(|b| *b == b' ').unwrap();
    let (mut mutants, mut equivalents) = (0, Vec::new());
    let mut client: Option<Client> = None;
    for &position in positions {
        for bit in 0..8 {
            let mut mutant = original.to_vec();
            mutant[position] ^= 1 << bit;
            if is_equivalent(position, mutant[position]) {
                equivalents.push(mutant);
                continue;
            }
            // Failures from one address are capped; another address keeps the cap from answering for the signature check.
            if mutants % 500 == 0 {
                client = None;
            }
            let source = format!("127.0.1.{}", 1 + mutants / 500);
            mutants += 1;
            let mut connection = client.take().unwrap_or_else(|| gateway.client_from(&source));
            let shown = mutant.escape_ascii();
            let response = connection.ask(&mutant);
            // An unknown method is 501 by the table of refusals; all else is the caller's mistake.
            let unknown_method = response.status == 501 && position < method;
            assert!((400..500).contains(&response.status) || unknown_method, "{}: {shown}", response.status);
            assert_ne!(response.status, 429, "the cap answered: {shown}");
            assert_eq!(backend.connections(), 0, "reached the backend: {shown}");
            if response.status == 401 {
                client = Some(connection);
            }
        }
    }
    assert!(mutants > 1000, "only {mutants} mutants");

    // What means the same is the same request: the first passes, and each of the others is its replay.
    assert!(!equivalents.is_empty());
    for (index, equivalent) in equivalents.iter().enumerate() {
        let response = gateway.ask_raw(equivalent);
        let expected = if index == 0 { 200 } else { 401 };
        assert_eq!(response.status, expected, "{}: {}", equivalent.escape_ascii(), response.text());
    }
    assert_eq!(backend.requests().len(), 1);
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut spaces = text.match_indices(' ').map(|(at, _)| at);
        let (first, second) = (spaces.next().unwrap(), spaces.next().unwrap());
        let host = text.find("Host: ").unwrap() + 6;
        let host = host..host + text[host..].find("\r\n").unwrap();
        let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
        let values = quotes.chunks(2).map(|two| two[0] + 1..two[1]).collect();
        Self { method: 0..first, target: first + 1..second, host, values }
    }

    fn positions(&self) -> Vec<usize> {
        let parts = [&self.method, &self.target, &self.host].into_iter().chain(&self.values);
        parts.flat_map(Range::clone).collect()
    }

    /// Two spellings of one request, by RFC 5849: letters of the host in another case (§3.4.1.2), and the hexadecimal
    /// digits of an escape in another case where values are decoded (§3.4.1.3), which the path is not.
    fn is_equivalent(&self, original: &[u8], position: usize, mutated: u8) -> bool {
        let query_start = original.iter().position(|b| *b == b'?').unwrap();
        let decoded = (query_start..self.target.end).contains(&position) || self.values.iter().any(|v| v.contains(&position));
        let spelled = self.host.contains(&position) || (decoded && in_escape(original, position));
        spelled && is_other_case(original[position], mutated)
    }
}

fn is_other_case(original: u8, mutated: u8) -> bool {
    original.is_ascii_alphabetic() && original.eq_ignore_ascii_case(&mutated)
}

fn in_escape(text: &[u8], position: usize) -> bool {
    text[position.saturating_sub(1)] == b'%' || text[position.saturating_sub(2)] == b'%'
}

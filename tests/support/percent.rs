//! Percent-encoding as RFC 5849 §3.6 has it, and the reading of form-encoded text; written for the tests alone.

/// Everything but the unreserved characters of RFC 3986 becomes `%XX` with upper-case digits.
pub fn encode(text: impl AsRef<[u8]>) -> String {
    let mut encoded = String::new();
    for byte in text.as_ref() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(*byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// Reads `%XX`, and `+` as a blank.
pub fn decode_form(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digits = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                // A broken escape is what some tests are about: it stands for itself, and the gateway has to say no.
                match digits {
                    Some(byte) => {
                        decoded.push(byte);
                        at += 2;
                    }
                    None => decoded.push(b'%'),
                }
            }
            other => decoded.push(other),
        }
        at += 1;
    }
    decoded
}

/// The pairs of a query or form, decoded.
pub fn pairs(text: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    text.split('&')
        .filter(|segment| !segment.is_empty())
        .map(|segment| segment.split_once('=').unwrap_or((segment, "")))
        .map(|(name, value)| (decode_form(name), decode_form(value)))
        .collect()
}

//! Percent encoding as RFC 5849 §3.6 wants it, and a strict decoder.
//!
//! Works on bytes: a value need not be UTF-8 to be signed.

use std::borrow::Cow;

/// A `%` that is not followed by two hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEscape {
    /// Where the `%` stands, in bytes from the start of the text.
    pub at: usize,
}

/// What a `+` stands for in the text being decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// A blank, as in `application/x-www-form-urlencoded` (query and form body, RFC 5849 §3.4.1.3.1).
    IsSpace,
    /// Itself, as in the Authorization header (RFC 5849 §3.5.1) and in a path.
    IsPlus,
}

/// Encodes everything but the unreserved characters (`A–Z a–z 0–9 - . _ ~`), with upper-case digits.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    encode_into(&mut out, bytes);
    String::from_utf8(out).expect("percent-encoded text is ASCII")
}

/// [`encode`], appended to `out`.
pub fn encode_into(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_unreserved_text(bytes) {
        out.extend_from_slice(bytes);
    } else {
        bytes.iter().for_each(|byte| push_encoded(out, *byte));
    }
}

/// Decodes once.
///
/// # Errors
/// [`BadEscape`] for a `%` without two hexadecimal digits; nothing is guessed.
pub fn decode(text: &[u8], plus: Plus) -> Result<Cow<'_, [u8]>, BadEscape> {
    let next = |from: usize| match plus {
        Plus::IsPlus => memchr::memchr(b'%', &text[from..]),
        Plus::IsSpace => memchr::memchr2(b'%', b'+', &text[from..]),
    };
    let Some(mut run) = next(0) else { return Ok(Cow::Borrowed(text)) };
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    loop {
        out.extend_from_slice(&text[at..at + run]);
        at += run;
        match text.get(at) {
            None => return Ok(Cow::Owned(out)),
            Some(b'%') => out.push(decode_escape(text, &mut at)?),
            Some(plus_sign) => {
                out.push(plus.decoded(*plus_sign));
                at += 1;
            }
        }
        run = next(at).unwrap_or(text.len() - at);
    }
}

/// Decodes `text` and encodes the result in one pass: the normal form of RFC 5849 §3.4.1.3.2 step 1.
///
/// # Errors
/// As [`decode`]; `out` may then hold a part of the text.
pub fn normalize_into(out: &mut Vec<u8>, text: &[u8], plus: Plus) -> Result<(), BadEscape> {
    let mut at = 0;
    loop {
        let run = memchr::memchr(b'%', &text[at..]).unwrap_or(text.len() - at);
        let literal = &text[at..at + run];
        if is_unreserved_text(literal) {
            out.extend_from_slice(literal);
        } else {
            literal.iter().for_each(|byte| push_encoded(out, plus.decoded(*byte)));
        }
        at += run;
        if at == text.len() {
            return Ok(());
        }
        push_encoded(out, decode_escape(text, &mut at)?);
    }
}

/// Whether the byte stands for itself in encoded text (RFC 3986 §2.3).
pub const fn is_unreserved(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    letter | digit | (byte == b'-') | (byte == b'.') | (byte == b'_') | (byte == b'~')
}

/// Whether all bytes are unreserved. A chunk is judged without a branch inside, so that the compiler takes vector
/// instructions for it; the last one may overlap the one before.
fn is_unreserved_text(text: &[u8]) -> bool {
    let plain = |chunk: &[u8; CHUNK]| chunk.iter().fold(0, |any, byte| any | u8::from(!is_unreserved(*byte))) == 0;
    match text.last_chunk() {
        Some(last) => text.as_chunks().0.iter().all(plain) && plain(last),
        None => text.iter().all(|byte| UNRESERVED[usize::from(*byte)]),
    }
}

impl Plus {
    fn decoded(self, byte: u8) -> u8 {
        if byte == b'+' && self == Self::IsSpace { b' ' } else { byte }
    }
}

/// The byte that the escape at `at` stands for; `at` moves behind it.
fn decode_escape(text: &[u8], at: &mut usize) -> Result<u8, BadEscape> {
    let digits = text.get(*at + 1).zip(text.get(*at + 2));
    let value = digits.and_then(|(&high, &low)| Some(digit(high)? << 4 | digit(low)?));
    let value = value.ok_or(BadEscape { at: *at })?;
    *at += 3;
    Ok(value)
}

fn push_encoded(out: &mut Vec<u8>, byte: u8) {
    if UNRESERVED[usize::from(byte)] {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Bytes judged at once: a vector register of every x86-64 and AArch64 machine.
const CHUNK: usize = 16;

/// [`is_unreserved`] as a table, which is faster for single bytes.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_unreserved(byte as u8);
        byte += 1;
    }
    table
};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_unreserved_characters_stand_for_themselves() {
        assert_eq!(encode("aZ0-._~ +%&=!*'()/\u{263a}".as_bytes()), "aZ0-._~%20%2B%25%26%3D%21%2A%27%28%29%2F%E2%98%BA");
    }

    #[test]
    fn a_plus_is_a_blank_only_in_a_form() {
        assert_eq!(*decode(b"a+b%2B", Plus::IsSpace).unwrap(), *b"a b+");
        assert_eq!(*decode(b"a+b%2b", Plus::IsPlus).unwrap(), *b"a+b+");
    }

    #[test]
    fn a_bad_escape_is_refused_where_it_stands() {
        for (text, at) in [("%", 0), ("a%4", 1), ("a%zz", 1), ("%41%", 3), ("%+1", 0), ("%%41", 0)] {
            assert_eq!(decode(text.as_bytes(), Plus::IsPlus), Err(BadEscape { at }), "{text}");
        }
    }

    #[test]
    fn a_reserved_character_is_encoded_wherever_it_stands() {
        for length in 1..40 {
            for at in 0..length {
                let mut text = vec![b'a'; length];
                text[at] = b'&';
                let mut normal = Vec::new();
                normalize_into(&mut normal, &text, Plus::IsPlus).unwrap();
                assert_eq!(normal, encode(&text).into_bytes(), "{length} characters, the reserved one at {at}");
                assert_eq!(normal.len(), length + 2);
            }
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            let encoded = encode(&bytes);
            for plus in [Plus::IsSpace, Plus::IsPlus] {
                prop_assert_eq!(&*decode(encoded.as_bytes(), plus).unwrap(), &bytes[..]);
            }
        }

        #[test]
        fn normalizing_is_decoding_then_encoding(text: Vec<u8>) {
            let mut normal = Vec::new();
            let result = normalize_into(&mut normal, &text, Plus::IsSpace);
            match decode(&text, Plus::IsSpace) {
                Ok(decoded) => prop_assert_eq!(normal, encode(&decoded).into_bytes()),
                Err(bad) => prop_assert_eq!(result, Err(bad)),
            }
        }
    }
}

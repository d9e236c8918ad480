//! The name of a new consumer's file in a folder.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A name for any key, without the ending. Two keys never have the same name; it is never hidden, and never an option.
pub(super) fn of(key: &str) -> String {
    let mut name = String::new();
    for (at, byte) in key.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || byte == b'_' || (at > 0 && matches!(byte, b'-' | b'.'));
        if plain {
            name.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    if name.len() <= LONGEST {
        return name;
    }
    let digest = Sha256::digest(key.as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}%{digest}", &name[..LONGEST - digest.len() - 1])
}

/// File systems take 255 bytes; an ending, a number and the name of the temporary file have to fit too.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_key_has_a_safe_name_of_its_own() {
        for (key, name) in [
            ("reports", "reports"),
            ("Confluence:5413647675", "Confluence%3A5413647675"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            (".hidden", "%2Ehidden"),
            ("-rf", "%2Drf"),
            ("a b%", "a%20b%25"),
            ("ü\u{202e}", "%C3%BC%E2%80%AE"),
        ] {
            assert_eq!(of(key), name);
        }
        let (long, other) = ("ü".repeat(127), format!("{}v", "ü".repeat(126)));
        assert!(of(&long).len() <= LONGEST && of(&long) != of(&other));
    }
}

//! RFC 5849 and nothing else: bytes in, values out.
//!
//! Kept out: sockets, files, clocks, configuration and HTTP types. Names are the RFC's own.

mod armour;
pub mod base_string;
pub mod body_hash;
pub mod key;
mod key_error;
pub mod nonce;
pub mod parameters;
pub mod percent;
pub mod signature;
pub mod timestamp;

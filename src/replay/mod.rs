//! Replay protection: every nonce that was accepted, for as long as its timestamp could be accepted again.
//!
//! In memory: a restart forgets. Live nonces are never evicted; at the bound new requests are refused.

mod table;

pub use table::{NonceId, NonceRecorded, NonceRefused, NonceTable, Shares};

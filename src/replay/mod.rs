//! Replay protection: every nonce that was accepted, for as long as its timestamp could be accepted again.
//!
//! Kept in memory and in a journal on disk, so that a killed gateway forgets nothing. Live nonces are never evicted; at the
//! bound new requests are refused.

mod bucket;
mod journal;
mod mark;
#[cfg(test)]
mod model;
mod restore;
mod table;

pub use restore::Memory;
pub use table::{NonceId, NonceRecorded, NonceRefused, NonceTable, Shares};

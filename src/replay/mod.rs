//! Replay protection: every nonce that was accepted, for as long as its timestamp could be accepted again.
//!
//! Kept in memory and in a journal on disk, so that a killed gateway forgets nothing; where there are several instances, also in
//! a store that they share. Live nonces are never evicted; at the bound new requests are refused.

mod bucket;
mod journal;
mod mark;
#[cfg(test)]
mod model;
mod nonces;
mod restore;
mod shared;
mod table;

pub use nonces::Nonces;
pub use restore::Memory;
pub use shared::{ClaimFault, ClaimId, NotInitialised, SharedStore, StoreTrouble, initialise};
pub use table::{NonceId, NonceRecorded, NonceRefused, NonceTable, Shares};

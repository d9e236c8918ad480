//! The store that several instances share, so that what one accepted no other does: a Redis or Valkey server.
//!
//! Exactly once: `SET … NX` grants a nonce to one request of one instance. Fail closed: what the store does not grant in time is
//! refused with 503, and so is everything when the store is not one that remembers: that evicts, is a replica, or has another
//! marker than the one that this instance knows. A store that may have forgotten (restarted, emptied, failed over, its clock set
//! forward) is used again at once, and timestamps that anybody can have accepted before are refused until they are too old, as
//! after a crash of the machine with one instance.
//!
//! Kept out: what this instance remembers itself, see `replay::table`. Its table and journal stay what they are without a store,
//! so that an instance never accepts again what it accepted itself, whatever the store forgot.

mod claim;
#[cfg(test)]
mod fake;
mod init;
mod keeper;
mod marker;
mod name;
mod server;
mod store;
mod trouble;

pub(super) use claim::{Claimed, Instances};
pub use init::{NotInitialised, initialise};
pub use name::ClaimId;
pub use store::SharedStore;
pub use trouble::{ClaimFault, StoreTrouble};

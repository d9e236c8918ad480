//! Replaced policies, until the last request that goes by them is over.

use std::sync::Arc;

use crate::policy::Policy;

/// Whoever drops the last reference to a list of 100,000 consumers frees them all, and a request that waits for its backend may
/// hold it. It is this one's reference that is dropped last, so that no data-plane thread stands still for that.
#[derive(Default)]
pub(super) struct Retired(Vec<Arc<Policy>>);

impl Retired {
    /// `policy` is no longer the one that new requests get.
    pub(super) fn keep(&mut self, policy: Arc<Policy>) {
        self.0.push(policy);
    }

    /// Frees what only this holds. Nobody can come to hold it again: requests take what is current.
    pub(super) fn let_go(&mut self) {
        self.0.retain(|policy| Arc::strong_count(policy) > 1);
    }
}

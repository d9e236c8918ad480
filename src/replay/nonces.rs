//! All that is known of nonces: the table of this process and, where there are several instances, the store they share.

use std::io;

use super::shared::{Instances, SharedStore};
use super::table::{NonceId, NonceRecorded, NonceRefused, NonceTable, Shares};
use crate::oauth::key::SignatureValid;
use crate::oauth::nonce::Nonce;
use crate::oauth::timestamp::{Timestamp, Window};

/// The nonces that were accepted, by this instance and by those that it shares a store with.
#[derive(Debug)]
pub struct Nonces {
    table: NonceTable,
    instances: Instances,
}

impl Nonces {
    /// Those of the only instance.
    pub fn of_one_instance(table: NonceTable) -> Self {
        Self { table, instances: Instances::One }
    }

    /// Those of several instances.
    pub fn of_several(table: NonceTable, store: SharedStore) -> Self {
        Self { table, instances: Instances::Several(Box::new(store)) }
    }

    /// Names what a request would use up.
    pub fn id(&self, consumer: &str, token: &[u8], stamp: Timestamp, nonce: &Nonce) -> NonceId {
        let claim = self.shared_store().map(|store| store.claim_id(consumer, token, stamp, nonce));
        self.table.id(consumer, token, stamp, nonce).claimed_as(claim)
    }

    /// Whether the nonce would be refused by what is known here; a replay is told so before anything else is looked at, and
    /// costs the store nothing.
    ///
    /// # Errors
    /// [`NonceRefused::Used`] or [`NonceRefused::Forgotten`].
    pub fn peek(&self, id: NonceId) -> Result<(), NonceRefused> {
        if id.stamp() < self.first_remembered() {
            return Err(NonceRefused::Forgotten);
        }
        self.table.peek(id)
    }

    /// Records the nonce, once among all instances.
    ///
    /// Room here, then the claim in the store, then the record here: what would be refused here is not used up in the store,
    /// and what the store did not grant leaves nothing here, so that the request may be sent again.
    ///
    /// # Errors
    /// [`NonceRefused`]; what is known here is then as it was before.
    pub async fn commit(
        &self,
        proof: SignatureValid,
        id: NonceId,
        window: Window,
        shares: Shares,
    ) -> Result<NonceRecorded, NonceRefused> {
        let reserved = self.table.reserve(proof, id, window, shares)?;
        let claimed = self.instances.claim(id, window).await?;
        reserved.record(claimed)
    }

    /// Drops what is out of the window for good, and says how many nonces that were. To be called every second or so.
    ///
    /// # Errors
    /// What the disk says; nothing is dropped then.
    pub fn sweep(&self, window: Window) -> io::Result<usize> {
        self.table.sweep(window)
    }

    /// Puts everything on the disk. To be called when no request is in flight any more.
    ///
    /// # Errors
    /// What the disk says; the next start then takes this end for a crash of the process.
    pub fn close(&self) -> io::Result<()> {
        self.table.close()
    }

    /// How many nonces are live that this instance accepted.
    pub fn live(&self) -> usize {
        self.table.live()
    }

    /// The first stamp whose nonces are all remembered, here and in the store.
    pub fn first_remembered(&self) -> Timestamp {
        let shared = self.shared_store().and_then(SharedStore::first_remembered);
        shared.map_or(self.table.first_remembered(), |shared| shared.max(self.table.first_remembered()))
    }

    /// The store, where there are several instances.
    pub fn shared_store(&self) -> Option<&SharedStore> {
        match &self.instances {
            Instances::One => None,
            Instances::Several(store) => Some(store),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, ManualClock};

    const NOW: u64 = 1_700_000_000;
    const WINDOW: Window = Window { max_age: 300, max_ahead: 300 };

    #[test]
    fn the_only_instance_tells_what_its_table_knows() {
        let clock = ManualClock::at(NOW);
        let nonces = Nonces::of_one_instance(NonceTable::in_memory([7; 16], Clock::Manual(Arc::clone(&clock))));
        let id = |stamp, nonce| nonces.id("a", b"", Timestamp::from_seconds(stamp), &Nonce::new(nonce).unwrap());
        let shares = Shares { all: 10, of_consumer: 10 };
        assert_eq!(nonces.peek(id(nonces.first_remembered().seconds(), "n")), Ok(()));
        for nonce in ["1", "2"] {
            nonces.table.commit(SignatureValid::for_tests(), id(NOW, nonce), WINDOW, shares).unwrap();
        }
        assert_eq!((nonces.live(), nonces.peek(id(NOW, "1"))), (2, Err(NonceRefused::Used)));
        clock.advance(1000);
        assert_eq!((nonces.sweep(WINDOW).unwrap(), nonces.live()), (2, 0));
        let first = nonces.first_remembered().seconds();
        assert!(first > NOW && nonces.shared_store().is_none());
        assert_eq!(nonces.peek(id(first - 2, "1")), Err(NonceRefused::Forgotten));
        assert_eq!(nonces.peek(id(first - 1, "1")), Err(NonceRefused::Forgotten));
        assert_eq!(nonces.peek(id(first, "1")), Ok(()));
    }
}

//! The claim of a nonce among all instances. This file makes [`Claimed`], from the store's yes and from nothing else.
//!
//! Read with `replay::table`, which takes the proof by value.

use std::time::Duration;

use redis::Value;
use tokio::time::timeout;

use super::keeper::State;
use super::marker::{MARKER, keep_for};
use super::store::SharedStore;
use super::trouble::ClaimFault;
use crate::oauth::timestamp::Window;
use crate::replay::{NonceId, NonceRefused};

/// Who may accept a nonce.
#[derive(Debug)]
pub(in crate::replay) enum Instances {
    /// This one alone.
    One,
    /// All that share the store.
    Several(Box<SharedStore>),
}

/// Proof that no other instance accepts the nonce.
#[derive(Debug)]
pub(in crate::replay) struct Claimed(());

impl Instances {
    /// Claims a nonce: of all instances and all their requests with it exactly one is told yes.
    ///
    /// # Errors
    /// [`NonceRefused`]. Without an answer in time nobody knows whether the store has recorded the nonce; it may be refused
    /// as used when the same bytes are sent again, and never accepted twice.
    pub(in crate::replay) async fn claim(&self, id: NonceId, window: Window) -> Result<Claimed, NonceRefused> {
        match (self, id.claim()) {
            (Self::One, _) => Ok(Claimed(())),
            (Self::Several(store), Some(_)) => store.claim(id, window).await,
            // It was named when there was no store.
            (Self::Several(_), None) => Err(NonceRefused::Unclaimed(ClaimFault::Unfit)),
        }
    }
}

impl SharedStore {
    async fn claim(&self, id: NonceId, window: Window) -> Result<Claimed, NonceRefused> {
        let Some(name) = id.claim() else { return Err(NonceRefused::Unclaimed(ClaimFault::Unfit)) };
        let state = self.common.state.load_full();
        let link = match &*state {
            State::Ready(link) => link,
            State::Down(trouble) => return Err(NonceRefused::Unclaimed(trouble.fault())),
        };
        if id.stamp() < link.marker.from.max(self.common.first_kept(window)) {
            return Err(NonceRefused::Forgotten);
        }
        let keep = keep_for(id.stamp(), window, self.clock.wall());
        let mut question = redis::pipe();
        question.cmd("SET").arg(name.key()).arg(1).arg("NX").arg("EX").arg(keep);
        // After the nonce: a store that is emptied before this is looked at has no marker, and one that is emptied after it
        // has none for whoever comes next.
        question.cmd("GET").arg(MARKER);
        let mut connection = link.connection.clone();
        let answer = in_time(self.timeout, question.query_async::<(Value, Option<String>)>(&mut connection)).await;
        let granted = answer.and_then(|(set, marker)| match (set, marker) {
            (_, marker) if marker.as_deref() != Some(&link.text) => Err(ClaimFault::Unfit),
            (Value::Okay, _) => Ok(true),
            (Value::Nil, _) => Ok(false),
            _ => Err(ClaimFault::Failing),
        });
        match granted {
            Ok(true) => Ok(Claimed(())),
            Ok(false) => Err(NonceRefused::Used),
            Err(fault) => {
                self.common.doubt.notify_one();
                Err(NonceRefused::Unclaimed(fault))
            }
        }
    }
}

async fn in_time<T>(limit: Duration, answer: impl Future<Output = redis::RedisResult<T>>) -> Result<T, ClaimFault> {
    match timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|error| super::trouble::StoreTrouble::from(&error).fault()),
        Err(_) => Err(ClaimFault::Silent),
    }
}

#[cfg(test)]
impl Claimed {
    /// A proof of nothing, for tests of what comes after it.
    pub(in crate::replay) fn for_tests() -> Self {
        Self(())
    }
}

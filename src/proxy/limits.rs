//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;

use crate::config::Limits;

/// Counts open connections.
#[derive(Debug, Default)]
pub struct ConnectionLimits {
    open: AtomicUsize,
    by_address: DashMap<IpAddr, usize>,
    closed: Mutex<ClosedAtOnce>,
}

/// A counted connection; gives its place back when it is dropped.
#[derive(Debug)]
pub struct Place {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

/// Which limit a new connection would pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// `limits.connections`
    InAll,
    /// `limits.connections_per_address`
    ForAddress,
}

/// Connections that found no place, since this was taken last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClosedAtOnce {
    /// Because of `limits.connections`.
    pub in_all: u64,
    /// Because of `limits.connections_per_address`. No more addresses than connections can be here.
    pub by_address: HashMap<IpAddr, u64>,
}

impl ConnectionLimits {
    /// Counts a connection from `address`.
    ///
    /// # Errors
    /// `Full` if it would be one too many.
    pub fn enter(self: &Arc<Self>, address: IpAddr, limits: &Limits) -> Result<Place, Full> {
        if self.open.fetch_add(1, Ordering::SeqCst) >= limits.connections {
            self.open.fetch_sub(1, Ordering::SeqCst);
            self.closed().in_all += 1;
            return Err(Full::InAll);
        }
        *self.by_address.entry(address).or_default() += 1;
        let place = Place { limits: Arc::clone(self), address };
        let of_address = self.by_address.get(&address).map_or(0, |count| *count);
        if of_address > limits.connections_per_address {
            *self.closed().by_address.entry(address).or_default() += 1;
            return Err(Full::ForAddress);
        }
        Ok(place)
    }

    /// Open connections.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Takes the counts of those that found no place, and begins again.
    pub fn take_closed(&self) -> ClosedAtOnce {
        std::mem::take(&mut *self.closed())
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, ClosedAtOnce> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limits.open.fetch_sub(1, Ordering::SeqCst);
        if let Some(mut count) = self.limits.by_address.get_mut(&self.address) {
            *count -= 1;
        }
        self.limits.by_address.remove_if(&self.address, |_, count| *count == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_places_come_back() {
        let limits = Limits { connections: 3, connections_per_address: 2, ..Limits::default() };
        let counts = Arc::new(ConnectionLimits::default());
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = counts.enter(a, &limits).unwrap();
        let _second = counts.enter(a, &limits).unwrap();
        assert_eq!(counts.enter(a, &limits).unwrap_err(), Full::ForAddress);
        let _third = counts.enter(b, &limits).unwrap();
        assert_eq!(counts.enter(b, &limits).unwrap_err(), Full::InAll);
        assert_eq!(counts.take_closed(), ClosedAtOnce { in_all: 1, by_address: [(a, 1)].into() });
        assert_eq!(counts.take_closed(), ClosedAtOnce::default());
        drop(first);
        assert!(counts.enter(a, &limits).is_ok());
        assert_eq!(counts.open(), 2);
    }
}

//! Failed sign-ins, counted per name and per address; each one makes the next attempt wait longer.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::secret::SecretHash;

/// What failed lately.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// By a hash, so that a name's length is not the caller's to choose; whether a user has the name does not matter.
    names: HashMap<SecretHash, Failures>,
    /// `None`: whoever is on this machine. All of 127.0.0.0/8 is theirs. Of IPv6 the network, of which a home has all addresses.
    addresses: HashMap<Option<IpAddr>, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    /// Until when no attempt is looked at.
    wait_until: Duration,
    last: Duration,
}

/// An attempt that may be made. It counts as failed until [`Throttle::succeeded`] says otherwise, so that many at once are no way
/// around the count.
#[derive(Debug)]
pub struct Attempt {
    name: SecretHash,
    address: Option<IpAddr>,
}

impl Throttle {
    /// Asks for an attempt.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn attempt(&self, name: &str, address: Option<IpAddr>, now: Duration) -> Result<Attempt, Duration> {
        let (name, address) = (SecretHash::of(name), address.and_then(counted));
        let mut tables = self.lock();
        let waits = [waiting(&tables.names, &name, now), waiting(&tables.addresses, &address, now)];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        count(&mut tables.names, name, FREE_PER_NAME, now);
        count(&mut tables.addresses, address, FREE_PER_ADDRESS, now);
        Ok(Attempt { name, address })
    }

    /// The password was right: what failed before was a slip of the hand.
    pub fn succeeded(&self, attempt: &Attempt) {
        let mut tables = self.lock();
        tables.names.remove(&attempt.name);
        tables.addresses.remove(&attempt.address);
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn waiting<K: Eq + Hash>(table: &HashMap<K, Failures>, key: &K, now: Duration) -> Option<Duration> {
    table.get(key).map(|failures| failures.wait_until.saturating_sub(now)).filter(|wait| !wait.is_zero())
}

/// What an address is counted as.
fn counted(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some(IpAddr::from([a, b, c, d, 0, 0, 0, 0]))
        }
        address => Some(address),
    }
}

fn count<K: Eq + Hash + Copy>(table: &mut HashMap<K, Failures>, key: K, free: u32, now: Duration) {
    if table.len() >= MOST {
        table.retain(|_, failures| now.saturating_sub(failures.last) < FORGOTTEN_AFTER);
    }
    // At the bound the one that failed least makes room, of those the oldest: whoever is being guessed at stays counted, whatever
    // else is tried beside it.
    if table.len() >= MOST && !table.contains_key(&key) {
        let least = table.iter().min_by_key(|(_, failures)| (failures.count, failures.last)).map(|(key, _)| *key);
        least.and_then(|least| table.remove(&least));
    }
    let failures = table.entry(key).or_insert(Failures { count: 0, wait_until: now, last: now });
    if now.saturating_sub(failures.last) >= FORGOTTEN_AFTER {
        failures.count = 0;
    }
    failures.count += 1;
    failures.last = now;
    failures.wait_until = now + delay(failures.count, free);
}

/// None for the first ones; then 1 s, 2 s, 4 s … up to a minute.
fn delay(count: u32, free: u32) -> Duration {
    let Some(over) = count.checked_sub(free) else { return Duration::ZERO };
    FIRST_WAIT.saturating_mul(1 << over.min(16)).min(LONGEST_WAIT)
}

/// From then on each failure makes the next attempt wait: more than a person mistypes.
const FREE_PER_NAME: u32 = 4;

/// All administrators may share one address, that of a proxy or the machine's own.
const FREE_PER_ADDRESS: u32 = 10;

const FIRST_WAIT: Duration = Duration::from_secs(1);

/// 1,440 guesses a day, of passwords of 15 characters; longer would let whoever guesses keep the user out. NIST SP 800-63B-4
/// §3.2.2 bounds them to 100 in a row, which would do just that.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// Names, and addresses, that are counted; about 1 MB each.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_waits_grow_and_stop_growing() {
        let throttle = Throttle::default();
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..14 {
            while let Err(wait) = throttle.attempt("ada", HOME, now) {
                waits.push(wait.as_secs());
                now += wait;
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    }

    #[test]
    fn attempts_at_the_same_time_are_counted_before_they_end() {
        let throttle = Throttle::default();
        let allowed = (0..100).filter(|_| throttle.attempt("ada", HOME, at(0)).is_ok()).count();
        assert_eq!(allowed, FREE_PER_NAME as usize);
    }

    #[test]
    fn many_names_from_one_address_and_one_name_from_many_addresses_wait_too() {
        let throttle = Throttle::default();
        let allowed = (0..100).filter(|at_| throttle.attempt(&format!("u{at_}"), HOME, at(0)).is_ok()).count();
        assert_eq!(allowed, FREE_PER_ADDRESS as usize);
        let throttle = Throttle::default();
        let allowed = (0..100).filter(|n| throttle.attempt("ada", Some([10, 0, 0, *n].into()), at(0)).is_ok()).count();
        assert_eq!(allowed, FREE_PER_NAME as usize);
        assert!(throttle.attempt("bob", None, at(0)).is_ok(), "another name, another way in");
        let throttle = Throttle::default();
        let allowed =
            (0..100).filter(|n| throttle.attempt(&format!("u{n}"), Some([127, 0, 0, *n].into()), at(0)).is_ok()).count();
        assert_eq!(allowed, FREE_PER_ADDRESS as usize, "who is on this machine has many addresses");
    }

    #[test]
    fn a_success_or_an_hour_makes_good() {
        let throttle = Throttle::default();
        for _ in 0..3 {
            throttle.attempt("ada", HOME, at(0)).unwrap();
        }
        let attempt = throttle.attempt("ada", HOME, at(0)).unwrap();
        assert!(throttle.attempt("ada", HOME, at(0)).is_err());
        throttle.succeeded(&attempt);
        for _ in 0..4 {
            throttle.attempt("ada", HOME, at(1)).unwrap();
        }
        assert!(throttle.attempt("ada", HOME, at(1)).is_err());
        for _ in 0..4 {
            throttle.attempt("ada", HOME, at(1) + FORGOTTEN_AFTER).unwrap();
        }
    }

    #[test]
    fn a_full_table_is_no_way_around_the_count() {
        let throttle = Throttle::default();
        let mut address = 0u32;
        let mut attempt = |name: &str| {
            address += 1;
            throttle.attempt(name, Some(IpAddr::from((0x0a00_0000 + address).to_be_bytes())), at(0)).is_ok()
        };
        assert!((0..MOST).all(|number| attempt(&format!("u{number}"))));
        assert_eq!((0..100).filter(|_| attempt("ada")).count(), FREE_PER_NAME as usize);
        assert!((0..200).all(|number| attempt(&format!("v{number}"))));
        assert!(!attempt("ada"), "many that failed once do not push out one that failed often");
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one() {
        let throttle = Throttle::default();
        let attempt = |name: &str, address: &str| throttle.attempt(name, Some(address.parse().unwrap()), at(0)).is_ok();
        let allowed = (0..100).filter(|number| attempt(&format!("u{number}"), &format!("2001:db8:0:1::{number:x}"))).count();
        assert_eq!(allowed, FREE_PER_ADDRESS as usize);
        assert!(attempt("bob", "2001:db8:0:2::1"));
        for number in 0..FREE_PER_ADDRESS {
            assert!(attempt(&format!("w{number}"), if number % 2 == 0 { "192.0.2.1" } else { "::ffff:192.0.2.1" }));
        }
        assert!(!attempt("eve", "192.0.2.1"));
    }

    #[test]
    fn the_tables_are_bounded() {
        let throttle = Throttle::default();
        for at_ in 0..MOST as u64 + 50 {
            // Each from an address of its own, or none would be counted.
            let [.., a, b, c] = at_.to_be_bytes();
            let _ = throttle.attempt(&format!("u{at_}"), Some([10, a, b, c].into()), at(0));
        }
        let tables = throttle.lock();
        assert_eq!((tables.names.len(), tables.addresses.len()), (MOST, MOST));
    }
}

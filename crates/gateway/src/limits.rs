//! How often something may happen: token buckets by key.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Keys that are remembered at most; beyond that those with full buckets are forgotten.
const MOST_KEYS: usize = 4096;

/// How often an event may happen for one key.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// How many may happen at once.
    pub burst: u32,
    /// How long until one more may happen.
    pub every: Duration,
}

/// One token bucket for each key, in bounded memory.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    /// When each key's bucket will be full again; that one time is the whole state of a bucket.
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> Buckets<K> {
    /// Empty: every key starts with a full bucket.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            full_at: Mutex::default(),
        }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long to wait, when there is none.
    pub fn take(&self, key: K) -> Result<(), Duration> {
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= MOST_KEYS && !full_at.contains_key(&key) {
            full_at.retain(|_, full| *full > now);
            // So many peers at once are one attack: they share what is left, which is nothing.
            if full_at.len() >= MOST_KEYS {
                return Err(self.rate.every);
            }
        }
        let full = full_at.entry(key).or_insert(now);
        let after = (*full).max(now) + self.rate.every;
        let most = self.rate.every * self.rate.burst;
        let used = after - now;
        if used > most {
            return Err(used.saturating_sub(most));
        }
        *full = after;
        Ok(())
    }
}

/// What counts as one peer: an IPv4 address, or the /64 of an IPv6 one, since a single host has the
/// whole of it. An unknown address is a peer of its own.
pub fn peer_key(peer: Option<IpAddr>) -> IpAddr {
    match peer.map(|address| address.to_canonical()) {
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Some(IpAddr::V6(address)) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        Some(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Buckets<u32> {
        Buckets::new(Rate {
            burst: 3,
            every: Duration::from_secs(10),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_for_each_interval() {
        let buckets = buckets();

        let burst: Vec<_> = (0..4).map(|_| buckets.take(1)).collect();
        tokio::time::advance(Duration::from_secs(10)).await;
        let later = [buckets.take(1), buckets.take(1)];

        assert_eq!(
            burst,
            [Ok(()), Ok(()), Ok(()), Err(Duration::from_secs(10))]
        );
        assert_eq!(later, [Ok(()), Err(Duration::from_secs(10))]);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_do_not_share_a_bucket() {
        let buckets = buckets();

        let first: Vec<_> = (0..3).map(|_| buckets.take(1)).collect();

        assert_eq!(first, [Ok(()); 3]);
        assert_eq!(buckets.take(2), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_stays_bounded_and_full_buckets_make_room() {
        let buckets = buckets();
        for key in 0..u32::try_from(MOST_KEYS).unwrap() {
            buckets.take(key).unwrap();
        }

        let refused = buckets.take(u32::MAX);
        tokio::time::advance(Duration::from_secs(11)).await;
        let accepted = buckets.take(u32::MAX);

        assert!(refused.is_err());
        assert_eq!(accepted, Ok(()));
        assert_eq!(buckets.full_at.lock().unwrap().len(), 1);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_peer() {
        let key = |text: &str| peer_key(Some(text.parse().unwrap()));

        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}

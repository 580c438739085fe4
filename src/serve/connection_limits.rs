//! Places for connections: so many in all, and so many for one client.
//!
//! In: limits, and the address of each client. Out: a [`Place`], given back when it is dropped.
//! Clients on this machine are not counted one by one: they are a proxy or a tunnel that stands
//! for all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All places.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Taken>,
    max_of_client: usize,
}

/// Places by client.
#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<IpAddr, usize>>);

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, and whose it is.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    client: Option<(Arc<Taken>, IpAddr)>,
}

impl Places {
    /// So many, of which one client gets so many.
    pub(super) fn new(max: usize, max_of_client: usize) -> Places {
        Places {
            free: Arc::new(Semaphore::new(max)),
            taken: Arc::default(),
            max_of_client,
        }
    }

    /// Waits for a place that is free, whoever may get it.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Gives the place to a client; none if it has too many.
    pub(super) fn give(&self, permit: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let place = |client| Place {
            _permit: permit,
            client,
        };
        let peer = client_of(peer);
        if peer.is_loopback() {
            return Some(place(None));
        }
        let mut taken = self.taken.lock();
        let num_taken = taken.entry(peer).or_insert(0);
        if *num_taken >= self.max_of_client {
            return None;
        }
        *num_taken += 1;
        drop(taken);
        Some(place(Some((Arc::clone(&self.taken), peer))))
    }

    /// Waits until all places are free.
    pub(super) async fn all_free(&self, max: usize) {
        let all = u32::try_from(max).unwrap_or(u32::MAX);
        let _ = self.free.acquire_many(all).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((taken, peer)) = &self.client else {
            return;
        };
        let mut taken = taken.lock();
        if let Some(num_taken) = taken.get_mut(peer) {
            *num_taken = num_taken.saturating_sub(1);
            if *num_taken == 0 {
                taken.remove(peer);
            }
        }
    }
}

/// Whom an address belongs to: of IPv6, everybody has a network of 64 bits.
fn client_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let network = u128::from(ip) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_leaves_places_to_others() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(async {
            let places = Places::new(8, 2);
            let mut held = Vec::new();
            for (peer, is_given) in [
                ("192.0.2.1", true),
                ("::ffff:192.0.2.1", true),
                ("192.0.2.1", false),
                ("192.0.2.2", true),
                ("2001:db8::1", true),
                ("2001:db8::2", true),
                ("2001:db8::3", false),
                ("127.0.0.1", true),
                ("127.0.0.1", true),
                ("::1", true),
            ] {
                let permit = places.free().await.unwrap();
                let place = places.give(permit, peer.parse().unwrap());
                assert_eq!(place.is_some(), is_given, "{peer}");
                held.extend(place);
            }
            assert_eq!(places.free.available_permits(), 0);
            held.clear();
            places.all_free(8).await;
            assert!(places.taken.lock().is_empty());
        });
    }
}

//! Limits on the number of connections: of all clients, and of one client.
//!
//! In: limits, and the address of each client. Out: a [`Slot`], which is free again once it is
//! dropped. Clients on this machine are not counted: they are a proxy or a tunnel that connects for
//! all clients.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots for connections.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimits {
    free: Arc<Semaphore>,
    taken: Arc<SlotsByClient>,
    max_of_client: usize,
}

/// The number of slots that each client has.
#[derive(Debug, Default)]
struct SlotsByClient(Mutex<HashMap<IpAddr, usize>>);

impl SlotsByClient {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot for one connection, counted for its client.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    client: Option<(Arc<SlotsByClient>, IpAddr)>,
}

impl ConnectionLimits {
    /// Sets the limits: of all connections, and of those of one client.
    pub(super) fn new(max: usize, max_of_client: usize) -> ConnectionLimits {
        ConnectionLimits {
            free: Arc::new(Semaphore::new(max)),
            taken: Arc::default(),
            max_of_client,
        }
    }

    /// Waits for a free slot, before the client is known.
    pub(super) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Assigns a slot to a client; none if the client has its most already.
    pub(super) fn assign(&self, permit: OwnedSemaphorePermit, peer: IpAddr) -> Option<Slot> {
        let slot = |client| Slot {
            _permit: permit,
            client,
        };
        let peer = client_of(peer);
        if peer.is_loopback() {
            return Some(slot(None));
        }
        let mut taken = self.taken.lock();
        let num_taken = taken.entry(peer).or_insert(0);
        if *num_taken >= self.max_of_client {
            return None;
        }
        *num_taken += 1;
        drop(taken);
        Some(slot(Some((Arc::clone(&self.taken), peer))))
    }

    /// Waits until all slots are free.
    pub(super) async fn wait_until_free(&self, max: usize) {
        let all = u32::try_from(max).unwrap_or(u32::MAX);
        let _ = self.free.acquire_many(all).await;
    }
}

impl Drop for Slot {
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

/// Returns what counts as one client: an IPv4 address, or an IPv6 network of 64 bits, since
/// providers give each customer at least one.
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
    fn one_client_cannot_use_all_slots() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(async {
            let limits = ConnectionLimits::new(8, 2);
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
                let permit = limits.acquire().await.unwrap();
                let slot = limits.assign(permit, peer.parse().unwrap());
                assert_eq!(slot.is_some(), is_given, "{peer}");
                held.extend(slot);
            }
            assert_eq!(limits.free.available_permits(), 0);
            held.clear();
            limits.wait_until_free(8).await;
            assert!(limits.taken.lock().is_empty());
        });
    }
}

//! Restricts connections to addresses on the public internet.
//!
//! In: a host name. Out: its addresses, if all of them are public. The connection uses one of these
//! addresses without a second look-up, so an untrusted address cannot reach a service of this machine
//! or its network, even if the answer of the name server changes (DNS rebinding).
//!
//! Source: IANA's registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890), of 2024.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The error for a host with an address that is not public.
#[derive(Debug, Error)]
#[error("not a public address")]
pub(super) struct NotPublic;

/// A resolver that refuses names with an address that is not public.
#[derive(Debug, Default)]
pub(super) struct PublicResolver(DefaultResolver);

impl Resolver for PublicResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        match found.iter().all(|addr| is_public(addr.ip())) {
            true => Ok(found),
            false => Err(ureq::Error::Other(Box::new(NotPublic))),
        }
    }
}

/// The hosts whose addresses were looked up, and whether one of these was public.
#[derive(Debug, Default)]
pub(super) struct SeenHosts(Mutex<HashMap<String, bool>>);

impl SeenHosts {
    /// Returns whether a host has had a public address; `None` if it was not looked up. The name is in lower
    /// case.
    pub(super) fn is_public(&self, host: &str) -> Option<bool> {
        self.lock().get(host).copied()
    }

    /// Records a host, which stays public if it was.
    pub(super) fn insert(&self, host: &str, is_public: bool) {
        let mut hosts = self.lock();
        *hosts.entry(host.to_ascii_lowercase()).or_default() |= is_public;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resolver that records whether names have a public address.
///
/// A host with such an address counts as public even if its address changes later (DNS rebinding).
#[derive(Debug)]
pub(super) struct NotingResolver {
    resolver: DefaultResolver,
    hosts: Arc<SeenHosts>,
}

impl NotingResolver {
    pub(super) fn new(hosts: Arc<SeenHosts>) -> NotingResolver {
        NotingResolver {
            resolver: DefaultResolver::default(),
            hosts,
        }
    }
}

impl Resolver for NotingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        if let Some(host) = uri.host() {
            let is_public = found.iter().any(|addr| is_public(addr.ip()));
            self.hosts.insert(host, is_public);
        }
        Ok(found)
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    /// Networks that are not public: address and prefix length.
    const OTHERS: [([u8; 4], u32); 15] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    let shift = |bits: u32| 32 - bits;
    !OTHERS.iter().any(|(network, bits)| {
        ip.to_bits() >> shift(*bits) == Ipv4Addr::from(*network).to_bits() >> shift(*bits)
    })
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // IPv4-mapped, and IPv4 behind a translator (NAT64).
        [0, 0, 0, 0, 0, 0xffff, high, low] => inner(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        // 6to4
        [0x2002, high, low, ..] => inner(high, low),
        // Protocol assignments including Teredo, and documentation.
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x3fff, second, ..] => second >= 0x1000,
        // Global unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_private_networks_are_not_public() {
        for inside in [
            "127.0.0.1",
            "127.8.9.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:192.168.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for public in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.254",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2606:4700::1111",
            "2a00:1450::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}

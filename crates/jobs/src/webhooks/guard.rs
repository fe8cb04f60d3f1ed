//! Whom webhooks may be sent to: hosts of the public internet, whatever a brand writes down.
//!
//! An address is judged where it is resolved, and the connection goes to what was judged: nothing
//! is resolved a second time, and an answer that leads elsewhere is not followed. One forbidden
//! address among several forbids them all, because nobody can say which would be taken.
//!
//! Ports are 443 and those from 1024 on. Below are other protocols' own (mail, shells, names), and
//! this installation is nobody's tool to knock there. A configuration that allows private addresses
//! is for development: it allows plain HTTP and any port as well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

/// The lowest port beside HTTPS's own that is no other protocol's by convention.
const FREE_PORT_MIN: u16 = 1_024;
const HTTPS_PORT: u16 = 443;

/// Networks that are not on the public internet: first address, bits of its prefix.
const FORBIDDEN_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),          // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),         // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),      // behind a provider's translation
    (Ipv4Addr::new(127, 0, 0, 0), 8),        // this machine
    (Ipv4Addr::new(169, 254, 0, 0), 16),     // this link: metadata of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),      // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),       // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),       // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),     // relays of 6to4, given up
    (Ipv4Addr::new(192, 168, 0, 0), 16),     // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),      // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),    // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),     // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),        // many at once
    (Ipv4Addr::new(240, 0, 0, 0), 4),        // reserved
    (Ipv4Addr::new(255, 255, 255, 255), 32), // everybody
];
/// Of the addresses that are given out at all (2000::/3), those that lead nowhere in public.
const FORBIDDEN_V6: [(Ipv6Addr, u32); 3] = [
    // Protocol assignments: Teredo, benchmarks and hashes among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),     // documentation
];
/// All that was ever given out.
const GIVEN_OUT_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// IPv4 in other clothes: first address, bits of its prefix, and behind how many bits of the
/// address the IPv4 address stands.
const WITH_V4_INSIDE: [(Ipv6Addr, u32, u32); 3] = [
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, 96),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 16),
];

/// Judges where a webhook goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    /// This machine and its neighbours as well, by plain HTTP too: for development.
    pub allow_private: bool,
}

/// Why a webhook does not go where it is said to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("the address is no URL")]
    NoUrl,
    #[error("only https:// is spoken")]
    Scheme,
    #[error("an address holds no user and no password")]
    UserInfo,
    #[error("the address names no host")]
    NoHost,
    #[error("port {0} is another protocol's")]
    Port(u16),
    #[error("{0} is not on the public internet")]
    Address(IpAddr),
    #[error("the host has no address")]
    NoAddress,
}

impl Guard {
    /// Reads an address and judges what can be told before its host is looked up.
    pub fn url(self, text: &str) -> Result<Url, Forbidden> {
        let url = Url::parse(text).map_err(|_| Forbidden::NoUrl)?;
        let is_spoken = url.scheme() == "https" || (self.allow_private && url.scheme() == "http");
        if !is_spoken {
            return Err(Forbidden::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::UserInfo);
        }
        let port = url.port_or_known_default().unwrap_or(HTTPS_PORT);
        if !self.allow_private && port != HTTPS_PORT && port < FREE_PORT_MIN {
            return Err(Forbidden::Port(port));
        }
        // A host in digits, however it is written, is an address by now, and never looked up.
        match url.host() {
            None => return Err(Forbidden::NoHost),
            Some(Host::Domain("")) => return Err(Forbidden::NoHost),
            Some(Host::Domain(_)) => {}
            Some(Host::Ipv4(address)) => self.judge(&[address.into()])?,
            Some(Host::Ipv6(address)) => self.judge(&[address.into()])?,
        }
        Ok(url)
    }

    /// Judges every address of one host.
    pub fn judge(self, addresses: &[IpAddr]) -> Result<(), Forbidden> {
        if addresses.is_empty() {
            return Err(Forbidden::NoAddress);
        }
        let forbidden = addresses.iter().find(|address| !is_public(**address));
        match forbidden {
            Some(address) if !self.allow_private => Err(Forbidden::Address(*address)),
            _ => Ok(()),
        }
    }
}

/// Whom a connection looks its host's addresses up with: it gets the judged ones, or none.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(look_up(*self, name))
    }
}

async fn look_up(
    guard: Guard,
    name: Name,
) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    // The port is set by whoever connects.
    let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
    let sockets: Vec<SocketAddr> = found.collect();
    let addresses: Vec<IpAddr> = sockets.iter().map(SocketAddr::ip).collect();
    guard.judge(&addresses)?;
    let judged: Addrs = Box::new(sockets.into_iter());
    Ok(judged)
}

/// Whether an address is one of the public internet's.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(first, bits): &(Ipv4Addr, u32)| {
        let beyond = u32::BITS - bits;
        address.to_bits() >> beyond == first.to_bits() >> beyond
    };
    !FORBIDDEN_V4.iter().any(is_in)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let inside = WITH_V4_INSIDE
        .iter()
        .find(|(first, bits, _)| is_in_v6(address, *first, *bits));
    if let Some((_, _, behind)) = inside {
        let shifted = address.to_bits() >> (u128::BITS - u32::BITS - behind);
        return is_public_v4(Ipv4Addr::from_bits(shifted as u32));
    }
    let (first, bits) = GIVEN_OUT_V6;
    let is_forbidden = |(first, bits): &(Ipv6Addr, u32)| is_in_v6(address, *first, *bits);
    is_in_v6(address, first, bits) && !FORBIDDEN_V6.iter().any(is_forbidden)
}

fn is_in_v6(address: Ipv6Addr, first: Ipv6Addr, bits: u32) -> bool {
    let beyond = u128::BITS - bits;
    address.to_bits() >> beyond == first.to_bits() >> beyond
}

//! The servers a run works with and did not start: the time they take, where they run on this
//! machine.
//!
//! Found by who listens on the port of their URL. What they take is the time of that process and of
//! everything below it: the processes that live, and those that have ended since.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Url;

use crate::engine::Engine;
use crate::process::{self, Stat};

const DATABASE: Kind = Kind {
    port: 5_432,
    name: "postgres",
};
const BROKER: Kind = Kind {
    port: 5_672,
    name: "beam.smp",
};

/// What a kind of server is known by.
struct Kind {
    /// Where a URL names none.
    port: u16,
    /// Of its processes, as the system has it.
    name: &'static str,
}

/// A server as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// Part of the program: it takes nothing of its own.
    Inside,
    /// On this machine; the process that listens.
    Here(u32),
    /// On another machine, or not ours to look at.
    Elsewhere,
}

/// The two that a run has.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours {
    pub database: Neighbour,
    pub broker: Neighbour,
}

impl Neighbours {
    pub async fn of(engine: &Engine) -> Self {
        let database = match engine.database_url() {
            Some(url) => Neighbour::at(url, &DATABASE).await,
            None => Neighbour::Inside,
        };
        let broker = match engine.broker() {
            Some((url, _)) => Neighbour::at(url, &BROKER).await,
            None => Neighbour::Inside,
        };
        Self { database, broker }
    }
}

impl Neighbour {
    /// CPU time so far; `None` where it cannot be known.
    pub fn cpu(self) -> anyhow::Result<Option<Duration>> {
        match self {
            Self::Inside => Ok(Some(Duration::ZERO)),
            Self::Here(process) => cpu_below(process).map(Some),
            Self::Elsewhere => Ok(None),
        }
    }

    async fn at(url: &str, kind: &Kind) -> Self {
        let addresses = addresses_of(url, kind.port).await;
        let found = addresses
            .into_iter()
            .filter(|address| is_of_this_machine(address.ip()))
            .find_map(|address| listening_at(address, |name| name == kind.name));
        found.map_or(Self::Elsewhere, Self::Here)
    }
}

/// None where the URL names no host: a socket in a folder has no port.
async fn addresses_of(url: &str, port: u16) -> Vec<SocketAddr> {
    let Ok(url) = Url::parse(url) else {
        return Vec::new();
    };
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return Vec::new();
    };
    let host = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((host, url.port().unwrap_or(port))).await;
    found.map(Iterator::collect).unwrap_or_default()
}

/// Only an address of one's own can be sent from.
fn is_of_this_machine(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// The process of such a name that listens at an address. Of several that inherited the socket it
/// is the first, above the others.
fn listening_at(address: SocketAddr, has_name: impl Fn(&str) -> bool) -> Option<u32> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| sockets_listening(&table, address))
        .collect();
    let all = all_processes();
    let listening: HashMap<u32, u32> = all
        .into_iter()
        .filter(|(process, stat)| has_name(&stat.name) && has_any(*process, &sockets))
        .map(|(process, stat)| (process, stat.parent))
        .collect();
    let mut first = listening
        .iter()
        .filter(|(_, parent)| !listening.contains_key(parent));
    first.next().map(|(process, _)| *process)
}

/// The links, as a process's open files show them, of sockets that listen at an address or at all
/// of the machine's.
fn sockets_listening(table: &str, address: SocketAddr) -> Vec<String> {
    const LISTENS: &str = "0A";
    let socket = |line: &str| -> Option<String> {
        let mut fields = line.split_whitespace().skip(1);
        let (own, state) = (fields.next()?, fields.nth(1)?);
        let (ip, port) = own.split_once(':')?;
        let ip = address_in_table(ip)?;
        let is_it = ip.is_unspecified() || ip == address.ip().to_canonical();
        let inode = fields.nth(5)?;
        let port = u16::from_str_radix(port, 16).ok()?;
        (state == LISTENS && is_it && port == address.port()).then(|| format!("socket:[{inode}]"))
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// Words of four bytes, each in the machine's own order.
fn address_in_table(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(digits.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match digits.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

fn has_any(process: u32, sockets: &[String]) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    files
        .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .any(|link| sockets.iter().any(|socket| link.as_os_str() == &**socket))
}

/// A process and everything below it, those that ended included.
fn cpu_below(process: u32) -> anyhow::Result<Duration> {
    let all = all_processes();
    ensure!(
        all.contains_key(&process),
        "process {process} of a server has ended"
    );
    let mut group = vec![process];
    let mut next = 0;
    while let Some(parent) = group.get(next).copied() {
        group.extend(
            all.iter()
                .filter(|(_, s)| s.parent == parent)
                .map(|(p, _)| *p),
        );
        next += 1;
    }
    // Parents last: who ends meanwhile is found in the parent's times.
    let below = group[1..].iter().rev();
    let mut total: Duration = below
        .filter_map(|process| process::cpu_with_ended(*process).ok())
        .sum();
    total += process::cpu_with_ended(process).context("the time of a server")?;
    Ok(total)
}

fn all_processes() -> HashMap<u32, Stat> {
    let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    folders
        .filter_map(|folder| {
            let process: u32 = folder.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(folder.path().join("stat")).ok()?;
            Some((process, Stat::parse(&stat)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_found_with_its_time() {
        let own = std::process::id();
        for listen in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(listen) else {
                // A machine without the newer addresses.
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            assert_eq!(listening_at(address, |_| true), Some(own), "{listen}");
            assert_eq!(listening_at(address, |name| name == "another"), None);
            drop(listener);
            assert_eq!(listening_at(address, |_| true), None, "{listen}");
        }
        let before = Neighbour::Here(own).cpu().unwrap().unwrap();
        let mut value = 1u64;
        while Neighbour::Here(own).cpu().unwrap().unwrap() < before + Duration::from_millis(30) {
            for _ in 0..100_000 {
                value = std::hint::black_box(value.wrapping_mul(3));
            }
        }
        assert!(process::own_cpu().unwrap() >= Duration::from_millis(30));
    }

    #[test]
    fn tables_of_sockets_are_read() {
        let line = |remote: &str, state: &str, inode: u32| {
            format!(
                "   0: 0100007F:1538 {remote} {state} 00000000:00000000 00:00000000 00000000 \
                 0 0 {inode} 1 0000000000000000 100 0 0 10 0\n"
            )
        };
        let table = [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n".to_owned(),
            line("00000000:0000", "0A", 77),
            line("0100007F:9999", "01", 78),
        ];
        let table = table.concat();
        let at = |text: &str| sockets_listening(&table, text.parse().unwrap());
        // The table is in the order of machines whose lowest byte is the first.
        if cfg!(target_endian = "little") {
            assert_eq!(at("127.0.0.1:5432"), ["socket:[77]"]);
            assert_eq!(at("[::ffff:127.0.0.1]:5432"), ["socket:[77]"]);
        }
        assert!(at("127.0.0.2:5432").is_empty());
        assert!(at("127.0.0.1:5433").is_empty());
        let any = address_in_table(&"0".repeat(32)).unwrap();
        assert!(any.is_unspecified());
        assert_eq!(address_in_table("01"), None);
    }

    #[tokio::test]
    async fn a_server_of_another_machine_is_elsewhere() {
        for url in [
            "postgres://somebody@192.0.2.1/chingu",
            "postgres:///chingu?host=/run",
            "nothing",
        ] {
            let found = Neighbour::at(url, &DATABASE).await;
            assert_eq!(found, Neighbour::Elsewhere, "{url}");
            assert_eq!(found.cpu().unwrap(), None);
        }
        assert_eq!(Neighbour::Inside.cpu().unwrap(), Some(Duration::ZERO));
        let of_url = addresses_of("amqp://guest@[::1]/%2f", BROKER.port).await;
        assert_eq!(of_url, ["[::1]:5672".parse().unwrap()]);
    }
}

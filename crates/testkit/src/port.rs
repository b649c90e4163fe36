//! TCP ports on the loopback address.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long to pause between two attempts to connect.
const RETRY: Duration = Duration::from_millis(10);

/// Ports that no kernel gives to a connection or to a listener on port 0: Linux takes those from 32768
/// (`net.ipv4.ip_local_port_range`), RFC 6335 from 49152.
const PORTS: Range<u16> = 20_000..32_768;

/// A TCP port of 127.0.0.1 that nothing listens on at the moment.
///
/// Connections never take it, so that a server which is restarted finds it free again; only another caller
/// of this function in another process may. A program that can listen on port 0 and report what it got should
/// do that.
pub fn free_port() -> io::Result<u16> {
    static NEXT: OnceLock<AtomicUsize> = OnceLock::new();
    // Test processes that run side by side begin at different places.
    let next = NEXT.get_or_init(|| {
        let random = RandomState::new().hash_one(std::process::id());
        AtomicUsize::new(usize::try_from(random % u64::from(PORTS.end)).unwrap_or_default())
    });
    let mut last = None;
    for _ in PORTS {
        let index = next.fetch_add(1, Ordering::Relaxed) % PORTS.len();
        let Some(port) = PORTS.clone().nth(index) else {
            continue;
        };
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// Waits until something accepts connections on this port of 127.0.0.1.
///
/// For programs that do not say when they are ready; [`crate::Proc::wait_for_line`] is exact where they do.
pub fn wait_for_port(port: u16, timeout: Duration) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(format!(
                "nothing listens on {address} after {timeout:?}"
            )));
        }
        if TcpStream::connect_timeout(&address, left).is_ok() {
            return Ok(());
        }
        thread::sleep(RETRY.min(left));
    }
}

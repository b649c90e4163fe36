//! TCP ports on the loopback address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long to pause between two attempts to connect.
const RETRY: Duration = Duration::from_millis(10);

/// A TCP port of 127.0.0.1 that nothing listens on at the moment.
///
/// Another program may take it before the caller does; a program that can listen on port 0 and report what it got
/// should do that.
pub fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
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

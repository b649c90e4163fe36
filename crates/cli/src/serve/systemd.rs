//! Tells systemd how we are (sd_notify(3)): one datagram to the socket it names.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::environment::Environment;

/// Sends a state, if somebody wants it.
pub(super) fn tell(environment: &Environment, state: &str) {
    let Some(socket) = environment.get("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(socket, state) {
        tracing::debug!(%error, "systemd cannot be told `{state}`");
    }
}

/// Says every now and then that we are alive, if a watchdog waits for that. Never returns.
pub(super) async fn keep_alive(environment: &Environment) {
    let period = environment
        .get("WATCHDOG_USEC")
        .and_then(|period| period.parse().ok())
        .filter(|period| *period > 0)
        .map(Duration::from_micros);
    let Some(period) = period else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval(period / 2);
    loop {
        ticks.tick().await;
        tell(environment, "WATCHDOG=1");
    }
}

fn send(socket: &str, state: &str) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address(socket)?)?;
    Ok(())
}

#[cfg(target_os = "linux")]
fn address(socket: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(socket),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(socket: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_arrives_at_the_socket() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let environment = Environment::of(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);

        tell(&environment, "READY=1");

        let mut buffer = [0; 32];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");
    }
}

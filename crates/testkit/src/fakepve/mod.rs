//! A Proxmox VE that others wrote: fakepve, in a process of its own.

use std::io::Write as _;
use std::process::ChildStdin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::process::{Proc, command};
use crate::{Error, Peer, Result};

/// Starting Python may take long on a busy machine.
const START: Duration = Duration::from_mins(1);
const ANSWER: Duration = Duration::from_secs(30);

/// A running fakepve with the nodes `pve1` and `pve2`, the machines 100 (`web`, running, on `pve1`) and 101 (`build`,
/// stopped, on `pve2`), and the container 200 (`dns`, running, on `pve2`).
///
/// It knows every call of the product's documentation, checks parameters and privileges in the product's words, and
/// lets tasks take a moment. It speaks TLS with a certificate of its own. When the guard is dropped, or the test
/// process dies, it ends.
#[derive(Debug)]
pub struct FakePve {
    server: Proc,
    stdin: Mutex<ChildStdin>,
    port: u16,
    fingerprint: String,
}

impl FakePve {
    /// A token of `root@pam` with all of its rights: id and secret.
    pub const ROOT_TOKEN: (&str, &str) = ("root@pam!lab", "11111111-2222-3333-4444-555555555555");
    /// A token that may only look: id and secret.
    pub const READ_TOKEN: (&str, &str) = ("ops@pve!read", "66666666-7777-8888-9999-000000000000");
    /// Password of `root@pam`.
    pub const ROOT_PASSWORD: &str = "lab-root";

    /// Starts one. Takes a second or two.
    ///
    /// Nothing where it is not installed; the test is then skipped as [`crate::skip`] does it.
    pub fn start() -> Result<Option<Self>> {
        let Some(python) = Peer::Python.require() else {
            return Ok(None);
        };
        let script = include_str!("launch.py");
        let mut server = Proc::spawn(command(python).args(["-u", "-c", script]))?;
        let stdin = server.take_stdin();
        let ready = server.wait_for_line("ready ", START)?;
        let mut words = ready.split_whitespace().skip(1);
        let port = words.next().and_then(|port| port.parse().ok());
        let (Some(stdin), Some(port), Some(fingerprint)) = (stdin, port, words.next()) else {
            return Err(Error::new(format!("fakepve says `{ready}`")));
        };
        Ok(Some(Self {
            stdin: Mutex::new(stdin),
            port,
            fingerprint: fingerprint.to_owned(),
            server,
        }))
    }

    /// Its address, `https://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// SHA-256 fingerprint of its certificate, as the product shows it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Calls one of its scenario functions: a JSON list of its name and its arguments, such as
    /// `["set_node_offline", "pve2"]`, `["lose_quorum"]` or `["fail", "GET", "/version", 500, "boom"]`.
    pub fn tell(&self, call: &str) -> Result<()> {
        let mark = self.server.mark();
        let line = format!("{call}\n");
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let written = stdin
            .write_all(line.as_bytes())
            .and_then(|()| stdin.flush());
        written.map_err(|error| Error::new(format!("fakepve does not read: {error}")))?;
        self.server
            .wait_for_line_after(mark, "done ", ANSWER)
            .map(drop)
    }
}

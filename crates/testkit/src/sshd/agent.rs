//! An SSH agent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{Proc, command};
use crate::{Error, Result};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running `ssh-agent`; ends with its guard.
#[derive(Debug)]
pub struct SshAgent {
    _agent: Proc,
    socket: PathBuf,
}

impl SshAgent {
    /// Starts an agent without keys whose socket lies in this folder.
    pub fn start(folder: &Path) -> Result<Self> {
        let socket = folder.join("agent.sock");
        let agent = Proc::spawn(command("ssh-agent").args(["-D", "-a"]).arg(&socket))?;
        // It prints the socket's name when it listens there.
        agent.wait_for_line("SSH_AUTH_SOCK", PATIENCE)?;
        Ok(Self {
            _agent: agent,
            socket,
        })
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Gives it a private key without a passphrase, and the certificate beside it if there is one.
    pub fn add(&self, key: &Path) -> Result<()> {
        let mut add = Proc::spawn(
            command("ssh-add")
                .arg(key)
                .env("SSH_AUTH_SOCK", &self.socket),
        )?;
        if add.wait(PATIENCE)?.success() {
            return Ok(());
        }
        Err(Error::new(format!("ssh-add failed:\n{}", add.stderr())))
    }
}

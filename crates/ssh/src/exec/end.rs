//! Ends a command that must not run on.

use std::sync::Arc;
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelWriteHalf, Sig};
use tokio::time::timeout;

use super::command::kill_line;
use super::run::Running;
use crate::connection::{Connection, Link, Use};

/// How long the host may take to show that the command is gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// Kills the command with its process group; whether all that held its output is gone.
///
/// First by a signal over the channel, which OpenSSH passes to the whole group since 7.9, unless the
/// account has a forced command. If the channel stays open, by a second command.
pub(super) async fn kill(
    link: &Link,
    connection: &Arc<Connection>,
    running: &mut Running,
    sudo: bool,
) -> bool {
    let signalled = running.write.signal(Sig::KILL).await.is_ok();
    if signalled && running.gone(PATIENCE).await {
        return true;
    }
    let Some(pid) = running.pid_line.pid else {
        close(&running.write).await;
        return false;
    };
    let line = kill_line(pid, sudo);
    let killed = timeout(PATIENCE * 2, from_outside(link, connection, &line)).await;
    if !matches!(killed, Ok(Some(()))) {
        tracing::warn!(
            ssh.host = link.name,
            "a command on `{}` could not be killed: process {pid}",
            link.name
        );
    }
    let gone = running.gone(PATIENCE).await;
    close(&running.write).await;
    gone
}

/// Says goodbye to a channel; the connection may be gone already.
pub(super) async fn close(write: &ChannelWriteHalf<Msg>) {
    drop(write.close().await);
}

/// Runs a line in a session of its own; over a connection of its own where the shared one has no
/// session left.
async fn from_outside(link: &Link, connection: &Arc<Connection>, line: &str) -> Option<()> {
    if let Ok(channel) = connection.handle.channel_open_session().await {
        return finish(channel, line).await;
    }
    let connection = link.connect(Use::Own).await.ok()?;
    let channel = connection.handle.channel_open_session().await.ok()?;
    finish(channel, line).await
}

async fn finish(mut channel: Channel<Msg>, line: &str) -> Option<()> {
    channel.exec(false, line).await.ok()?;
    while channel.wait().await.is_some() {}
    Some(())
}

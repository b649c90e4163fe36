//! Byte streams: commands and sockets.

use homelab_core::error::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use crate::world::{eventually, file, host, reason, run, runs, server, server_with, text};

#[tokio::test]
async fn a_command_is_a_stream_in_both_directions() {
    let Some(sshd) = server() else { return };
    let mut stream = host(&sshd)
        .stream("cat; echo done >&2; exit 5")
        .await
        .unwrap();
    let sent: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();

    let (mut read, mut write) = tokio::io::split(&mut stream);
    let writing = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let ((), read) = tokio::join!(writing, read.read_to_end(&mut received));
    read.unwrap();

    assert!(received == sent);
    eventually("the exit code is told", || stream.exit_code() == Some(5)).await;
    assert_eq!(stream.stderr(), "done\n");
}

#[tokio::test]
async fn a_dropped_stream_ends_its_command_and_frees_its_session() {
    let Some(sshd) = server_with(&["MaxSessions 1"]) else {
        return;
    };
    let host = crate::world::host_with(&sshd, |settings| settings.max_sessions = 1);
    let pid = file(&sshd, "pid");
    let command = format!("echo $$ > {}; exec cat", pid.display());
    let stream = host.stream(&command).await.unwrap();
    eventually("the command runs", || {
        std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;

    drop(stream);

    let pid = std::fs::read_to_string(&pid).unwrap();
    eventually("the command is gone", || !runs(pid.trim())).await;
    assert!(run(&host, "true").await.ok());
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_the_command_back() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    let mut stream = host.stream("head -c 50000000 /dev/zero").await.unwrap();

    // Others go on meanwhile.
    assert!(run(&host, "true").await.ok());
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();

    assert_eq!(read.len(), 50_000_000);
}

#[tokio::test]
async fn a_unix_socket_is_a_stream_in_both_directions() {
    let Some(sshd) = server() else { return };
    let path = file(&sshd, "x");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap()
    });
    let mut stream = host(&sshd).connect_unix(&text(&path)).await.unwrap();

    stream.write_all(b"GET /version").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();

    assert_eq!(answer, "GET /version");
    assert_eq!(echo.await.unwrap(), 12);
}

#[tokio::test]
async fn a_socket_that_is_not_there_or_not_allowed_is_refused() {
    let Some(open) = server() else { return };
    let Some(closed) = server_with(&["AllowStreamLocalForwarding no"]) else {
        return;
    };

    for sshd in [&open, &closed] {
        let error = host(sshd).connect_unix("/no/such.sock").await.unwrap_err();
        assert_eq!(error.code(), Code::UpstreamRejected);
        assert_eq!(reason(&error), "ssh_channel_refused");
    }
    let relative = host(&open).connect_unix("docker.sock").await.unwrap_err();
    assert_eq!(relative.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_stream_ends_when_the_connection_does() {
    let Some(sshd) = server() else { return };
    let mut stream = host(&sshd).stream("echo ready; sleep 60").await.unwrap();
    let mut ready = [0; 6];
    stream.read_exact(&mut ready).await.unwrap();

    sshd.sever().unwrap();

    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

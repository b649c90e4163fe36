//! Files that are written: in one step or not at all.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homelab_core::error::Code;
use homelab_ssh::{Host, WriteOptions};
use homelab_testkit::{KeyType, Sshd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{
    eventually, file, host, host_with, known_hosts, reason, server, text, write_known_hosts,
};

fn options() -> WriteOptions {
    WriteOptions::default()
}

/// Names in the permitted directory.
fn names(sshd: &Sshd) -> Vec<String> {
    let entries = std::fs::read_dir(sshd.folder().join("files")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn old_file(sshd: &Sshd, content: &str) -> PathBuf {
    let path = file(sshd, "a.txt");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test]
async fn a_new_file_is_made_with_the_usual_permissions() {
    let Some(sshd) = server() else { return };
    let path = file(&sshd, "new.txt");

    let written = host(&sshd)
        .files()
        .write(&text(&path), b"hello".to_vec(), options())
        .await
        .unwrap();

    assert!(written.created && written.atomic && written.previous.is_none());
    assert_eq!(written.info.mode, "0644");
    assert_eq!(std::fs::read(&path).unwrap(), b"hello");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    assert_eq!(names(&sshd), ["new.txt"]);
}

#[tokio::test]
async fn a_file_is_replaced_keeps_its_permissions_and_the_old_content_is_handed_back() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "old content, longer than the new one");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4750)).unwrap();
    let inode = std::fs::metadata(&path).unwrap().ino();

    let written = host(&sshd)
        .files()
        .write(&text(&path), b"new".to_vec(), options())
        .await
        .unwrap();

    assert!(!written.created && written.atomic);
    let previous = written.previous.unwrap();
    assert_eq!(
        previous.content.unwrap(),
        b"old content, longer than the new one"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    let now = std::fs::metadata(&path).unwrap();
    assert_eq!(now.mode() & 0o7777, 0o4750);
    assert_ne!(now.ino(), inode, "replaced, not written over");
    assert_eq!(names(&sshd), ["a.txt"]);
}

#[tokio::test]
async fn permissions_and_directories_are_made_as_asked() {
    let Some(sshd) = server() else { return };
    let path = file(&sshd, "deep/er/new.sh");
    let files = host(&sshd).files();
    let executable = WriteOptions {
        mode: Some(0o750),
        create_dirs: true,
        ..options()
    };

    let missing = files
        .write(&text(&path), b"x".to_vec(), options())
        .await
        .unwrap_err();
    files
        .write(&text(&path), b"x".to_vec(), executable)
        .await
        .unwrap();

    assert_eq!(reason(&missing), "file_missing");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o750);
}

#[tokio::test]
async fn a_file_of_another_owner_stays_theirs() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "theirs");
    // Only root can give files away; without it there is nothing to see here.
    if std::os::unix::fs::chown(&path, Some(12_345), Some(12_346)).is_err() {
        return;
    }

    host(&sshd)
        .files()
        .write(&text(&path), b"new".to_vec(), options())
        .await
        .unwrap();

    let now = std::fs::metadata(&path).unwrap();
    assert_eq!((now.uid(), now.gid()), (12_345, 12_346));
}

#[tokio::test]
async fn a_file_that_is_there_is_not_made_again() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "old");
    let only_new = WriteOptions {
        create_only: true,
        ..options()
    };

    let error = host(&sshd)
        .files()
        .write(&text(&path), b"new".to_vec(), only_new)
        .await
        .unwrap_err();

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "file_exists")
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[tokio::test]
async fn a_file_is_only_replaced_as_it_was_seen() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "old");
    let files = host(&sshd).files();
    let seen = files.read(&text(&path), 0, 10).await.unwrap().sha256;
    let as_seen = WriteOptions {
        expected_sha256: seen.clone(),
        ..options()
    };

    std::fs::write(&path, "changed meanwhile").unwrap();
    let changed = files
        .write(&text(&path), b"new".to_vec(), as_seen.clone())
        .await
        .unwrap_err();
    let not_removed = files
        .remove(&text(&path), seen.as_deref())
        .await
        .unwrap_err();
    std::fs::write(&path, "old").unwrap();
    files
        .write(&text(&path), b"new".to_vec(), as_seen.clone())
        .await
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let gone = files
        .write(&text(&path), b"new".to_vec(), as_seen)
        .await
        .unwrap_err();

    for error in [changed, not_removed, gone] {
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::Conflict, "file_changed")
        );
    }
    assert!(names(&sshd).is_empty());
}

#[tokio::test]
async fn a_removed_file_is_handed_back() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "old");
    let files = host(&sshd).files();

    let removed = files.remove(&text(&path), None).await.unwrap();
    let again = files.remove(&text(&path), None).await.unwrap_err();

    assert_eq!(removed.previous.content.unwrap(), b"old");
    assert_eq!(again.code(), Code::NotFound);
    assert!(names(&sshd).is_empty());
}

#[tokio::test]
async fn too_much_content_is_refused() {
    let Some(sshd) = server() else { return };

    let error = host(&sshd)
        .files()
        .write(
            &text(&file(&sshd, "a")),
            vec![0; 1024 * 1024 + 1],
            options(),
        )
        .await
        .unwrap_err();

    assert_eq!(error.envelope().field.as_deref(), Some("content"));
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing_behind() {
    let Some(sshd) = server() else { return };
    let path = file(&sshd, "a");
    std::fs::create_dir_all(&path).unwrap();

    let error = host(&sshd)
        .files()
        .write(&text(&path), b"x".to_vec(), options())
        .await
        .unwrap_err();

    assert_eq!(reason(&error), "file_kind");
    assert_eq!(names(&sshd), ["a"]);
}

/// Stands between us and the server, and stops passing our bytes on after so many.
struct Narrow {
    port: u16,
    left: Arc<AtomicU64>,
    cut: tokio_util::sync::CancellationToken,
}

impl Narrow {
    async fn before(sshd: &Sshd, bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let narrow = Self {
            port: listener.local_addr().unwrap().port(),
            left: Arc::new(AtomicU64::new(bytes)),
            cut: tokio_util::sync::CancellationToken::new(),
        };
        let (to, left, cut) = (sshd.port(), narrow.left.clone(), narrow.cut.clone());
        let never = tokio_util::sync::CancellationToken::new();
        tokio::spawn(async move {
            loop {
                let (ours, _) = listener.accept().await.unwrap();
                // What comes after the cut is passed on.
                let cut = if cut.is_cancelled() {
                    never.clone()
                } else {
                    cut.clone()
                };
                tokio::spawn(pass(ours, to, left.clone(), cut));
            }
        });
        narrow
    }

    /// The server behind it, as a host.
    fn host(&self, sshd: &Sshd) -> Host {
        let line = sshd.known_hosts_line(KeyType::Ed25519).unwrap();
        let line = line.replace(&sshd.port().to_string(), &self.port.to_string());
        write_known_hosts(sshd, &line);
        assert!(known_hosts(sshd).exists());
        host_with(sshd, |settings| settings.port = self.port)
    }

    fn is_stuck(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

async fn pass(
    ours: TcpStream,
    to: u16,
    left: Arc<AtomicU64>,
    cut: tokio_util::sync::CancellationToken,
) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else {
        return;
    };
    let (mut from_us, mut to_us) = ours.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async {
        let mut buffer = vec![0; 4096];
        loop {
            let Ok(read @ 1..) = from_us.read(&mut buffer).await else {
                return;
            };
            if left.load(Ordering::SeqCst) < read as u64 {
                left.store(0, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            left.fetch_sub(read as u64, Ordering::SeqCst);
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let back = async { drop(tokio::io::copy(&mut from_server, &mut to_us).await) };
    tokio::select! {
        () = there => {}
        () = back => {}
        () = cut.cancelled() => {}
    }
}

fn temporary(sshd: &Sshd) -> Option<String> {
    names(sshd)
        .into_iter()
        .find(|name| name.rsplit_once('.').is_some_and(|(_, end)| end == "tmp"))
}

/// A write that is stuck in its middle.
async fn stuck(
    sshd: &Sshd,
    path: &Path,
) -> (
    Narrow,
    tokio::task::JoinHandle<homelab_core::error::ToolResult<homelab_ssh::Written>>,
) {
    let narrow = Narrow::before(sshd, 400_000).await;
    let (files, path) = (narrow.host(sshd).files(), text(path));
    let writing =
        tokio::spawn(async move { files.write(&path, vec![b'n'; 1_000_000], options()).await });
    eventually("the write is stuck", || narrow.is_stuck()).await;
    let half = file(sshd, &temporary(sshd).unwrap());
    assert!(std::fs::metadata(half).unwrap().len() < 1_000_000);
    (narrow, writing)
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_leaves_the_old_file_and_nothing_else() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "old");
    let (narrow, writing) = stuck(&sshd, &path).await;

    narrow.left.store(u64::MAX, Ordering::SeqCst);
    narrow.cut.cancel();
    let error = writing.await.unwrap().unwrap_err();

    assert_eq!(reason(&error), "connection_lost");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    // It connected again to take the half file away.
    assert_eq!(names(&sshd), ["a.txt"]);
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_leaves_the_old_file_whole() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "old");
    let (_narrow, writing) = stuck(&sshd, &path).await;

    sshd.kill().unwrap();
    let error = writing.await.unwrap().unwrap_err();

    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_changes_nothing() {
    let Some(sshd) = server() else { return };
    let path = old_file(&sshd, "old");
    let (narrow, writing) = stuck(&sshd, &path).await;

    writing.abort();
    narrow.left.store(u64::MAX, Ordering::SeqCst);
    narrow.cut.cancel();

    eventually("the half file is taken away", || temporary(&sshd).is_none()).await;
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

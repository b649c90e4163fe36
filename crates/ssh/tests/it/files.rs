//! Files: looking, reading, and what may be touched at all.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use homelab_core::error::Code;
use homelab_ssh::{FileKind, Roots, WriteOptions};
use homelab_testkit::Sshd;

use crate::world::{file, host, host_with, reason, server, server_with, text};

fn write(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// A file outside of what is permitted.
fn outside(sshd: &Sshd) -> std::path::PathBuf {
    let path = sshd.folder().join("outside/secret.txt");
    write(&path, "outside");
    path
}

#[tokio::test]
async fn a_file_is_read_with_its_hash_size_and_permissions() {
    let Some(sshd) = server() else { return };
    let path = file(&sshd, "a.txt");
    write(&path, "hello");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();

    let read = host(&sshd)
        .files()
        .read(&text(&path), 0, 100)
        .await
        .unwrap();

    assert_eq!(read.bytes, b"hello");
    assert!(!read.more);
    assert_eq!((read.info.size, read.info.mode.as_str()), (5, "0640"));
    assert_eq!(read.info.kind, FileKind::File);
    assert!(read.info.modified.is_some());
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(read.sha256.as_deref(), Some(sha256));
}

#[tokio::test]
async fn a_large_file_is_read_in_parts() {
    let Some(sshd) = server() else { return };
    let path = file(&sshd, "large");
    let content: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    write(&path, &content);
    let files = host(&sshd).files();
    let path = text(&path);

    let first = files.read(&path, 0, 200_000).await.unwrap();
    let second = files.read(&path, 200_000, 200_000).await.unwrap();
    let behind = files.read(&path, 400_000, 10).await.unwrap();

    assert!(first.more && !second.more && !behind.more);
    assert_eq!([first.bytes, second.bytes].concat(), content);
    assert_eq!(first.sha256, second.sha256);
    assert!(behind.bytes.is_empty());
    assert_eq!(
        files
            .read(&path, 0, 256 * 1024 + 1)
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn of_a_huge_file_only_the_part_is_read_and_there_is_no_hash() {
    let Some(sshd) = server() else { return };
    let path = file(&sshd, "huge");
    write(&path, "");
    let sparse = std::fs::File::options().write(true).open(&path).unwrap();
    sparse.set_len(20_000_000_000).unwrap();

    let read = host(&sshd)
        .files()
        .read(&text(&path), 19_000_000_000, 1000)
        .await
        .unwrap();

    assert_eq!(read.bytes, [0; 1000]);
    assert!(read.more && read.sha256.is_none());
}

#[tokio::test]
async fn a_file_without_a_size_is_read_all_the_same() {
    let Some(sshd) = server() else { return };
    let host = host_with(&sshd, |settings| settings.read_roots = vec!["/proc".into()]);

    let read = host.files().read("/proc/version", 0, 1000).await.unwrap();

    assert!(read.bytes.starts_with(b"Linux"));
}

#[tokio::test]
async fn what_is_not_there_and_what_is_no_file_is_said() {
    let Some(sshd) = server() else { return };
    write(&file(&sshd, "sub/a"), "");
    let files = host(&sshd).files();

    let missing = files
        .read(&text(&file(&sshd, "none")), 0, 1)
        .await
        .unwrap_err();
    let directory = files
        .read(&text(&file(&sshd, "sub")), 0, 1)
        .await
        .unwrap_err();
    let no_directory = files
        .list(&text(&file(&sshd, "sub/a")), None, 1)
        .await
        .unwrap_err();

    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotFound, "file_missing")
    );
    assert_eq!(
        (directory.code(), reason(&directory)),
        (Code::Conflict, "file_kind")
    );
    assert_eq!(reason(&no_directory), "file_kind");
}

#[tokio::test]
async fn a_pipe_is_not_opened() {
    let Some(sshd) = server() else { return };
    let pipe = file(&sshd, "pipe");
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    let made = homelab_testkit::command("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let files = host(&sshd).files();

    let read = files.read(&text(&pipe), 0, 1).await.unwrap_err();
    let write = files
        .write(&text(&pipe), b"x".to_vec(), WriteOptions::default())
        .await
        .unwrap_err();

    assert_eq!(reason(&read), "file_kind");
    assert_eq!(reason(&write), "file_kind");
    assert_eq!(
        files.stat(&text(&pipe)).await.unwrap().kind,
        FileKind::Special
    );
}

#[tokio::test]
async fn a_directory_is_listed_in_pages() {
    let Some(sshd) = server() else { return };
    for name in ["c", "a", "b", ".hidden"] {
        write(&file(&sshd, "sub").join(name), name);
    }
    symlink("c", file(&sshd, "sub/link")).unwrap();
    let files = host(&sshd).files();
    let path = text(&file(&sshd, "sub"));

    let first = files.list(&path, None, 3).await.unwrap();
    let second = files.list(&path, first.next.as_deref(), 3).await.unwrap();

    let names = |listing: &homelab_ssh::Listing| -> Vec<String> {
        listing
            .entries
            .iter()
            .map(|entry| entry.name.clone())
            .collect()
    };
    assert_eq!(names(&first), [".hidden", "a", "b"]);
    assert_eq!(names(&second), ["c", "link"]);
    assert_eq!((first.total, second.next), (5, None));
    assert_eq!(second.entries[1].info.kind, FileKind::Symlink);
    assert_eq!(first.entries[1].info.path, format!("{path}/a"));
}

#[tokio::test]
async fn the_root_itself_is_listed_and_looked_at() {
    let Some(sshd) = server() else { return };
    write(&file(&sshd, "a"), "");
    let files = host(&sshd).files();
    let root = text(file(&sshd, "a").parent().unwrap());

    assert_eq!(files.list(&root, None, 10).await.unwrap().total, 1);
    assert_eq!(files.stat(&root).await.unwrap().kind, FileKind::Directory);
}

#[tokio::test]
async fn a_link_that_stays_inside_is_followed_when_reading() {
    let Some(sshd) = server() else { return };
    write(&file(&sshd, "a"), "inside");
    symlink("a", file(&sshd, "link")).unwrap();
    let files = host(&sshd).files();
    let link = text(&file(&sshd, "link"));

    assert_eq!(files.read(&link, 0, 10).await.unwrap().bytes, b"inside");
    let stat = files.stat(&link).await.unwrap();
    assert_eq!(
        (stat.kind, stat.target.as_deref()),
        (FileKind::Symlink, Some("a"))
    );
}

#[tokio::test]
async fn links_that_lead_outside_are_refused_for_everything() {
    let Some(sshd) = server() else { return };
    let secret = outside(&sshd);
    write(&file(&sshd, "a"), "");
    symlink(&secret, file(&sshd, "to_file")).unwrap();
    symlink(secret.parent().unwrap(), file(&sshd, "to_folder")).unwrap();
    let files = host(&sshd).files();
    let through = text(&file(&sshd, "to_folder/secret.txt"));
    let new = text(&file(&sshd, "to_folder/new"));
    let deeper = text(&file(&sshd, "to_folder/deeper/new"));
    let with_folders = WriteOptions {
        create_dirs: true,
        ..WriteOptions::default()
    };
    let refused = [
        files
            .read(&text(&file(&sshd, "to_file")), 0, 10)
            .await
            .unwrap_err(),
        files.read(&through, 0, 10).await.unwrap_err(),
        files.stat(&through).await.unwrap_err(),
        files
            .list(&text(&file(&sshd, "to_folder")), None, 10)
            .await
            .unwrap_err(),
        files
            .write(&through, b"x".to_vec(), WriteOptions::default())
            .await
            .unwrap_err(),
        files
            .write(&new, b"x".to_vec(), WriteOptions::default())
            .await
            .unwrap_err(),
        files
            .write(&deeper, b"x".to_vec(), with_folders)
            .await
            .unwrap_err(),
        files.remove(&through, None).await.unwrap_err(),
    ];

    for error in refused {
        assert_eq!(error.code(), Code::PermissionDenied, "{error}");
        assert_eq!(reason(&error), "file_link_outside");
    }
    assert_eq!(std::fs::read(&secret).unwrap(), b"outside");
    assert_eq!(
        std::fs::read_dir(secret.parent().unwrap()).unwrap().count(),
        1
    );
}

#[tokio::test]
async fn a_link_is_not_written_through_even_if_it_stays_inside() {
    let Some(sshd) = server() else { return };
    write(&file(&sshd, "a"), "old");
    symlink("a", file(&sshd, "link")).unwrap();
    let files = host(&sshd).files();
    let link = text(&file(&sshd, "link"));

    let written = files
        .write(&link, b"x".to_vec(), WriteOptions::default())
        .await
        .unwrap_err();
    let removed = files.remove(&link, None).await.unwrap_err();

    assert_eq!(reason(&written), "file_kind");
    assert_eq!(reason(&removed), "file_kind");
    assert_eq!(std::fs::read(file(&sshd, "a")).unwrap(), b"old");
}

#[tokio::test]
async fn a_root_that_is_a_link_itself_is_meant_as_it_is_written() {
    let Some(sshd) = server() else { return };
    write(&file(&sshd, "a"), "a");
    let root = sshd.folder().join("linked");
    symlink(sshd.folder().join("files"), &root).unwrap();
    let host = host_with(&sshd, |settings| {
        settings.read_roots = vec![];
        settings.write_roots = vec![text(&root)];
    });
    let path = text(&root.join("a"));

    assert_eq!(host.files().read(&path, 0, 1).await.unwrap().bytes, b"a");
    host.files()
        .write(&path, b"b".to_vec(), WriteOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn outside_of_the_roots_nothing_is_touched_and_nothing_is_connected() {
    let Some(sshd) = server() else { return };
    let secret = text(&outside(&sshd));
    let host = host(&sshd);
    sshd.kill().unwrap();

    let read = host.files().read(&secret, 0, 1).await.unwrap_err();
    let write = host
        .files()
        .write(&secret, vec![], WriteOptions::default())
        .await
        .unwrap_err();
    let dots = host
        .files()
        .read("/srv/../etc/passwd", 0, 1)
        .await
        .unwrap_err();

    assert_eq!(reason(&read), "file_outside_roots");
    assert_eq!(reason(&write), "file_outside_roots");
    assert_eq!(dots.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn files_with_secrets_are_not_read_unless_the_owner_permits_them() {
    let Some(sshd) = server() else { return };
    write(&file(&sshd, ".env"), "TOKEN=x");
    write(&file(&sshd, "notes"), "-----BEGIN RSA PRIVATE KEY-----\n");
    symlink(".env", file(&sshd, "harmless")).unwrap();
    let permitted = text(&file(&sshd, ".env"));
    let (strict, open) = (
        host(&sshd).files(),
        host_with(&sshd, |settings| {
            settings.permitted_files = vec![permitted.clone()];
        })
        .files(),
    );

    for name in [".env", "harmless", "notes"] {
        let error = strict
            .read(&text(&file(&sshd, name)), 0, 100)
            .await
            .unwrap_err();
        assert_eq!(reason(&error), "file_secret", "{name}");
    }
    assert_eq!(
        open.read(&permitted, 0, 100).await.unwrap().bytes,
        b"TOKEN=x"
    );
}

#[tokio::test]
async fn a_backend_brings_roots_of_its_own() {
    let Some(sshd) = server() else { return };
    let path = outside(&sshd);
    let roots = Roots {
        read: vec![text(path.parent().unwrap())],
        ..Roots::default()
    };

    let read = host(&sshd)
        .files_in(roots)
        .read(&text(&path), 0, 10)
        .await
        .unwrap();

    assert_eq!(read.bytes, b"outside");
}

#[tokio::test]
async fn a_server_without_file_transfer_is_said() {
    let Some(sshd) = server_with(&["ForceCommand echo hello"]) else {
        return;
    };
    write(&file(&sshd, "a"), "a");

    let error = host(&sshd)
        .files()
        .read(&text(&file(&sshd, "a")), 0, 1)
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(reason(&error), "sftp_unavailable");
}

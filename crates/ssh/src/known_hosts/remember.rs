//! Adds the first key that is seen of a host to the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use russh::keys::PublicKey;

use super::{HostName, Known};

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// It is in the file now.
    Yes,
    /// Somebody else wrote a line about this host meanwhile: judge again.
    HostIsKnown,
}

/// Adds a line for the host, unless there is any line about it. The file is replaced as a whole, so
/// nobody ever reads half of it; the lock keeps two processes from losing each other's line.
///
/// `random` makes the name of the new file.
pub(crate) fn remember(
    file: &Path,
    host: &HostName,
    key: &PublicKey,
    random: &str,
) -> io::Result<Remembered> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let lock = File::open(folder)?;
    lock.lock()?;
    // A link is followed, so that the file it leads to is replaced and not the link.
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if !Known::read(&file, host)?.lines.is_empty() {
        return Ok(Remembered::HostIsKnown);
    }
    let mut text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    let mut key = key.clone();
    key.set_comment("");
    let key = key.to_openssh().map_err(io::Error::other)?;
    text.extend_from_slice(format!("{host} {}\n", key.trim_end()).as_bytes());
    replace(&file, &text, random)?;
    Ok(Remembered::Yes)
}

fn replace(file: &Path, text: &[u8], random: &str) -> io::Result<()> {
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(format!(".{random}.tmp"));
    let temporary = PathBuf::from(temporary);
    let written = write_new(&temporary, text).and_then(|()| std::fs::rename(&temporary, file));
    if written.is_err() {
        // Its own failure would only hide the first one.
        std::fs::remove_file(&temporary).unwrap_or_default();
    }
    written
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

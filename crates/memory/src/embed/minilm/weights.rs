//! Which file the weights are, and how it gets to its place unharmed.
//!
//! Nothing here speaks to the network: whoever downloads writes into an [`Install`].

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::safetensors::Tensors;

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// A file that is pinned by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Artifact {
    /// Name under which it is installed.
    pub file: &'static str,
    /// Where it is published; any other source will do, the content decides.
    pub url: &'static str,
    /// Its licence, as an SPDX expression.
    pub license: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: &'static str,
}

/// The weights of all-MiniLM-L6-v2. The vocabulary is in the binary, so this is all that is fetched.
pub const MODEL: Artifact = Artifact {
    file: "all-MiniLM-L6-v2.safetensors",
    url: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors",
    license: "Apache-2.0",
    bytes: 90_868_376,
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
};

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It was never installed.
    #[error("there is no model at `{}`", .0.display())]
    Missing(PathBuf),
    /// It has another size than the pinned one.
    #[error("the model has {found} bytes instead of {expected}")]
    Size {
        /// What it should have.
        expected: u64,
        /// What it has; at least, where reading stopped early.
        found: u64,
    },
    /// It has the right size and another content.
    #[error("the model has the SHA-256 {found} instead of {expected}")]
    Hash {
        /// What it should have.
        expected: &'static str,
        /// What it has.
        found: String,
    },
    /// It has the right content for no model we know; never seen with a pinned file.
    #[error("the model cannot be read: {0}")]
    Damaged(String),
    /// Another process installs it at this moment.
    #[error("another process is installing the model")]
    Busy,
    /// Reading or writing failed.
    #[error("the model's file: {0}")]
    Io(#[from] io::Error),
}

/// The weights of the model, verified and open.
#[derive(Debug)]
pub struct Weights(pub(super) Tensors);

impl Weights {
    /// Opens what is installed in `dir` after its whole content was verified; about 0.1 s, and nothing of it
    /// stays in memory.
    ///
    /// # Errors
    /// [`ModelError::Missing`], [`ModelError::Size`] and [`ModelError::Hash`]; otherwise as reading fails.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let mut file = MODEL.open(dir)?;
        let mut hash = Sha256::new();
        let found = hash_all(&mut file, &mut hash)?;
        MODEL.verify(found, hash)?;
        Ok(Self(Tensors::read(file)?))
    }
}

impl Artifact {
    /// Where it is, or would be, installed.
    pub fn path(&self, dir: &Path) -> PathBuf {
        dir.join(self.file)
    }

    /// Whether a file of the right name and size is there; the content is not looked at.
    pub fn is_installed(&self, dir: &Path) -> bool {
        std::fs::metadata(self.path(dir))
            .is_ok_and(|found| found.is_file() && found.len() == self.bytes)
    }

    /// Installs it from a reader, such as a file that was brought by hand; what an earlier try left is dropped.
    ///
    /// # Errors
    /// As [`Install::write`] and [`Install::finish`], or as reading fails. What is installed stays as it was.
    pub fn install(
        &'static self,
        dir: &Path,
        mut reader: impl Read,
    ) -> Result<PathBuf, ModelError> {
        let mut install = Install::begin(self, dir)?;
        install.restart()?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            install.write(&chunk[..count])?;
        }
        install.finish()
    }

    fn open(&self, dir: &Path) -> Result<File, ModelError> {
        let path = self.path(dir);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ModelError::Missing(path),
            _ => error.into(),
        })
    }

    fn verify(&self, found: u64, hash: Sha256) -> Result<(), ModelError> {
        if found != self.bytes {
            return Err(ModelError::Size {
                expected: self.bytes,
                found,
            });
        }
        let found = hex::encode(hash.finalize());
        if found == self.sha256 {
            Ok(())
        } else {
            Err(ModelError::Hash {
                expected: self.sha256,
                found,
            })
        }
    }
}

/// An installation that is under way, in a file of its own beside its final place.
///
/// What was written survives a broken connection: the next [`Install::begin`] goes on where it ended. Only one
/// process at a time can hold it.
#[derive(Debug)]
pub struct Install {
    artifact: &'static Artifact,
    target: PathBuf,
    partial: PathBuf,
    file: File,
    hash: Sha256,
    written: u64,
}

impl Install {
    /// Makes the folder if need be, and goes on with what is there of an earlier try.
    ///
    /// # Errors
    /// [`ModelError::Busy`] while another process holds it; otherwise as the file system answers.
    pub fn begin(artifact: &'static Artifact, dir: &Path) -> Result<Self, ModelError> {
        std::fs::create_dir_all(dir)?;
        let target = artifact.path(dir);
        let partial = dir.join(format!("{}.partial", artifact.file));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&partial)?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => ModelError::Busy,
            std::fs::TryLockError::Error(error) => error.into(),
        })?;
        let mut hash = Sha256::new();
        let written = hash_all(&mut file, &mut hash)?;
        let mut install = Self {
            artifact,
            target,
            partial,
            file,
            hash,
            written,
        };
        if written > artifact.bytes {
            install.restart()?;
        }
        Ok(install)
    }

    /// Bytes that are there already: where a download goes on.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Forgets what is there, for a source that cannot begin in the middle.
    ///
    /// # Errors
    /// As the file system answers.
    pub fn restart(&mut self) -> Result<(), ModelError> {
        self.file.set_len(0)?;
        io::Seek::rewind(&mut self.file)?;
        self.hash = Sha256::new();
        self.written = 0;
        Ok(())
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`ModelError::Size`] as soon as there are too many, before they are written; otherwise as the file system
    /// answers, and then the next try begins after what was written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        let found = self.written + bytes.len() as u64;
        if found > self.artifact.bytes {
            return Err(ModelError::Size {
                expected: self.artifact.bytes,
                found,
            });
        }
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.written = found;
        Ok(())
    }

    /// Verifies the whole, brings it to the disk and then, in one step, to its place.
    ///
    /// # Errors
    /// [`ModelError::Size`] if something is missing, which the next try may add; [`ModelError::Hash`] if it is another
    /// file, which is then removed; otherwise as the file system answers.
    pub fn finish(self) -> Result<PathBuf, ModelError> {
        let verified = self.artifact.verify(self.written, self.hash);
        if let Err(ModelError::Hash { .. }) = verified {
            std::fs::remove_file(&self.partial)?;
        }
        verified?;
        self.file.sync_all()?;
        std::fs::rename(&self.partial, &self.target)?;
        Ok(self.target)
    }
}

/// Reads to the end; the number of bytes.
fn hash_all(file: &mut File, hash: &mut Sha256) -> Result<u64, ModelError> {
    let mut chunk = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let count = match file.read(&mut chunk) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        hash.update(&chunk[..count]);
        total += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// source: `printf 'twelve bytes' | sha256sum`.
    const SMALL: Artifact = Artifact {
        file: "small.bin",
        url: "https://models.invalid/small.bin",
        license: "CC0-1.0",
        bytes: 12,
        sha256: "d4ce2c527afe674c7a086bd74e256019e3d5dcdb31eeb6eaadef5ada8c4383b9",
    };
    const CONTENT: &[u8] = b"twelve bytes";

    #[test]
    fn a_file_with_the_pinned_content_is_installed_under_its_name() {
        let dir = tempfile::tempdir().unwrap();

        let path = SMALL.install(dir.path(), CONTENT).unwrap();

        assert_eq!(path, dir.path().join("small.bin"));
        assert_eq!(std::fs::read(path).unwrap(), CONTENT);
        assert!(SMALL.is_installed(dir.path()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_content_is_refused_and_what_was_installed_stays() {
        let dir = tempfile::tempdir().unwrap();
        SMALL.install(dir.path(), CONTENT).unwrap();

        let same_size = SMALL.install(dir.path(), &b"TWELVE BYTES"[..]);
        let longer = SMALL.install(dir.path(), &b"thirteen bytes"[..]);

        assert!(
            matches!(same_size, Err(ModelError::Hash { .. })),
            "{same_size:?}"
        );
        assert!(
            matches!(
                longer,
                Err(ModelError::Size {
                    expected: 12,
                    found: 14
                })
            ),
            "{longer:?}"
        );
        assert_eq!(std::fs::read(SMALL.path(dir.path())).unwrap(), CONTENT);
    }

    #[test]
    fn a_broken_download_goes_on_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Install::begin(&SMALL, dir.path()).unwrap();
        first.write(b"twelve").unwrap();
        let broken = first.finish();
        assert!(
            matches!(
                broken,
                Err(ModelError::Size {
                    expected: 12,
                    found: 6
                })
            ),
            "{broken:?}"
        );
        assert!(!SMALL.is_installed(dir.path()));

        let mut second = Install::begin(&SMALL, dir.path()).unwrap();
        assert_eq!(second.written(), 6);
        second.write(b" bytes").unwrap();
        let path = second.finish().unwrap();

        assert_eq!(std::fs::read(path).unwrap(), CONTENT);
    }

    #[test]
    fn a_source_that_begins_anew_replaces_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Install::begin(&SMALL, dir.path()).unwrap();
        first.write(b"rubbish").unwrap();
        drop(first);

        let mut second = Install::begin(&SMALL, dir.path()).unwrap();
        second.restart().unwrap();
        second.write(CONTENT).unwrap();

        assert_eq!(std::fs::read(second.finish().unwrap()).unwrap(), CONTENT);
    }

    #[test]
    fn what_turned_out_wrong_is_not_built_upon() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Install::begin(&SMALL, dir.path()).unwrap();
        first.write(b"TWELVE BYTES").unwrap();
        let wrong = first.finish();
        assert!(matches!(wrong, Err(ModelError::Hash { .. })), "{wrong:?}");

        let second = Install::begin(&SMALL, dir.path()).unwrap();

        assert_eq!(second.written(), 0);
    }

    #[test]
    fn two_installations_at_once_do_not_mix() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Install::begin(&SMALL, dir.path()).unwrap();

        let second = Install::begin(&SMALL, dir.path());

        assert!(matches!(second, Err(ModelError::Busy)), "{second:?}");
    }

    #[test]
    fn weights_that_are_absent_or_another_file_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let absent = Weights::open(dir.path());
        assert!(matches!(absent, Err(ModelError::Missing(_))), "{absent:?}");

        std::fs::write(MODEL.path(dir.path()), CONTENT).unwrap();

        let other = Weights::open(dir.path());
        assert!(
            matches!(other, Err(ModelError::Size { found: 12, .. })),
            "{other:?}"
        );
        assert!(!MODEL.is_installed(dir.path()));
    }
}

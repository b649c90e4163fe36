//! The operations of one upstream: a small index in memory, everything else on disk.
//!
//! A file holds a line that names its format, the index as one line of JSON, and the operations one
//! after the other; the index says where each begins. It is written once for each version of an
//! upstream, replaced as a whole, and read without any of the document that it was made from.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::redact::Redactor;
use homelab_core::tool::Effect;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::model::{Operation, Place, Verb};
use super::read;

/// First line of a file.
const FORMAT: &str = "homelab-api 2";
/// Largest index that is read, bytes.
const MOST_INDEX: u64 = 16 * 1024 * 1024;
/// Largest sum of operations, bytes.
const MOST_DETAILS: usize = 48 * 1024 * 1024;
/// Most values of a path that the index has of one operation.
const MOST_CHOICES: usize = 64;
/// Files that are kept for one instance: the versions before are of use after a downgrade.
const KEPT: usize = 3;

/// Where descriptions are cached: a folder of the data directory. Put into
/// [`Env::shared`](crate::Env::shared); without it they are kept in memory.
#[derive(Debug, Clone)]
pub struct CacheDir(pub PathBuf);

/// One operation of the index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "m")]
    pub(crate) method: Verb,
    #[serde(rename = "p")]
    pub(crate) path: String,
    #[serde(rename = "s")]
    pub(crate) summary: String,
    /// What the variables of its path may be, where that is one of a few.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) choices: Vec<String>,
    #[serde(rename = "a")]
    at: u64,
    #[serde(rename = "l")]
    length: u32,
}

#[cfg(test)]
impl Row {
    pub(crate) fn of(method: Verb, path: &str, summary: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            summary: summary.to_owned(),
            choices: Vec::new(),
            at: 0,
            length: 0,
        }
    }
}

/// Where the operations are.
#[derive(Debug)]
enum Details {
    Memory(Vec<u8>),
    /// The file, and where its operations begin.
    Disk(PathBuf, u64),
}

/// A description that was read.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) version: String,
    pub(crate) rows: Vec<Row>,
    /// Made from what our tools know, because the upstream publishes nothing.
    pub(crate) is_partial: bool,
    details: Details,
}

impl Described {
    /// An operation in full.
    ///
    /// # Errors
    /// `internal` if the file in the cache cannot be read any more.
    pub(crate) async fn operation(self: &Arc<Self>, row: &Row) -> ToolResult<Operation> {
        let (this, at, length) = (Arc::clone(self), row.at, row.length);
        let found = tokio::task::spawn_blocking(move || this.details(at, length)).await;
        let bytes = found.map_err(|_| lost())?.map_err(|error| {
            tracing::warn!(%error, "a cached description cannot be read");
            lost()
        })?;
        serde_json::from_slice(&bytes).map_err(|_| lost())
    }

    fn details(&self, at: u64, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        match &self.details {
            Details::Memory(all) => {
                let start = usize::try_from(at).map_err(io::Error::other)?;
                let found = all.get(start..start.saturating_add(bytes.len()));
                bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            }
            Details::Disk(path, start) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(start.saturating_add(at)))?;
                file.read_exact(&mut bytes)?;
            }
        }
        Ok(bytes)
    }
}

fn lost() -> ToolError {
    ToolError::internal("the description of the API in the cache cannot be read")
        .hint("remove the folder `cache/api` of the data directory, and call again")
}

/// The description of one upstream: read when it is first asked for, anew when the upstream's
/// version has changed.
pub struct Book {
    /// Name of its files.
    name: String,
    folder: Option<PathBuf>,
    pub(crate) redactor: Redactor,
    /// What each tool of the backend does at most; worked out when it is first asked for.
    pub(crate) effects: OnceLock<HashMap<&'static str, Effect>>,
    now: Mutex<Option<Arc<Described>>>,
}

impl Book {
    /// Nothing is read yet. `name` tells it from all others, such as the instance's.
    pub fn new(name: &str, env: &crate::Env) -> Self {
        let cache = env.shared.get::<CacheDir>();
        Self {
            name: safe(name),
            folder: cache.map(|cache| cache.0.join("api")),
            redactor: env.redactor.clone(),
            effects: OnceLock::new(),
            now: Mutex::new(None),
        }
    }

    /// The description of this version: the one at hand, the one on disk, or what `fetch` brings. Its
    /// paths are kept without `base`, where the upstream writes that before them.
    ///
    /// # Errors
    /// What `fetch` ends with, or `upstream_rejected` with reason `description_unreadable`.
    pub(crate) async fn of_version(
        &self,
        version: &str,
        base: &'static str,
        fetch: impl Future<Output = ToolResult<Document>>,
    ) -> ToolResult<Arc<Described>> {
        // Held while it is fetched: who comes meanwhile waits instead of asking again.
        let mut now = self.now.lock().await;
        if let Some(described) = now.as_ref().filter(|now| now.version == version) {
            return Ok(Arc::clone(described));
        }
        let path = self.folder.as_ref().map(|folder| {
            let file = format!("{}@{}.json", self.name, safe(version));
            folder.join(file)
        });
        let (at, of) = (path.clone(), version.to_owned());
        let cached = tokio::task::spawn_blocking(move || load(&at?, &of).ok()).await;
        let described = match cached.ok().flatten() {
            Some(described) => described,
            None => self.make(version, base, path, fetch.await?).await?,
        };
        let described = Arc::new(described);
        if !described.is_partial {
            *now = Some(Arc::clone(&described));
        }
        Ok(described)
    }

    async fn make(
        &self,
        version: &str,
        base: &'static str,
        path: Option<PathBuf>,
        document: Document,
    ) -> ToolResult<Described> {
        let (version, name) = (version.to_owned(), self.name.clone());
        let made = move || -> Result<Described, String> {
            let (rows, bytes) = match document {
                Document::Text(text) => {
                    let text = std::str::from_utf8(&text).map_err(|_| "it is not UTF-8")?;
                    parse(text, base)?
                }
                Document::Known(operations) => {
                    let (rows, bytes) = index(operations)?;
                    return Ok(Described {
                        version,
                        rows,
                        is_partial: true,
                        details: Details::Memory(bytes),
                    });
                }
            };
            let details = path.and_then(|path| {
                let stored = store(&path, &version, &rows, &bytes);
                match stored {
                    Ok(start) => {
                        clean(&path, &name);
                        Some(Details::Disk(path, start))
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a description is kept in memory, not in the cache");
                        None
                    }
                }
            });
            Ok(Described {
                version,
                rows,
                is_partial: false,
                details: details.unwrap_or(Details::Memory(bytes)),
            })
        };
        let made = tokio::task::spawn_blocking(made).await;
        made.map_err(|_| ToolError::internal("reading the description of the API failed"))?
            .map_err(|what| {
                let message = format!("the description of the API cannot be used: {what}");
                ToolError::new(Code::UpstreamRejected, message).reason("description_unreadable")
            })
    }
}

/// What a description is made from.
pub enum Document {
    /// What the upstream publishes, in any form that is known.
    Text(Vec<u8>),
    /// Operations that are known without it.
    Known(Vec<Operation>),
}

type Indexed = (Vec<Row>, Vec<u8>);

fn parse(text: &str, base: &str) -> Result<Indexed, String> {
    let mut writer = Writer::default();
    read::read(text, &mut |mut operation| {
        if let Some(path) = operation.path.strip_prefix(base)
            && path.starts_with('/')
        {
            operation.path = path.to_owned();
        }
        writer.add(&operation);
    })?;
    writer.done()
}

fn index(operations: Vec<Operation>) -> Result<Indexed, String> {
    let mut writer = Writer::default();
    for operation in operations {
        writer.add(&operation);
    }
    writer.done()
}

#[derive(Default)]
struct Writer {
    rows: Vec<Row>,
    bytes: Vec<u8>,
    is_full: bool,
}

impl Writer {
    fn add(&mut self, operation: &Operation) {
        let at = self.bytes.len();
        if at > MOST_DETAILS {
            self.is_full = true;
            return;
        }
        // Writing to a vector cannot fail, and neither can these types.
        if serde_json::to_writer(&mut self.bytes, operation).is_err() {
            self.bytes.truncate(at);
            return;
        }
        self.rows.push(Row {
            method: operation.method,
            path: operation.path.clone(),
            summary: operation.summary.clone(),
            choices: choices(operation),
            at: at as u64,
            length: u32::try_from(self.bytes.len() - at).unwrap_or(u32::MAX),
        });
    }

    fn done(mut self) -> Result<Indexed, String> {
        if self.is_full {
            return Err("its operations are too large".to_owned());
        }
        self.rows
            .sort_by(|a, b| (&a.path, a.method).cmp(&(&b.path, b.method)));
        Ok((self.rows, self.bytes))
    }
}

/// The values of an operation's path, as far as the description names them.
fn choices(operation: &Operation) -> Vec<String> {
    let of_path = operation
        .parameters
        .iter()
        .filter(|one| one.place == Place::Path);
    let choices = of_path.filter_map(|one| one.schema.get("enum")?.as_array());
    let texts = choices.flatten().filter_map(Value::as_str);
    texts.take(MOST_CHOICES).map(str::to_owned).collect()
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: String,
    /// Bytes of the operations, to tell a file that was cut.
    bytes: u64,
    rows: Vec<Row>,
}

fn load(path: &Path, version: &str) -> io::Result<Described> {
    let file = File::open(path)?;
    let whole = file.metadata()?.len();
    let mut reader = BufReader::new(file).take(MOST_INDEX);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if line.trim_end() != FORMAT {
        return Err(io::Error::other("another format"));
    }
    let mut start = line.len() as u64;
    line.clear();
    reader.read_line(&mut line)?;
    start += line.len() as u64;
    let head: Head = serde_json::from_str(&line)?;
    if head.version != version || start + head.bytes != whole {
        return Err(io::Error::other("cut, or of another version"));
    }
    Ok(Described {
        version: head.version,
        rows: head.rows,
        is_partial: false,
        details: Details::Disk(path.to_owned(), start),
    })
}

/// Writes a file at once or not at all; answers where its operations begin.
fn store(path: &Path, version: &str, rows: &[Row], bytes: &[u8]) -> io::Result<u64> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let head = Head {
        version: version.to_owned(),
        bytes: bytes.len() as u64,
        rows: rows.to_vec(),
    };
    let head = serde_json::to_string(&head)?;
    // Another process may write the same at the same time.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(FORMAT.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(head.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written?;
    Ok((FORMAT.len() + 1 + head.len() + 1) as u64)
}

/// Removes the oldest files of an instance.
fn clean(path: &Path, name: &str) {
    let Some(entries) = path.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
        return;
    };
    let prefix = format!("{name}@");
    let of_instance =
        |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&prefix);
    let mut files: Vec<_> = entries
        .flatten()
        .filter(of_instance)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    for (_, old) in files.iter().rev().skip(KEPT) {
        drop(fs::remove_file(old));
    }
}

/// A name that is a plain file name.
fn safe(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    let name: String = name
        .chars()
        .take(80)
        .map(|letter| if plain(letter) { letter } else { '_' })
        .collect();
    name
}

#[cfg(test)]
mod tests;

//! Archives of a Pi-hole ("teleporter"): fetched, and kept in our own store. They hold the hashes of its
//! passwords, so none passes through an answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_backend::{Env, NewArchive};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::id::uuid_v7;
use homelab_core::secret::SecretBytes;
use homelab_core::store::{Archive, Keep};
use homelab_upstream::header;
use schemars::JsonSchema;
use serde::Serialize;

use crate::archive::{self, InArchive};
use crate::call::Call;
use crate::client::Pihole;
use crate::host::Host;

/// Archives kept of each Pi-hole.
pub(crate) const KEPT: usize = 10;
/// A Raspberry Pi takes its time to pack and unpack them.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// What they are called among the archives of all servers.
const KIND: &str = "teleporter";
/// Largest archive: an ordinary one has some hundred kilobytes.
const LARGEST: usize = 32 * 1024 * 1024;

/// An archive that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct ArchiveRow {
    pub(crate) id: String,
    /// The Pi-hole that it is of.
    pub(crate) host: String,
    /// Its file's name.
    name: String,
    size_bytes: u64,
    /// Of the file.
    sha256: String,
    /// RFC 3339.
    created_at: String,
    /// Why it was made.
    note: Option<String>,
}

impl From<Archive> for ArchiveRow {
    fn from(archive: Archive) -> Self {
        Self {
            id: archive.id,
            host: archive.source,
            name: archive.name,
            size_bytes: archive.size,
            sha256: archive.sha256,
            created_at: archive.created_at.to_rfc3339(),
            note: archive.note,
        }
    }
}

/// An archive that was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ArchiveMade {
    pub(crate) archive: ArchiveRow,
    /// What is in it.
    files: Vec<InArchive>,
    /// Ids of older ones that had to go for it.
    removed: Vec<String>,
}

/// Why an archive is made, and how it is kept.
#[derive(Default)]
pub(crate) struct Purpose<'a> {
    /// The id it is to have; a new one where it is empty.
    pub(crate) id: String,
    pub(crate) note: Option<String>,
    /// An archive that must not go for it.
    pub(crate) besides: Option<&'a str>,
}

impl Pihole {
    /// The archives of this instance, newest first.
    pub(crate) async fn archives(&self) -> ToolResult<Vec<Archive>> {
        let mut archives = self.env.stores.archives.list(Some(self.name())).await?;
        archives.retain(|archive| archive.kind == KIND);
        Ok(archives)
    }

    /// One archive of this instance; that of another one counts as none.
    pub(crate) async fn archive(&self, id: &str) -> ToolResult<Archive> {
        let found = self.env.stores.archives.get(id).await?;
        found
            .filter(|archive| archive.server == self.name() && archive.kind == KIND)
            .ok_or_else(|| {
                ToolError::not_found(format!("there is no archive `{id}` of this Pi-hole"))
                    .reason("archive_not_found")
                    .field("archive")
                    .hint("see `list_teleporter_archives`, or make one with `export_teleporter`")
            })
    }

    /// Has a Pi-hole make an archive, and keeps it.
    pub(crate) async fn export(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
    ) -> ToolResult<ArchiveMade> {
        let (name, content) = host.teleporter().await?;
        let files = archive::files(content.expose()).ok_or_else(|| no_archive(&host.name))?;
        let archive = NewArchive {
            id: purpose.id,
            server: self.name().to_owned(),
            source: host.name.clone(),
            kind: KIND,
            name,
            note: purpose.note,
        };
        let keep = Keep {
            newest: KEPT,
            besides: purpose.besides,
        };
        let kept = self.env.keep_archive(archive, content, keep).await?;
        Ok(ArchiveMade {
            archive: kept.archive.into(),
            files,
            removed: kept.removed.into_iter().map(|one| one.id).collect(),
        })
    }
}

impl Host {
    /// `GET /teleporter`: an archive and its name.
    async fn teleporter(&self) -> ToolResult<(String, SecretBytes)> {
        let call = Call::get("teleporter", "/api/teleporter", &[])
            .max_body(LARGEST)
            .timeout(PATIENCE);
        let answer = self.answer(&call).await.map_err(|error| {
            if error.envelope().reason.as_deref() == Some("too_large") {
                return error.hint("make it under Settings, Teleporter, on Pi-hole's own page");
            }
            error
        })?;
        let disposition = answer.headers.get(header::CONTENT_DISPOSITION);
        let name = archive::name(disposition.and_then(|text| text.to_str().ok()));
        Ok((name, SecretBytes::new(answer.body.to_vec())))
    }
}

fn no_archive(host: &str) -> ToolError {
    let message = format!("what `{host}` gave out is no archive, or was cut");
    ToolError::new(Code::UpstreamRejected, message)
        .reason("not_an_archive")
        .hint("check that no proxy answers in its place, and the space on its disk")
}

/// What undoes an import is told before it runs, and the archive that it needs is made as it runs: so its
/// id is chosen when it is told, and taken when it is made.
#[derive(Default)]
pub(crate) struct WaysBack(Mutex<HashMap<String, String>>);

impl WaysBack {
    /// The id under which the state before the next import of this archive will be kept.
    pub(crate) fn choose(&self, archive: &str, env: &Env) -> String {
        let mut chosen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = || uuid_v7(env.clock.as_ref(), env.entropy.as_ref());
        let id = chosen.entry(archive.to_owned()).or_insert_with(id);
        id.clone()
    }

    /// That id, which then is used up; empty where none was chosen.
    pub(crate) fn take(&self, archive: &str) -> String {
        let mut chosen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chosen.remove(archive).unwrap_or_default()
    }
}

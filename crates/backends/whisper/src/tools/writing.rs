//! Writing and removing a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use homelab_ssh::{FileInfo, WriteOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::on_file_path;
use super::undo::{self, Before};
use super::{diff, targets};
use crate::client::Whisper;

/// How content is written in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum ContentEncoding {
    /// The content is the text itself.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// The content is base64 of the bytes.
    #[serde(rename = "base64")]
    Base64,
}

/// What to write where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteFile {
    /// Absolute path on the host.
    #[schemars(length(min = 1, max = 4096))]
    file_path: String,
    /// The whole new content, at most 1 MiB.
    #[schemars(length(max = 1_398_104))]
    content: String,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
    /// How `content` is written.
    #[serde(default)]
    encoding: ContentEncoding,
    /// Permissions in octal, such as `0644`; default: those it has, or `0644`.
    #[schemars(length(min = 3, max = 5))]
    mode: Option<String>,
    /// Make missing folders.
    #[serde(default)]
    create_dirs: bool,
    /// Fail if the file is there.
    #[serde(default)]
    create_only: bool,
    /// Fail unless the file has this SHA-256, as `whisper_read_file` told it.
    #[schemars(length(min = 64, max = 64))]
    expected_sha256: Option<String>,
    /// Write over the old content where the server cannot replace a file in one step.
    #[serde(default)]
    allow_non_atomic: bool,
}

/// A file after it was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileWritten {
    /// Where it is.
    host: String,
    #[serde(flatten)]
    info: FileInfo,
    /// Whether it is new.
    created: bool,
    /// SHA-256 of its content.
    sha256: String,
    /// SHA-256 of what was there before.
    previous_sha256: Option<String>,
    /// Whether it was replaced in one step.
    atomic: bool,
}

/// Write a whole file on a remote host in one step, below the folders that its settings allow; mode and owner of an existing file are kept, and its content for undo.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "whisper:file:write",
    title = "Write a remote file",
    timeout = 120,
    effect = write_effect,
    preview = preview_write,
    targets = write_targets,
    inverse = undo_write,
    read_back = check_write
)]
pub(crate) async fn whisper_write_file(
    whisper: &Whisper,
    args: WriteFile,
) -> ToolResult<FileWritten> {
    let content = bytes(&args)?;
    let options = options(&args)?;
    let host = whisper.host(args.host.as_deref())?;
    let written = host.files().write(&args.file_path, content, options).await;
    let written = written.map_err(on_file_path)?;
    Ok(FileWritten {
        host: host.name().to_owned(),
        info: written.info,
        created: written.created,
        sha256: written.sha256,
        previous_sha256: written.previous.and_then(|previous| previous.sha256),
        atomic: written.atomic,
    })
}

fn bytes(args: &WriteFile) -> ToolResult<Vec<u8>> {
    match args.encoding {
        ContentEncoding::Utf8 => Ok(args.content.clone().into_bytes()),
        ContentEncoding::Base64 => STANDARD
            .decode(args.content.trim())
            .map_err(|_| ToolError::invalid("content", "the content is no base64")),
    }
}

fn options(args: &WriteFile) -> ToolResult<WriteOptions> {
    Ok(WriteOptions {
        mode: mode(args)?,
        create_only: args.create_only,
        create_dirs: args.create_dirs,
        expected_sha256: args.expected_sha256.clone(),
        allow_non_atomic: args.allow_non_atomic,
    })
}

fn mode(args: &WriteFile) -> ToolResult<Option<u32>> {
    const MOST: u32 = 0o7777;
    let Some(text) = &args.mode else {
        return Ok(None);
    };
    let mode = u32::from_str_radix(text, 8).ok();
    let mode = mode.filter(|mode| *mode <= MOST && !text.starts_with('+'));
    mode.map(Some).ok_or_else(|| {
        ToolError::invalid("mode", format!("`{text}` is no mode"))
            .hint("write it in octal, such as `0644`")
    })
}

/// What must not be there yet cannot be lost.
fn write_effect(_: &Whisper, args: &WriteFile) -> Effect {
    if args.create_only {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

async fn preview_write(whisper: &Whisper, args: &WriteFile) -> ToolResult<Preview> {
    let content = bytes(args)?;
    mode(args)?;
    let host = whisper.host(args.host.as_deref())?;
    let path = &args.file_path;
    host.files().check_write(path).map_err(on_file_path)?;
    let before = undo::before(&host, path).await.map_err(on_file_path)?;
    let (size, name) = (content.len(), host.name());
    let summary = match &before {
        None => format!("create `{path}` on `{name}` ({size} bytes)"),
        Some(before) => {
            let old = before.info.size;
            format!("replace `{path}` on `{name}` ({old} → {size} bytes)")
        }
    };
    let mut impact = Vec::new();
    if before
        .as_ref()
        .is_some_and(|before| before.content.is_none())
    {
        impact.push("the old content is too large to be kept for undo".to_owned());
    }
    Ok(Preview {
        summary,
        changes: changes(args, &content, before.as_ref()),
        impact,
    })
}

fn changes(args: &WriteFile, content: &[u8], before: Option<&Before>) -> Vec<Change> {
    let mut changes = Vec::new();
    let new_text = std::str::from_utf8(content).ok();
    let old_text = before.map_or(Some(""), Before::text);
    let new_sha256 = undo::sha256(content);
    let is_same = before.is_some_and(|before| before.sha256.as_deref() == Some(&*new_sha256));
    match (old_text, new_text) {
        _ if is_same => {}
        (Some(old), Some(new)) => {
            let (from, to) = diff::differing(old, new);
            changes.push(Change {
                field: "content".to_owned(),
                from: before.map(|_| from),
                to: Some(to),
            });
        }
        _ => changes.push(Change {
            field: "sha256".to_owned(),
            from: before.and_then(|before| before.sha256.clone()),
            to: Some(new_sha256),
        }),
    }
    if let Some(mode) = &args.mode {
        let from = before.map(|before| before.info.mode.clone());
        if from.as_deref() != Some(mode) {
            changes.push(Change {
                field: "mode".to_owned(),
                from,
                to: Some(mode.clone()),
            });
        }
    }
    changes
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn write_targets(whisper: &Whisper, args: &WriteFile) -> ToolResult<Vec<Target>> {
    let host = whisper.host(args.host.as_deref())?;
    Ok(vec![
        targets::file(&host, &args.file_path),
        targets::host(&host),
    ])
}

async fn undo_write(whisper: &Whisper, args: &WriteFile) -> ToolResult<Option<Inverse>> {
    let host = whisper.host(args.host.as_deref())?;
    let path = &args.file_path;
    let now = undo::sha256(&bytes(args)?);
    Ok(match undo::before(&host, path).await? {
        None => Some(undo::remove_again(&host, path, &now)),
        Some(before) => undo::write_back(&host, path, &before, Some(&now)),
    })
}

async fn check_write(
    whisper: &Whisper,
    args: &WriteFile,
    done: &FileWritten,
) -> ToolResult<Vec<Mismatch>> {
    let host = whisper.host(args.host.as_deref())?;
    let found = undo::before(&host, &args.file_path).await?;
    let found = found.and_then(|found| found.sha256);
    // A file that is too large to be read at once was written as a whole, or not at all.
    Ok(found
        .filter(|found| *found != done.sha256)
        .map(|found| Mismatch {
            field: "content",
            wanted: done.sha256.clone(),
            found,
        })
        .into_iter()
        .collect())
}

/// Which file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteFile {
    /// Absolute path on the host.
    #[schemars(length(min = 1, max = 4096))]
    file_path: String,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
    /// Fail unless the file has this SHA-256, as `whisper_read_file` told it.
    #[schemars(length(min = 64, max = 64))]
    expected_sha256: Option<String>,
}

/// A file that was removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileDeleted {
    /// Where it was.
    host: String,
    #[serde(flatten)]
    info: FileInfo,
    /// SHA-256 of what it held.
    sha256: Option<String>,
}

/// Remove one regular file of a remote host, below the folders that its settings allow; its content is kept for undo up to 256 KiB.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "whisper:file:write",
    title = "Remove a remote file",
    timeout = 60,
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete
)]
pub(crate) async fn whisper_delete_file(
    whisper: &Whisper,
    args: DeleteFile,
) -> ToolResult<FileDeleted> {
    let host = whisper.host(args.host.as_deref())?;
    let expected = args.expected_sha256.as_deref();
    let removed = host.files().remove(&args.file_path, expected).await;
    let previous = removed.map_err(on_file_path)?.previous;
    Ok(FileDeleted {
        host: host.name().to_owned(),
        info: previous.info,
        sha256: previous.sha256,
    })
}

async fn preview_delete(whisper: &Whisper, args: &DeleteFile) -> ToolResult<Preview> {
    let host = whisper.host(args.host.as_deref())?;
    let path = &args.file_path;
    host.files().check_write(path).map_err(on_file_path)?;
    let before = undo::before(&host, path).await.map_err(on_file_path)?;
    let Some(before) = before else {
        return Err(
            ToolError::not_found(format!("there is no `{path}` on `{}`", host.name()))
                .reason("file_missing"),
        );
    };
    let kept = match before.content {
        Some(_) => "its content is kept for undo",
        None => "its content is too large to be kept for undo",
    };
    Ok(Preview {
        summary: format!(
            "remove `{path}` on `{}` ({} bytes)",
            host.name(),
            before.info.size
        ),
        changes: before
            .text()
            .map(|text| Change {
                field: "content".to_owned(),
                from: Some(diff::cut(text)),
                to: None,
            })
            .into_iter()
            .collect(),
        impact: vec![kept.to_owned()],
    })
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn delete_targets(whisper: &Whisper, args: &DeleteFile) -> ToolResult<Vec<Target>> {
    let host = whisper.host(args.host.as_deref())?;
    Ok(vec![
        targets::file(&host, &args.file_path),
        targets::host(&host),
    ])
}

async fn undo_delete(whisper: &Whisper, args: &DeleteFile) -> ToolResult<Option<Inverse>> {
    let host = whisper.host(args.host.as_deref())?;
    let before = undo::before(&host, &args.file_path).await?;
    Ok(before.and_then(|before| undo::write_back(&host, &args.file_path, &before, None)))
}

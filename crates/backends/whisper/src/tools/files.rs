//! Reading a file, and what a path names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::tool;
use homelab_ssh::{FileInfo, Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Whisper;

/// Bytes of one read unless asked otherwise.
const LIMIT: u64 = 65_536;

/// How content is written in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Encoding {
    /// As text where it is UTF-8, else as base64.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// As text.
    #[serde(rename = "utf-8")]
    Utf8,
    /// As base64.
    #[serde(rename = "base64")]
    Base64,
}

/// What to read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadFile {
    /// Absolute path on the host.
    #[schemars(length(min = 1, max = 4096))]
    file_path: String,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
    /// Byte to begin at.
    #[schemars(range(min = 0, max = 1_099_511_627_776_u64))]
    #[serde(default)]
    offset: u64,
    /// Most bytes to return.
    #[schemars(range(min = 1, max = 262_144))]
    #[serde(default = "limit")]
    limit: u64,
    /// How to return them.
    #[serde(default)]
    encoding: Encoding,
}

const fn limit() -> u64 {
    LIMIT
}

/// A part of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FilePart {
    /// Where it is.
    host: String,
    #[serde(flatten)]
    info: FileInfo,
    /// Byte it begins at.
    offset: u64,
    /// How many bytes are here.
    bytes: usize,
    /// Pass this as `offset` for what follows; absent at the end.
    next_offset: Option<u64>,
    /// How `content` is to be read: `utf-8` or `base64`.
    encoding: Encoding,
    /// The bytes.
    content: String,
    /// SHA-256 of the whole file, for `expected_sha256`; absent above 8 MiB.
    sha256: Option<String>,
}

/// Read a file of a remote host, or a part of it, below the folders that its settings allow. Binary content comes as base64.
#[tool(
    read,
    open_world,
    permission = "whisper:file:read",
    title = "Read a remote file",
    timeout = 60,
    untrusted("content")
)]
pub(crate) async fn whisper_read_file(whisper: &Whisper, args: ReadFile) -> ToolResult<FilePart> {
    let host = whisper.host(args.host.as_deref())?;
    let part = host
        .files()
        .read(&args.file_path, args.offset, args.limit)
        .await
        .map_err(on_file_path)?;
    let shown = shown(part.bytes, part.more, args.encoding).ok_or_else(|| not_text(&args))?;
    let next_offset = args.offset.saturating_add(shown.bytes as u64);
    Ok(FilePart {
        host: host.name().to_owned(),
        info: part.info,
        offset: args.offset,
        bytes: shown.bytes,
        next_offset: shown.more.then_some(next_offset),
        encoding: shown.encoding,
        content: shown.content,
        sha256: part.sha256,
    })
}

/// The path is called otherwise in the tools than in the client.
pub(super) fn on_file_path(error: ToolError) -> ToolError {
    match error.envelope().field.as_deref() {
        Some("path") => error.field("file_path"),
        _ => error,
    }
}

fn not_text(args: &ReadFile) -> ToolError {
    ToolError::new(
        Code::Conflict,
        format!("`{}` is no UTF-8 text there", args.file_path),
    )
    .reason("file_not_text")
    .hint("read it with `encoding = \"base64\"`")
}

/// Bytes as they stand in an answer.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    content: String,
    encoding: Encoding,
    bytes: usize,
    more: bool,
}

/// `None` where text was asked for and it is none. A character that the end of a part cuts through
/// is left to the next part.
fn shown(mut bytes: Vec<u8>, more: bool, encoding: Encoding) -> Option<Shown> {
    if more
        && encoding != Encoding::Base64
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
        && error.valid_up_to() > 0
    {
        bytes.truncate(error.valid_up_to());
    }
    let length = bytes.len();
    let as_base64 = |bytes: &[u8]| Shown {
        content: STANDARD.encode(bytes),
        encoding: Encoding::Base64,
        bytes: length,
        more,
    };
    if encoding == Encoding::Base64 {
        return Some(as_base64(&bytes));
    }
    // A NUL is valid UTF-8, but no text has one.
    let is_text = !bytes.contains(&0);
    match String::from_utf8(bytes) {
        Ok(content) if is_text => Some(Shown {
            content,
            encoding: Encoding::Utf8,
            bytes: length,
            more,
        }),
        Ok(content) => (encoding == Encoding::Auto).then(|| as_base64(content.as_bytes())),
        Err(error) => (encoding == Encoding::Auto).then(|| as_base64(error.as_bytes())),
    }
}

/// Which path.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatFile {
    /// Absolute path on the host.
    #[schemars(length(min = 1, max = 4096))]
    file_path: String,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
}

/// What a path on a host names.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PathInfo {
    /// Where it is.
    pub(super) host: String,
    #[serde(flatten)]
    pub(super) info: FileInfo,
}

impl PathInfo {
    pub(super) fn new(host: &Host, info: FileInfo) -> Self {
        Self {
            host: host.name().to_owned(),
            info,
        }
    }
}

/// Show what a path on a remote host names: kind, size, mode, owner, time of the last change, and where a link leads.
#[tool(
    read,
    open_world,
    permission = "whisper:file:read",
    title = "Stat a remote file",
    untrusted("target")
)]
pub(crate) async fn whisper_stat_file(whisper: &Whisper, args: StatFile) -> ToolResult<PathInfo> {
    let host = whisper.host(args.host.as_deref())?;
    let info = host.files().stat(&args.file_path).await;
    Ok(PathInfo::new(&host, info.map_err(on_file_path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_anything_else_is_base64() {
        let text = shown("größe\n".into(), false, Encoding::Auto).unwrap();
        assert_eq!(
            (text.content.as_str(), text.encoding),
            ("größe\n", Encoding::Utf8)
        );

        for bytes in [b"a\0b".to_vec(), b"\xff\xfe".to_vec()] {
            let binary = shown(bytes.clone(), false, Encoding::Auto).unwrap();
            assert_eq!(binary.encoding, Encoding::Base64);
            assert_eq!(STANDARD.decode(binary.content).unwrap(), bytes);
            assert_eq!(shown(bytes, false, Encoding::Utf8), None);
        }
    }

    #[test]
    fn a_character_that_is_cut_through_is_left_to_the_next_part() {
        let part = shown(b"gr\xc3".to_vec(), true, Encoding::Auto).unwrap();

        assert_eq!(
            (part.content.as_str(), part.bytes, part.more),
            ("gr", 2, true)
        );
    }

    #[test]
    fn a_character_that_is_cut_through_at_the_end_of_the_file_is_no_text() {
        let part = shown(b"gr\xc3".to_vec(), false, Encoding::Auto).unwrap();

        assert_eq!(part.encoding, Encoding::Base64);
    }

    #[test]
    fn a_part_of_a_single_cut_character_still_moves_on() {
        let part = shown(b"\xc3".to_vec(), true, Encoding::Auto).unwrap();

        assert_eq!((part.bytes, part.encoding), (1, Encoding::Base64));
    }
}

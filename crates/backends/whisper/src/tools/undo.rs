//! What was at a path before, and the call that brings it back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::error::{Code, ToolResult};
use homelab_core::tool::Inverse;
use homelab_ssh::{FileInfo, FileKind, Host, READ_CAP};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// A file as it is before a change.
pub(super) struct Before {
    pub(super) info: FileInfo,
    /// Unless it is larger than one read, or no regular file.
    pub(super) content: Option<Vec<u8>>,
    pub(super) sha256: Option<String>,
}

impl Before {
    /// The content where it is text.
    pub(super) fn text(&self) -> Option<&str> {
        let content = self.content.as_deref()?;
        std::str::from_utf8(content)
            .ok()
            .filter(|text| !text.contains('\0'))
    }
}

/// What is at a path now; `None` where nothing is.
pub(super) async fn before(host: &Host, path: &str) -> ToolResult<Option<Before>> {
    let files = host.files();
    let info = match files.stat(path).await {
        Ok(info) => info,
        Err(error) if error.code() == Code::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if info.kind != FileKind::File || info.size > READ_CAP {
        return Ok(Some(Before {
            info,
            content: None,
            sha256: None,
        }));
    }
    let part = files.read(path, 0, READ_CAP).await?;
    Ok(Some(Before {
        info,
        content: (!part.more).then_some(part.bytes),
        sha256: part.sha256,
    }))
}

/// The call that writes a file's content back. `now` is the SHA-256 of what is there by then; with
/// none there must be nothing.
pub(super) fn write_back(
    host: &Host,
    path: &str,
    before: &Before,
    now: Option<&str>,
) -> Option<Inverse> {
    let (content, encoding) = match before.text() {
        Some(text) => (text.to_owned(), "utf-8"),
        None => (STANDARD.encode(before.content.as_deref()?), "base64"),
    };
    let mut arguments = json!({
        "file_path": path,
        "host": host.name(),
        "content": content,
        "encoding": encoding,
        "mode": before.info.mode,
    });
    match now {
        Some(sha256) => arguments["expected_sha256"] = sha256.into(),
        None => arguments["create_only"] = true.into(),
    }
    Some(Inverse {
        tool: "whisper_write_file".to_owned(),
        arguments,
    })
}

/// The call that removes a file that was made.
pub(super) fn remove_again(host: &Host, path: &str, now: &str) -> Inverse {
    Inverse {
        tool: "whisper_delete_file".to_owned(),
        arguments: json!({
            "file_path": path,
            "host": host.name(),
            "expected_sha256": now,
        }),
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

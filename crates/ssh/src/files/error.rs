//! What an SFTP server answers, as tools report it.

use homelab_core::error::{Code, ToolError};
use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;

use crate::connection::Link;

/// The server's answer to something about a path.
pub(super) fn of(link: &Link, error: Error, doing: &str, path: &str) -> ToolError {
    let name = &link.name;
    match error {
        Error::Status(status) => match status.status_code {
            StatusCode::NoSuchFile => not_found(name, path),
            StatusCode::PermissionDenied => ToolError::new(
                Code::UpstreamUnauthorized,
                format!(
                    "the user `{}` on `{name}` may not do this ({doing}): `{path}`",
                    link.config.user
                ),
            )
            .reason("file_permission")
            .hint("give the account on the host the right to it, or use another path"),
            StatusCode::OpUnsupported => ToolError::new(
                Code::UpstreamRejected,
                format!("the SFTP server of `{name}` cannot do this: {doing} `{path}`"),
            )
            .reason("sftp_unsupported"),
            StatusCode::NoConnection | StatusCode::ConnectionLost => link.about().lost(doing),
            // `Failure` stands for everything else: no space, a directory that is not empty, …
            _ => ToolError::new(
                Code::UpstreamRejected,
                format!("the SFTP server of `{name}` failed: {doing} `{path}`"),
            )
            .reason("sftp_failure")
            .hint(
                "it does not say why: look at free space, and whether the file system is read-only",
            ),
        },
        Error::Timeout => ToolError::new(
            Code::Timeout,
            format!("the SFTP server of `{name}` did not answer in time: {doing} `{path}`"),
        )
        .reason("sftp_timeout"),
        Error::Limited(_) | Error::UnexpectedPacket => ToolError::new(
            Code::UpstreamRejected,
            format!("the SFTP server of `{name}` answers against its protocol: {doing} `{path}`"),
        )
        .reason("sftp_failure"),
        _ => link.about().lost(doing),
    }
}

/// Whether the server says that there is no such file.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

pub(super) fn not_found(host: &str, path: &str) -> ToolError {
    ToolError::not_found(format!("there is no `{path}` on `{host}`")).reason("file_missing")
}

/// The file is there, but of a kind that this is not done to.
pub(super) fn wrong_kind(path: &str, kind: &str) -> ToolError {
    ToolError::new(
        Code::Conflict,
        format!("`{path}` is {kind}, not a regular file"),
    )
    .reason("file_kind")
}

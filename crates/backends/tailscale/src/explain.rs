//! Failed requests in words: what the control server refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use homelab_upstream::Response;
use serde_json::Value;

use crate::call::{Call, UNKNOWN_SCOPE};

/// Characters kept of what the server says.
const LONGEST: usize = 400;
/// Findings about a policy that are kept.
const MOST_FINDINGS: usize = 20;

/// For which section requests are made, for the texts of errors.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) instance: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
    /// Whether we are an OAuth client, whose scopes count.
    pub(crate) is_client: bool,
}

impl Who {
    /// The answer if it is a success.
    pub(crate) fn accepted(
        &self,
        response: Response,
        call: &Call,
        redactor: &Redactor,
    ) -> Result<Response, ToolError> {
        let status = response.status.as_u16();
        let said = said(&response.text(), redactor);
        match response.checked() {
            Ok(response) => Ok(response),
            Err(error) => Err(self
                .refused(status, &said, ToolError::from(error), call)
                .upstream_status(status)
                .instance(self.instance.clone())),
        }
    }

    fn refused(&self, status: u16, said: &str, error: ToolError, call: &Call) -> ToolError {
        let (instance, behind) = (&self.instance, behind(said));
        match status {
            401 => self.not_accepted(&behind),
            403 => self.not_allowed(&behind, call),
            404 if is_about(call, "device") => {
                ToolError::not_found(format!("`{instance}` has no such device{behind}"))
                    .reason("device_not_found")
                    .hint("call `list_tailscale_devices`")
            }
            404 if is_about(call, "key") => {
                ToolError::not_found(format!("`{instance}` has no such key{behind}"))
                    .reason("key_not_found")
                    .hint("call `list_auth_keys`")
            }
            404 => ToolError::new(
                Code::UpstreamRejected,
                format!("`{instance}` does not know this call or tailnet (404){behind}"),
            )
            .reason("not_supported")
            .hint(format!(
                "check `{0}.tailnet` (`-` is the one of the credentials) and the path in `{0}.url`; a Headscale before 0.30 lacks this API",
                self.section
            )),
            409 => ToolError::new(
                Code::Conflict,
                format!("`{instance}` refuses, because something stands against it{behind}"),
            )
            .reason("refused_by_server")
            .hint("look at the present state, then decide"),
            412 => policy_changed(),
            400 => ToolError::new(
                Code::UpstreamRejected,
                format!("`{instance}` refuses (400){behind}"),
            )
            .reason("refused_by_server")
            .hint("the message is the server's own"),
            501 => ToolError::new(
                Code::UpstreamRejected,
                format!("`{instance}` cannot do this (501){behind}"),
            )
            .reason("shared_in_device")
            .hint("a device that another tailnet shares with this one is managed there"),
            _ => error,
        }
    }

    fn not_accepted(&self, behind: &str) -> ToolError {
        let (instance, section) = (&self.instance, &self.section);
        let (what, hint) = if self.is_client {
            (
                "the token of the OAuth client",
                format!("check whether the client of `{section}.client_id` still exists"),
            )
        } else {
            (
                "the API access token",
                format!(
                    "it may have ended (90 days at most) or been revoked: make a new one for `{section}.api_key`, or better an OAuth client"
                ),
            )
        };
        ToolError::new(
            Code::UpstreamUnauthorized,
            format!("`{instance}` does not accept {what}{behind}"),
        )
        .reason("token_refused")
        .hint(hint)
    }

    /// 403: the server does not say which scope is missing; the call does.
    fn not_allowed(&self, behind: &str, call: &Call) -> ToolError {
        let (instance, scope) = (&self.instance, call.scope);
        if scope == UNKNOWN_SCOPE {
            let message = format!("`{instance}` does not allow this{behind}");
            return ToolError::new(Code::UpstreamUnauthorized, message)
                .reason("scope_missing")
                .hint(format!(
                    "look up at https://tailscale.com/api which scope the call needs, and give it to the credentials of `{}`",
                    self.section
                ));
        }
        let also = if scope == "policy_file" {
            "; writing the policy needs `devices:core:read` and `devices:posture_attributes:read` with it"
        } else {
            ""
        };
        let hint = if self.is_client {
            format!(
                "give the OAuth client of `{}` the scope `{scope}`{also}",
                self.section
            )
        } else {
            "the user whose token this is needs an administrator's role".to_owned()
        };
        ToolError::new(
            Code::UpstreamUnauthorized,
            format!("`{instance}` does not allow this: it needs the scope `{scope}`{behind}"),
        )
        .reason("scope_missing")
        .hint(hint)
    }

    /// An OAuth client was not given a token.
    pub(crate) fn client_refused(
        &self,
        id: &str,
        response: &Response,
        redactor: &Redactor,
    ) -> ToolError {
        let (instance, section) = (&self.instance, &self.section);
        let behind = behind(&said(&response.text(), redactor));
        ToolError::new(
            Code::UpstreamUnauthorized,
            format!("`{instance}` gives the OAuth client `{id}` no token{behind}"),
        )
        .reason("client_refused")
        .hint(format!(
            "check `{section}.client_id` and `{section}.client_secret` (`tskey-client-…`), and that `{section}.scopes` asks for nothing the client lacks"
        ))
        .upstream_status(response.status.as_u16())
        .instance(instance.clone())
    }
}

/// Whether a call is about one of these: `device` and `device_name`, but not `devices`.
fn is_about(call: &Call, what: &str) -> bool {
    let rest = call.operation.strip_prefix(what);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Somebody else wrote the policy.
pub(crate) fn policy_changed() -> ToolError {
    let message = "somebody else changed the policy in between; nothing was written";
    ToolError::new(Code::Conflict, message)
        .reason("policy_changed")
        .hint("call `get_tailscale_acl` again, make the change on that text, and pass its `etag`")
}

/// What the server says, behind what we say.
fn behind(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

/// `{"message": …}` with what a policy's tests found, or an OAuth error; a page of HTML says nothing.
fn said(body: &str, redactor: &Redactor) -> String {
    let Ok(value) = serde_json::from_str::<Value>(body.trim()) else {
        return String::new();
    };
    let text = ["message", "error_description", "error"]
        .iter()
        .find_map(|name| value[*name].as_str())
        .unwrap_or_default();
    let findings = findings(&value);
    let text = if findings.is_empty() {
        text.to_owned()
    } else {
        format!("{text}: {}", findings.join("; "))
    };
    clean(&text, redactor)
}

/// One line of bounded length.
fn clean(text: &str, redactor: &Redactor) -> String {
    let shown = printable(text);
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = redactor.text(&line).into_owned();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}

/// What tests and checks of a policy found: `data` of an answer, one line each.
pub(crate) fn findings(answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for row in answer["data"].as_array().into_iter().flatten() {
        let whose = row["user"].as_str().unwrap_or_default();
        for list in ["errors", "warnings"] {
            for text in row[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                let text = printable(text);
                lines.push(if whose.is_empty() {
                    text
                } else {
                    format!("{whose}: {text}")
                });
            }
        }
    }
    lines.truncate(MOST_FINDINGS);
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_says_is_found_with_its_findings() {
        let body = json!({
            "message": "test(s) failed",
            "data": [{"user": "alex", "errors": ["address \"a:22\": want: Drop, got: Accept"], "warnings": ["x"]}],
        });
        let oauth = json!({"error": "invalid_client", "error_description": "no such\n client"});

        let redactor = Redactor::default();
        assert_eq!(
            said(&body.to_string(), &redactor),
            "test(s) failed: alex: address \"a:22\": want: Drop, got: Accept; alex: x"
        );
        assert_eq!(said(&oauth.to_string(), &redactor), "no such client");
        assert_eq!(said("<html>", &redactor), "");
        assert_eq!(said("null", &redactor), "");
    }
}

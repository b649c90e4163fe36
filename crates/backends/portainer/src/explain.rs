//! Failed requests in words: what Portainer refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use homelab_upstream::Response;
use serde_json::Value;

/// Characters kept of what the server says: the end of a failed deployment is worth reading.
const LONGEST: usize = 600;

/// For which section requests are made, for the texts of errors.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) instance: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
}

impl Who {
    /// The answer if it is a success; `None` if what was asked for is not there.
    pub(crate) fn found(
        &self,
        response: Response,
        redactor: &Redactor,
    ) -> Result<Option<Response>, ToolError> {
        let status = response.status.as_u16();
        let said = said(&response.text(), redactor);
        // The server says what is missing; an address that it does not know has no such answer.
        if status == 404 && said.is_some() {
            return Ok(None);
        }
        match response.checked() {
            Ok(response) => Ok(Some(response)),
            Err(error) => Err(self
                .refused(status, said.as_deref(), ToolError::from(error))
                .upstream_status(status)
                .instance(self.instance.clone())),
        }
    }

    fn refused(&self, status: u16, said: Option<&str>, error: ToolError) -> ToolError {
        let (instance, section) = (&self.instance, &self.section);
        let behind = said.map(|text| format!(": {text}")).unwrap_or_default();
        match status {
            401 => ToolError::new(
                Code::UpstreamUnauthorized,
                format!("`{instance}` does not accept the access token{behind}"),
            )
            .reason("token_refused")
            .hint(format!(
                "make a new one in Portainer under My account, Access tokens, and set `{section}.api_key` to it"
            )),
            403 => ToolError::new(
                Code::UpstreamUnauthorized,
                format!("the user of the access token may not do this{behind}"),
            )
            .reason("privilege_missing")
            .hint("give the user access to the environment, or use a token of an administrator; some calls are for administrators or the Business Edition alone"),
            404 => ToolError::new(
                Code::UpstreamRejected,
                format!("`{instance}` has no such address (404)"),
            )
            .reason("not_supported")
            .hint(format!(
                "this version or edition may lack it; else check `{section}.url`"
            )),
            409 => ToolError::new(
                Code::Conflict,
                format!("`{instance}` refuses{behind}"),
            )
            .reason(if said.is_some_and(|text| text.contains("already")) {
                "already_so"
            } else {
                "refused_by_server"
            })
            .hint("look at it as it is now and decide again"),
            400 | 500 if said.is_some() => {
                let message = format!("`{instance}` refuses ({status}){behind}");
                ToolError::new(Code::UpstreamRejected, message)
                    .reason("refused_by_server")
                    .hint("the message is the server's own; its log may say more")
            }
            _ => error,
        }
    }
}

/// What the server says: `{"message":…,"details":…}`. The details hold what compose said.
fn said(body: &str, redactor: &Redactor) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    let text = |key: &str| {
        let text = printable(value.get(key)?.as_str()?);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!line.is_empty()).then_some(line)
    };
    let message = text("message")?;
    let whole = match text("details").filter(|details| !message.contains(details.as_str())) {
        Some(details) => format!("{message}: {details}"),
        None => message,
    };
    let clean = redactor.text(&whole).into_owned();
    let length = clean.chars().count();
    Some(if length > LONGEST {
        // What went wrong stands at the end.
        let end: String = clean.chars().skip(length - LONGEST).collect();
        format!("…{end}")
    } else {
        clean
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_details_are_read_and_a_page_is_not() {
        let redactor = Redactor::default();
        let said = |body: &str| said(body, &redactor);

        assert_eq!(
            said("{\"message\":\"failed\",\"details\":\"no\\n such image\"}").as_deref(),
            Some("failed: no such image")
        );
        assert_eq!(
            said("{\"message\":\"same\",\"details\":\"same\"}").as_deref(),
            Some("same")
        );
        assert_eq!(said("<html>"), None);
        assert_eq!(said("{\"details\":\"x\"}"), None);
    }

    #[test]
    fn the_end_of_a_long_text_is_kept() {
        let body = format!(
            "{{\"message\":\"a\",\"details\":\"{}end\"}}",
            "x".repeat(2000)
        );

        let text = said(&body, &Redactor::default()).unwrap();

        assert!(text.starts_with('…') && text.ends_with("end"));
    }
}

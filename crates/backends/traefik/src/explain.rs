//! Failed requests in words: what Traefik, or what guards it, refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use homelab_upstream::Response;
use serde_json::Value;

/// Characters kept of what is said.
const LONGEST: usize = 300;

/// For which section requests are made, for the texts of errors.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) instance: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
    /// Whether credentials are set.
    pub(crate) signed: bool,
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
        // Traefik says of a missing object that it was not found; a page that is not there has
        // no message.
        if status == 404
            && said
                .as_deref()
                .is_some_and(|text| text.contains("not found:"))
        {
            return Ok(None);
        }
        match response.checked() {
            Ok(response) => Ok(Some(response)),
            Err(error) => {
                let error = ToolError::from(error);
                Err(self
                    .refused(status, said.as_deref(), error)
                    .upstream_status(status)
                    .instance(self.instance.clone()))
            }
        }
    }

    fn refused(&self, status: u16, said: Option<&str>, error: ToolError) -> ToolError {
        let (instance, section) = (&self.instance, &self.section);
        let behind = said.map(|text| format!(": {text}")).unwrap_or_default();
        match status {
            401 | 403 if self.signed => ToolError::new(
                Code::UpstreamUnauthorized,
                format!("what guards the API of `{instance}` does not accept our credentials{behind}"),
            )
            .reason("login_refused")
            .hint(format!(
                "Traefik has no users of its own: check `{section}.username` and `password`, or `header`, against the middleware of the router of `api@internal`"
            )),
            401 | 403 => ToolError::new(
                Code::UpstreamUnauthorized,
                format!("something guards the API of `{instance}`, and no credentials are set{behind}"),
            )
            .reason("login_missing")
            .hint(format!(
                "set `{section}.username` and `{section}.password`, or `{section}.header` and `{section}.header_value`"
            )),
            404 => ToolError::new(
                Code::UpstreamRejected,
                format!("`{instance}` has no such address (404){behind}"),
            )
            .reason("not_supported")
            .hint(format!(
                "is the API enabled (`api: {{}}` in Traefik's static configuration, and a router for `api@internal`), and does `{section}.url` lead to it?"
            )),
            _ => error,
        }
    }
}

/// What Traefik says: `{"message":…}`, whatever its content type claims.
fn said(body: &str, redactor: &Redactor) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    let text = printable(value.get("message")?.as_str()?);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = redactor.text(&line).chars().take(LONGEST).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_and_a_page_is_not() {
        let redactor = Redactor::default();

        assert_eq!(
            said("{\"message\":\"router not\\nfound: x@file\"}", &redactor).as_deref(),
            Some("router not found: x@file")
        );
        assert_eq!(said("<html>message</html>", &redactor), None);
        assert_eq!(said("404 page not found", &redactor), None);
    }
}

//! Failed requests in words: what NetBox refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use homelab_upstream::{Method, Response};
use serde_json::Value;

use crate::call::Call;

/// Characters kept of what NetBox says.
const LONGEST: usize = 300;
/// Where NetBox puts errors that are about no single field.
const WHOLE: [&str; 2] = ["__all__", "non_field_errors"];

/// For which section requests are made, for the texts of errors.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) instance: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
}

/// What a refusal says: a text, and the field that it is about.
struct Said {
    text: String,
    field: Option<String>,
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
        let said = said(&response.body, redactor);
        match response.checked() {
            Ok(response) => Ok(response),
            Err(error) => Err(self
                .refused(status, said, ToolError::from(error), call)
                .upstream_status(status)
                .instance(self.instance.clone())),
        }
    }

    fn refused(&self, status: u16, said: Option<Said>, error: ToolError, call: &Call) -> ToolError {
        let instance = &self.instance;
        let Some(said) = said else {
            // Nothing in NetBox's form: something in between, or no NetBox.
            return match status {
                404 => self.no_such_path(call),
                _ => error,
            };
        };
        let text = &said.text;
        match status {
            400 => self.value(&said),
            401 => self.token(text),
            403 if is_about_the_token(text) => self.token(text),
            403 => right(text, call),
            404 if call.path.is_empty() => self.no_such_path(call),
            404 => ToolError::not_found(format!("`{instance}` does not know it: {text}"))
                .reason("object_not_found")
                .hint("it does not exist, or the token's user may not see it; call `search`"),
            // The words differ between releases and between addresses, networks and VLANs.
            409 if call.template.contains("/available-") => {
                let message = format!("`{instance}` has no room left there: {text}");
                ToolError::new(Code::Conflict, message)
                    .reason("exhausted")
                    .hint("nothing was allocated; see `get_prefix_utilization`, ask for fewer, or name another prefix")
            }
            409 => ToolError::new(Code::Conflict, format!("`{instance}` refuses: {text}"))
                .reason("has_dependents")
                .hint("other objects depend on it; change those first"),
            412 => {
                let message = "somebody else changed it since it was read";
                ToolError::new(Code::Conflict, message)
                    .reason("changed_meanwhile")
                    .retryable(true)
                    .hint("nothing was changed; look at it again, then repeat the call")
            }
            _ => error,
        }
    }

    fn no_such_path(&self, call: &Call) -> ToolError {
        let path = call.template;
        let message = format!("`{}` does not know `{path}` (404)", self.instance);
        ToolError::new(Code::UpstreamRejected, message)
            .reason("not_supported")
            .hint(format!(
                "check the path in `{}.url`: the API is below `/api`",
                self.section
            ))
    }

    /// 400: which value, and why.
    fn value(&self, said: &Said) -> ToolError {
        let message = format!("`{}` refuses: {}", self.instance, said.text);
        let text = said.text.to_lowercase();
        if ["already exists", "duplicate", "must be unique"]
            .iter()
            .any(|part| text.contains(part))
        {
            let reason = if text.contains("duplicate termination") {
                "port_occupied"
            } else {
                "object_exists"
            };
            return ToolError::new(Code::Conflict, message)
                .reason(reason)
                .hint("nothing was changed; see what is there already with the matching list");
        }
        let error = ToolError::new(Code::InvalidArgument, message)
            .reason("value_refused")
            .hint("nothing was changed; correct the argument that the message names");
        match &said.field {
            Some(field) => error.field(field.clone()),
            None => error,
        }
    }

    fn token(&self, text: &str) -> ToolError {
        let (instance, section) = (&self.instance, &self.section);
        let message = format!("`{instance}` does not accept the token: {text}");
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("token_refused")
            .hint(format!(
                "check `{section}.token`, and in NetBox under Admin, API Tokens whether it is enabled, not expired and allowed from this machine's address"
            ))
    }
}

/// 403: NetBox does not say what is missing; the call tells.
fn right(text: &str, call: &Call) -> ToolError {
    let right = needed(call);
    let message = format!("the token's user lacks the right `{right}`: {text}");
    let write = if call.is_change() {
        "; the token itself must be write-enabled too"
    } else {
        ""
    };
    ToolError::new(Code::UpstreamUnauthorized, message)
        .reason("privilege_missing")
        .hint(format!(
            "in NetBox, under Admin, Permissions, give the token's user `{right}`{write}"
        ))
}

/// The right that a call needs, such as `ipam.add_ipaddress`.
fn needed(call: &Call) -> String {
    let action = match call.method {
        Method::GET => "view",
        Method::POST => "add",
        Method::DELETE => "delete",
        _ => "change",
    };
    match call.model.split_once('.') {
        Some((app, model)) => format!("{app}.{action}_{model}"),
        None => action.to_owned(),
    }
}

/// Whether a 403 is about the token and not about what it may do; NetBox answers no 401.
fn is_about_the_token(text: &str) -> bool {
    let text = text.to_lowercase();
    ["credentials", "token", "authenticate", "inactive"]
        .iter()
        .any(|part| text.contains(part))
}

/// What NetBox says in its form; nothing where the body is not of it.
fn said(body: &[u8], redactor: &Redactor) -> Option<Said> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let (mut texts, mut field) = (Vec::new(), None);
    collect(&value, None, &mut texts, &mut field);
    let joined = texts.join("; ");
    let line = printable(&joined)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let line = redactor.text(&line).into_owned();
    if line.is_empty() {
        return None;
    }
    let text = match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    };
    Some(Said { text, field })
}

/// Texts of `{detail}`, `{field: [text]}`, `[{field: [text]}]` and
/// `{detail, errors: [{index, errors}]}`, with the first field among them.
fn collect(
    value: &Value,
    field: Option<&str>,
    texts: &mut Vec<String>,
    first: &mut Option<String>,
) {
    match value {
        Value::String(text) => {
            let text = match field {
                Some(field) => {
                    first.get_or_insert_with(|| field.to_owned());
                    format!("{field}: {text}")
                }
                None => text.clone(),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, field, texts, first);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.as_str();
                let below = match name {
                    "index" => continue,
                    "detail" | "errors" | "error" | "exception" => field,
                    name if WHOLE.contains(&name) => field,
                    name => Some(name),
                };
                collect(member, below, texts, first);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::kinds::{IP_ADDRESS, VLAN};

    #[rstest]
    #[case(json!({ "detail": "Invalid v2 token" }), "Invalid v2 token", None)]
    #[case(json!({ "vid": ["Too large."] }), "vid: Too large.", Some("vid"))]
    #[case(json!({ "__all__": ["Exists already."] }), "Exists already.", None)]
    #[case(json!([{}, { "status": ["Bad."] }]), "status: Bad.", Some("status"))]
    #[case(
        json!({ "detail": "1 of 2 failed.", "errors": [{ "index": 1, "errors": { "vid": ["Too large."] } }] }),
        "1 of 2 failed.; vid: Too large.", Some("vid")
    )]
    #[case(json!(["'start' and 'offset' are mutually exclusive."]), "'start' and 'offset' are mutually exclusive.", None)]
    fn every_form_of_refusal_is_read(
        #[case] body: Value,
        #[case] text: &str,
        #[case] field: Option<&str>,
    ) {
        let said = said(body.to_string().as_bytes(), &Redactor::default()).unwrap();

        assert_eq!((said.text.as_str(), said.field.as_deref()), (text, field));
    }

    #[rstest]
    #[case("<html>busy</html>")]
    #[case("{}")]
    #[case("")]
    fn what_is_not_netboxes_form_says_nothing(#[case] body: &str) {
        assert!(said(body.as_bytes(), &Redactor::default()).is_none());
    }

    #[rstest]
    #[case("Authentication credentials were not provided.", true)]
    #[case("Invalid v1 token", true)]
    #[case("Token expired", true)]
    #[case("User inactive", true)]
    #[case(
        "Source IP 192.0.2.7 is not permitted to authenticate using this token.",
        true
    )]
    #[case("You do not have permission to perform this action.", false)]
    fn a_bad_token_is_told_from_a_missing_right(#[case] text: &str, #[case] token: bool) {
        assert_eq!(is_about_the_token(text), token);
    }

    #[test]
    fn the_missing_right_is_named_by_the_call() {
        assert_eq!(needed(&Call::list(&VLAN)), "ipam.view_vlan");
        assert_eq!(
            needed(&Call::create(&IP_ADDRESS, json!({}))),
            "ipam.add_ipaddress"
        );
        assert_eq!(needed(&Call::delete(&VLAN, 1)), "ipam.delete_vlan");
    }
}

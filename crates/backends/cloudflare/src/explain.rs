//! Failed requests in words: what Cloudflare refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;

use crate::call::Call;
use crate::types::ApiError;

/// Characters kept of what the API says.
const LONGEST: usize = 400;

/// Records that stand in the way of another.
const RECORD_EXISTS: [i64; 6] = [81_053, 81_054, 81_056, 81_057, 81_058, 81_062];

/// For which section requests are made, for the texts of errors.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) instance: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
}

/// All errors with those behind them, as one line.
pub(crate) fn said(errors: &[ApiError], redactor: &Redactor) -> String {
    let mut texts = Vec::new();
    for error in errors {
        let behind = error.error_chain.iter().flatten();
        for one in std::iter::once(error).chain(behind) {
            texts.push(match one.code {
                0 => one.message.clone(),
                code => format!("{} ({code})", one.message),
            });
        }
    }
    let line = printable(&texts.join("; "));
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = redactor.text(&line).into_owned();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}

impl Who {
    /// The error of a refused call; `plain` is what the HTTP client makes of it.
    pub(crate) fn refused(
        &self,
        status: u16,
        errors: &[ApiError],
        text: &str,
        plain: Option<&ToolError>,
        call: &Call,
    ) -> ToolError {
        let codes: Vec<i64> = errors
            .iter()
            .flat_map(|error| {
                let behind = error.error_chain.iter().flatten();
                std::iter::once(error.code).chain(behind.map(|one| one.code))
            })
            .collect();
        let has = |code: i64| codes.contains(&code);
        let error = if let Some(plain) =
            plain.filter(|_| errors.is_empty() || status == 429 || status >= 500)
        {
            self.telling(status, plain, text, call)
        } else if call.shape().contains("/settings/") && (has(1007) || has(1015)) {
            setting(has(1007), text)
        } else if status == 401 || status == 403 || has(10_000) || has(9109) {
            self.not_allowed(status, &codes, text, call)
        } else if codes.iter().any(|code| RECORD_EXISTS.contains(code)) {
            ToolError::new(Code::Conflict, format!("Cloudflare refuses: {text}"))
                .reason("record_exists")
                .field("name")
                .hint("see `list_dns_records` with this `name`; change the record that is there with `update_dns_record`, or say `if_exists`")
        } else if has(1013) {
            ToolError::new(Code::Conflict, format!("Cloudflare refuses: {text}"))
                .reason("tunnel_exists")
                .field("name")
                .hint("see `list_cloudflare_tunnels`, and choose another name")
        } else if has(1022) {
            ToolError::new(Code::Conflict, format!("Cloudflare refuses: {text}"))
                .reason("tunnel_active")
                .hint("stop its `cloudflared` first; `get_cloudflare_tunnel` shows where it runs")
        } else if status == 404 {
            missing(call, text)
        } else if text.contains("maximum number of rules") {
            ToolError::new(Code::Conflict, format!("Cloudflare refuses: {text}"))
                .reason("rule_limit")
                .hint("the plan has no room for another rule: delete or change one, see `list_firewall_rules`")
        } else {
            invalid(errors, text)
        };
        error
            .upstream_status(status)
            .instance(self.instance.clone())
    }

    /// The HTTP client's error, with what the API says.
    fn telling(&self, status: u16, plain: &ToolError, text: &str, call: &Call) -> ToolError {
        match status {
            401 | 403 => self.not_allowed(status, &[], text, call),
            404 => missing(call, "404"),
            _ => {
                let mut envelope = plain.envelope().clone();
                if !text.is_empty() && !envelope.message.contains(text) {
                    envelope.message = format!("{}: {text}", envelope.message);
                }
                envelope.into()
            }
        }
    }

    /// A token that is none, and one that lacks a permission, are hard to tell apart.
    fn not_allowed(&self, status: u16, codes: &[i64], text: &str, call: &Call) -> ToolError {
        let section = &self.section;
        let behind = if text.is_empty() {
            String::new()
        } else {
            format!(": {text}")
        };
        let no_token = status == 401
            || [1000, 6003, 6111, 9103, 9106]
                .iter()
                .any(|code| codes.contains(code))
            || text.contains("Invalid access token");
        if no_token {
            let message = format!("Cloudflare does not accept the API token{behind}");
            return ToolError::new(Code::UpstreamUnauthorized, message)
                .reason("token_refused")
                .hint(format!(
                    "check `{section}.token`, and with `verify_cloudflare_token` whether it is active; it is an API token, not the global API key"
                ));
        }
        let message = format!("the API token may not do this{behind}");
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("permission_missing")
            .hint(format!(
                "give the token of `{section}.token` the permission {} for this zone or account, at https://dash.cloudflare.com/profile/api-tokens",
                call.needs
            ))
    }
}

/// 404: what is not there depends on the call.
fn missing(call: &Call, text: &str) -> ToolError {
    let shape = call.shape();
    let (reason, what, hint) = match &*shape {
        template if template.contains("dns_records/{}") => (
            "record_not_found",
            "no such DNS record",
            "see `list_dns_records`",
        ),
        template if template.contains("cfd_tunnel/{}") => (
            "tunnel_not_found",
            "no such tunnel",
            "see `list_cloudflare_tunnels`",
        ),
        template if template.contains("/rules/{}") || template.contains("/rulesets/{}") => (
            "rule_not_found",
            "no such rule",
            "see `list_firewall_rules`",
        ),
        "/zones/{}" => ("zone_not_found", "no such zone", "see `list_zones`"),
        _ if call.is_raw() => (
            "object_not_found",
            "Cloudflare has no such object",
            "check the ids in `path` and `params`; `GET` on what is above lists them",
        ),
        _ => {
            return ToolError::new(
                Code::UpstreamRejected,
                format!("Cloudflare does not know this call (404): {text}"),
            )
            .reason("not_supported")
            .hint("check the path in the setting `url`");
        }
    };
    ToolError::not_found(format!("{what}: {text}"))
        .reason(reason)
        .hint(hint)
}

/// A setting's value that is none, or one that the plan does not let be changed.
fn setting(invalid: bool, text: &str) -> ToolError {
    let message = format!("Cloudflare refuses: {text}");
    if invalid {
        return ToolError::invalid("value", message)
            .reason("parameter_refused")
            .hint("see `get_zone_settings` for how its value looks");
    }
    ToolError::new(Code::UpstreamRejected, message)
        .reason("refused_by_server")
        .hint("the zone's plan does not let this setting be changed")
}

/// 400: which argument, if the API says so.
fn invalid(errors: &[ApiError], text: &str) -> ToolError {
    let message = format!("Cloudflare refuses: {text}");
    let validation = errors
        .iter()
        .any(|error| error.code == 1004 || error.error_chain.is_some());
    let all = || {
        let behind = |error: &ApiError| error.error_chain.clone().unwrap_or_default();
        errors
            .iter()
            .flat_map(move |error| std::iter::once(error.clone()).chain(behind(error)))
    };
    let pointer = all().find_map(|error| error.source?.pointer);
    match pointer.as_deref().and_then(argument) {
        Some(field) => ToolError::invalid(field, message)
            .reason("parameter_refused")
            .hint("correct the argument; the message is Cloudflare's own"),
        None if validation => ToolError::new(Code::InvalidArgument, message)
            .reason("parameter_refused")
            .hint("correct the record's `content`, `data`, `ttl`, `proxied` or `name`; the message is Cloudflare's own"),
        None => ToolError::new(Code::UpstreamRejected, message)
            .reason("refused_by_server")
            .hint("the message is Cloudflare's own; its plan or the object's state may not allow this"),
    }
}

/// The argument that a place in a body comes from.
fn argument(pointer: &str) -> Option<&'static str> {
    let known = [
        "expression",
        "action",
        "action_parameters",
        "ref",
        "description",
        "position",
        "data",
        "content",
        "name",
        "ttl",
        "tags",
        "comment",
        "priority",
        "settings",
        "files",
        "hosts",
        "prefixes",
        "ingress",
        "value",
        "tunnel_secret",
    ];
    let parts: Vec<&str> = pointer.split('/').collect();
    let found = known.into_iter().find(|name| parts.contains(name))?;
    Some(match found {
        "ingress" => "set",
        "action_parameters" => "skip",
        "tunnel_secret" => "name",
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use homelab_upstream::Method;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn errors(value: serde_json::Value) -> Vec<ApiError> {
        serde_json::from_value(value).unwrap()
    }

    fn refused(status: u16, value: serde_json::Value) -> ToolError {
        let who = Who {
            instance: "cf".into(),
            section: "servers.cf".into(),
        };
        let call = Call::new(
            "x",
            Method::GET,
            "/zones/{}/dns_records",
            &[&"a"],
            "DNS Read",
        );
        let errors = errors(value);
        let text = said(&errors, &Redactor::default());
        who.refused(status, &errors, &text, None, &call)
    }

    #[rstest]
    #[case(403, 9109, "Invalid access token", "token_refused")]
    #[case(403, 10_000, "Authentication error", "permission_missing")]
    #[case(200, 10_000, "Authentication error", "permission_missing")]
    #[case(400, 81_058, "An identical record already exists.", "record_exists")]
    #[case(409, 1013, "You already have a tunnel with this name", "tunnel_exists")]
    #[case(400, 1234, "Something else", "refused_by_server")]
    fn errors_have_their_reason(
        #[case] status: u16,
        #[case] code: i64,
        #[case] message: &str,
        #[case] reason: &str,
    ) {
        let error = refused(status, json!([{ "code": code, "message": message }]));

        assert_eq!(error.envelope().reason.as_deref(), Some(reason));
        assert!(error.envelope().message.contains(message));
        assert_eq!(error.envelope().upstream_status, Some(status));
    }

    #[test]
    fn the_argument_is_named_where_the_body_is_wrong() {
        let error = refused(
            400,
            json!([{ "code": 20_127, "message": "bad", "source": { "pointer": "/rules/0/expression" } }]),
        );

        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(error.envelope().field.as_deref(), Some("expression"));
    }

    #[test]
    fn errors_behind_an_error_are_told() {
        let chain = json!([{ "code": 9005, "message": "Content for A record must be a valid IPv4 address." }]);
        let error = refused(
            400,
            json!([{ "code": 1004, "message": "DNS Validation Error", "error_chain": chain }]),
        );

        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(
            error
                .envelope()
                .message
                .contains("valid IPv4 address. (9005)")
        );
    }
}

//! The policy file: reading it, having it checked, and seeing what it means for somebody.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::{Policy, Tailscale};
use crate::explain::findings;
use crate::hujson;
use crate::types::AclPreview;

/// Lines of a policy in one answer unless asked otherwise.
const LINES: usize = 1000;
/// Rules that a preview lists.
const MOST_MATCHES: usize = 100;

/// How the policy is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// As text, with its comments; only this can be changed and written back.
    #[default]
    Hujson,
    /// As an object, without comments.
    Json,
}

/// How much of the policy.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetAcl {
    /// `hujson` (default) keeps comments, `json` is an object.
    format: Format,
    /// Only this key at the top, such as `grants`, `acls`, `tagOwners`, `ssh`; with `json` only.
    #[schemars(length(max = 60), regex(pattern = "^[A-Za-z]+$"))]
    section: Option<String>,
    /// First line of the text; default 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    start_line: Option<usize>,
    /// Lines of the text; default 1000.
    #[schemars(range(min = 1, max = 5000))]
    lines: Option<usize>,
    /// Have the server look for errors and warnings in it too.
    details: bool,
}

/// The policy.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PolicyFile {
    /// What `update_tailscale_acl` takes as `if_match`.
    etag: String,
    /// The text, or a part of it.
    acl: Option<String>,
    /// The object, or one section of it.
    policy: Option<Value>,
    /// Lines of the whole text.
    total_lines: usize,
    /// First line that is not in `acl`; absent if it ends there.
    next_line: Option<usize>,
    /// Keys at the top.
    sections: Vec<String>,
    /// What the server finds wrong with it.
    errors: Vec<String>,
    /// What the server finds doubtful.
    warnings: Vec<String>,
}

/// Get the tailnet's policy file (ACL) with the tag that guards a change of it.
#[tool(
    read,
    open_world,
    permission = "tailscale:policy:read",
    title = "Get the policy file",
    timeout = 90
)]
pub(crate) async fn get_tailscale_acl(
    tailscale: &Tailscale,
    args: GetAcl,
) -> ToolResult<PolicyFile> {
    if args.section.is_some() && args.format == Format::Hujson {
        let message = "a section can only be shown as an object";
        return Err(ToolError::invalid("section", message).hint("set `format` to `json`"));
    }
    let policy = tailscale.policy().await?;
    let (errors, warnings) = if args.details {
        tailscale.policy_details().await?
    } else {
        (Vec::new(), Vec::new())
    };
    let value = hujson::value(&policy.text);
    let sections = match &value {
        Ok(Value::Object(members)) => members.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let object = match args.format {
        Format::Hujson => None,
        Format::Json => Some(section(value, args.section.as_deref())?),
    };
    let total_lines = policy.text.lines().count();
    let (acl, next_line) = match args.format {
        Format::Hujson => {
            let (text, next) = part(&policy.text, args.start_line, args.lines);
            (Some(text), next)
        }
        Format::Json => (None, None),
    };
    Ok(PolicyFile {
        etag: policy.etag,
        acl,
        policy: object,
        total_lines,
        next_line,
        sections,
        errors,
        warnings,
    })
}

fn section(value: Result<Value, String>, section: Option<&str>) -> ToolResult<Value> {
    let mut value = value.map_err(|what| {
        ToolError::invalid(
            "format",
            format!("the policy cannot be read as an object: {what}"),
        )
        .hint("set `format` to `hujson`")
    })?;
    let Some(section) = section else {
        return Ok(value);
    };
    let known: Vec<String> = value
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .cloned()
        .collect();
    match value.get_mut(section) {
        Some(found) => Ok(found.take()),
        None => Err(
            ToolError::invalid("section", format!("the policy has no `{section}`"))
                .hint(format!("it has {}", known.join(", "))),
        ),
    }
}

/// Lines of a text, and the first line behind them. The whole text is given as it is.
fn part(text: &str, start: Option<usize>, lines: Option<usize>) -> (String, Option<usize>) {
    let (start, count) = (start.unwrap_or(1).max(1), lines.unwrap_or(LINES).max(1));
    let total = text.lines().count();
    if start == 1 && total <= count {
        return (text.to_owned(), None);
    }
    let chosen: Vec<&str> = text.lines().skip(start - 1).take(count).collect();
    let next = start.saturating_add(count);
    (chosen.join("\n"), (next <= total).then_some(next))
}

impl Tailscale {
    /// Errors and warnings of the policy that is in force: `GET …/acl?details=true`, without `Accept`.
    async fn policy_details(&self) -> ToolResult<(Vec<String>, Vec<String>)> {
        let call = Call::get("policy_details", "/tailnet/{}/acl", &[&self.tailnet])
            .with("details", true)
            .scope("policy_file:read");
        let answer: Value = self.api.data(&call).await?;
        let texts = |name: &str| {
            let rows = answer[name].as_array().into_iter().flatten();
            let text = |row: &Value| match row {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            rows.map(text).collect::<Vec<_>>()
        };
        Ok((texts("errors"), texts("warnings")))
    }

    /// `POST …/acl/validate`. The status is 200 whatever is found: a `message` says no.
    pub(crate) async fn verdict(&self, call: &Call) -> ToolResult<Verdict> {
        let response = self.api.send(call).await?;
        let text = response.text();
        if text.trim().is_empty() {
            return Ok(Verdict::default());
        }
        let answer: Value = response.json().map_err(ToolError::from)?;
        Ok(Verdict::of(&answer))
    }

    /// The call of [`Self::verdict`] for a policy that is not in force.
    pub(crate) fn validate_call(&self, text: &str) -> Call {
        self.validating().policy(text)
    }

    fn validating(&self) -> Call {
        Call::post(
            "policy_validate",
            "/tailnet/{}/acl/validate",
            &[&self.tailnet],
        )
        .scope("policy_file:read")
        .vendor_only()
        .idempotent()
    }
}

/// What the server says about a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Why it is not taken.
    pub(crate) errors: Vec<String>,
    /// What is doubtful about it.
    pub(crate) warnings: Vec<String>,
}

impl Verdict {
    fn of(answer: &Value) -> Self {
        let Some(message) = answer["message"].as_str().filter(|text| !text.is_empty()) else {
            return Self::default();
        };
        let mut lines = findings(answer);
        if lines.is_empty() {
            lines.push(message.to_owned());
        }
        if message.starts_with("warning") {
            Self {
                errors: Vec::new(),
                warnings: lines,
            }
        } else {
            Self {
                errors: lines,
                warnings: Vec::new(),
            }
        }
    }
}

/// A test of a policy: who must reach what, and must not.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AclTest {
    /// Who: a user, group, tag or address.
    #[schemars(length(min = 1, max = 253))]
    src: String,
    /// Protocol, such as `tcp` or `udp`; default TCP.
    #[schemars(length(max = 10))]
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<String>,
    /// What it must reach, such as `tag:server:22` or `192.0.2.70:445`.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 253)))]
    accept: Vec<String>,
    /// What it must not reach.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 253)))]
    deny: Vec<String>,
}

/// What is to be checked: exactly one of the two.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ValidateAcl {
    /// A whole policy that is not in force, as HuJSON.
    #[schemars(length(min = 1, max = 500_000))]
    acl: Option<String>,
    /// Tests for the policy that is in force.
    #[schemars(length(min = 1, max = 100))]
    tests: Option<Vec<AclTest>>,
}

/// Whether a policy is right.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Validated {
    /// Whether the server would take it, or all tests pass.
    valid: bool,
    /// Why not.
    errors: Vec<String>,
    /// What is doubtful.
    warnings: Vec<String>,
}

/// Check a policy (ACL) without writing it, with the tests it holds, or run tests against the policy that is in force.
#[tool(
    read,
    open_world,
    permission = "tailscale:policy:read",
    title = "Validate a policy",
    timeout = 90
)]
pub(crate) async fn validate_tailscale_acl(
    tailscale: &Tailscale,
    args: ValidateAcl,
) -> ToolResult<Validated> {
    let call = match (&args.acl, &args.tests) {
        (Some(text), None) => tailscale.validate_call(text),
        (None, Some(tests)) => tailscale.validating().json(json!(tests)),
        _ => {
            let message = "exactly one of `acl` and `tests` is to be given";
            return Err(ToolError::invalid("acl", message));
        }
    };
    let verdict = tailscale.verdict(&call).await?;
    Ok(Validated {
        valid: verdict.errors.is_empty(),
        errors: verdict.errors,
        warnings: verdict.warnings,
    })
}

/// For whom a policy is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PreviewType {
    /// What a user may reach.
    User,
    /// Who may reach an address and port.
    Ipport,
}

/// What is to be previewed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewAcl {
    /// `user` for what a user may reach, `ipport` for who may reach an address.
    #[serde(rename = "type")]
    kind: PreviewType,
    /// The user's login name, or address and port such as `100.64.0.5:22`.
    #[schemars(length(min = 1, max = 254))]
    preview_for: String,
    /// A policy that is not in force, as HuJSON; default the one that is.
    #[schemars(length(min = 1, max = 500_000))]
    acl: Option<String>,
}

/// A rule that applies.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MatchRow {
    /// Who.
    users: Vec<String>,
    /// Which addresses and ports.
    ports: Vec<String>,
    /// Line of the rule in the policy.
    line: Option<u32>,
}

/// Rules that apply.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Previewed {
    matches: Vec<MatchRow>,
    /// How many apply in all.
    total: usize,
}

/// See which rules of a policy (ACL) apply to a user, or to an address and port.
#[tool(
    read,
    open_world,
    permission = "tailscale:policy:read",
    title = "Preview a policy",
    timeout = 90
)]
pub(crate) async fn preview_tailscale_acl(
    tailscale: &Tailscale,
    args: PreviewAcl,
) -> ToolResult<Previewed> {
    if args.kind == PreviewType::Ipport && !args.preview_for.contains(':') {
        let message = "an address and a port are needed";
        return Err(ToolError::invalid("preview_for", message).hint("such as `100.64.0.5:22`"));
    }
    // Before the policy is read: a Headscale has no preview.
    let call = tailscale.preview_call(&args);
    let text = match &args.acl {
        Some(text) => text.clone(),
        None if tailscale.is_headscale() => String::new(),
        None => {
            let Policy { text, .. } = tailscale.policy().await?;
            text
        }
    };
    let found: AclPreview = tailscale.api.data(&call.policy(&text)).await?;
    let total = found.matches.len();
    let row = |row: crate::types::AclMatch| MatchRow {
        users: row.users,
        ports: row.ports,
        line: row.line_number,
    };
    Ok(Previewed {
        matches: found
            .matches
            .into_iter()
            .take(MOST_MATCHES)
            .map(row)
            .collect(),
        total,
    })
}

impl Tailscale {
    fn preview_call(&self, args: &PreviewAcl) -> Call {
        let kind = match args.kind {
            PreviewType::User => "user",
            PreviewType::Ipport => "ipport",
        };
        Call::post(
            "policy_preview",
            "/tailnet/{}/acl/preview",
            &[&self.tailnet],
        )
        .with("type", kind)
        .with("previewFor", &args.preview_for)
        .scope("policy_file:read")
        .vendor_only()
        .idempotent()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(json!({}), 0, 0)]
    #[case(Value::Null, 0, 0)]
    #[case(json!({"message": "test(s) failed", "data": [{"user": "a", "errors": ["x", "y"]}]}), 2, 0)]
    #[case(json!({"message": "warning(s) found", "data": [{"user": "group:x", "warnings": ["w"]}]}), 0, 1)]
    #[case(json!({"message": "unknown field"}), 1, 0)]
    fn a_message_says_no_whatever_the_status(
        #[case] answer: Value,
        #[case] errors: usize,
        #[case] warnings: usize,
    ) {
        let verdict = Verdict::of(&answer);

        assert_eq!(
            (verdict.errors.len(), verdict.warnings.len()),
            (errors, warnings)
        );
    }

    #[test]
    fn parts_of_a_text_join() {
        let text = "1\n2\n3\n4\n5\n";

        assert_eq!(part(text, None, None), (text.to_owned(), None));
        assert_eq!(part(text, Some(1), Some(2)), ("1\n2".to_owned(), Some(3)));
        assert_eq!(part(text, Some(4), Some(2)), ("4\n5".to_owned(), None));
        assert_eq!(part(text, Some(9), None), (String::new(), None));
    }
}

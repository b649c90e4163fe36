//! Forgetting rules about domains.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rule_changes::in_force;
use super::rules::{RuleKind, RuleType, clean_domain};
use crate::call::Call;
use crate::client::{Pihole, named};
use crate::each::{OnHosts, all_took, on_each, target};

/// Which rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveRule {
    /// The domain, or the regular expression to the letter.
    #[schemars(length(min = 1, max = 512))]
    domain: String,
    /// Whether the rule allows or denies.
    #[serde(rename = "type")]
    of_type: RuleType,
    /// `exact` or `regex`; default `exact`.
    #[serde(default)]
    kind: RuleKind,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// What became of a rule.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RuleRemoved {
    /// False where there was none.
    removed: bool,
}

/// Remove a rule about a domain, on all Pi-holes of the instance.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pihole:rule:remove",
    title = "Remove a rule about a domain",
    timeout = 120,
    preview = preview_remove,
    targets = remove_targets,
    inverse = undo_remove,
    read_back = all_took
)]
pub(crate) async fn remove_domain_rule(
    pihole: &Pihole,
    args: RemoveRule,
) -> ToolResult<OnHosts<RuleRemoved>> {
    let domain = args.domain()?;
    let call = remove_call(args.of_type, args.kind, &domain);
    let call = &call;
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| async move {
        let removed = host.removed(call).await?;
        Ok(RuleRemoved { removed })
    })
    .await
}

impl RemoveRule {
    fn domain(&self) -> ToolResult<String> {
        match self.kind {
            RuleKind::Exact => clean_domain("domain", &self.domain),
            RuleKind::Regex => Ok(self.domain.trim().to_owned()),
        }
    }
}

pub(super) fn remove_call(of_type: RuleType, kind: RuleKind, domain: &str) -> Call {
    let (of_type, kind) = (of_type.as_str(), kind.as_str());
    Call::delete(
        "remove_domain",
        "/api/domains/{}/{}/{}",
        &[&of_type, &kind, &domain],
    )
}

async fn preview_remove(pihole: &Pihole, args: &RemoveRule) -> ToolResult<Preview> {
    let domain = args.domain()?;
    let mut changes = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        let found = host
            .rule(args.of_type.as_str(), args.kind.as_str(), &domain)
            .await?;
        changes.extend(found.map(|row| Change {
            field: format!("{domain} on {}", host.name),
            from: Some(in_force(row.enabled).to_owned()),
            to: None,
        }));
    }
    if changes.is_empty() {
        let message = format!("no rule of this type and kind about `{domain}`");
        return Err(ToolError::new(Code::NotFound, message)
            .reason("rule_not_found")
            .hint("see `list_domain_rules`"));
    }
    Ok(Preview {
        summary: format!("remove the {} rule about `{domain}`", args.of_type.as_str()),
        changes,
        impact: Vec::new(),
    })
}

async fn remove_targets(_pihole: &Pihole, args: &RemoveRule) -> ToolResult<Vec<Target>> {
    Ok(vec![target("domain", &args.domain()?)])
}

async fn undo_remove(pihole: &Pihole, args: &RemoveRule) -> ToolResult<Option<Inverse>> {
    let domain = args.domain()?;
    let host = pihole.host(args.host.as_deref())?;
    let found = host
        .rule(args.of_type.as_str(), args.kind.as_str(), &domain)
        .await?;
    let Some(row) = found.filter(|row| row.enabled && !row.groups.is_empty()) else {
        return Ok(None);
    };
    let names = host.group_names().await?;
    let tool = match args.of_type {
        RuleType::Allow => "whitelist_domain",
        RuleType::Deny => "blacklist_domain",
    };
    Ok(Some(Inverse {
        tool: tool.to_owned(),
        arguments: json!({
            "domain": domain,
            "kind": args.kind,
            "comment": row.comment,
            "groups": named(&row.groups, &names),
            "force": args.kind == RuleKind::Regex,
            "host": args.host,
        }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_by_type_kind_and_domain() {
        assert_eq!(
            remove_call(RuleType::Deny, RuleKind::Regex, "^ads").line(),
            "DELETE /api/domains/deny/regex/^ads"
        );
    }
}

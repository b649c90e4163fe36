//! Allowing and denying domains.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rule_removal::remove_call;
use super::rules::{RuleItem, RuleKind, RuleType, clean_domain};
use crate::call::Call;
use crate::client::{DEFAULT_GROUP, Pihole, not_taken};
use crate::each::{OnHosts, failures, on_each, target};
use crate::host::Host;
use crate::types::{DomainRow, Processed};

/// Most domains of one call.
const MOST: usize = 100;

/// Which domains, and for whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddRule {
    /// The domain, or a regular expression with `kind` = `regex`.
    #[schemars(length(min = 1, max = 512))]
    domain: Option<String>,
    /// Several at once, instead of `domain`.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 512)))]
    domains: Option<Vec<String>>,
    /// `exact` for the domain alone, `regex` for all names that fit; default `exact`.
    #[serde(default)]
    kind: RuleKind,
    /// Why, for those who look at it later.
    #[schemars(length(max = 300))]
    comment: Option<String>,
    /// Names of groups whose clients it is for; default the group of everybody.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 100)))]
    groups: Option<Vec<String>>,
    /// Take a regular expression that fits every name; default false.
    #[serde(default)]
    force: bool,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Rules after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RulesAdded {
    /// As read afterwards.
    rules: Vec<RuleItem>,
    /// Domains whose rule was there and in force already.
    unchanged: Vec<String>,
    /// Domains that a rule of the other type names too; allowing wins.
    contradicted: Vec<String>,
}

/// Allow domains, so that no list and no rule blocks them, on all Pi-holes of the instance.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:rule:allow",
    title = "Allow domains",
    timeout = 120,
    untrusted("hosts.result.rules.comment"),
    preview = preview_allow,
    targets = rule_targets,
    inverse = undo_allow,
    read_back = check_added
)]
pub(crate) async fn whitelist_domain(
    pihole: &Pihole,
    args: AddRule,
) -> ToolResult<OnHosts<RulesAdded>> {
    add(pihole, &args, RuleType::Allow).await
}

/// Deny domains, so that they are blocked whatever the lists say, on all Pi-holes of the instance.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:rule:deny",
    title = "Deny domains",
    timeout = 120,
    untrusted("hosts.result.rules.comment"),
    preview = preview_deny,
    targets = rule_targets,
    inverse = undo_deny,
    read_back = check_added
)]
pub(crate) async fn blacklist_domain(
    pihole: &Pihole,
    args: AddRule,
) -> ToolResult<OnHosts<RulesAdded>> {
    add(pihole, &args, RuleType::Deny).await
}

impl AddRule {
    /// The domains, cleaned; each once.
    fn domains(&self) -> ToolResult<Vec<String>> {
        let (field, given) = match (&self.domain, &self.domains) {
            (Some(one), None) => ("domain", std::slice::from_ref(one)),
            (None, Some(all)) => ("domains", all.as_slice()),
            (Some(_), Some(_)) => {
                let message = "`domain` and `domains` are both given";
                return Err(ToolError::invalid("domains", message).hint("leave one of them out"));
            }
            (None, None) => return Err(ToolError::invalid("domain", "no domain is given")),
        };
        if given.is_empty() || given.len() > MOST {
            let message = format!("{} domains are not 1 to {MOST}", given.len());
            return Err(ToolError::invalid(field, message));
        }
        let mut domains = Vec::new();
        for text in given {
            let domain = match self.kind {
                RuleKind::Exact => clean_domain(field, text)?,
                RuleKind::Regex => self.pattern(field, text)?,
            };
            if !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        Ok(domains)
    }

    fn pattern(&self, field: &str, text: &str) -> ToolResult<String> {
        let pattern = text.trim();
        if pattern.is_empty() || pattern.len() > 512 {
            return Err(ToolError::invalid(
                field,
                "the expression has not 1 to 512 characters",
            ));
        }
        if fits_everything(pattern) && !self.force {
            let message = format!("`{pattern}` fits every name there is");
            return Err(ToolError::invalid(field, message)
                .reason("too_wide")
                .hint("narrow it, such as `(\\.|^)example\\.com$`, or set `force`"));
        }
        Ok(pattern.to_owned())
    }
}

/// Whether an expression is one of those that fit whatever is asked.
fn fits_everything(pattern: &str) -> bool {
    // What fits a part fits the whole, unless it is tied to an end.
    let bare: String = pattern.chars().filter(|c| !"^$()?:".contains(*c)).collect();
    let wild = |part: &str| {
        let rest = part.trim_start_matches(".*").trim_start_matches(".+");
        matches!(rest, "" | "." | "[a-z]*" | "\\w*" | "\\w+" | "[^.]*")
    };
    bare.split('|').any(wild)
}

fn add_call(
    of_type: RuleType,
    kind: RuleKind,
    domains: &[String],
    comment: Option<&str>,
    groups: &[i64],
) -> Call {
    let template = match (of_type, kind) {
        (RuleType::Allow, RuleKind::Exact) => "/api/domains/allow/exact",
        (RuleType::Allow, RuleKind::Regex) => "/api/domains/allow/regex",
        (RuleType::Deny, RuleKind::Exact) => "/api/domains/deny/exact",
        (RuleType::Deny, RuleKind::Regex) => "/api/domains/deny/regex",
    };
    let body = json!({ "comment": comment, "domain": domains, "enabled": true, "groups": groups });
    Call::post("add_domains", template, body)
}

/// A rule as it is, but in force. What is not said again would be lost.
pub(super) fn put_call(row: &DomainRow) -> Call {
    Call::put(
        "set_domain",
        "/api/domains/{}/{}/{}",
        &[&row.of_type, &row.kind, &row.domain],
    )
    .body(json!({ "comment": row.comment, "groups": row.groups, "enabled": row.enabled }))
}

async fn add(
    pihole: &Pihole,
    args: &AddRule,
    of_type: RuleType,
) -> ToolResult<OnHosts<RulesAdded>> {
    let domains = args.domains()?;
    let domains = &domains;
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| add_on(host, args, domains, of_type)).await
}

async fn add_on(
    host: &Host,
    args: &AddRule,
    domains: &[String],
    of_type: RuleType,
) -> ToolResult<RulesAdded> {
    let groups = match &args.groups {
        None => vec![DEFAULT_GROUP],
        Some(names) => host.group_ids(names).await?,
    };
    let call = add_call(
        of_type,
        args.kind,
        domains,
        args.comment.as_deref(),
        &groups,
    );
    let done: Processed = host.json(&call).await?;
    let errors = done.processed.unwrap_or_default().errors;
    let mut unchanged = Vec::new();
    for error in errors {
        // Adding what there is fails, and means that nothing is to be done.
        if !error.error.starts_with("UNIQUE") {
            return Err(undone(host, args.kind, of_type, &error.item, &error.error).await);
        }
        let found = host
            .rule(of_type.as_str(), args.kind.as_str(), &error.item)
            .await?;
        match found {
            Some(row) if row.enabled => unchanged.push(error.item),
            Some(row) => {
                let row = DomainRow {
                    enabled: true,
                    ..row
                };
                host.done(&put_call(&row)).await?;
            }
            None => return Err(not_taken(&host.name, &error.item, &error.error)),
        }
    }
    let names = host.group_names().await?;
    let rows = host.rules().await?;
    let same = |row: &&DomainRow| {
        row.of_type == of_type.as_str() && row.kind == args.kind.as_str() && known(domains, row)
    };
    let other = |row: &&DomainRow| {
        row.of_type == of_type.other().as_str()
            && row.kind == args.kind.as_str()
            && row.enabled
            && known(domains, row)
    };
    Ok(RulesAdded {
        rules: rows
            .iter()
            .filter(same)
            .map(|row| RuleItem::of(row.clone(), &names))
            .collect(),
        unchanged,
        contradicted: rows
            .iter()
            .filter(other)
            .map(|row| row.domain.clone())
            .collect(),
    })
}

/// Whether a row is about one of the domains; names in other scripts are kept in their ASCII form.
fn known(domains: &[String], row: &DomainRow) -> bool {
    domains.contains(&row.domain)
        || (row.domain.starts_with("xn--") && domains.iter().any(|domain| !domain.is_ascii()))
}

/// An item that was refused may stay behind without groups, where it has no effect: it is taken away.
async fn undone(
    host: &Host,
    kind: RuleKind,
    of_type: RuleType,
    item: &str,
    error: &str,
) -> ToolError {
    let left = host.rule(of_type.as_str(), kind.as_str(), item).await;
    if left.is_ok_and(|found| found.is_some_and(|row| row.groups.is_empty())) {
        // The error that is told is the first one.
        drop(host.removed(&remove_call(of_type, kind, item)).await);
    }
    not_taken(&host.name, item, error)
}

async fn check_added(
    _pihole: &Pihole,
    args: &AddRule,
    done: &OnHosts<RulesAdded>,
) -> ToolResult<Vec<Mismatch>> {
    let mut mismatches = failures(done);
    let wanted = args.domains()?.len();
    for host in &done.hosts {
        let Some(result) = &host.result else { continue };
        let active = result.rules.iter().filter(|rule| rule.enabled).count();
        if active < wanted {
            mismatches.push(Mismatch {
                field: "domains",
                wanted: format!("{wanted} rules in force on {}", host.host),
                found: active.to_string(),
            });
        }
    }
    Ok(mismatches)
}

async fn preview_add(pihole: &Pihole, args: &AddRule, of_type: RuleType) -> ToolResult<Preview> {
    let domains = args.domains()?;
    let hosts = pihole.chosen(args.host.as_deref())?;
    let mut changes = Vec::new();
    for host in &hosts {
        if let Some(names) = &args.groups {
            host.group_ids(names).await?;
        }
        let rows = host.rules().await?;
        for domain in &domains {
            let there = |row: &&DomainRow| {
                row.domain == *domain
                    && row.of_type == of_type.as_str()
                    && row.kind == args.kind.as_str()
            };
            changes.push(Change {
                field: format!("{domain} on {}", host.name),
                from: rows
                    .iter()
                    .find(there)
                    .map(|row| in_force(row.enabled).to_owned()),
                to: Some("in force".to_owned()),
            });
        }
    }
    Ok(Preview {
        summary: format!("{} {}", of_type.as_str(), domains.join(", ")),
        changes,
        impact: match of_type {
            RuleType::Allow => Vec::new(),
            RuleType::Deny => {
                vec!["what needs these names stops working for everybody in the groups".to_owned()]
            }
        },
    })
}

pub(super) fn in_force(enabled: bool) -> &'static str {
    if enabled { "in force" } else { "switched off" }
}

async fn preview_allow(pihole: &Pihole, args: &AddRule) -> ToolResult<Preview> {
    preview_add(pihole, args, RuleType::Allow).await
}

async fn preview_deny(pihole: &Pihole, args: &AddRule) -> ToolResult<Preview> {
    preview_add(pihole, args, RuleType::Deny).await
}

async fn rule_targets(_pihole: &Pihole, args: &AddRule) -> ToolResult<Vec<Target>> {
    let domains = args.domains()?;
    Ok(domains
        .iter()
        .map(|domain| target("domain", domain))
        .collect())
}

/// Taking away the rule, where it is one and was not there.
async fn undo_add(
    pihole: &Pihole,
    args: &AddRule,
    of_type: RuleType,
) -> ToolResult<Option<Inverse>> {
    let domains = args.domains()?;
    let [domain] = domains.as_slice() else {
        return Ok(None);
    };
    let host = pihole.host(args.host.as_deref())?;
    let found = host
        .rule(of_type.as_str(), args.kind.as_str(), domain)
        .await?;
    Ok(found.is_none().then(|| Inverse {
        tool: "remove_domain_rule".to_owned(),
        arguments: json!({
            "domain": domain,
            "type": of_type,
            "kind": args.kind,
            "host": args.host,
        }),
    }))
}

async fn undo_allow(pihole: &Pihole, args: &AddRule) -> ToolResult<Option<Inverse>> {
    undo_add(pihole, args, RuleType::Allow).await
}

async fn undo_deny(pihole: &Pihole, args: &AddRule) -> ToolResult<Option<Inverse>> {
    undo_add(pihole, args, RuleType::Deny).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(".*", true)]
    #[case("^.*$", true)]
    #[case(".", true)]
    #[case("(.+)", true)]
    #[case("ads|", true)]
    #[case(r"(\.|^)example\.com$", false)]
    #[case("^ads[0-9]*[.-]", false)]
    #[case(r".*\.example", false)]
    fn expressions_that_fit_everything_are_known(#[case] pattern: &str, #[case] wide: bool) {
        assert_eq!(fits_everything(pattern), wide);
    }

    #[test]
    fn domains_are_added_in_force() {
        assert_eq!(
            add_call(
                RuleType::Allow,
                RuleKind::Exact,
                &["a.example".to_owned()],
                None,
                &[0]
            )
            .line(),
            r#"POST /api/domains/allow/exact {"comment":null,"domain":["a.example"],"enabled":true,"groups":[0]}"#
        );
    }
}

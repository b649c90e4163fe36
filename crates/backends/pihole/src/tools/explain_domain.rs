//! Why a domain is blocked, or is not.

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{RuleItem, clean_domain};
use crate::call::Call;
use crate::client::Pihole;
use crate::types::{DomainRow, Found, ListHit, Search};

/// Most rules and lists that are shown.
const MOST: u32 = 20;

/// Which domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainDomain {
    /// The domain, such as `ads.example.com`.
    #[schemars(length(min = 1, max = 253))]
    domain: String,
    /// The Pi-hole to ask; default the first of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// What decides about a domain.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Explained {
    domain: String,
    /// Whether it is blocked for those for whom all of this holds.
    blocked: bool,
    /// What decides, in words.
    because: String,
    /// Rules that fit, in force or not.
    rules: Vec<RuleItem>,
    /// Lists that hold it.
    lists: Vec<ListedOn>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ListedOn {
    address: String,
    /// `block` or `allow`.
    #[serde(rename = "type")]
    of_type: String,
    enabled: bool,
    /// The entry that fits.
    entry: String,
}

/// Explain whether a domain is blocked, and by which rule or list; groups may make it differ for a client.
#[tool(
    read,
    open_world,
    permission = "pihole:rule:read",
    title = "Explain whether a domain is blocked",
    timeout = 90,
    untrusted("rules.comment")
)]
pub(crate) async fn explain_domain(pihole: &Pihole, args: ExplainDomain) -> ToolResult<Explained> {
    let domain = clean_domain("domain", &args.domain)?;
    let host = pihole.host(args.host.as_deref())?;
    let call = Call::get("search", "/api/search/{}", &[&domain])
        .query("partial", false)
        .query("N", MOST);
    let found: Search = host.json(&call).await?;
    let names = host.group_names().await?;
    let (blocked, because) = verdict(&found.search);
    let Found { domains, gravity } = found.search;
    let rules = domains.into_iter().map(|row| RuleItem::of(row, &names));
    let lists = gravity.into_iter().map(|hit| ListedOn {
        address: hit.address,
        of_type: hit.of_type,
        enabled: hit.enabled,
        entry: hit.domain,
    });
    Ok(Explained {
        domain,
        blocked,
        because,
        rules: rules.collect(),
        lists: lists.collect(),
    })
}

/// Rules come before lists, and allowing before denying.
fn verdict(found: &Found) -> (bool, String) {
    let rule = |of_type: &str| {
        let fits = |row: &&DomainRow| row.enabled && row.of_type == of_type;
        let row = found.domains.iter().find(fits)?;
        Some(format!("the {} {of_type} rule `{}`", row.kind, row.domain))
    };
    let list = |of_type: &str| {
        let fits = |hit: &&ListHit| hit.enabled && hit.of_type == of_type;
        let hit = found.gravity.iter().find(fits)?;
        Some(format!("the {of_type} list `{}`", hit.address))
    };
    for (blocked, what) in [
        (false, rule("allow")),
        (true, rule("deny")),
        (false, list("allow")),
        (true, list("block")),
    ] {
        if let Some(what) = what {
            let verb = if blocked { "blocked" } else { "allowed" };
            return (blocked, format!("it is {verb} by {what}"));
        }
    }
    (
        false,
        "no rule and no list that is in force names it".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_before_lists_and_allowing_before_denying() {
        let rule = |of_type: &str, enabled| DomainRow {
            domain: "a.example".to_owned(),
            of_type: of_type.to_owned(),
            kind: "exact".to_owned(),
            enabled,
            ..DomainRow::default()
        };
        let list = |of_type: &str| ListHit {
            of_type: of_type.to_owned(),
            enabled: true,
            ..ListHit::default()
        };
        let blocked = |domains, gravity| verdict(&Found { domains, gravity }).0;

        assert!(!blocked(
            vec![rule("deny", true), rule("allow", true)],
            vec![list("block")]
        ));
        assert!(blocked(
            vec![rule("deny", true), rule("allow", false)],
            vec![]
        ));
        assert!(blocked(vec![], vec![list("block")]));
        assert!(!blocked(vec![], vec![list("block"), list("allow")]));
        assert!(!blocked(vec![rule("deny", false)], vec![]));
    }
}

//! Rules about domains: what they are, and the list of them.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::{Page, PageRequest};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Pihole, named};
use crate::times::time;
use crate::types::{DomainRow, GroupNames};

/// Whether a rule lets a domain through or blocks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuleType {
    Allow,
    Deny,
}

/// Whether a rule is about one domain or about those that fit a regular expression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuleKind {
    #[default]
    Exact,
    Regex,
}

impl RuleType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Allow => Self::Deny,
            Self::Deny => Self::Allow,
        }
    }
}

impl RuleKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Regex => "regex",
        }
    }
}

/// A rule about a domain.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct RuleItem {
    /// The domain, or the regular expression.
    pub(crate) domain: String,
    /// `allow` or `deny`.
    #[serde(rename = "type")]
    pub(crate) of_type: String,
    /// `exact` or `regex`.
    pub(crate) kind: String,
    pub(crate) enabled: bool,
    pub(crate) comment: Option<String>,
    /// Names of the groups whose clients it is for; for nobody where there are none.
    pub(crate) groups: Vec<String>,
    /// RFC 3339.
    pub(crate) modified_at: Option<String>,
}

impl RuleItem {
    pub(crate) fn of(row: DomainRow, names: &GroupNames) -> Self {
        Self {
            groups: named(&row.groups, names),
            domain: row.domain,
            of_type: row.of_type,
            kind: row.kind,
            enabled: row.enabled,
            comment: row.comment.filter(|comment| !comment.is_empty()),
            modified_at: time(row.date_modified),
        }
    }
}

/// Which rules.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListDomainRules {
    /// Only those that allow or deny.
    #[serde(rename = "type")]
    of_type: Option<RuleType>,
    /// Only exact ones or regular expressions.
    kind: Option<RuleKind>,
    /// Only those whose domain or comment has this text.
    #[schemars(length(max = 253))]
    search: Option<String>,
    /// The Pi-hole to ask; default the first of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 600))]
    cursor: Option<String>,
}

/// List the domains and regular expressions that are allowed or denied.
#[tool(
    read,
    open_world,
    permission = "pihole:rule:read",
    title = "List rules about domains",
    timeout = 90,
    untrusted("items.comment")
)]
pub(crate) async fn list_domain_rules(
    pihole: &Pihole,
    args: ListDomainRules,
) -> ToolResult<Page<RuleItem>> {
    let host = pihole.host(args.host.as_deref())?;
    let mut rows = host.rules().await?;
    let names = host.group_names().await?;
    rows.retain(|row| args.wants(row));
    let key = |row: &DomainRow| format!("{}\n{}\n{}", row.domain, row.of_type, row.kind);
    let page = page(rows, args.limit, args.cursor.as_deref(), key)?;
    Ok(page.map(|row| RuleItem::of(row, &names)))
}

impl ListDomainRules {
    fn wants(&self, row: &DomainRow) -> bool {
        let has = |text: &str| {
            let wanted = self.search.as_deref().unwrap_or_default().to_lowercase();
            text.to_lowercase().contains(&wanted)
        };
        self.of_type
            .is_none_or(|wanted| row.of_type == wanted.as_str())
            && self.kind.is_none_or(|wanted| row.kind == wanted.as_str())
            && (has(&row.domain) || row.comment.as_deref().is_some_and(has))
    }
}

/// The page of `rows` that `limit` and `cursor` ask for, in the order of `key`, which must be
/// different for each row.
pub(crate) fn page<T>(
    mut rows: Vec<T>,
    limit: Option<u32>,
    cursor: Option<&str>,
    key: impl Fn(&T) -> String,
) -> ToolResult<Page<T>> {
    let request = PageRequest::from_args(limit, cursor)?;
    let total = rows.len() as u64;
    rows.sort_by_cached_key(&key);
    if let Some(after) = &request.after {
        rows.retain(|row| key(row) > *after);
    }
    rows.truncate(request.limit as usize + 1);
    Ok(Page::from_rows(rows, &request, total, key))
}

/// A domain as Pi-hole keeps it: without the dot at its end, with which it would never match.
///
/// # Errors
/// What is no domain: an address of a page, a pattern with `*`, spaces.
pub(crate) fn clean_domain(field: &str, text: &str) -> ToolResult<String> {
    let wrong = |what: &str, hint: &str| {
        ToolError::invalid(field, format!("`{text}` {what}")).hint(hint.to_owned())
    };
    let domain = text.trim().trim_end_matches('.');
    if domain.is_empty() || domain.len() > 253 {
        return Err(wrong(
            "has not 1 to 253 characters",
            "write it like `ads.example.com`",
        ));
    }
    if domain.contains('*') {
        return Err(wrong(
            "is a pattern, which an exact rule cannot be",
            "use `kind` = `regex`, such as `(\\.|^)example\\.com$` for a domain and all below it",
        ));
    }
    if domain.contains(['/', ':', '?', '#', '@', ',']) || domain.contains(char::is_whitespace) {
        return Err(wrong(
            "is no domain",
            "write the host name alone, like `ads.example.com`",
        ));
    }
    Ok(domain.to_lowercase())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Ads.Example.COM.", "ads.example.com")]
    #[case(" bücher.example ", "bücher.example")]
    #[case("local", "local")]
    fn domains_are_cleaned(#[case] text: &str, #[case] wanted: &str) {
        assert_eq!(clean_domain("domain", text).unwrap(), wanted);
    }

    #[rstest]
    #[case("https://example.com/")]
    #[case("*.example.com")]
    #[case("a b")]
    #[case("example.com:443")]
    #[case(".")]
    fn what_is_no_domain_is_refused(#[case] text: &str) {
        assert!(clean_domain("domain", text).is_err());
    }

    #[test]
    fn pages_join_without_gap_or_overlap() {
        let rows = || vec![5, 3, 9, 1, 7];
        let key = |row: &i32| format!("{row:03}");

        let first = page(rows(), Some(2), None, key).unwrap();
        let second = page(rows(), Some(2), first.next_cursor.as_deref(), key).unwrap();
        let third = page(rows(), Some(2), second.next_cursor.as_deref(), key).unwrap();

        assert_eq!((first.items, first.total), (vec![1, 3], 5));
        assert_eq!((second.items, third.items), (vec![5, 7], vec![9]));
        assert_eq!(third.next_cursor, None);
    }
}

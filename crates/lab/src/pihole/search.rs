//! Which rules and lists have a word for a domain.

use serde_json::{Value, json};

use super::entry::Call;
use super::pattern;
use super::reply::{Answer, json_of};
use super::state::{List, Rule, State};

/// Most rows of a kind.
const MOST: i64 = 10_000;

impl List {
    fn holds(&self, domain: &str, partial: bool) -> Vec<&String> {
        let fits = |held: &&String| {
            if partial {
                held.contains(domain)
            } else {
                held.as_str() == domain
            }
        };
        self.content.iter().filter(fits).collect()
    }
}

/// `GET /search/{domain}`. Lists count with what they had at the last update.
pub(super) fn search(state: &mut State, call: &Call) -> Answer {
    let domain = call.path.get("domain").to_lowercase();
    let partial = call.flag("partial").unwrap_or(false);
    let most = call.number("N").unwrap_or(20).clamp(0, MOST);
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    let exact = |rule: &&Rule| {
        !rule.regex
            && if partial {
                rule.domain.contains(&domain)
            } else {
                rule.domain == domain
            }
    };
    let by_pattern = |rule: &&Rule| rule.regex && pattern::fits(&rule.domain, &domain);
    let exact: Vec<Value> = state.domains.iter().filter(exact).map(row).collect();
    let patterns: Vec<Value> = state.domains.iter().filter(by_pattern).map(row).collect();
    let mut found = [Vec::new(), Vec::new()];
    for list in state.lists.iter().filter(|list| list.number > 0) {
        for held in list.holds(&domain, partial) {
            let mut row = list.row();
            row["domain"] = json!(held);
            found[usize::from(!list.allow)].push(row);
        }
    }
    let [allowed, blocked] = found;
    let results = json!({
        "domains": { "exact": exact.len(), "regex": patterns.len() },
        "gravity": { "allow": allowed.len(), "block": blocked.len() },
        "total": exact.len() + patterns.len() + allowed.len() + blocked.len(),
    });
    let up_to = |rows: Vec<Value>| rows.into_iter().take(limit);
    let domains: Vec<Value> = up_to(exact).chain(up_to(patterns)).collect();
    let gravity: Vec<Value> = up_to(blocked).chain(up_to(allowed)).collect();
    json_of(json!({ "search": {
        "domains": domains,
        "gravity": gravity,
        "parameters": {
            "N": most,
            "partial": partial,
            "domain": domain,
            "debug": call.flag("debug").unwrap_or(false),
        },
        "results": results,
    } }))
}

fn row(rule: &Rule) -> Value {
    let mut row = rule.row();
    if let Some(fields) = row.as_object_mut() {
        fields.remove("unicode");
    }
    row
}

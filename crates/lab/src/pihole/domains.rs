//! Rules for domains: allowed or denied, exactly or by a pattern.

use serde_json::{Value, json};
use url::Host;

use super::entry::Call;
use super::items::{Processed, enabled, items, put_into_groups, rows, text, without_spaces};
use super::pattern;
use super::reply::{Answer, Failure, deleted, json_of};
use super::state::{Rule, State};

/// What SQLite says of a rule that is there already.
const TWICE: &str = "UNIQUE constraint failed: domainlist.domain, domainlist.type";

/// Whether it allows, and whether it is a pattern; `None` is both.
type Selection = (Option<bool>, Option<bool>);

impl Rule {
    pub(super) fn row(&self) -> Value {
        json!({
            "domain": self.domain,
            "unicode": self.unicode,
            "type": self.type_name(),
            "kind": self.kind_name(),
            "comment": self.comment,
            "groups": self.groups,
            "enabled": self.enabled,
            "id": self.id,
            "date_added": self.added,
            "date_modified": self.modified,
        })
    }

    /// The rule again, as far as a row of an archive tells it.
    pub(super) fn of_row(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| row[name].as_i64().unwrap_or_default();
        let groups = row["groups"].as_array().map(Vec::as_slice);
        Self {
            id: row["id"].as_u64().unwrap_or_default(),
            domain: text("domain"),
            unicode: text("unicode"),
            allow: row["type"] == "allow",
            regex: row["kind"] == "regex",
            comment: row["comment"].as_str().map(str::to_owned),
            groups: groups
                .unwrap_or_default()
                .iter()
                .filter_map(Value::as_i64)
                .collect(),
            enabled: row["enabled"] == true,
            added: number("date_added"),
            modified: number("date_modified"),
        }
    }

    pub(super) fn type_name(&self) -> &'static str {
        if self.allow { "allow" } else { "deny" }
    }

    pub(super) fn kind_name(&self) -> &'static str {
        if self.regex { "regex" } else { "exact" }
    }

    fn is(&self, domain: &str, allow: bool, regex: bool) -> bool {
        self.domain == domain && self.allow == allow && self.regex == regex
    }
}

fn unavailable(call: &Call) -> Failure {
    Failure::bad("Invalid request: Specified endpoint not available")
        .hint(call.pattern)
        .outside_the_contract()
}

fn selection(call: &Call) -> Result<Selection, Failure> {
    let mut selection = (None, None);
    for part in [call.path.get("type"), call.path.get("kind")] {
        match part {
            "" => {}
            "allow" if selection == (None, None) => selection.0 = Some(true),
            "deny" if selection == (None, None) => selection.0 = Some(false),
            "exact" => selection.1 = Some(false),
            "regex" => selection.1 = Some(true),
            _ => return Err(unavailable(call)),
        }
    }
    Ok(selection)
}

/// Type and kind of a call that changes something, which must name both.
fn both(call: &Call) -> Result<(bool, bool), Failure> {
    match selection(call)? {
        (Some(allow), Some(regex)) => Ok((allow, regex)),
        _ => Err(unavailable(call)),
    }
}

/// `GET /domains` and below.
pub(super) fn read(state: &mut State, call: &Call) -> Answer {
    let (allow, regex) = selection(call)?;
    let wanted = call.path.get("domain");
    let fits = |rule: &&Rule| {
        allow.is_none_or(|allow| rule.allow == allow)
            && regex.is_none_or(|regex| rule.regex == regex)
            && (wanted.is_empty() || rule.domain == wanted)
    };
    let rows: Vec<Value> = state.domains.iter().filter(fits).map(Rule::row).collect();
    json_of(json!({ "domains": rows }))
}

/// A domain in lower case and ASCII; what comes back is written as such.
fn normalized(domain: &str) -> Result<String, Failure> {
    let invalid = || Failure::bad("Invalid domain").hint(domain);
    let bare = domain.trim_end_matches('.');
    // The dot at its end stays, and keeps it from ever matching.
    let dots = domain.get(bare.len()..).unwrap_or_default();
    let ascii = if bare.is_ascii() {
        bare.to_ascii_lowercase()
    } else {
        Host::parse(bare).map_err(|_| invalid())?.to_string()
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if ascii.is_empty() || !ascii.bytes().all(fits) {
        return Err(invalid());
    }
    Ok(format!("{ascii}{dots}"))
}

/// `POST /domains/{type}/{kind}` and `PUT /domains/{type}/{kind}/{domain}`.
pub(super) fn write(state: &mut State, call: &Call) -> Answer {
    let (allow, regex) = both(call)?;
    let body = call.json()?;
    let given = if call.put {
        vec![call.path.get("domain").to_owned()]
    } else {
        items(body, "domain")?
    };
    let mut named = Vec::new();
    if regex {
        for pattern in given {
            if let Some(wrong) = pattern::trouble(&pattern) {
                let failure = Failure::new(400, "regex_error", "Regex validation failed");
                return Err(failure.hint(wrong));
            }
            named.push((pattern.clone(), pattern));
        }
    } else {
        without_spaces(&given)?;
        for domain in given {
            named.push((normalized(&domain)?, domain));
        }
    }
    let mut processed = Processed::default();
    for (domain, unicode) in &named {
        let done = write_one(state, call.put, body, (domain, unicode), (allow, regex));
        processed.note(domain, done);
    }
    let last = named.last().map(|(domain, _)| domain.as_str());
    let rows = state.domains.iter();
    let rows = rows.filter(|rule| Some(rule.domain.as_str()) == last && rule.allow == allow);
    let rows: Vec<Value> = rows
        .filter(|rule| rule.regex == regex)
        .map(Rule::row)
        .collect();
    processed.answer(call.put, "domains", &rows)
}

fn write_one(
    state: &mut State,
    put: bool,
    body: &Value,
    (domain, unicode): (&str, &str),
    (allow, regex): (bool, bool),
) -> Result<(), String> {
    let now = state.now();
    let known = state
        .domains
        .iter()
        .position(|rule| rule.is(domain, allow, regex));
    let index = match known {
        Some(_) if !put => return Err(TWICE.to_owned()),
        Some(index) => index,
        None => {
            let id = state.next_id();
            state.domains.push(Rule {
                id,
                domain: domain.to_owned(),
                unicode: unicode.to_lowercase(),
                allow,
                regex,
                comment: None,
                groups: vec![0],
                enabled: true,
                added: now,
                modified: now,
            });
            state.domains.len() - 1
        }
    };
    let mut rule = state.domains[index].clone();
    // What is not said again is lost.
    rule.comment = text(body, "comment");
    rule.enabled = enabled(body);
    rule.modified = now;
    if put {
        rule.allow = body["type"].as_str().map_or(allow, |to| to == "allow");
        rule.regex = body["kind"].as_str().map_or(regex, |to| to == "regex");
    }
    let done = put_into_groups(state, body, &mut rule.groups);
    state.domains[index] = rule;
    done
}

/// `DELETE /domains/{type}/{kind}/{domain}`.
pub(super) fn remove(state: &mut State, call: &Call) -> Answer {
    let (allow, regex) = both(call)?;
    let domain = call.path.get("domain");
    let before = state.domains.len();
    state.domains.retain(|rule| !rule.is(domain, allow, regex));
    deleted(state.domains.len() < before)
}

/// `POST /domains:batchDelete`.
pub(super) fn remove_all(state: &mut State, call: &Call) -> Answer {
    let rows = rows(call.json()?)?;
    let invalid = || {
        let text = "Invalid request: Batch delete requires an valid combination of \"type\" and \"kind\" for each object";
        Failure::bad(text)
    };
    let mut doomed = Vec::new();
    for row in rows {
        let (Some(item), Some(kind)) = (row["item"].as_str(), row["type"].as_str()) else {
            return Err(invalid());
        };
        match (kind, row["kind"].as_str()) {
            ("allow" | "deny", Some(of @ ("exact" | "regex"))) => {
                doomed.push((item, kind == "allow", of == "regex"));
            }
            _ => return Err(invalid()),
        }
    }
    let before = state.domains.len();
    state.domains.retain(|rule| {
        !doomed
            .iter()
            .any(|(domain, allow, regex)| rule.is(domain, *allow, *regex))
    });
    deleted(state.domains.len() < before)
}

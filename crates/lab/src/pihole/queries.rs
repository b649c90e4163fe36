//! The log of queries, and its pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, json_of};
use super::state::State;

/// What can become of a query.
pub(super) const STATUSES: &[&str] = &[
    "UNKNOWN",
    "GRAVITY",
    "FORWARDED",
    "CACHE",
    "REGEX",
    "DENYLIST",
    "EXTERNAL_BLOCKED_IP",
    "EXTERNAL_BLOCKED_NULL",
    "EXTERNAL_BLOCKED_NXRA",
    "GRAVITY_CNAME",
    "REGEX_CNAME",
    "DENYLIST_CNAME",
    "RETRIED",
    "RETRIED_DNSSEC",
    "IN_PROGRESS",
    "DBBUSY",
    "SPECIAL_DOMAIN",
    "CACHE_STALE",
    "EXTERNAL_BLOCKED_EDE15",
];

/// Those that let a query pass.
const PASSED: &[&str] = &[
    "UNKNOWN",
    "FORWARDED",
    "CACHE",
    "RETRIED",
    "RETRIED_DNSSEC",
    "IN_PROGRESS",
    "CACHE_STALE",
];

pub(super) const TYPES: &[&str] = &[
    "A", "AAAA", "ANY", "SRV", "SOA", "PTR", "TXT", "NAPTR", "MX", "DS", "RRSIG", "DNSKEY", "NS",
    "SVCB", "HTTPS", "OTHER",
];

pub(super) const REPLIES: &[&str] = &[
    "UNKNOWN", "NODATA", "NXDOMAIN", "CNAME", "IP", "DOMAIN", "RRNAME", "SERVFAIL", "REFUSED",
    "NOTIMP", "OTHER", "DNSSEC", "NONE", "BLOB",
];

const DNSSEC: &[&str] = &[
    "UNKNOWN",
    "SECURE",
    "INSECURE",
    "BOGUS",
    "ABANDONED",
    "TRUNCATED",
];

/// A query that somebody made.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) id: u64,
    pub(super) time: f64,
    pub(super) kind: String,
    pub(super) domain: String,
    pub(super) status: String,
    pub(super) client: String,
    pub(super) client_name: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) reply: String,
    pub(super) list: Option<u64>,
}

impl Query {
    pub(super) fn blocked(&self) -> bool {
        !PASSED.contains(&self.status.as_str())
    }

    pub(super) fn cached(&self) -> bool {
        matches!(self.status.as_str(), "CACHE" | "CACHE_STALE")
    }

    pub(super) fn forwarded(&self) -> bool {
        matches!(
            self.status.as_str(),
            "FORWARDED" | "RETRIED" | "RETRIED_DNSSEC"
        )
    }

    fn row(&self) -> Value {
        json!({
            "id": self.id,
            "time": self.time,
            "type": self.kind,
            "status": self.status,
            "dnssec": "UNKNOWN",
            "domain": self.domain,
            "upstream": self.upstream,
            "reply": { "type": self.reply, "time": if self.forwarded() { 0.021 } else { 0.000_2 } },
            "client": { "ip": self.client, "name": self.client_name },
            "list_id": self.list,
            "ede": { "code": 0, "text": null },
            "cname": null,
        })
    }
}

/// Whether a text is what a filter asks for, whose `*` stands for anything.
fn like(filter: &str, text: &str) -> bool {
    let (filter, text) = (filter.to_lowercase(), text.to_lowercase());
    let mut parts = filter.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// One of the known words, in any case.
fn known(call: &Call, name: &str, words: &[&str]) -> Result<Option<String>, Failure> {
    let Some(given) = call.text(name) else {
        return Ok(None);
    };
    let upper = given.to_ascii_uppercase();
    if words.contains(&upper.as_str()) {
        return Ok(Some(upper));
    }
    Err(Failure::bad(format!("Requested {name} is invalid")).hint(given))
}

/// What a page is made of.
struct Filter<'a> {
    call: &'a Call,
    kind: Option<String>,
    status: Option<String>,
    reply: Option<String>,
    cursor: Option<u64>,
}

impl Filter<'_> {
    fn fits(&self, query: &Query) -> bool {
        let texts = [
            ("domain", Some(query.domain.as_str())),
            ("client_ip", Some(query.client.as_str())),
            ("client_name", query.client_name.as_deref()),
        ];
        let by_text = texts.iter().all(|(name, value)| {
            self.call
                .text(name)
                .is_none_or(|filter| value.is_some_and(|value| like(filter, value)))
        });
        let by_upstream = match self.call.text("upstream") {
            None => true,
            Some("blocklist") => query.blocked(),
            Some("cache") => query.cached(),
            Some("permitted") => !query.blocked(),
            Some(other) => query.upstream.as_deref().is_some_and(|up| like(other, up)),
        };
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        by_text
            && by_upstream
            && is(&self.kind, &query.kind)
            && is(&self.status, &query.status)
            && is(&self.reply, &query.reply)
            && self
                .call
                .float("from")
                .is_none_or(|from| query.time >= from)
            && self
                .call
                .float("until")
                .is_none_or(|until| query.time < until)
    }

    fn narrows(&self) -> bool {
        let names = [
            "from",
            "until",
            "domain",
            "client_ip",
            "client_name",
            "upstream",
            "type",
            "status",
            "reply",
            "dnssec",
        ];
        names.iter().any(|name| self.call.query.contains_key(*name))
    }
}

/// `GET /queries`: newest first. The cursor is the newest query of the first page, so that later ones
/// do not shift the next pages.
pub(super) fn page(state: &mut State, call: &Call) -> Answer {
    if state.settings_number("misc.privacylevel") >= 3 {
        return json_of(json!({ "queries": [], "cursor": null }));
    }
    known(call, "dnssec", DNSSEC)?;
    let newest = state.queries.iter().map(|query| query.id).max();
    let cursor = call.number("cursor").map(u64::try_from);
    let cursor = match cursor {
        None => None,
        Some(Ok(cursor)) if Some(cursor) <= newest => Some(cursor),
        Some(_) => {
            let hint = "Cursor larger than largest database index";
            return Err(Failure::bad("Requested cursor is invalid").hint(hint));
        }
    };
    let filter = Filter {
        call,
        kind: known(call, "type", TYPES)?,
        status: known(call, "status", STATUSES)?,
        reply: known(call, "reply", REPLIES)?,
        cursor,
    };
    let on_disk = call.flag("disk").unwrap_or(false);
    let since = state.precise_now() - 86_400.0;
    let in_memory = |query: &&Query| on_disk || query.time >= since;
    let total = state.queries.iter().filter(in_memory).count();
    let mut rows: Vec<&Query> = state
        .queries
        .iter()
        .filter(in_memory)
        .filter(|query| filter.cursor.is_none_or(|cursor| query.id <= cursor))
        .filter(|query| filter.fits(query))
        .collect();
    rows.sort_by_key(|query| std::cmp::Reverse(query.id));
    let number = |name: &str, usual: i64| {
        usize::try_from(call.number(name).unwrap_or(usual)).unwrap_or_default()
    };
    let filtered = if filter.narrows() { rows.len() } else { total };
    let page = rows.iter().skip(number("start", 0));
    let page: Vec<Value> = page
        .take(number("length", 100))
        .map(|query| query.row())
        .collect();
    let newest = newest.map_or(json!(-1), |newest| json!(newest));
    json_of(json!({
        "queries": page,
        "cursor": filter.cursor.map_or(newest, |cursor| json!(cursor)),
        "recordsTotal": total,
        "recordsFiltered": filtered,
        "draw": 0,
    }))
}

/// `GET /queries/suggestions`: what one can filter by.
pub(super) fn suggestions(state: &mut State, _: &Call) -> Answer {
    let of = |value: fn(&Query) -> Option<&String>| -> Vec<&str> {
        let values: BTreeSet<&str> = state
            .queries
            .iter()
            .filter_map(value)
            .map(String::as_str)
            .collect();
        values.into_iter().take(30).collect()
    };
    let mut upstreams = vec!["blocklist", "cache", "permitted"];
    upstreams.extend(of(|query| query.upstream.as_ref()));
    json_of(json!({ "suggestions": {
        "domain": of(|query| Some(&query.domain)),
        "client_ip": of(|query| Some(&query.client)),
        "client_name": of(|query| query.client_name.as_ref()),
        "upstream": upstreams,
        "type": TYPES,
        "status": STATUSES,
        "reply": REPLIES,
        "dnssec": DNSSEC,
    } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let cases = [
            ("ads.example", "ads.example", true),
            ("ads.example", "x.ads.example", false),
            ("*.example", "ads.EXAMPLE", true),
            ("ads*", "ads.example", true),
            ("*tr*ck*", "my.tracker.example", true),
            ("a*a", "a", false),
        ];

        for (filter, text, expected) in cases {
            assert_eq!(like(filter, text), expected, "{filter} {text}");
        }
    }
}

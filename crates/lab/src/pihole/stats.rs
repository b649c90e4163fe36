//! Figures, all of them counted from the log of queries: those of the last day, or of a span.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::queries::{Query, REPLIES, STATUSES, TYPES};
use super::reply::{Answer, Failure, json_of};
use super::state::State;

const DAY: f64 = 86_400.0;

/// Length of a slot of the history, in seconds.
const SLOT: i64 = 600;

/// The queries that a call is about.
fn counted<'a>(state: &'a State, call: &Call) -> Result<Vec<&'a Query>, Failure> {
    if !call.pattern.contains("/database") {
        let since = state.precise_now() - DAY;
        let queries = state.queries.iter();
        return Ok(queries.filter(|query| query.time >= since).collect());
    }
    match (call.float("from"), call.float("until")) {
        (Some(from), Some(until)) if from >= 1.0 && until >= 1.0 => {
            let inside = |query: &&Query| query.time >= from && query.time <= until;
            Ok(state.queries.iter().filter(inside).collect())
        }
        _ => Err(Failure::bad(
            "You need to specify both \"from\" and \"until\" in the request.",
        )),
    }
}

fn count(queries: &[&Query], fits: fn(&Query) -> bool) -> usize {
    queries.iter().filter(|query| fits(query)).count()
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    float(part) * 100.0 / float(whole)
}

/// How often each of these words occurs.
fn by_word(queries: &[&Query], words: &[&str], of: fn(&Query) -> &str) -> Map<String, Value> {
    let times = |word: &str| queries.iter().filter(|query| of(query) == word).count();
    words
        .iter()
        .map(|word| ((*word).to_owned(), json!(times(word))))
        .collect()
}

/// Values with how often each occurs, most first.
fn ranking<'a, K: Ord>(queries: &[&'a Query], of: impl Fn(&'a Query) -> K) -> Vec<(K, usize)> {
    let mut counts = BTreeMap::new();
    for query in queries {
        *counts.entry(of(query)).or_insert(0) += 1;
    }
    let mut ranking: Vec<(K, usize)> = counts.into_iter().collect();
    ranking.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ranking
}

impl State {
    fn clients_of(queries: &[&Query]) -> usize {
        ranking(queries, |query| query.client.as_str()).len()
    }

    /// Queries in a second, over the last minute.
    pub(super) fn frequency(&self) -> f64 {
        let since = self.precise_now() - 60.0;
        let recent = self.queries.iter().filter(|query| query.time >= since);
        float(recent.count()) / 60.0
    }

    /// Clients that asked in the last day.
    pub(super) fn active_clients(&self) -> usize {
        let since = self.precise_now() - DAY;
        let recent: Vec<&Query> = self
            .queries
            .iter()
            .filter(|query| query.time >= since)
            .collect();
        Self::clients_of(&recent)
    }
}

/// `GET /stats/summary`.
pub(super) fn summary(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    let blocked = count(&queries, Query::blocked);
    json_of(json!({
        "queries": {
            "total": queries.len(),
            "blocked": blocked,
            "percent_blocked": percent(blocked, queries.len()),
            "unique_domains": ranking(&queries, |query| query.domain.as_str()).len(),
            "forwarded": count(&queries, Query::forwarded),
            "cached": count(&queries, Query::cached),
            "frequency": state.frequency(),
            "types": by_word(&queries, TYPES, |query| &query.kind),
            "status": by_word(&queries, STATUSES, |query| &query.status),
            "replies": by_word(&queries, REPLIES, |query| &query.reply),
        },
        "clients": {
            "active": State::clients_of(&queries),
            "total": State::clients_of(&state.queries.iter().collect::<Vec<_>>()),
        },
        "gravity": {
            "domains_being_blocked": state.gravity_size(),
            "last_update": state.gravity_updated,
        },
    }))
}

/// `GET /stats/database/summary`.
pub(super) fn database_summary(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    let blocked = count(&queries, Query::blocked);
    json_of(json!({
        "sum_queries": queries.len(),
        "sum_blocked": blocked,
        "percent_blocked": percent(blocked, queries.len()),
        "total_clients": State::clients_of(&queries),
    }))
}

/// `GET /stats/query_types`.
pub(super) fn query_types(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    json_of(json!({ "types": by_word(&queries, TYPES, |query| &query.kind) }))
}

/// `GET /stats/upstreams`: with two that are none.
pub(super) fn upstreams(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    let row = |ip: &str, port: i64, count: usize, response: f64| {
        json!({
            "ip": ip,
            "name": ip,
            "port": port,
            "count": count,
            "statistics": { "response": response, "variance": response / 4.0 },
        })
    };
    let forwarded: Vec<&Query> = queries
        .iter()
        .filter(|query| query.forwarded())
        .copied()
        .collect();
    let mut rows = vec![
        row("blocklist", -1, count(&queries, Query::blocked), 0.0),
        row("cache", -1, count(&queries, Query::cached), 0.0),
    ];
    let used = ranking(&forwarded, |query| query.upstream.as_deref());
    rows.extend(used.into_iter().filter_map(|(upstream, count)| {
        let upstream = upstream?;
        let (ip, port) = upstream.split_once('#').unwrap_or((upstream, "53"));
        Some(row(ip, port.parse().unwrap_or(53), count, 0.021))
    }));
    json_of(json!({
        "upstreams": rows,
        "forwarded_queries": forwarded.len(),
        "total_queries": queries.len(),
    }))
}

/// How many rows a list of the most frequent has.
fn most(call: &Call) -> usize {
    usize::try_from(call.number("count").unwrap_or(10)).unwrap_or_default()
}

/// The queries of a list of the most frequent: the blocked ones, or those that passed.
fn of_top<'a>(call: &Call, queries: &[&'a Query]) -> Vec<&'a Query> {
    let blocked = call.flag("blocked").unwrap_or(false);
    let fits = |query: &&&Query| query.blocked() == blocked;
    queries.iter().filter(fits).copied().collect()
}

/// `GET /stats/top_domains`. Blocked ones do not count among the others, and the level of privacy may
/// hide all.
pub(super) fn top_domains(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    let hidden = state.settings_number("misc.privacylevel") >= 1;
    let top = ranking(&of_top(call, &queries), |query| query.domain.as_str());
    let rows: Vec<Value> = top
        .into_iter()
        .take(if hidden { 0 } else { most(call) })
        .map(|(domain, count)| json!({ "domain": domain, "count": count }))
        .collect();
    json_of(json!({
        "domains": rows,
        "total_queries": queries.len(),
        "blocked_queries": count(&queries, Query::blocked),
    }))
}

/// `GET /stats/top_clients`; without a choice, of all queries.
pub(super) fn top_clients(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    let hidden = state.settings_number("misc.privacylevel") >= 2;
    let of = match call.flag("blocked") {
        Some(true) => of_top(call, &queries),
        _ => queries.clone(),
    };
    let top = ranking(&of, |query| {
        (query.client.as_str(), query.client_name.as_deref())
    });
    let rows: Vec<Value> = top
        .into_iter()
        .take(if hidden { 0 } else { most(call) })
        .map(|((ip, name), count)| {
            json!({ "ip": ip, "name": name.unwrap_or_default(), "count": count })
        })
        .collect();
    json_of(json!({
        "clients": rows,
        "total_queries": queries.len(),
        "blocked_queries": count(&queries, Query::blocked),
    }))
}

/// `GET /stats/recent_blocked`.
pub(super) fn recent_blocked(state: &mut State, call: &Call) -> Answer {
    let count = usize::try_from(call.number("count").unwrap_or(1)).unwrap_or_default();
    let blocked = state.queries.iter().rev().filter(|query| query.blocked());
    let blocked: Vec<&str> = blocked.take(count).map(|query| &*query.domain).collect();
    json_of(json!({ "blocked": blocked }))
}

/// The slot that a query falls into.
fn slot_of(query: &Query) -> i64 {
    let seconds = std::time::Duration::try_from_secs_f64(query.time).unwrap_or_default();
    let seconds = i64::try_from(seconds.as_secs()).unwrap_or_default();
    seconds - seconds.rem_euclid(SLOT) + SLOT / 2
}

/// The slots of a call: of the whole day, or where there is something in a span.
fn slots(state: &State, call: &Call, queries: &[&Query]) -> Vec<i64> {
    if call.pattern.contains("/database") {
        let mut slots: Vec<i64> = queries.iter().map(|query| slot_of(query)).collect();
        slots.sort_unstable();
        slots.dedup();
        return slots;
    }
    let last = state.now() - state.now().rem_euclid(SLOT) + SLOT / 2;
    (0..145).rev().map(|back| last - back * SLOT).collect()
}

/// `GET /history` and `/history/database`.
pub(super) fn history(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    let rows = slots(state, call, &queries).into_iter().map(|slot| {
        let inside: Vec<&Query> = queries
            .iter()
            .filter(|query| slot_of(query) == slot)
            .copied()
            .collect();
        json!({
            "timestamp": slot,
            "total": inside.len(),
            "cached": count(&inside, Query::cached),
            "blocked": count(&inside, Query::blocked),
            "forwarded": count(&inside, Query::forwarded),
        })
    });
    json_of(json!({ "history": rows.collect::<Vec<_>>() }))
}

/// `GET /history/clients` and `/history/database/clients`.
pub(super) fn history_of_clients(state: &mut State, call: &Call) -> Answer {
    let queries = counted(state, call)?;
    let most = usize::try_from(call.number("N").unwrap_or(10)).unwrap_or_default();
    let most = if most == 0 { usize::MAX } else { most };
    let clients = ranking(&queries, |query| {
        (query.client.as_str(), query.client_name.as_deref())
    });
    let clients: Vec<_> = clients.into_iter().take(most).collect();
    let rows: Vec<Value> = slots(state, call, &queries)
        .into_iter()
        .map(|slot| {
            let data: Map<String, Value> = clients
                .iter()
                .filter_map(|((ip, _), _)| {
                    let fits = |query: &&&Query| slot_of(query) == slot && query.client == *ip;
                    let times = queries.iter().filter(fits).count();
                    (times > 0).then(|| ((*ip).to_owned(), json!(times)))
                })
                .collect();
            json!({ "timestamp": slot, "data": data })
        })
        .collect();
    let names: Map<String, Value> = clients
        .iter()
        .map(|((ip, name), total)| ((*ip).to_owned(), json!({ "name": name, "total": total })))
        .collect();
    json_of(json!({ "history": rows, "clients": names }))
}

//! Answers of the data sets.

use std::collections::BTreeMap;

use homelab_core::clock::Micros;
use serde_json::{Map, Value, json};

use super::Traffic;
use super::parse::Field;
use super::schema::{MOST_FIELDS, MOST_GROUPS, SETS, Set};
use crate::calendar::rfc3339;
use crate::cloudflare::auth::{Permission, TokenSeed};
use crate::cloudflare::state::{State, Zone};

fn unknown(name: &str, of: &str) -> String {
    format!("unknown field \"{name}\" of {of}")
}

/// `{ viewer { … } }`.
pub(super) fn viewer(state: &State, token: &TokenSeed, root: &[Field]) -> Result<Value, String> {
    let mut data = Map::new();
    for field in root {
        if field.name != "viewer" {
            return Err(unknown(&field.name, "Query"));
        }
        let mut viewer = Map::new();
        for field in &field.fields {
            if field.name != "zones" {
                return Err(unknown(&field.name, "viewer"));
            }
            viewer.insert(field.alias.clone(), zones(state, token, field)?);
        }
        data.insert(field.alias.clone(), Value::Object(viewer));
    }
    Ok(Value::Object(data))
}

fn zones(state: &State, token: &TokenSeed, asked: &Field) -> Result<Value, String> {
    only(&asked.arguments, &["filter", "limit"], "zones")?;
    let filter = asked.arguments.get("filter").and_then(Value::as_object);
    let filter = filter.ok_or("zones: a filter is required")?;
    only(filter, &["zoneTag", "zoneTag_in"], "zones filter")?;
    let tags: Vec<&str> = match (filter.get("zoneTag"), filter.get("zoneTag_in")) {
        (Some(Value::String(tag)), None) => vec![tag],
        (None, Some(Value::Array(tags))) => tags.iter().filter_map(Value::as_str).collect(),
        _ => return Err("zones filter: zoneTag or zoneTag_in is required".to_owned()),
    };
    if tags.is_empty() || tags.len() > 10 {
        return Err("zones: between 1 and 10 zones can be asked for".to_owned());
    }
    let mut rows = Vec::new();
    for tag in tags {
        let zone = state.zones.iter().find(|zone| zone.id == tag);
        let zone = zone.filter(|_| token.covers(tag) && token.has(Permission::AnalyticsRead));
        let refused = || format!("zone '{tag}' is not authorized for this token");
        rows.push(zone_row(state, zone.ok_or_else(refused)?, asked)?);
    }
    Ok(rows.into())
}

fn zone_row(state: &State, zone: &Zone, asked: &Field) -> Result<Value, String> {
    let mut row = Map::new();
    for field in &asked.fields {
        let value = match field.name.as_str() {
            "zoneTag" => json!(zone.id),
            "settings" => settings(zone, field)?,
            name => {
                let set = SETS.iter().find(|set| set.name == name);
                let set = set.ok_or_else(|| unknown(name, "zone"))?;
                groups(state.now(), zone, set, field)?
            }
        };
        row.insert(field.alias.clone(), value);
    }
    Ok(Value::Object(row))
}

/// What the plan may ask of each data set.
fn settings(zone: &Zone, asked: &Field) -> Result<Value, String> {
    let mut row = Map::new();
    for field in &asked.fields {
        let set = SETS.iter().find(|set| set.name == field.name);
        let span = set
            .ok_or_else(|| unknown(&field.name, "settings"))?
            .span(zone.plan);
        let mut values = Map::new();
        for one in &field.fields {
            let value = match one.name.as_str() {
                "enabled" => json!(true),
                "maxDuration" => json!(span.longest),
                "notOlderThan" => json!(span.oldest),
                "maxPageSize" => json!(MOST_GROUPS),
                "maxNumberOfFields" => json!(MOST_FIELDS),
                name => return Err(unknown(name, "settings")),
            };
            values.insert(one.alias.clone(), value);
        }
        row.insert(field.alias.clone(), Value::Object(values));
    }
    Ok(Value::Object(row))
}

/// The groups of a data set.
fn groups(now: i64, zone: &Zone, set: &Set, asked: &Field) -> Result<Value, String> {
    only(&asked.arguments, &["filter", "limit", "orderBy"], set.name)?;
    let limit = asked.arguments.get("limit").and_then(Value::as_u64);
    let limit = limit.filter(|limit| (1..=MOST_GROUPS).contains(limit));
    let limit =
        limit.ok_or_else(|| format!("{}: limit is required, up to {MOST_GROUPS}", set.name))?;
    let filter = asked.arguments.get("filter").and_then(Value::as_object);
    let filter = filter.ok_or_else(|| format!("{}: a filter is required", set.name))?;
    let window = window(now, zone, set, filter)?;
    let dimensions = dimensions(set, asked)?;
    let mut groups: BTreeMap<String, Vec<&Traffic>> = BTreeMap::new();
    for one in &zone.traffic {
        let inside = window.0 <= one.at && one.at <= window.1;
        let concerned = !set.firewall || one.action.is_some();
        if inside && concerned && fits(set, one, filter) {
            let key: Vec<String> = dimensions
                .iter()
                .map(|name| dimension(set, one, name).to_string())
                .collect();
            groups.entry(key.join("\n")).or_default().push(one);
        }
    }
    let mut rows: Vec<(Map<String, Value>, Vec<&Traffic>)> = Vec::new();
    for members in groups.into_values() {
        rows.push((group(set, &members, asked)?, members));
    }
    order(set, asked, &mut rows)?;
    let rows = rows.into_iter().map(|(row, _)| Value::Object(row));
    Ok(rows
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .collect())
}

/// Names of the dimensions that are asked for.
fn dimensions(set: &Set, asked: &Field) -> Result<Vec<String>, String> {
    let below = asked
        .fields
        .iter()
        .filter(|field| field.name == "dimensions");
    let names: Vec<String> = below
        .flat_map(|field| &field.fields)
        .map(|field| field.name.clone())
        .collect();
    match names
        .iter()
        .find(|name| !set.dimensions.contains(&name.as_str()))
    {
        Some(name) => Err(unknown(name, &format!("dimensions of {}", set.name))),
        None => Ok(names),
    }
}

fn group(set: &Set, members: &[&Traffic], asked: &Field) -> Result<Map<String, Value>, String> {
    let mut row = Map::new();
    for field in &asked.fields {
        let mut values = Map::new();
        match field.name.as_str() {
            "count" if set.count => {
                let all: u64 = members.iter().map(|one| one.requests).sum();
                row.insert(field.alias.clone(), json!(all));
                continue;
            }
            "dimensions" => {
                for one in &field.fields {
                    let value = members
                        .first()
                        .map(|first| dimension(set, first, &one.name));
                    values.insert(one.alias.clone(), value.unwrap_or_default());
                }
            }
            "sum" if !set.sums.is_empty() => {
                for one in &field.fields {
                    if !set.sums.contains(&one.name.as_str()) {
                        return Err(unknown(&one.name, &format!("sum of {}", set.name)));
                    }
                    values.insert(one.alias.clone(), sum_or_map(members, one)?);
                }
            }
            "uniq" if set.uniques => {
                for one in &field.fields {
                    if one.name != "uniques" {
                        return Err(unknown(&one.name, "uniq"));
                    }
                    let all: u64 = members.iter().map(|member| member.uniques).sum();
                    values.insert(one.alias.clone(), json!(all));
                }
            }
            name => return Err(unknown(name, set.name)),
        }
        row.insert(field.alias.clone(), Value::Object(values));
    }
    Ok(row)
}

fn dimension(set: &Set, one: &Traffic, name: &str) -> Value {
    let hour = one.at - one.at.rem_euclid(3600);
    match name {
        "date" => json!(date(one.at)),
        "datetime" if set.name == "httpRequests1hGroups" => json!(rfc3339(hour)),
        "datetime" => json!(rfc3339(one.at)),
        "datetimeHour" => json!(rfc3339(hour)),
        "clientCountryName" => json!(one.country),
        "clientRequestHTTPHost" => json!(one.host),
        "clientRequestPath" => json!(one.path),
        "edgeResponseStatus" => json!(one.status),
        "cacheStatus" => json!(one.cache),
        _ => json!(one.action),
    }
}

fn date(at: i64) -> String {
    rfc3339(at).chars().take(10).collect()
}

fn sum_or_map(members: &[&Traffic], asked: &Field) -> Result<Value, String> {
    let by: fn(&Traffic) -> Value = match asked.name.as_str() {
        "countryMap" => |one| json!(one.country),
        "responseStatusMap" => |one| json!(one.status),
        name => return Ok(json!(sum(members, name))),
    };
    let mut groups: BTreeMap<String, (Value, Vec<&Traffic>)> = BTreeMap::new();
    for one in members {
        let key = by(one);
        groups
            .entry(key.to_string())
            .or_insert((key, Vec::new()))
            .1
            .push(one);
    }
    let mut rows = Vec::new();
    for (key, members) in groups.into_values() {
        let mut row = Map::new();
        for field in &asked.fields {
            let value = match field.name.as_str() {
                "clientCountryName" | "edgeResponseStatus" => key.clone(),
                "requests" | "bytes" | "threats" => json!(sum(&members, &field.name)),
                name => return Err(unknown(name, &asked.name)),
            };
            row.insert(field.alias.clone(), value);
        }
        rows.push(Value::Object(row));
    }
    Ok(rows.into())
}

fn sum(members: &[&Traffic], name: &str) -> u64 {
    let of = |one: &&Traffic| match name {
        "bytes" | "edgeResponseBytes" => one.bytes,
        "cachedRequests" if one.cache == "hit" => one.requests,
        "cachedBytes" if one.cache == "hit" => one.bytes,
        "threats" if one.action.is_some() => one.requests,
        "pageViews" if one.status == 200 => one.requests,
        "requests" | "visits" => one.requests,
        _ => 0,
    };
    members.iter().map(of).sum()
}

/// `orderBy: [datetime_ASC, sum_requests_DESC, count_DESC]`.
fn order(
    set: &Set,
    asked: &Field,
    rows: &mut [(Map<String, Value>, Vec<&Traffic>)],
) -> Result<(), String> {
    let keys = match asked.arguments.get("orderBy") {
        None => return Ok(()),
        Some(Value::Array(keys)) => keys.clone(),
        Some(one) => vec![one.clone()],
    };
    // The last key first: the sort is stable.
    for key in keys
        .iter()
        .rev()
        .map(|key| key.as_str().unwrap_or_default())
    {
        let wrong = || format!("{}: cannot order by {key}", set.name);
        let (name, direction) = key.rsplit_once('_').ok_or_else(wrong)?;
        let value = |(_, members): &(Map<String, Value>, Vec<&Traffic>)| -> Option<Value> {
            match name.strip_prefix("sum_") {
                Some(field) => Some(json!(sum(members, field))),
                None if name == "count" => Some(json!(sum(members, "requests"))),
                None => members.first().map(|first| dimension(set, first, name)),
            }
        };
        let known = match name.strip_prefix("sum_") {
            Some(field) => set.sums.contains(&field),
            None => (name == "count" && set.count) || set.dimensions.contains(&name),
        };
        if !known || !["ASC", "DESC"].contains(&direction) {
            return Err(wrong());
        }
        rows.sort_by(|a, b| {
            let (a, b) = (value(a).unwrap_or_default(), value(b).unwrap_or_default());
            let order = match (a.as_u64(), b.as_u64()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => a.to_string().cmp(&b.to_string()),
            };
            if direction == "DESC" {
                order.reverse()
            } else {
                order
            }
        });
    }
    Ok(())
}

/// First and last second of the time that is asked for.
fn window(
    now: i64,
    zone: &Zone,
    set: &Set,
    filter: &Map<String, Value>,
) -> Result<(i64, i64), String> {
    let known = |name: &String| {
        let name = name.strip_suffix("_in").unwrap_or(name);
        let (field, operator) = name.split_once('_').unwrap_or((name, ""));
        let times = field == set.time && ["", "geq", "leq", "gt", "lt"].contains(&operator);
        times || (operator.is_empty() && set.dimensions.contains(&field))
    };
    if let Some(name) = filter.keys().find(|name| !known(name)) {
        return Err(format!(
            "unknown argument \"{name}\" in the filter of {}",
            set.name
        ));
    }
    let mut window = (i64::MIN, i64::MAX);
    for (operator, value) in filter.iter().filter_map(|(name, value)| {
        let operator = name.strip_prefix(set.time)?;
        Some((operator, value))
    }) {
        let (first, last) = moment(set, value)?;
        match operator {
            "" => window = (first, last),
            "_geq" => window.0 = first,
            "_gt" => window.0 = last + 1,
            "_leq" => window.1 = last,
            _ => window.1 = first - 1,
        }
    }
    if window.0 == i64::MIN || window.1 == i64::MAX {
        return Err(format!(
            "{}: the filter needs both ends of {}",
            set.name, set.time
        ));
    }
    let span = set.span(zone.plan);
    if window.1 - window.0 > span.longest {
        let days = span.longest / 86_400;
        return Err(format!("cannot request a time range wider than {days}d"));
    }
    if window.0 < now - span.oldest - 86_400 {
        let days = span.oldest / 86_400;
        return Err(format!("cannot request data older than {days}d"));
    }
    Ok(window)
}

/// First and last second of a day, or of a second.
fn moment(set: &Set, value: &Value) -> Result<(i64, i64), String> {
    let text = value.as_str().unwrap_or_default();
    let (full, length) = match set.time {
        "date" => (format!("{text}T00:00:00Z"), 86_400),
        _ => (text.to_owned(), 1),
    };
    let time = Micros::from_rfc3339(&full).map(|time| time.0.div_euclid(1_000_000));
    let time = time.ok_or_else(|| format!("{text:?} is not a {}", set.time))?;
    Ok((time, time + length - 1))
}

/// Whether traffic has the values that a filter names.
fn fits(set: &Set, one: &Traffic, filter: &Map<String, Value>) -> bool {
    filter
        .iter()
        .filter(|(name, _)| !name.starts_with(set.time))
        .all(|(name, wanted)| match name.strip_suffix("_in") {
            Some(name) => {
                let value = dimension(set, one, name);
                wanted.as_array().is_some_and(|all| all.contains(&value))
            }
            None => dimension(set, one, name) == *wanted,
        })
}

fn only(arguments: &Map<String, Value>, known: &[&str], of: &str) -> Result<(), String> {
    match arguments
        .keys()
        .find(|name| !known.contains(&name.as_str()))
    {
        Some(name) => Err(format!("unknown argument \"{name}\" of {of}")),
        None => Ok(()),
    }
}

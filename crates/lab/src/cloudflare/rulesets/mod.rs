//! Rulesets of a zone, and the rules in them.

mod check;

use serde_json::{Map, Value, json};

use super::contract::RULE;
use super::entry::{Call, words};
use super::reply::{Answer, Failure, Reply, result};
use super::state::{Plan, State, Zone};
use crate::contract;

/// The phase of custom rules.
pub(super) const CUSTOM: &str = "http_request_firewall_custom";

/// Phases that a zone has rulesets for.
const PHASES: [&str; 10] = [
    CUSTOM,
    "http_ratelimit",
    "http_request_firewall_managed",
    "http_request_redirect",
    "http_request_dynamic_redirect",
    "http_request_transform",
    "http_request_late_transform",
    "http_request_cache_settings",
    "http_config_settings",
    "http_request_origin",
];

#[derive(Clone)]
pub(super) struct Ruleset {
    id: String,
    name: String,
    description: String,
    pub(super) kind: String,
    pub(super) phase: String,
    version: u64,
    updated: String,
    pub(super) rules: Vec<Map<String, Value>>,
}

impl Ruleset {
    fn head(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "kind": self.kind,
            "phase": self.phase,
            "version": self.version.to_string(),
            "last_updated": self.updated,
        })
    }

    fn row(&self) -> Value {
        let mut row = self.head();
        // A ruleset without rules has no list of them.
        if !self.rules.is_empty() {
            row["rules"] = self.rules.iter().cloned().map(Value::Object).collect();
        }
        row
    }

    fn changed(&mut self, now: &str) -> Value {
        self.version += 1;
        now.clone_into(&mut self.updated);
        self.row()
    }

    fn position(&self, rule: &str) -> Result<usize, Failure> {
        let at = self.rules.iter().position(|known| known["id"] == rule);
        at.ok_or_else(|| Failure::new(404, 20_047, format!("could not find rule with id {rule}")))
    }
}

impl Plan {
    fn most_rules(self) -> usize {
        match self {
            Self::Free => 5,
            Self::Pro => 20,
            Self::Business => 100,
            Self::Enterprise => 1000,
        }
    }
}

impl State {
    pub(super) fn seed_rule(&mut self, zone: &str, rule: Value) -> Result<String, String> {
        let Value::Object(rule) = rule else {
            return Err("a rule is an object".to_owned());
        };
        let (ruleset, id, now) = (self.next_id(), self.next_id(), self.now_text());
        let seed = |zone: &mut Zone| {
            let made = make(&rule, &id, &now, zone.plan, CUSTOM, "")?;
            if zone.entrypoint(CUSTOM).is_none() {
                zone.rulesets.push(empty(ruleset, CUSTOM, &now));
            }
            let all = zone.rulesets.iter_mut().find(|one| one.phase == CUSTOM);
            let all = all.ok_or_else(missing)?;
            all.rules.push(made);
            all.changed(&now);
            Ok(id)
        };
        self.zone(zone)
            .and_then(seed)
            .map_err(|failure: Failure| failure.text())
    }

    fn ids(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next_id()).collect()
    }
}

fn missing() -> Failure {
    Failure::new(404, 10_003, "could not find ruleset")
}

fn empty(id: String, phase: &str, now: &str) -> Ruleset {
    Ruleset {
        id,
        name: "default".to_owned(),
        description: String::new(),
        kind: "zone".to_owned(),
        phase: phase.to_owned(),
        version: 0,
        updated: now.to_owned(),
        rules: Vec::new(),
    }
}

/// A rule as it is kept, of what a call gives.
fn make(
    given: &Map<String, Value>,
    id: &str,
    now: &str,
    plan: Plan,
    phase: &str,
    at: &str,
) -> Result<Map<String, Value>, Failure> {
    check::rule(given, plan, phase, at)?;
    let mut rule = Map::new();
    rule.insert("id".to_owned(), json!(id));
    rule.insert("version".to_owned(), json!("1"));
    for (name, value) in given.iter().filter(|(name, _)| *name != "position") {
        rule.insert(name.clone(), value.clone());
    }
    rule.entry("description").or_insert_with(|| json!(""));
    rule.entry("ref").or_insert_with(|| json!(id));
    rule.entry("enabled").or_insert(json!(true));
    rule.insert("last_updated".to_owned(), json!(now));
    Ok(rule)
}

/// Rules of a whole ruleset; those that have the id of one that is there keep it.
fn all_rules(
    call: &Call,
    zone: &Zone,
    phase: &str,
    ids: &[String],
    now: &str,
) -> Result<Vec<Map<String, Value>>, Failure> {
    let given = call
        .body
        .get("rules")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut rules: Vec<Map<String, Value>> = Vec::new();
    for (index, rule) in given.into_iter().enumerate() {
        let at = format!("/rules/{index}");
        let outside = |text: String| {
            Failure::new(400, 20_010, text)
                .at(&at)
                .outside_the_contract()
        };
        let Value::Object(mut rule) = rule else {
            return Err(outside("a rule is an object".to_owned()));
        };
        let own = rule
            .remove("id")
            .and_then(|id| id.as_str().map(str::to_owned));
        // What answers hold may come back.
        for name in ["version", "last_updated", "categories"] {
            rule.remove(name);
        }
        if let Some(problem) = contract::check(RULE, &rule).first() {
            return Err(outside(words(problem)));
        }
        let id = own.unwrap_or_else(|| ids[index].clone());
        rules.push(make(&rule, &id, now, zone.plan, phase, &at)?);
    }
    fits(&rules, zone.plan, phase)?;
    Ok(rules)
}

/// Names are given once, and a plan has so many rules.
fn fits(rules: &[Map<String, Value>], plan: Plan, phase: &str) -> Result<(), Failure> {
    for (index, rule) in rules.iter().enumerate() {
        if rules
            .iter()
            .take(index)
            .any(|other| other["ref"] == rule["ref"])
        {
            let text = format!("rule ref {} is used twice", rule["ref"]);
            return Err(Failure::new(400, 20_020, text).at(&format!("/rules/{index}/ref")));
        }
    }
    let most = plan.most_rules();
    if phase == CUSTOM && rules.len() > most {
        let text = format!("exceeded maximum number of rules in the phase {phase}: {most}");
        return Err(Failure::new(400, 20_021, text).at("/rules"));
    }
    Ok(())
}

fn phase_of<'a>(call: &'a Call, name: &str) -> Result<&'a str, Failure> {
    let phase = match call.path.get("ruleset_phase") {
        "" => call.text(name).unwrap_or_default(),
        phase => phase,
    };
    if PHASES.contains(&phase) {
        return Ok(phase);
    }
    let text = format!("'{phase}' is not a phase of zones");
    Err(Failure::new(400, 20_011, text).outside_the_contract())
}

/// `GET /zones/{zone_id}/rulesets`: without their rules, by cursor.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let without_paging = state.without_paging;
    let zone = state.zone(call.zone())?;
    let number = |text: &str| text.parse::<usize>().ok();
    let start = match call.asked("cursor") {
        None => 0,
        Some(cursor) => number(cursor.strip_prefix("after-").unwrap_or_default())
            .ok_or_else(|| Failure::new(400, 20_012, "invalid cursor").outside_the_contract())?,
    };
    let per_page = call.query.get("per_page").and_then(Value::as_u64);
    let per_page = per_page.and_then(|n| usize::try_from(n).ok()).unwrap_or(20);
    let rows = zone
        .rulesets
        .iter()
        .skip(start)
        .take(per_page)
        .map(Ruleset::head);
    let rows: Value = rows.collect();
    if without_paging {
        return Ok(Reply::Page(rows, Value::Null));
    }
    let end = start + per_page;
    let info = if end < zone.rulesets.len() {
        json!({ "cursors": { "after": format!("after-{end}") } })
    } else {
        json!({})
    };
    Ok(Reply::Page(rows, info))
}

/// `POST /zones/{zone_id}/rulesets`.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    put_all(state, call, true)
}

/// `GET …/rulesets/phases/{ruleset_phase}/entrypoint`.
pub(super) fn entrypoint(state: &mut State, call: &Call) -> Answer {
    let phase = phase_of(call, "phase")?;
    let zone = state.zone(call.zone())?;
    let missing = || {
        let text = format!("could not find entrypoint ruleset in the {phase} phase");
        Failure::new(404, 10_003, text)
    };
    result(zone.entrypoint(phase).ok_or_else(missing)?.row())
}

/// `PUT …/rulesets/phases/{ruleset_phase}/entrypoint`: all rules, whatever was there.
pub(super) fn put_entrypoint(state: &mut State, call: &Call) -> Answer {
    put_all(state, call, false)
}

fn put_all(state: &mut State, call: &Call, new: bool) -> Answer {
    let phase = phase_of(call, "phase")?;
    let count = call
        .body
        .get("rules")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let (id, ids, now) = (state.next_id(), state.ids(count), state.now_text());
    let zone = state.zone(call.zone())?;
    let rules = all_rules(call, zone, phase, &ids, &now)?;
    let there = zone.rulesets.iter().position(|one| one.phase == phase);
    let at = match there {
        Some(_) if new => {
            let text = format!("a zone ruleset in the phase {phase} already exists");
            return Err(Failure::new(400, 20_013, text));
        }
        Some(at) => at,
        None => {
            zone.rulesets.push(empty(id, phase, &now));
            zone.rulesets.len() - 1
        }
    };
    let ruleset = &mut zone.rulesets[at];
    if let Some(name) = call.text("name") {
        name.clone_into(&mut ruleset.name);
    }
    if let Some(description) = call.text("description") {
        description.clone_into(&mut ruleset.description);
    }
    ruleset.rules = rules;
    result(ruleset.changed(&now))
}

fn find<'a>(zone: &'a mut Zone, call: &Call) -> Result<&'a mut Ruleset, Failure> {
    let id = call.path.get("ruleset_id");
    zone.rulesets
        .iter_mut()
        .find(|one| one.id == id)
        .ok_or_else(missing)
}

/// `GET /zones/{zone_id}/rulesets/{ruleset_id}`.
pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    result(find(state.zone(call.zone())?, call)?.row())
}

/// `PUT /zones/{zone_id}/rulesets/{ruleset_id}`: all rules.
pub(super) fn put(state: &mut State, call: &Call) -> Answer {
    let count = call
        .body
        .get("rules")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let (ids, now) = (state.ids(count), state.now_text());
    let zone = state.zone(call.zone())?;
    let phase = find(zone, call)?.phase.clone();
    let rules = all_rules(call, zone, &phase, &ids, &now)?;
    let ruleset = find(zone, call)?;
    ruleset.rules = rules;
    result(ruleset.changed(&now))
}

/// `DELETE /zones/{zone_id}/rulesets/{ruleset_id}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let zone = state.zone(call.zone())?;
    let id = find(zone, call)?.id.clone();
    zone.rulesets.retain(|one| one.id != id);
    Ok(Reply::Nothing)
}

/// Where a rule goes; at the end unless it says so.
fn place(
    rules: &[Map<String, Value>],
    given: &Map<String, Value>,
) -> Result<Option<usize>, Failure> {
    let Some(position) = given.get("position").and_then(Value::as_object) else {
        return Ok(None);
    };
    let bad = |text: &str| Failure::new(400, 20_022, text).at("/position");
    let [(name, value)] = position.iter().collect::<Vec<_>>()[..] else {
        return Err(bad("exactly one of before, after and index").outside_the_contract());
    };
    let of = |id: &str| rules.iter().position(|rule| rule["id"] == id);
    let unknown = || bad("no such rule");
    match (name.as_str(), value.as_str(), value.as_u64()) {
        // An empty id is the very beginning, or the very end.
        ("before", Some(""), _) => Ok(Some(0)),
        ("after", Some(""), _) => Ok(Some(rules.len())),
        ("before", Some(id), _) => of(id).map(Some).ok_or_else(unknown),
        ("after", Some(id), _) => of(id).map(|at| Some(at + 1)).ok_or_else(unknown),
        ("index", _, Some(index)) if index >= 1 => {
            let at = usize::try_from(index - 1).unwrap_or(usize::MAX);
            if at > rules.len() {
                Err(bad("index out of range"))
            } else {
                Ok(Some(at))
            }
        }
        _ => Err(bad("exactly one of before, after and index").outside_the_contract()),
    }
}

/// `POST …/rulesets/{ruleset_id}/rules`: the answer is the whole ruleset.
pub(super) fn add_rule(state: &mut State, call: &Call) -> Answer {
    let (id, now) = (state.next_id(), state.now_text());
    let zone = state.zone(call.zone())?;
    let plan = zone.plan;
    let ruleset = find(zone, call)?;
    let rule = make(&call.body, &id, &now, plan, &ruleset.phase, "")?;
    let at = place(&ruleset.rules, &call.body)?.unwrap_or(ruleset.rules.len());
    let mut rules = ruleset.rules.clone();
    rules.insert(at, rule);
    fits(&rules, plan, &ruleset.phase)?;
    ruleset.rules = rules;
    result(ruleset.changed(&now))
}

/// `PATCH …/rulesets/{ruleset_id}/rules/{rule_id}`: what is not given stays; the answer is the whole
/// ruleset.
pub(super) fn patch_rule(state: &mut State, call: &Call) -> Answer {
    let now = state.now_text();
    let zone = state.zone(call.zone())?;
    let plan = zone.plan;
    let ruleset = find(zone, call)?;
    let at = ruleset.position(call.path.get("rule_id"))?;
    let mut rules = ruleset.rules.clone();
    let mut rule = rules.remove(at);
    let version = rule["version"]
        .as_str()
        .and_then(|text| text.parse::<u64>().ok());
    for (name, value) in call.body.iter().filter(|(name, _)| *name != "position") {
        rule.insert(name.clone(), value.clone());
    }
    // Another action has other parameters.
    if call.body.contains_key("action") && !call.body.contains_key("action_parameters") {
        rule.remove("action_parameters");
    }
    check::rule(&rule, plan, &ruleset.phase, "")?;
    rule.insert(
        "version".to_owned(),
        json!((version.unwrap_or(1) + 1).to_string()),
    );
    rule.insert("last_updated".to_owned(), json!(now));
    let to = place(&rules, &call.body)?.unwrap_or(at);
    rules.insert(to, rule);
    fits(&rules, plan, &ruleset.phase)?;
    ruleset.rules = rules;
    result(ruleset.changed(&now))
}

/// `DELETE …/rulesets/{ruleset_id}/rules/{rule_id}`: the answer is the whole ruleset, or nothing.
pub(super) fn delete_rule(state: &mut State, call: &Call) -> Answer {
    let (now, nothing) = (state.now_text(), state.empty_deletes);
    let ruleset = find(state.zone(call.zone())?, call)?;
    let at = ruleset.position(call.path.get("rule_id"))?;
    ruleset.rules.remove(at);
    let row = ruleset.changed(&now);
    if nothing {
        Ok(Reply::Nothing)
    } else {
        result(row)
    }
}

//! Laws that hold for any rules.

use homelab_core::clock::Micros;
use homelab_core::policy::{Decision, Pattern, Role, role_default};
use homelab_core::tool::Effect;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Call, NOON, at, config, proxmox};
use crate::config::RuleConfig;
use crate::rules::By;
use crate::{Catalogue, PolicyConfig, RuleSet};

const TOOLS: [&str; 5] = [
    "list_vms",
    "start_vm",
    "restart_vm",
    "delete_vm",
    "create_vm",
];
const NAMES: [&str; 4] = ["alice", "bob", "ci-1", "ci-2"];

fn some<T: Clone + std::fmt::Debug + 'static>(
    choices: &[T],
) -> impl Strategy<Value = Vec<T>> + use<T> {
    prop::collection::vec(prop::sample::select(choices.to_vec()), 0..2)
}

prop_compose! {
    fn a_rule()(
        decision in prop::sample::select(vec!["allow", "confirm", "approve", "deny"]),
        principals in some(&["alice", "bob", "ci-*", "*", "nobody"]),
        roles in some(&["operator", "admin"]),
        servers in some(&["proxmox", "pve-1", "pve-*"]),
        tools in some(&["*", "restart_vm", "*_vm", "proxmox_*", "proxmox:guest:power", "list_*"]),
        instances in some(&["pve-1", "pve-2"]),
        effects in some(&["read", "write", "destructive", "critical"]),
        when in prop::option::weighted(0.3, prop::sample::select(vec![
            "principal == 'alice'",
            "has(args.vmid) && args.vmid > 5",
            "has(args.vmid) && 10 / (args.vmid - 5) > 1",
        ])),
        approvers in prop::option::of(1..4_u32),
    ) -> Value {
        let mut rule = json!({
            "decision": decision, "principals": principals, "roles": roles, "servers": servers,
            "tools": tools, "instances": instances, "effects": effects,
        });
        if let Some(when) = when {
            rule["when"] = when.into();
        }
        if let Some(approvers) = approvers
            && decision == "approve"
        {
            rule["approvers"] = approvers.into();
        }
        rule
    }
}

prop_compose! {
    fn a_call()(
        tool in prop::sample::select(TOOLS.to_vec()),
        name in prop::sample::select(NAMES.to_vec()),
        role in prop::sample::select(vec![Role::Viewer, Role::Operator, Role::Admin]),
        instance in prop::sample::select(vec!["pve-1", "pve-2"]),
        vmid in 0..10_i64,
    ) -> Call {
        let arguments = match tool {
            "list_vms" | "create_vm" => json!({}),
            _ => json!({ "vmid": vmid }),
        };
        Call::of(tool, arguments).by(name, role).at(instance)
    }
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.add_kind("proxmox", &proxmox());
    catalogue.add_instance("pve-1", "proxmox");
    catalogue.add_instance("pve-2", "proxmox");
    catalogue
}

/// Those of the rules that can be used, numbered.
fn usable(rules: Vec<Value>) -> PolicyConfig {
    let mut kept: Vec<Value> = Vec::new();
    for (number, mut rule) in rules.into_iter().enumerate() {
        rule["name"] = format!("rule {number}").into();
        let alone = config(json!({ "rules": [rule.clone()] }));
        if RuleSet::compile(&alone, &catalogue()).is_ok() {
            kept.push(rule);
        }
    }
    config(json!({ "rules": kept }))
}

fn compiled(config: &PolicyConfig) -> RuleSet {
    RuleSet::compile(config, &catalogue()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn decide(rules: &RuleSet, call: &Call) -> (Decision, Option<String>, u32) {
    let judgement = rules.judge(&rules.entry(&call.sight()), &call.question(), at(NOON));
    let name = rules.name(judgement.by).map(|name| name.to_string());
    let name = match judgement.by {
        By::Broken(..) => Some("broken".to_owned()),
        _ => name,
    };
    (judgement.decision, name, judgement.approvers)
}

/// What a rule's condition comes to, worked out without CEL; `None` where it fails.
fn condition(rule: &RuleConfig, call: &Call) -> Option<bool> {
    let vmid = call.arguments.get("vmid").and_then(Value::as_i64);
    match rule.when.as_deref() {
        None => Some(true),
        Some("principal == 'alice'") => Some(call.principal.name == "alice"),
        Some("has(args.vmid) && args.vmid > 5") => Some(vmid.is_some_and(|vmid| vmid > 5)),
        Some(_) => match vmid {
            None => Some(false),
            Some(vmid) => 10_i64.checked_div(vmid - 5).map(|result| result > 1),
        },
    }
}

/// The same decision, by going through all rules of the configuration.
fn naive(config: &PolicyConfig, call: &Call) -> (Decision, Option<String>, u32) {
    let (spec, role) = (&call.spec, call.principal.role);
    if role == Role::Viewer && spec.effect != Effect::Read {
        return (Decision::Deny, None, 1);
    }
    let any = |patterns: &[Pattern], names: &[&str]| {
        patterns.is_empty()
            || patterns
                .iter()
                .any(|one| names.iter().any(|name| one.matches(name)))
    };
    let fits = |rule: &&RuleConfig| {
        any(&rule.principals, &[&call.principal.name])
            && (rule.roles.is_empty() || rule.roles.iter().any(|one| one == role.as_str()))
            && any(&rule.servers, &[call.kind, call.instance])
            && any(&rule.tools, &[spec.name, &call.aggregated, spec.permission])
            && any(&rule.instances, &[call.instance])
            && (rule.effects.is_empty() || rule.effects.contains(&spec.effect))
    };
    let mut found: Option<(Decision, Option<String>, u32)> = None;
    for decision in [
        Decision::Deny,
        Decision::Approve,
        Decision::Confirm,
        Decision::Allow,
    ] {
        if found.is_some() {
            break;
        }
        for rule in config
            .rules
            .iter()
            .filter(|rule| rule.decision == decision)
            .filter(fits)
        {
            if found.is_some() && decision != Decision::Approve {
                break;
            }
            match (condition(rule, call), &mut found) {
                (None, _) => return (Decision::Deny, Some("broken".to_owned()), 1),
                (Some(false), _) => {}
                (Some(true), Some((_, _, approvers))) => {
                    *approvers = (*approvers).max(rule.approvers.unwrap_or(1));
                }
                (Some(true), none) => {
                    let name = Some(rule.name.clone());
                    *none = Some((decision, name, rule.approvers.unwrap_or(1)));
                }
            }
        }
    }
    found.unwrap_or((role_default(role, spec), None, 1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_more_rule_never_makes_a_matching_decision_less_strict(
        rules in prop::collection::vec(a_rule(), 0..12),
        more in a_rule(),
        place in 0..12_usize,
        calls in prop::collection::vec(a_call(), 20),
    ) {
        let before = usable(rules);
        let mut after = before.clone();
        let more = usable(vec![more]).rules.into_iter().next();
        if let Some(mut more) = more {
            "one more".clone_into(&mut more.name);
            let place = place.min(after.rules.len());
            after.rules.insert(place, more);
        }
        let (before, after) = (compiled(&before), compiled(&after));

        for call in &calls {
            let (was, by, _) = decide(&before, call);
            let (is, _, _) = decide(&after, call);
            // A condition that fails denies only where it is asked: behind a stricter rule that
            // matches, it can decide nothing any more.
            if by.as_deref() == Some("broken") {
                continue;
            }
            prop_assert!(by.is_none() && call.principal.role != Role::Viewer || is >= was);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn a_thousand_rules_decide_like_going_through_them_all(
        rules in prop::collection::vec(a_rule(), 1_000),
        calls in prop::collection::vec(a_call(), 200),
    ) {
        let config = usable(rules);
        let compiled = compiled(&config);

        for call in &calls {
            prop_assert_eq!(decide(&compiled, call), naive(&config, call));
        }
    }

    #[test]
    fn few_rules_decide_like_going_through_them_all(
        rules in prop::collection::vec(prop::collection::vec(a_rule(), 0..8), 40),
        calls in prop::collection::vec(a_call(), 30),
    ) {
        for rules in rules {
            let config = usable(rules);
            let compiled = compiled(&config);
            for call in &calls {
                prop_assert_eq!(decide(&compiled, call), naive(&config, call));
            }
        }
    }
}

#[test]
fn the_time_of_a_decision_is_its_own() {
    let rules = compiled(&config(json!({
        "time_zone": "UTC",
        "rules": [{ "name": "noon", "decision": "deny", "when": "hour == 12" }],
    })));
    let call = Call::of("list_vms", json!({}));
    let judged = |now: Micros| rules.judge(&rules.entry(&call.sight()), &call.question(), now);

    assert_eq!(judged(at(NOON)).decision, Decision::Deny);
    assert_eq!(
        judged(at(NOON).plus_seconds(3600)).decision,
        Decision::Allow
    );
}

//! What is decided, as a person would expect it from the configuration.

use homelab_core::policy::{Decision, Role};
use homelab_core::tool::Effect;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Call, NOON, READ, at, rules, stop};
use crate::rules::By;

/// Decision and the name of what made it.
fn decided_at(policy: Value, call: &Call, time: &str) -> (Decision, String) {
    let rules = rules(policy);
    let entry = rules.entry(&call.sight());
    let question = call.question();
    let judgement = rules.judge(&entry, &question, at(time));
    let name = rules.name(judgement.by);
    let by = name.as_deref().unwrap_or(judgement.by.as_str()).to_owned();
    (judgement.decision, by)
}

fn decided(policy: Value, call: &Call) -> (Decision, String) {
    decided_at(policy, call, NOON)
}

fn one_rule(mut rule: Value) -> Value {
    rule["name"] = "rule".into();
    json!({ "rules": [rule] })
}

#[rstest]
#[case::nothing_named(json!({}), true)]
#[case::principal(json!({ "principals": ["alice"] }), true)]
#[case::principal_pattern(json!({ "principals": ["bob", "al*"] }), true)]
#[case::other_principal(json!({ "principals": ["bob"] }), false)]
#[case::role(json!({ "roles": ["operator"] }), true)]
#[case::other_role(json!({ "roles": ["admin", "viewer"] }), false)]
#[case::kind(json!({ "servers": ["proxmox"] }), true)]
#[case::instance_as_server(json!({ "servers": ["pve-1"] }), true)]
#[case::other_instance_as_server(json!({ "servers": ["pve-2"] }), false)]
#[case::other_kind(json!({ "servers": ["homelab"] }), false)]
#[case::instance(json!({ "instances": ["pve-1"] }), true)]
#[case::other_instance(json!({ "instances": ["pve-2"] }), false)]
#[case::bare(json!({ "tools": ["restart_vm"] }), true)]
#[case::aggregated(json!({ "tools": ["proxmox_restart_*"] }), true)]
#[case::permission(json!({ "tools": ["*:guest:power"] }), true)]
#[case::other_tool(json!({ "tools": ["delete_vm"] }), false)]
#[case::effect(json!({ "effects": ["destructive"] }), true)]
#[case::other_effect(json!({ "effects": ["read", "critical"] }), false)]
#[case::condition(json!({ "tools": ["restart_vm"], "when": "args.vmid == 7" }), true)]
#[case::other_condition(json!({ "tools": ["restart_vm"], "when": "args.vmid != 7" }), false)]
#[case::all_of_them(json!({
    "principals": ["alice"], "roles": ["operator"], "servers": ["proxmox"],
    "tools": ["restart_*"], "instances": ["pve-1"], "effects": ["destructive"],
    "when": "args.vmid > 1",
}), true)]
#[case::all_but_one(json!({
    "principals": ["alice"], "roles": ["operator"], "servers": ["proxmox"],
    "tools": ["restart_*"], "instances": ["pve-2"],
}), false)]
fn all_matchers_that_are_set_have_to_match(#[case] mut rule: Value, #[case] matches: bool) {
    rule["decision"] = "deny".into();

    let (decision, by) = decided(one_rule(rule), &stop(7));

    if matches {
        assert_eq!((decision, by.as_str()), (Decision::Deny, "rule"));
    } else {
        assert_eq!((decision, by.as_str()), (Decision::Confirm, "role_default"));
    }
}

#[rstest]
#[case("args.vmid in [7, 8]", true)]
#[case("args.force", false)]
#[case("has(args.node) && args.node == 'a'", false)]
#[case("!has(args.node) || args.node == 'a'", true)]
#[case("principal.startsWith('al') && role == 'operator'", true)]
#[case("instance == 'pve-1' && tool == 'restart_vm'", true)]
#[case("hour >= 12 && hour < 13 && weekday == 'mon'", true)]
#[case("targets.exists(t, 'dns' in t.tags)", true)]
#[case("targets.all(t, t.name == 'db')", false)]
#[case("size(targets) == 1 && targets[0].id == '7'", true)]
#[case("args.vmid % 2 == 1 ? true : false", true)]
fn conditions_see_the_call(#[case] when: &str, #[case] holds: bool) {
    let policy = json!({
        "time_zone": "UTC",
        "rules": [{
            "name": "rule", "decision": "deny", "tools": ["restart_vm"], "when": when,
        }],
    });

    let (decision, _) = decided(policy, &stop(7).on("7", "pi", &["dns"]));

    assert_eq!(decision == Decision::Deny, holds);
}

#[test]
fn the_strictest_matching_rule_wins_wherever_it_stands() {
    let policy = json!({ "rules": [
        { "name": "a", "decision": "allow" },
        { "name": "d", "decision": "approve", "principals": ["alice"] },
        { "name": "c", "decision": "confirm" },
        { "name": "e", "decision": "deny", "principals": ["bob"] },
    ]});

    assert_eq!(
        decided(policy, &stop(7)),
        (Decision::Approve, "d".to_owned())
    );
}

#[test]
fn a_matching_rule_takes_the_place_of_the_default_also_to_loosen_it() {
    let policy = one_rule(json!({ "decision": "allow", "tools": ["delete_vm"] }));
    let call = Call::of("delete_vm", json!({ "vmid": 1, "force": false }));

    assert_eq!(decided(json!({}), &call).0, Decision::Approve);
    assert_eq!(decided(policy, &call), (Decision::Allow, "rule".to_owned()));
}

#[rstest]
#[case("get_credentials", Role::Operator, "secret")]
#[case("get_credentials", Role::Viewer, "secret")]
#[case("start_vm", Role::Viewer, "viewer")]
#[case("delete_vm", Role::Viewer, "viewer")]
fn no_rule_gives_secrets_below_admin_or_changes_to_a_viewer(
    #[case] tool: &str,
    #[case] role: Role,
    #[case] by: &str,
) {
    let policy = one_rule(json!({ "decision": "allow" }));
    let call = Call::of(tool, json!({ "vmid": 1, "name": "x" })).by("alice", role);

    assert_eq!(decided(policy, &call), (Decision::Deny, by.to_owned()));
}

#[test]
fn read_only_denies_changes_alone() {
    let policy = json!({
        "read_only": true, "rules": [{ "name": "rule", "decision": "allow" }],
    });
    let read = Call::of("list_vms", json!({}));
    let change = Call::of("start_vm", json!({ "vmid": 1 })).by("root", Role::Admin);

    assert_eq!(read.spec.effect, READ);
    assert_eq!(decided(policy.clone(), &read).0, Decision::Allow);
    assert_eq!(
        decided(policy, &change),
        (Decision::Deny, "read_only".to_owned())
    );
}

#[rstest]
#[case::by_id(json!({ "ids": ["100"] }), true)]
#[case::by_name(json!({ "names": ["dns*"] }), true)]
#[case::by_tag(json!({ "tags": ["core"] }), true)]
#[case::by_any(json!({ "ids": ["7"], "tags": ["core"] }), true)]
#[case::by_kind(json!({ "kind": "guest" }), true)]
#[case::other_kind(json!({ "kind": "zone", "ids": ["100"] }), false)]
#[case::other(json!({ "ids": ["10"], "names": ["dns"], "tags": ["cor"] }), false)]
fn a_protected_object_is_changed_by_admin_with_approval_alone(
    #[case] protected: Value,
    #[case] covered: bool,
) {
    let policy = json!({
        "protected": [protected],
        "rules": [{ "name": "rule", "decision": "allow" }],
    });
    let call = |role| stop(100).on("100", "dns-1", &["core"]).by("x", role);

    let admin = decided(policy.clone(), &call(Role::Admin)).0;
    let operator = decided(policy, &call(Role::Operator)).0;

    if covered {
        assert_eq!((admin, operator), (Decision::Approve, Decision::Deny));
    } else {
        assert_eq!((admin, operator), (Decision::Allow, Decision::Allow));
    }
}

#[rstest]
#[case::quiet(json!({ "from": "22:00", "to": "06:00", "inside": "deny" }), Decision::Deny)]
#[case::quiet_approve(json!({ "from": "22:00", "to": "06:00", "inside": "approve" }), Decision::Approve)]
#[case::in_change_window(json!({ "from": "20:00", "to": "24:00", "outside": "deny" }), Decision::Allow)]
#[case::out_of_change_window(json!({ "days": ["sat"], "outside": "deny" }), Decision::Deny)]
#[case::of_another_server(json!({ "servers": ["homelab"], "effects": ["read"], "inside": "deny" }), Decision::Allow)]
fn windows_make_calls_stricter_at_their_time(
    #[case] mut window: Value,
    #[case] expected: Decision,
) {
    window["name"] = "window".into();
    let policy = json!({
        "time_zone": "UTC",
        "windows": [window],
        "rules": [{ "name": "rule", "decision": "allow" }],
    });

    assert_eq!(
        decided_at(policy, &stop(7), "2026-03-02T23:00:00Z").0,
        expected
    );
}

#[test]
fn windows_leave_reads_alone_unless_they_name_them() {
    let quiet = json!({ "windows": [{ "name": "quiet", "inside": "deny" }] });
    let all = json!({ "windows": [{ "name": "all", "inside": "deny", "effects": ["read"] }] });
    let read = Call::of("list_vms", json!({}));

    assert_eq!(decided(quiet, &read).0, Decision::Allow);
    assert_eq!(decided(all, &read), (Decision::Deny, "all".to_owned()));
}

#[test]
fn change_windows_for_one_call_add_up() {
    let policy = json!({ "time_zone": "UTC", "windows": [
        { "name": "saturdays", "days": ["sat"], "outside": "deny" },
        { "name": "mondays", "days": ["mon"], "outside": "approve" },
    ]});

    assert_eq!(decided(policy.clone(), &stop(7)).0, Decision::Confirm);
    assert_eq!(
        decided_at(policy, &stop(7), "2026-03-03T12:00:00Z"),
        (Decision::Deny, "saturdays".to_owned())
    );
}

#[test]
fn approvals_need_the_most_people_and_the_shortest_wait_that_any_matching_rule_names() {
    let rules = rules(json!({ "rules": [
        { "name": "a", "decision": "approve", "expires_after_s": 600 },
        { "name": "b", "decision": "approve", "approvers": 2 },
        { "name": "c", "decision": "approve", "expires_after_s": 60, "principals": ["alice"] },
        { "name": "d", "decision": "confirm", "expires_after_s": 10 },
    ]}));
    let call = stop(7);
    let question = call.question();
    let judgement = rules.judge(&rules.entry(&call.sight()), &question, at(NOON));

    let verdict = rules.verdict(&judgement, &question).unwrap();

    assert_eq!(verdict.rule.as_deref(), Some("a"));
    assert_eq!(verdict.approvers, 2);
    assert_eq!(verdict.expires_after.map(|time| time.as_secs()), Some(60));
}

#[test]
fn a_condition_that_cannot_be_evaluated_denies() {
    let policy = json!({ "rules": [
        { "name": "broken", "decision": "allow", "tools": ["restart_vm"], "when": "10 / args.vmid > 1" },
    ]});
    let rules = rules(policy);
    let call = stop(0);
    let question = call.question();

    let judgement = rules.judge(&rules.entry(&call.sight()), &question, at(NOON));
    let error = rules.verdict(&judgement, &question).unwrap_err();

    assert!(matches!(judgement.by, By::Broken(0, _)));
    assert_eq!(judgement.decision, Decision::Deny);
    assert_eq!(error.envelope().reason.as_deref(), Some("policy_error"));
}

#[test]
fn a_tool_that_came_after_the_rules_is_not_free_of_them() {
    let policy = one_rule(json!({ "decision": "deny", "tools": ["restart_*"] }));
    let mut call = stop(7);
    call.spec.name = "restart_everything";
    "proxmox_restart_everything".clone_into(&mut call.aggregated);

    assert_eq!(decided(policy, &call).0, Decision::Deny);
}

#[rstest]
#[case::denied(json!({ "decision": "deny" }), true)]
#[case::denied_under_a_condition(json!({ "decision": "deny", "when": "args.vmid == 7" }), false)]
#[case::denied_to_another(json!({ "decision": "deny", "principals": ["bob"] }), false)]
#[case::held(json!({ "decision": "approve" }), false)]
fn a_tool_that_is_always_denied_is_hidden(#[case] mut rule: Value, #[case] hidden: bool) {
    rule["tools"] = json!(["restart_vm"]);

    assert_eq!(rules(one_rule(rule)).hides(&stop(7).sight()), hidden);
}

#[rstest]
#[case::as_it_is_stated(Effect::Destructive, json!(["destructive"]), true)]
#[case::a_dry_run(Effect::Read, json!(["destructive"]), false)]
#[case::a_dry_run_by_its_own_effect(Effect::Read, json!(["read"]), true)]
fn a_rule_about_effects_goes_by_what_the_call_does(
    #[case] effect: Effect,
    #[case] effects: Value,
    #[case] denied: bool,
) {
    let rules = rules(one_rule(json!({ "decision": "deny", "effects": effects })));
    let mut call = Call::of("prune_backups", json!({}));
    call.spec = call.spec.with_effect(effect);

    assert_eq!(rules.hides(&call.sight()), denied);
}

#[test]
fn an_instance_of_several_may_be_hidden_alone() {
    let rules = rules(one_rule(
        json!({ "decision": "deny", "instances": ["pve-2"] }),
    ));

    assert!(!rules.hides(&stop(7).sight()));
    assert!(rules.hides(&stop(7).at("pve-2").sight()));
}

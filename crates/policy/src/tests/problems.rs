//! What is said about a configuration that makes no sense.

use rstest::rstest;
use serde_json::{Value, json};

use super::compile;

fn problems(policy: Value) -> Vec<String> {
    let Err(problems) = compile(policy) else {
        return Vec::new();
    };
    let texts = problems.iter().map(|one| {
        let hint = one.hint.as_deref().unwrap_or("-");
        format!("{} | {hint}", one.message)
    });
    texts.collect()
}

fn of_rule(mut rule: Value) -> Vec<String> {
    if rule.get("name").is_none() {
        rule["name"] = "rule".into();
    }
    if rule.get("decision").is_none() {
        rule["decision"] = "deny".into();
    }
    problems(json!({ "rules": [rule] }))
}

#[rstest]
#[case(json!({ "tools": ["restrt_vm"] }),
    "`policy.rules[0].tools[0]`: no tool or permission is called `restrt_vm` | did you mean `restart_vm`?")]
#[case(json!({ "servers": ["proxmx"] }),
    "`policy.rules[0].servers[0]`: there is no server `proxmx` | did you mean `proxmox`?")]
#[case(json!({ "instances": ["pve1"] }),
    "`policy.rules[0].instances[0]`: there is no instance `pve1` | did you mean `pve-1`?")]
#[case(json!({ "instances": ["proxmox"] }),
    "`policy.rules[0].instances[0]`: there is no instance `proxmox` | there is `pve-1`, `pve-2`, `homelab`")]
#[case(json!({ "roles": ["oprator"] }),
    "`policy.rules[0].roles[0]`: there is no role `oprator` | did you mean `operator`?")]
#[case(json!({ "servers": ["homelab"], "tools": ["restart_vm"] }),
    "`policy.rules[0]`: matches no tool | its `servers`, `tools`, `instances` and `effects` exclude each other")]
#[case(json!({ "approvers": 2 }),
    "`policy.rules[0].approvers`: goes with `approve`, not with `deny` | -")]
#[case(json!({ "expires_after_s": 60 }),
    "`policy.rules[0].expires_after_s`: a call that is `deny` does not wait | -")]
#[case(json!({ "name": "a/b" }),
    "`policy.rules[0].name`: `a/b` is no name | use up to 64 letters, digits, blanks and `-_.:`")]
fn a_rule_that_makes_no_sense_names_the_place_and_the_nearest(
    #[case] rule: Value,
    #[case] expected: &str,
) {
    assert_eq!(of_rule(rule), [expected]);
}

#[rstest]
#[case(
    "args.vmidd == 7",
    "unknown argument `args.vmidd` | did you mean `vmid`?"
)]
#[case(
    "has(args.vmidd)",
    "unknown argument `args.vmidd` | did you mean `vmid`?"
)]
#[case(
    "args.instance == 'a'",
    "unknown argument `args.instance` | use `instance`"
)]
#[case(
    "principl == 'a'",
    "there is no `principl` | did you mean `principal`?"
)]
#[case("args.vmid == '7'", "a whole number is compared with text | -")]
#[case("args.vmid in ['7']", "a whole number is compared with text | -")]
#[case(
    "args.vmid",
    "the condition must be true or false, not a whole number | -"
)]
#[case(
    "args.vmid && true",
    "each side of `&&` and `||` must be true or false, not a whole number | -"
)]
#[case(
    "!args.vmid",
    "what follows `!` must be true or false, not a whole number | -"
)]
#[case(
    "args.vmid.contains('7')",
    "what `contains` is asked of must be text, not a whole number | -"
)]
#[case(
    "args.vmid.x == 1",
    "`args.vmid` is a whole number and has no member `x` | -"
)]
#[case(
    "args.node == 'a'",
    "`args.node` of `proxmox_restart_vm` may be absent, and the condition fails then | write `has(args.node) && …`"
)]
#[case(
    "has(args.node) || args.node == 'a'",
    "`args.node` of `proxmox_restart_vm` may be absent, and the condition fails then | write `has(args.node) && …`"
)]
#[case(
    "args.force == null",
    "true or false is compared with null | what is absent is asked with `has(args.…)`"
)]
#[case(
    "targets.exists(t, t.nme == 'a')",
    "there is no `t.nme` | did you mean `name`?"
)]
#[case(
    "principal.matches('.*')",
    "there is no function `matches` | use `startsWith`, `endsWith` or `contains`"
)]
#[case(
    "principal.startWith('a')",
    "there is no function `startWith` | did you mean `startsWith`?"
)]
#[case("{'a': 1}.a == 1", "tables cannot be written out | -")]
#[case(
    "targets.exists(t, t.tags.exists(g, g == 'a'))",
    "a loop within a loop may take too long: use `in`, or two rules | -"
)]
fn a_condition_is_checked_against_the_tools_arguments(#[case] when: &str, #[case] expected: &str) {
    let found = of_rule(json!({ "tools": ["restart_vm"], "when": when }));

    assert_eq!(found, [format!("`policy.rules[0].when`: {expected}")]);
}

#[rstest]
#[case("args.vmid == ")]
#[case("args.vmid = 7")]
#[case("")]
#[case("'unclosed")]
fn a_condition_that_is_not_cel_is_refused(#[case] when: &str) {
    let found = of_rule(json!({ "tools": ["restart_vm"], "when": when }));

    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("`policy.rules[0].when`: not valid CEL: "),
        "{found:?}"
    );
}

#[test]
fn a_condition_has_a_largest_size() {
    let long = format!("args.vmid == 1{}", " || args.vmid == 1".repeat(200));
    let deep = format!("{}true{}", "(".repeat(300), ")".repeat(300));

    assert!(of_rule(json!({ "tools": ["restart_vm"], "when": long }))[0].contains("longer than"));
    assert_eq!(
        of_rule(json!({ "tools": ["restart_vm"], "when": deep })).len(),
        1
    );
    let members = format!("args{} == 1", ".a".repeat(900));
    assert_eq!(
        of_rule(json!({ "tools": ["restart_vm"], "when": members })).len(),
        1
    );
    let chain = format!("0{} > 1", " + args.vmid".repeat(100));
    assert!(of_rule(json!({ "tools": ["restart_vm"], "when": chain }))[0].contains("too deeply"));
}

#[test]
fn an_argument_that_only_some_of_the_tools_have_is_asked_for_first() {
    let bare = of_rule(json!({ "servers": ["proxmox"], "when": "args.vmid == 7" }));
    let asked =
        of_rule(json!({ "servers": ["proxmox"], "when": "has(args.vmid) && args.vmid == 7" }));

    assert_eq!(
        bare,
        [
            "`policy.rules[0].when`: `proxmox_list_vms`, which this rule matches, has no `args.vmid` | \
          narrow `tools`, or write `has(args.vmid) && …`"
        ]
    );
    assert_eq!(asked, Vec::<String>::new());
}

#[rstest]
#[case(json!({ "time_zone": "Europe/Berlim" }),
    "`policy.time_zone`: there is no time zone `Europe/Berlim` | use a name such as `Europe/Berlin` or `UTC`")]
#[case(json!({ "windows": [{ "name": "w", "from": "25:00", "inside": "deny" }] }),
    "`policy.windows[0].from`: `25:00` is not a time of day | write hours and minutes: `22:00`")]
#[case(json!({ "windows": [{ "name": "w", "from": "22:00", "to": "22:00", "inside": "deny" }] }),
    "`policy.windows[0]`: begins and ends at the same time | leave both away for the whole day")]
#[case(json!({ "windows": [{ "name": "w", "from": "24:00", "to": "06:00", "inside": "deny" }] }),
    "`policy.windows[0].from`: `24:00` is the end of a day | write `00:00`")]
#[case(json!({ "windows": [{ "name": "w", "from": "22:00" }] }),
    "`policy.windows[0]`: does nothing | set `inside` for quiet hours, `outside` for a change window")]
#[case(json!({ "limits": [{ "name": "l", "rate": 0, "per_s": 60 }] }),
    "`policy.limits[0].rate`: must be at least 1 | to forbid the calls, use a rule with `decision = \"deny\"`")]
#[case(json!({ "limits": [{ "name": "l", "rate": 1, "per_s": 0 }] }),
    "`policy.limits[0].per_s`: must be at least 1 | to forbid the calls, use a rule with `decision = \"deny\"`")]
#[case(json!({ "budgets": [{ "name": "b", "most": 0, "window_s": 60 }] }),
    "`policy.budgets[0].most`: must be at least 1 | to forbid the calls, use a rule with `decision = \"deny\"`")]
#[case(json!({ "protected": [{ "reason": "why" }] }),
    "`policy.protected[0]`: protects nothing | name `ids`, `names`, `tags`, or at least a `kind`")]
#[case(json!({ "limits": [{ "name": "x", "rate": 1, "per_s": 1 }],
               "rules": [{ "name": "x", "decision": "deny" }] }),
    "`policy.limits[0].name`: `x` is the name of `policy.rules[0]` already | -")]
fn other_tables_are_checked_too(#[case] policy: Value, #[case] expected: &str) {
    assert_eq!(problems(policy), [expected]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let found = problems(json!({
        "rules": [
            { "name": "a", "decision": "deny", "tools": ["nothing_like_it"], "roles": ["x"] },
            { "name": "a", "decision": "deny", "tools": ["restart_vm"], "when": "args.a == args.b" },
        ],
        "windows": [{ "name": "w", "from": "x", "to": "y" }],
    }));

    assert_eq!(found.len(), 8, "{found:#?}");
}

#[test]
fn a_configuration_that_makes_sense_has_no_problems() {
    let found = problems(json!({
        "rules": [{
            "name": "four eyes", "decision": "approve", "approvers": 2, "expires_after_s": 3600,
            "tools": ["create_vm"], "when": "size(args.disks) > 1 || args.memory * 2.0 > 8.5",
        }],
        "windows": [{ "name": "nights", "from": "22:00", "to": "24:00", "inside": "deny" }],
        "limits": [{ "name": "slow", "rate": 30, "per_s": 60, "servers": ["pve-*"] }],
        "budgets": [{ "name": "few", "most": 3, "window_s": 3600, "per": "everyone" }],
    }));

    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_examples_of_the_documentation_can_be_used() {
    let page = include_str!("../../../../docs/concepts/access.md");
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();

    assert_eq!(examples.len(), 3);
    for example in examples {
        let file: Value = toml::from_str(example).expect("TOML");
        assert_eq!(
            problems(file["policy"].clone()),
            Vec::<String>::new(),
            "{example}"
        );
    }
}

//! Rules as their owner meets them: checked, explained, listed, in force.

use serde_json::{Value, json};

use crate::cli_support::{PATIENCE, Place, Ran};
use crate::clients_http::McpConnection;

const RULES: &str = r#"[policy]
time_zone = "UTC"

[[policy.rules]]
name = "the file server stays"
decision = "deny"
tools = ["homelab_delete_device"]
when = "args.name == 'nas'"
reason = "everything is on it"

[[policy.rules]]
name = "four eyes"
decision = "approve"
tools = ["homelab_delete_*"]
principals = ["alice"]
approvers = 2
expires_after_s = 3600

[[policy.windows]]
name = "nights"
from = "22:00"
to = "06:00"
inside = "deny"

[[policy.limits]]
name = "steady"
rate = 60
per_s = 60

[[policy.budgets]]
name = "few deletions"
most = 3
window_s = 3600
tools = ["homelab_delete_*"]
"#;

const NOON: &str = "2026-03-02T12:00:00Z";

fn test(place: &Place, name: &str, tool: &str, arguments: &Value, at: &str, more: &[&str]) -> Ran {
    let arguments = arguments.to_string();
    let fixed = [
        "policy", "test", "--as", name, "--tool", tool, "--args", &arguments, "--at", at,
    ];
    place.run(&[&fixed, more].concat())
}

#[test]
fn every_mistake_in_the_rules_is_said_with_its_line_and_the_nearest_right_thing() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        r#"[[policy.rules]]
name = "a"
decision = "deny"
tools = ["homelab_delete_devise"]

[[policy.rules]]
name = "a"
decision = "deny"
tools = ["homelab_delete_device"]
when = "args.nme == 'nas'"
"#,
    );

    let ran = place.run(&["config", "check"]).failed(2);

    assert_eq!(
        place.without_path(&ran.stderr),
        "error: the configuration has 3 problems\n  \
         HERE/homelab.toml:4: `policy.rules[0].tools[0]`: no tool or permission is called \
         `homelab_delete_devise`\n    hint: did you mean `homelab_delete_device`?\n  \
         HERE/homelab.toml:7: `policy.rules[1].name`: `a` is the name of `policy.rules[0]` already\n  \
         HERE/homelab.toml:10: `policy.rules[1].when`: unknown argument `args.nme`\n    \
         hint: did you mean `name`?\n"
    );
}

#[test]
fn an_unknown_key_of_a_rule_names_the_nearest_one() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[[policy.rules]]\nname = \"a\"\ndecision = \"deni\"\ntool = [\"x\"]\n",
    );

    let ran = place.run(&["config", "check"]).failed(2);

    assert!(ran.stderr.contains("did you mean `deny`?"), "{ran:?}");
    assert!(ran.stderr.contains("did you mean `tools`?"), "{ran:?}");
}

#[test]
fn a_decision_is_explained_with_the_rule_that_made_it() {
    let place = Place::new();
    place.write("homelab.toml", RULES);
    let nas = json!({ "name": "nas" });
    let operator = ["--role", "operator"];

    let denied = test(
        &place,
        "alice",
        "homelab_delete_device",
        &nas,
        NOON,
        &operator,
    );

    let text = denied.failed(1).stdout;
    let expected = "deny by rule `the file server stays`\n  everything is on it\n\n\
        alice calls homelab_delete_device at homelab, 2026-03-02T12:00:00Z; the role's default is confirm\n";
    assert!(text.starts_with(expected), "{text}");
    for part in [
        "four eyes",
        "limit `steady`",
        "budget `few deletions`: 0 of 3 used in 3600 s",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_exit_code_tells_allowed_held_denied_and_nonsense_apart() {
    let place = Place::new();
    place.write("homelab.toml", RULES);
    let (old, none) = (json!({ "name": "old" }), json!({}));
    let operator = ["--role", "operator"];
    let ask = |name: &str, tool: &str, arguments: &Value, at: &str, more: &[&str]| {
        test(
            &place,
            name,
            tool,
            arguments,
            at,
            &[&["--json"], more].concat(),
        )
    };

    let allowed = ask("bob", "homelab_list_devices", &none, NOON, &operator).ok();
    let confirmed = ask("bob", "homelab_delete_device", &old, NOON, &operator).failed(3);
    let approved = ask("alice", "homelab_delete_device", &old, NOON, &operator).failed(3);
    let at_night = "2026-03-02T23:00:00Z";
    let quiet = ask("bob", "homelab_delete_device", &old, at_night, &operator).failed(1);
    ask("nobody", "homelab_list_devices", &none, NOON, &[]).failed(2);
    ask("bob", "homelab_list_device", &none, NOON, &operator).failed(2);

    assert_eq!(allowed.json()["by"], "role_default");
    assert_eq!(confirmed.json()["decision"], "confirm");
    let approved = approved.json();
    assert_eq!(approved["rule"], "four eyes");
    assert_eq!(approved["approvers"], 2);
    assert_eq!(approved["expires_after_s"], 3600);
    assert_eq!(quiet.json()["rule"], "nights");
    assert!(!place.data("audit").exists());
}

#[test]
fn a_key_is_asked_about_with_its_own_role_and_patterns() {
    let place = Place::new();
    let (_, owner) = place.init();
    place
        .run_with(
            &[
                "keys",
                "create",
                "--name",
                "alice",
                "--role",
                "viewer",
                "--allow",
                "homelab_get_*",
            ],
            &[("HOMELAB_OWNER_KEY", &owner)],
        )
        .ok();

    let listed = test(
        &place,
        "alice",
        "homelab_list_devices",
        &json!({}),
        NOON,
        &["--json"],
    );

    let listed = listed.failed(1).json();
    assert_eq!(
        (&listed["role"], &listed["by"]),
        (&json!("viewer"), &json!("key_patterns"))
    );
}

#[test]
fn the_rules_are_listed_in_the_order_in_which_they_are_asked() {
    let place = Place::new();
    place.write("homelab.toml", RULES);

    let listed = place.json(&["policy", "list"]);
    let human = place.run(&["policy", "list"]).ok();

    let names: Vec<&str> = listed["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["name"].as_str())
        .collect();
    let expected = [
        "the file server stays",
        "four eyes",
        "nights",
        "steady",
        "few deletions",
    ];
    assert_eq!(names, expected);
    assert!(human.stdout.contains("args.name == 'nas'"), "{human:?}");
}

#[test]
fn read_only_refuses_changes_from_every_place_it_can_be_said() {
    let place = Place::new();
    let arguments = r#"{"name":"nas"}"#;
    let call = [
        "tools",
        "call",
        "homelab_upsert_device",
        "--args",
        arguments,
    ];
    let read = ["tools", "call", "homelab_list_devices", "--read-only"];

    place.run(&[&call[..], &["--read-only"]].concat()).failed(1);
    place
        .run_with(&call, &[("HOMELAB_READ_ONLY", "true")])
        .failed(1);
    place.run(&read).ok();
    place.run(&call).ok();
}

#[test]
fn other_rules_come_into_force_without_a_restart_and_broken_ones_do_not() {
    let place = Place::new();
    place.write("homelab.toml", "");
    let (agent, _) = place.init();
    let (server, port) = place.serve(&[], &[]);
    let mut client = McpConnection::open(port, &agent).expect("a connection");
    // A tool that is denied may look unknown, which is an error of the protocol and not of the tool.
    let mut is_allowed = || {
        let answer = client.post("homelab_list_devices", &json!({}));
        let message = answer.expect("an answer").message().expect("JSON");
        message["result"]["isError"] == false
    };
    let logged = |text: &str| {
        let found = server.wait_for_line(text, PATIENCE);
        found.unwrap_or_else(|error| panic!("{error}"));
    };
    assert!(is_allowed());

    let rule =
        "[[policy.rules]]\nname = \"a\"\ndecision = \"deny\"\ntools = [\"*_list_devices\"]\n";
    place.write("homelab.toml", rule);
    logged("took up the configuration");
    assert!(!is_allowed());

    place.write(
        "homelab.toml",
        &rule.replace("*_list_devices", "no_such_tool"),
    );
    logged("was not taken up");
    assert!(!is_allowed());
}

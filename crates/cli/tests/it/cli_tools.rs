//! Tools on the command line, and the exit codes.

use serde_json::{Value, json};

use crate::cli_support::{Place, Ran};

fn call(place: &Place, name: &str, arguments: &Value) -> Ran {
    place.run(&[
        "tools",
        "call",
        name,
        "--args",
        &arguments.to_string(),
        "--json",
    ])
}

#[test]
fn the_whole_catalogue_is_one_array_of_a_fixed_form() {
    let place = Place::new();

    let tools = place.json(&["tools", "list", "--all"]);

    let members = [
        "server",
        "name",
        "aggregated_name",
        "title",
        "description",
        "input_schema",
        "output_schema",
        "annotations",
        "permission",
        "approval",
    ];
    let tools = tools.as_array().expect("an array");
    assert!(tools.len() >= 11);
    for tool in tools {
        let found: Vec<&String> = tool.as_object().expect("an object").keys().collect();
        assert_eq!(found, members, "{tool}");
        assert_eq!(tool["input_schema"]["type"], "object", "{tool}");
        assert!(tool["annotations"]["readOnlyHint"].is_boolean(), "{tool}");
        let name = tool["aggregated_name"].as_str().expect("a name");
        assert!(name.len() <= 40, "{name}");
    }
    let delete = tools
        .iter()
        .find(|tool| tool["name"] == "homelab_delete_device")
        .expect("it");
    assert_eq!(delete["approval"], "confirm");
    assert!(
        !place.data("homelab.db").exists(),
        "a catalogue needs no database"
    );
}

#[test]
fn a_result_is_data_on_standard_output() {
    let place = Place::new();
    let device = json!({ "name": "nas", "ip": "192.0.2.10", "category": "storage" });

    call(&place, "homelab_upsert_device", &device).ok();
    let found = call(&place, "homelab_lookup_ip", &json!({ "ip": "192.0.2.10" })).ok();
    let bare = place.run(&[
        "tools",
        "call",
        "homelab_get_device",
        "--server",
        "homelab",
        "--args",
        "{\"name\":\"NAS\"}",
        "--json",
    ]);

    assert_eq!(found.json()["found"][0]["name"], "nas", "{found:?}");
    assert_eq!(bare.ok().json()["device"]["ip"], "192.0.2.10");
}

#[test]
fn arguments_may_come_from_a_file() {
    let place = Place::new();
    place.write("args.json", r#"{"ip":"192.0.2.1"}"#);

    place
        .run(&["tools", "call", "homelab_lookup_ip", "--args", "@args.json"])
        .ok();
}

#[test]
fn a_failed_call_is_an_envelope_for_programs_and_a_sentence_for_people() {
    let place = Place::new();

    let json = call(&place, "homelab_lookup_ip", &json!({ "ip": "nonsense" }))
        .failed(1)
        .json();
    let human = place.run(&["tools", "call", "homelab_lookup_ip"]).failed(1);

    assert_eq!(json["code"], "invalid_argument", "{json}");
    assert_eq!(json["field"], "ip", "{json}");
    assert!(json["request_id"].is_string(), "{json}");
    assert_eq!(human.stdout, "");
    assert!(human.stderr.starts_with("error: "), "{human:?}");
}

#[test]
fn an_unknown_tool_names_the_nearest_one() {
    let place = Place::new();

    let called = call(&place, "homelab_list_device", &json!({})).failed(1);
    let described = place
        .run(&["tools", "describe", "homelab_list_device"])
        .failed(1);

    assert_eq!(called.json()["code"], "not_found");
    assert!(called.stdout.contains("homelab_list_devices"), "{called:?}");
    assert!(
        described
            .stderr
            .contains("did you mean `homelab_list_devices`?"),
        "{described:?}"
    );
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    let place = Place::new();

    place.run(&["frobnicate"]).failed(2);
    place
        .run(&["tools", "call", "homelab_lookup_ip", "--args", "not json"])
        .failed(2);
    place
        .run(&["tools", "call", "homelab_lookup_ip", "--args", "[1]"])
        .failed(2);
}

#[test]
fn what_loses_data_runs_when_a_person_confirmed_it() {
    let place = Place::new();
    call(&place, "homelab_upsert_device", &json!({ "name": "old" })).ok();
    let old = json!({ "name": "old" }).to_string();

    let held = call(&place, "homelab_delete_device", &json!({ "name": "old" })).failed(3);
    assert_eq!(held.json()["code"], "approval_required");
    let left = call(&place, "homelab_list_devices", &json!({})).ok().json();
    assert_eq!(left["total"], 1, "{left}");

    let arguments = [
        "tools",
        "call",
        "homelab_delete_device",
        "--args",
        &old,
        "--yes",
    ];
    place.run(&arguments).ok();

    let left = call(&place, "homelab_list_devices", &json!({})).ok().json();
    assert_eq!(left["total"], 0, "{left}");
}

#[test]
fn the_role_of_the_command_line_is_a_setting() {
    let place = Place::new();
    place.write("homelab.toml", "[local]\ncli_role = \"viewer\"\n");

    let write = call(&place, "homelab_upsert_device", &json!({ "name": "a" })).failed(1);
    let tools = place.json(&["tools", "list"]);

    assert!(
        ["permission_denied", "not_found"]
            .contains(&write.json()["code"].as_str().expect("a code"))
    );
    let names = tools.to_string();
    assert!(!names.contains("homelab_upsert_device") && names.contains("homelab_list_devices"));
}

#[test]
fn output_for_people_has_no_colour_codes_when_it_is_not_a_terminal() {
    let place = Place::new();

    let ran = place.run(&["tools", "list"]).ok();

    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    assert!(ran.stdout.starts_with("NAME"), "{ran:?}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let place = Place::new();
    let program = crate::clients_support::program();
    let mut shell = homelab_testkit::command("sh");
    shell
        .args([
            "-c",
            &format!("{program} tools list --all --json | true; echo ${{PIPESTATUS:-0}}"),
        ])
        .env("HOME", place.path(""));

    let ran = Ran::of(shell).ok();

    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    assert!(!ran.stderr.contains("error"), "{ran:?}");
}

#[test]
fn every_client_has_a_configuration_to_paste() {
    let place = Place::new();

    let all = place
        .run_with(
            &["client-config", "--json"],
            &[("HOMELAB_MCP_TOKEN", "hlab_key")],
        )
        .ok()
        .json();
    let one = place
        .run(&["client-config", "claude-code", "--server", "homelab"])
        .ok();

    for client in [
        "claude-code",
        "claude-desktop",
        "vs-code",
        "cursor",
        "open-webui",
        "n8n",
    ] {
        assert!(
            all[client]["config"].is_object() || all[client]["config"].is_string(),
            "{all}"
        );
    }
    let entry = &all["cursor"]["config"]["mcpServers"]["homelab"];
    assert_eq!(entry["headers"]["Authorization"], "Bearer hlab_key");
    assert!(
        one.stdout
            .contains("http://127.0.0.1:8080/servers/homelab/mcp"),
        "{one:?}"
    );
    assert!(one.stdout.contains("${HOMELAB_MCP_TOKEN}"), "{one:?}");
}

#[test]
fn the_registry_of_servers_is_a_file() {
    let place = Place::new();

    place.run(&["export", "mcp-config"]).ok();

    let text = std::fs::read_to_string(place.path("mcp_config.json")).expect("the file");
    let config: Value = serde_json::from_str(&text).expect("JSON");
    let catalogue = place.json(&["tools", "list", "--all"]);
    assert_eq!(
        config["statistics"]["tools"],
        catalogue.as_array().expect("tools").len()
    );
    assert_eq!(config["servers"]["homelab"]["status"], "configured");
    assert_eq!(
        config["mcpServers"]["homelab"]["args"],
        json!(["serve", "--stdio", "--server", "homelab"])
    );
}

#[test]
fn every_command_has_help_and_every_shell_its_completions() {
    let place = Place::new();

    for command in [
        "serve",
        "tools",
        "inventory",
        "credentials",
        "archives",
        "ssh",
        "keys",
        "audit",
        "config",
        "doctor",
        "client-config",
        "kill-switch",
        "backup",
        "restore",
        "export",
        "healthcheck",
    ] {
        place.run(&[command, "--help"]).ok();
    }
    assert!(place.run(&["--help"]).ok().stdout.contains("Exit codes:"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            place
                .run(&["completions", shell])
                .ok()
                .stdout
                .contains("kill-switch")
        );
    }
}

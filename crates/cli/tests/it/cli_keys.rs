//! API keys on the command line: who may make them, and what is shown.

use serde_json::{Value, json};

use crate::cli_support::{Place, Ran};

fn as_owner(place: &Place, owner: &str, arguments: &[&str]) -> Ran {
    place.run_with(arguments, &[("HOMELAB_OWNER_KEY", owner)])
}

#[test]
fn the_owner_makes_and_revokes_keys() {
    let place = Place::new();
    let (_, owner) = place.init();

    let made = [
        "keys", "create", "--name", "chat", "--role", "viewer", "--json",
    ];
    let made = as_owner(&place, &owner, &made).ok().json();
    let twice = as_owner(&place, &owner, &["keys", "create", "--name", "chat"]).failed(1);
    as_owner(&place, &owner, &["keys", "revoke", "chat"]).ok();

    let members: Vec<&String> = made.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["id", "key", "role"]);
    assert_eq!(made["role"], "viewer");
    assert!(
        twice
            .stderr
            .contains("a key named `chat` is in force already"),
        "{twice:?}"
    );
    let listed = place.json(&["keys", "list"]);
    let chat = listed
        .as_array()
        .expect("keys")
        .iter()
        .find(|key| key["name"] == "chat");
    let chat = chat.expect("the key");
    assert_eq!(
        (&chat["kind"], &chat["state"]),
        (&json!("agent"), &json!("revoked"))
    );
    assert!(chat.get("hash").is_none(), "{chat}");
    assert!(
        !listed
            .to_string()
            .contains(made["key"].as_str().expect("a key"))
    );
}

#[test]
fn a_key_file_holds_the_owner_key_too() {
    let place = Place::new();
    let (_, owner) = place.init();
    let path = place
        .write("owner", &format!("{owner}\n"))
        .display()
        .to_string();

    place
        .run_with(
            &["keys", "create", "--name", "a"],
            &[("HOMELAB_OWNER_KEY_FILE", &path)],
        )
        .ok();
}

#[test]
fn nobody_else_makes_keys() {
    let place = Place::new();
    let (agent, owner) = place.init();
    let other = Place::new().init().1;
    let create = ["keys", "create", "--name", "mine", "--kind", "owner"];

    let none = place.run(&create).failed(1);
    let as_agent = as_owner(&place, &agent, &create).failed(1);
    let as_other = as_owner(&place, &other, &create).failed(1);
    let mut wrong = owner.clone();
    wrong.replace_range(
        owner.len() - 1..,
        if owner.ends_with('A') { "B" } else { "A" },
    );
    let guessed = as_owner(&place, &wrong, &create).failed(1);

    assert!(none.stderr.contains("this needs the owner key"), "{none:?}");
    assert!(none.stderr.contains("HOMELAB_OWNER_KEY"), "{none:?}");
    assert!(as_agent.stderr.contains("is an agent key"), "{as_agent:?}");
    assert!(as_other.stderr.contains("not valid here"), "{as_other:?}");
    assert!(guessed.stderr.contains("not valid here"), "{guessed:?}");
    for ran in [&as_agent, &as_other, &guessed] {
        for key in [&agent, &other, &wrong] {
            assert!(!ran.stderr.contains(key.as_str()), "{ran:?}");
        }
    }
    assert_eq!(
        place
            .json(&["keys", "list"])
            .as_array()
            .expect("keys")
            .len(),
        2
    );
}

#[test]
fn an_owner_that_the_data_directory_does_not_know_is_refused() {
    let place = Place::new();
    let (_, owner) = place.init();
    std::fs::write(place.data("owner.key.hash"), "0123456789ab 00\n").expect("our file");

    let ran = as_owner(&place, &owner, &["keys", "create", "--name", "a"]).failed(1);

    assert!(
        ran.stderr.contains("does not know this owner key"),
        "{ran:?}"
    );
}

#[test]
fn the_last_owner_key_stays() {
    let place = Place::new();
    let (_, owner) = place.init();

    let refused = as_owner(&place, &owner, &["keys", "revoke", "owner"]).failed(1);
    let second = [
        "keys", "create", "--kind", "owner", "--name", "second", "--json",
    ];
    let second: Value = as_owner(&place, &owner, &second).ok().json();
    as_owner(&place, &owner, &["keys", "revoke", "owner"]).ok();

    assert!(refused.stderr.contains("the only owner key"), "{refused:?}");
    assert_eq!(second["role"], "admin");
    as_owner(&place, &owner, &["keys", "create", "--name", "a"]).failed(1);
    let key = second["key"].as_str().expect("a key");
    as_owner(&place, key, &["keys", "create", "--name", "a"]).ok();
}

#[test]
fn only_the_owner_switches_the_kill_switch_off() {
    let place = Place::new();
    let (_, owner) = place.init();

    place
        .run(&["kill-switch", "on", "--reason", "strange calls"])
        .ok();
    let add = r#"{"name":"nas"}"#;
    let held = place.run(&[
        "tools",
        "call",
        "homelab_upsert_device",
        "--args",
        add,
        "--json",
    ]);
    let read = place.run(&["tools", "call", "homelab_list_devices"]);
    place.run(&["kill-switch", "off"]).failed(1);
    let on = place.json(&["kill-switch"]);
    as_owner(&place, &owner, &["kill-switch", "off"]).ok();

    let error = held.failed(1).json();
    assert_eq!(error["code"], "permission_denied", "{error}");
    read.ok();
    assert_eq!(on, json!({ "kill_switch": "on" }));
    assert_eq!(
        place.json(&["kill-switch", "status"]),
        json!({ "kill_switch": "off" })
    );
    place
        .run(&["tools", "call", "homelab_upsert_device", "--args", add])
        .ok();
    let rows = place.json(&["audit", "show", "--action", "kill_switch_off"]);
    assert_eq!(rows[0]["user"], "owner", "{rows}");
}

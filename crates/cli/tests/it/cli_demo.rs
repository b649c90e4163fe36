//! What is planted in the demo lab, and nothing else, is told by the picture across its systems.

use serde_json::{Value, json};

use crate::cli_support::Place;

struct Demo<'a>(&'a Place);

impl Demo<'_> {
    fn call(&self, tool: &str, arguments: &Value) -> Value {
        let arguments = arguments.to_string();
        self.0.json(&["tools", "call", tool, "--args", &arguments])
    }

    fn what_is(&self, subject: &str) -> Value {
        self.call("homelab_whatis", &json!({ "subject": subject }))
    }
}

/// What is disagreed about, and on what.
fn conflicts(answer: &Value) -> Vec<(String, String)> {
    let rows = answer["conflicts"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rows.map(|row| (text(&row["about"]), text(&row["subject"])))
        .collect()
}

/// What is planted.
fn planted() -> Vec<(String, String)> {
    let planted = [
        ("address", "cam-garden"),
        ("shared_address", "198.51.100.17"),
        ("dns", "nextcloud.lab.example"),
    ];
    let owned = planted.iter();
    owned
        .map(|(about, subject)| ((*about).to_owned(), (*subject).to_owned()))
        .collect()
}

/// What a source says in the only conflict.
fn side<'a>(answer: &'a Value, source: &str) -> Vec<&'a str> {
    let conflicts = answer["conflicts"].as_array().expect("a list");
    assert_eq!(conflicts.len(), 1, "{answer}");
    let sides = conflicts[0]["sides"].as_array().expect("a list").iter();
    sides
        .filter(|side| side["source"] == source)
        .filter_map(|side| side["says"].as_str())
        .collect()
}

/// The thing of a kind.
fn thing<'a>(answer: &'a Value, kind: &str) -> &'a Value {
    let mut things = answer["things"].as_array().expect("a list").iter();
    let found = things.find(|thing| thing["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {answer}"))
}

#[test]
fn three_conflicts_and_two_faults_are_told_before_and_after_a_sync() {
    let place = Place::new();
    let (_demo, _) = place.serve(&["--demo"], &[]);
    let demo = Demo(&place);

    let all = demo.call("homelab_topology", &json!({ "limit": 500 }));
    assert_eq!(conflicts(&all), planted(), "{}", all["conflicts"]);
    let asked = all["sources"].as_array().expect("a list").iter();
    let silent: Vec<&Value> = asked.filter(|source| !source["error"].is_null()).collect();
    assert!(silent.is_empty(), "{silent:?}");

    // A record that nobody brought up to date.
    let camera = demo.what_is("cam-garden");
    assert_eq!(side(&camera, "netbox"), ["198.51.100.32"]);
    assert_eq!(side(&camera, "unifi"), ["198.51.100.12"]);
    // Two things at one address.
    let sensor = demo.what_is("198.51.100.17");
    assert_eq!(side(&sensor, "unifi"), ["esp-greenhouse", "sensor-cellar"]);
    // A name that leads elsewhere on one of two resolvers.
    let cloud = demo.what_is("nextcloud");
    assert_eq!(side(&cloud, "pihole"), ["192.0.2.79"]);
    assert_eq!(side(&cloud, "proxmox"), ["192.0.2.89"]);
    let seen = thing(&cloud, "guest")["seen_by"]
        .as_array()
        .expect("a list");
    let port = seen.iter().find(|seen| seen["source"] == "unifi");
    assert_eq!(port.expect("its port")["attributes"]["uplink"], "sw-rack");
    assert!(
        seen.iter().any(|seen| seen["source"] == "netbox"),
        "{cloud}"
    );

    // Two things that are not well.
    let point = demo.what_is("ap-garage");
    let point = thing(&point, "network_device");
    assert_eq!(
        (&point["status"], &point["health"]),
        (&json!("offline"), &json!("failed"))
    );
    let backup = demo.what_is("backup");
    let backup = thing(&backup, "container");
    assert_eq!(backup["status"], "offline");
    let mut states = backup["seen_by"].as_array().expect("a list").iter();
    let failed = |seen: &Value| {
        seen["state"]
            .as_str()
            .is_some_and(|state| state.contains("(1)"))
    };
    assert!(states.any(failed), "{backup}");

    // What hangs on a switch goes down with it, whoever knows that.
    let impact = demo.call(
        "homelab_impact",
        &json!({ "target": "sw-rack", "action": "stop" }),
    );
    let affected = impact["affected"].as_array().expect("a list");
    for name in ["ap-hall", "nextcloud", "paperless"] {
        assert!(
            affected.iter().any(|row| row["name"] == name),
            "{name}: {impact}"
        );
    }

    let report = demo.call("homelab_sync_inventory", &json!({}));
    let kept = report["kept"].as_array().expect("a list").iter();
    let of_camera: Vec<&Value> = kept
        .filter(|row| row["name"] == "cam-garden" && row["field"] == "ip")
        .collect();
    assert_eq!(of_camera.len(), 1, "{report}");
    assert_eq!(
        (&of_camera[0]["source"], &of_camera[0]["seen"]),
        (&json!("netbox"), &json!("198.51.100.32"))
    );
    let all = demo.call("homelab_topology", &json!({ "limit": 500 }));
    assert_eq!(conflicts(&all), planted(), "{}", all["conflicts"]);
}

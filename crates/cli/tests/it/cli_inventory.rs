//! Records in and out of the program.

use homelab_testkit::{Peer, Postgres, command};
use serde_json::{Value, json};

use crate::cli_support::{Place, Ran};

const LAB: &str = "\
networks:
- name: lan
  vlan_id: 10
  cidr: 192.0.2.0/24
  gateway: 192.0.2.1
devices:
- name: nas
  category: storage
  type: nas
  status: online
  ip: 192.0.2.10
  mac: 00-1B-44-11-3A-B7
  tags:
  - backup
  - rack 1
  metadata:
    disks: '8'
services:
- service_name: grafana
  url: https://grafana.example
  device: nas
  notes: |-
    first line
    second: line
network_config:
- ip_address: 2001:DB8::10
  allocated_to: nas
  network: lan
";

#[test]
fn an_export_imports_into_an_empty_place_as_it_was() {
    let (one, other) = (Place::new(), Place::new());
    one.write("lab.yaml", LAB);

    let report = one.json(&["inventory", "import", "lab.yaml"]);
    let exported = one.run(&["inventory", "export"]).ok().stdout;
    other.write("copy.yaml", &exported);
    other.run(&["inventory", "import", "copy.yaml"]).ok();
    let again = other.json(&["inventory", "import", "copy.yaml"]);

    assert_eq!(
        report["created"],
        json!({
            "devices": 1, "network_config": 1, "networks": 1, "services": 1,
        })
    );
    assert_eq!(other.run(&["inventory", "export"]).ok().stdout, exported);
    assert!(
        exported.contains("00:1b:44:11:3a:b7") && exported.contains("2001:db8::10"),
        "{exported}"
    );
    assert_eq!(again["created"], json!({}), "{again}");
    assert_eq!(again["unchanged"]["devices"], 1, "{again}");
}

#[test]
fn every_entity_survives_json_and_csv() {
    let (one, other) = (Place::new(), Place::new());
    one.write("lab.yaml", LAB);
    one.run(&["inventory", "import", "lab.yaml"]).ok();

    for entity in ["networks", "devices", "services", "addresses"] {
        let csv = one
            .run(&["inventory", "export", "--entity", entity, "--format", "csv"])
            .ok();
        other.write(&format!("{entity}.csv"), &csv.stdout);
        other
            .run(&["inventory", "import", &format!("{entity}.csv")])
            .ok();
    }
    one.run(&["inventory", "export", "--output", "lab.json"])
        .ok();

    let json: Value = one.json(&["inventory", "export"]);
    assert_eq!(other.json(&["inventory", "export"]), json);
    let written = std::fs::read_to_string(one.path("lab.json")).expect("the file");
    assert_eq!(serde_json::from_str::<Value>(&written).expect("JSON"), json);
}

#[test]
fn a_wrong_cell_is_named_and_nothing_is_imported() {
    let place = Place::new();
    place.write("devices.csv", "name,ip\nnas,192.0.2.10\nups,192.0.2.300\n");

    let ran = place.run(&["inventory", "import", "devices.csv"]).failed(1);

    assert_eq!(
        ran.stderr,
        "error: `devices.csv` cannot be imported: line 3, column ip: `192.0.2.300` is not an IP address\n"
    );
    assert!(!place.data("homelab.db").exists());
}

#[test]
fn a_reference_to_nothing_imports_nothing() {
    let place = Place::new();
    place.write(
        "lab.yaml",
        "devices:\n- name: nas\nservices:\n- service_name: a\n  device: nowhere\n",
    );

    let ran = place.run(&["inventory", "import", "lab.yaml"]).failed(1);

    assert!(ran.stderr.contains("nothing was imported"), "{ran:?}");
    assert!(ran.stderr.contains("nowhere"), "{ran:?}");
    assert_eq!(place.json(&["inventory", "list", "devices"]), json!([]));
}

#[test]
fn an_unknown_field_of_a_yaml_file_is_named() {
    let place = Place::new();
    place.write("lab.yaml", "devices:\n- name: nas\n  colour: red\n");

    let ran = place.run(&["inventory", "import", "lab.yaml"]).failed(1);

    assert!(ran.stderr.contains("colour"), "{ran:?}");
    assert!(
        ran.stderr.contains("line 3") || ran.stderr.contains(":3:"),
        "{ran:?}"
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let place = Place::new();
    place.write("lab.yaml", LAB);

    let would = place.json(&["inventory", "import", "lab.yaml", "--dry-run"]);

    assert_eq!(would["would_import"]["devices"], 1);
    assert_eq!(place.json(&["inventory", "list"]), json!([]));
}

#[test]
fn records_are_added_and_changed_field_by_field() {
    let place = Place::new();
    let add = |fields: &[&str]| place.run(&[&["inventory", "add"], fields].concat());

    add(&[
        "device",
        "name=nas",
        "ip=192.0.2.10",
        "tags=a;b",
        "metadata.rack=r1",
    ])
    .ok();
    let twice = add(&["device", "name=NAS"]).failed(1);
    add(&["device", "--update", "name=nas", "status=offline", "tags="]).ok();
    let near = add(&["device", "--update", "name=nass", "ip=192.0.2.1"]).failed(1);
    let typo = add(&["device", "name=x", "statsu=online"]).failed(2);
    let wrong = add(&["network", "name=lan", "vlan_id=x"]).failed(2);

    let devices = place.json(&["inventory", "list", "devices"]);
    let nas = &devices[0];
    assert_eq!(
        (&nas["ip"], &nas["status"]),
        (&json!("192.0.2.10"), &json!("offline"))
    );
    assert_eq!(nas["metadata"], json!({ "rack": "r1" }));
    assert!(nas.get("tags").is_none(), "{nas}");
    assert!(twice.stderr.contains("--update"), "{twice:?}");
    assert!(near.stderr.contains("did you mean `nas`?"), "{near:?}");
    assert!(typo.stderr.contains("did you mean `status`?"), "{typo:?}");
    assert!(
        wrong.stderr.contains("`x` is not a whole number"),
        "{wrong:?}"
    );
}

#[test]
fn lists_are_filtered() {
    let place = Place::new();
    place.write(
        "devices.csv",
        "name,category,status,tags\na,storage,online,x\nb,network,offline,\n",
    );
    place.run(&["inventory", "import", "devices.csv"]).ok();

    let by = |option: &str, value: &str| {
        let found = place.json(&["inventory", "list", "devices", option, value]);
        found
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["name"].clone())
            .collect::<Vec<_>>()
    };

    assert_eq!(by("--status", "OFFLINE"), ["b"]);
    assert_eq!(by("--category", "storage"), ["a"]);
    assert_eq!(by("--tag", "x"), ["a"]);
    place
        .run(&["inventory", "list", "devices", "--status", "ofline"])
        .failed(2);
}

/// The tables of the older server with one record each; the password is the reference token of the
/// Fernet specification, whose plain text is `hello`.
const OLDER: &str = "
CREATE TABLE proxmox_hosts (id INTEGER PRIMARY KEY, node_name TEXT, ip_address TEXT, status TEXT);
INSERT INTO proxmox_hosts VALUES (1, 'pve1', '192.0.2.2', 'online');
CREATE TABLE virtual_machines (id INTEGER PRIMARY KEY, vm_id INTEGER, name TEXT, host_id INTEGER, status TEXT, ip_address TEXT);
INSERT INTO virtual_machines VALUES (1, 101, 'web', 1, 'running', '192.0.2.20');
CREATE TABLE credentials (id INTEGER PRIMARY KEY, target_type TEXT, target_id INTEGER, username TEXT, password_encrypted TEXT, ssh_key_path TEXT, auth_type TEXT, notes TEXT);
INSERT INTO credentials VALUES (1, 'vm', 1, 'root', 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==', NULL, 'password', NULL);
";
const OLDER_KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

fn older_database(place: &Place) -> Option<()> {
    let python = Peer::Python.require()?;
    let mut make = command(python);
    make.args([
        "-c",
        "import sqlite3,sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])",
    ])
    .arg(place.path("old.db"))
    .arg(OLDER);
    Ran::of(make).ok();
    Some(())
}

#[test]
fn the_database_of_the_older_server_comes_along_with_its_passwords() {
    let place = Place::new();
    let Some(()) = older_database(&place) else {
        return;
    };
    place.init();
    let before = std::fs::read(place.path("old.db")).expect("the file");
    let import = ["inventory", "import", "--from", "sqlite:old.db", "--json"];
    let get = [
        "tools",
        "call",
        "homelab_get_credentials",
        "--args",
        "{\"target\":\"web\"}",
        "--json",
    ];

    let without = place.run(&import).ok().json();
    place.run(&get);
    let with = place
        .run_with(&import, &[("HOMELAB_DB_KEY", OLDER_KEY)])
        .ok();
    let revealed = place.run(&get).ok().json();

    assert_eq!(
        without["credentials"],
        json!({ "readable": 0, "unreadable": 1 }),
        "{without}"
    );
    assert_eq!(
        with.json()["credentials"],
        json!({ "readable": 1, "unreadable": 0 })
    );
    // Encrypted with our own key now: the older one is not needed any more.
    assert_eq!(
        revealed["credentials"][0]["password"], "hello",
        "{revealed}"
    );
    let vms = place.json(&["inventory", "list", "vms"]);
    assert_eq!(
        (&vms[0]["name"], &vms[0]["host"]),
        (&json!("web"), &json!("pve1")),
        "{vms}"
    );
    assert_eq!(
        std::fs::read(place.path("old.db")).expect("the file"),
        before
    );
}

#[test]
fn what_is_no_source_is_refused() {
    let place = Place::new();

    let none = place
        .run(&["inventory", "import", "--from", "lab.yaml"])
        .failed(2);
    let missing = place
        .run(&["inventory", "import", "--from", "sqlite:nowhere.db"])
        .failed(1);

    assert!(none.stderr.contains("names no database"), "{none:?}");
    assert!(missing.stderr.contains("nowhere.db"), "{missing:?}");
}

#[test]
fn a_data_directory_with_somebody_elses_database_is_left_alone() {
    let place = Place::new();
    let Some(()) = older_database(&place) else {
        return;
    };
    place.write(".local/share/homelab-mcp/x", "");
    std::fs::copy(place.path("old.db"), place.data("homelab.db")).expect("a copy");

    let ran = place.run(&["keys", "list"]).failed(1);

    assert!(
        ran.stderr.contains("inventory import --from sqlite:"),
        "{ran:?}"
    );
}

#[test]
fn postgresql_is_used_through_the_names_of_the_older_server() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.fresh_database().expect("a database");
    let place = Place::new();
    let variables = [("HOMELAB__DATABASE__URL", url.as_str())];

    place
        .run_with(&["inventory", "add", "device", "name=nas"], &variables)
        .ok();
    let doctor = place.run_with(&["doctor"], &variables).ok();

    assert!(doctor.stdout.contains("PostgreSQL"), "{doctor:?}");
    assert!(!place.data("homelab.db").exists());
    // The URL taken apart into the old variables means the same database.
    let parts = Parts::of(&url);
    let old = [
        ("HOMELAB_DB_HOST", parts.host.as_str()),
        ("HOMELAB_DB_PORT", parts.port.as_str()),
        ("HOMELAB_DB_NAME", parts.name.as_str()),
        ("HOMELAB_DB_USER", parts.user.as_str()),
        ("HOMELAB_DB_PASSWORD", parts.password.as_str()),
    ];
    let listed = place
        .run_with(&["inventory", "list", "--json"], &old)
        .ok()
        .json();
    assert_eq!(listed[0]["name"], "nas");
}

/// A URL as the older variables spell it.
struct Parts {
    user: String,
    password: String,
    host: String,
    port: String,
    name: String,
}

impl Parts {
    fn of(url: &str) -> Self {
        let rest = url.split("://").nth(1).expect("a URL");
        let (user, place) = rest.split_once('@').expect("a user");
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let (address, name) = place.split_once('/').expect("a name");
        let (host, port) = address.split_once(':').expect("a port");
        let name = name.split('?').next().unwrap_or(name);
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            host: host.to_owned(),
            port: port.to_owned(),
            name: name.to_owned(),
        }
    }
}

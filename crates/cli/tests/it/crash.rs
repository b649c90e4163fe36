//! `kill -9` in the middle of many writes: nothing that was acknowledged is lost, and the audit chains
//! hold.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use homelab_testkit::Postgres;
use serde_json::{Value, json};

use crate::clients_http::McpConnection;
use crate::clients_support::Home;

/// Clients that write at the same time, and the writes each would like to make in a round.
const CLIENTS: usize = 8;
const WRITES: usize = 125;

/// One acknowledged write.
struct Written {
    /// Tells it from all others in the audit; see [`identity`].
    identity: String,
    what: What,
}

enum What {
    /// A device that no other write touches.
    Device(String),
    /// A device whose notes are rewritten with rising numbers.
    Notes(String, usize),
    Service(String),
    Address(String),
}

/// What tells a write by its arguments.
fn identity(arguments: &Value) -> String {
    ["name", "hostname", "notes"]
        .iter()
        .filter_map(|&field| arguments[field].as_str())
        .collect::<Vec<_>>()
        .join("#")
}

/// Makes the client's `number`-th write.
fn write(client: &mut McpConnection, name: &str, number: usize) -> io::Result<Written> {
    let unique = format!("{name}-{number}");
    let (tool, arguments) = match number % 4 {
        0 => (
            "homelab_upsert_device",
            json!({"name": unique, "tags": ["crash"]}),
        ),
        1 => (
            "homelab_upsert_device",
            json!({"name": name, "notes": number.to_string()}),
        ),
        2 => (
            "homelab_upsert_service",
            json!({"name": unique, "port": 8080}),
        ),
        _ => (
            "homelab_allocate_ip",
            json!({"network": "crash", "hostname": unique}),
        ),
    };
    let answer = client.success(tool, &arguments)?;
    let what = match number % 4 {
        0 => What::Device(unique),
        1 => What::Notes(name.to_owned(), number),
        2 => What::Service(unique),
        _ => {
            let address = answer["address"]["ip_address"].as_str();
            What::Address(address.expect("an address").to_owned())
        }
    };
    Ok(Written {
        identity: identity(&arguments),
        what,
    })
}

/// Writes until the server is gone, which happens after `until` acknowledged writes; returns them.
fn round(home: &Home, round: usize, until: usize) -> Vec<Written> {
    let mut server = home.serve(&[]);
    let acknowledged = AtomicUsize::new(0);
    let (port, key) = (server.port, server.key.clone());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (acknowledged, key) = (&acknowledged, &key);
                scope.spawn(move || {
                    let name = format!("crash-{round}-{client}");
                    let mut written = Vec::new();
                    let Ok(mut client) = McpConnection::open(port, key) else {
                        return written;
                    };
                    for number in 0..WRITES {
                        // The connection breaks when the server is killed.
                        let Ok(one) = write(&mut client, &name, number) else {
                            break;
                        };
                        written.push(one);
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    written
                })
            })
            .collect();
        let deadline = Instant::now() + Duration::from_mins(1);
        while acknowledged.load(Ordering::Relaxed) < until {
            let stuck = clients.iter().all(thread::ScopedJoinHandle::is_finished);
            assert!(!stuck && Instant::now() < deadline, "{}", server.log());
            thread::sleep(Duration::from_millis(1));
        }
        server.kill();
        clients
            .into_iter()
            .flat_map(|client| client.join().expect("no client panics"))
            .collect()
    })
}

/// The writes whose outcome the audit has, by identity.
fn audited(home: &Home) -> BTreeSet<String> {
    home.succeed(&["audit", "export"])
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON lines"))
        .filter(|row| row["kind"] == "outcome" && row["outcome"] == "ok")
        .filter_map(|row| serde_json::from_str(row["arguments"].as_str()?).ok())
        .map(|arguments| identity(&arguments))
        .collect()
}

/// Everything written is in the inventory and in the audit, and the chains are whole.
fn check(home: &Home, written: &[Written]) {
    home.succeed(&["audit", "verify"]);
    let audited = audited(home);
    let inventory: Value = home.json(&["inventory", "export"]);
    let records = |list: &str, key: &str| -> BTreeMap<String, Value> {
        let records = inventory[list].as_array().into_iter().flatten();
        records
            .filter_map(|record| Some((record[key].as_str()?.to_owned(), record.clone())))
            .collect()
    };
    let devices = records("devices", "name");
    let services = records("services", "service_name");
    let addresses = records("network_config", "ip_address");

    let mut allocated = BTreeSet::new();
    for Written { identity, what } in written {
        assert!(audited.contains(identity), "{identity} is not in the audit");
        match what {
            What::Device(name) => assert!(devices.contains_key(name), "{name} is lost"),
            What::Service(name) => assert!(services.contains_key(name), "{name} is lost"),
            What::Address(address) => {
                assert!(addresses.contains_key(address), "{address} is lost");
                assert!(allocated.insert(address), "{address} was given twice");
            }
            What::Notes(name, number) => {
                let notes = devices
                    .get(name)
                    .and_then(|device| device["notes"].as_str());
                let stored: Option<usize> = notes.and_then(|notes| notes.parse().ok());
                assert!(
                    stored >= Some(*number),
                    "{name} went back from {number} to {stored:?}"
                );
            }
        }
    }
}

/// Rounds on one database; each is killed at another point of its thousand writes.
fn rounds(home: &Home, kills: &[usize]) {
    let network = home.file(
        "network.yaml",
        "networks:\n- name: crash\n  cidr: 198.18.0.0/16\n  gateway: 198.18.0.1\n",
    );
    home.succeed(&["inventory", "import", &network.display().to_string()]);
    let mut written = Vec::new();
    for (number, &until) in kills.iter().enumerate() {
        written.extend(round(home, number, until));
        check(home, &written);
    }
    assert!(
        written.len() >= kills.iter().sum(),
        "{} writes",
        written.len()
    );
}

#[test]
fn no_acknowledged_write_is_lost_when_the_server_is_killed_on_sqlite() {
    rounds(&Home::new(), &[211, 577, 890]);
}

#[test]
fn no_acknowledged_write_is_lost_when_the_server_is_killed_on_postgresql() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    rounds(&Home::on_postgres(postgres), &[389, 760]);
}

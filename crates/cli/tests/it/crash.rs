//! `kill -9` in the middle of many writes: nothing that was acknowledged is lost, and the audit chains
//! hold.

use std::collections::BTreeSet;
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
#[derive(Debug)]
enum Written {
    /// A device that no other write touches.
    Device(String),
    /// A device whose notes are rewritten with rising numbers.
    Notes(String, usize),
    Service(String),
    Address(String),
}

/// Makes the client's `number`-th write.
fn write(client: &mut McpConnection, name: &str, number: usize) -> io::Result<Written> {
    let unique = format!("{name}-{number}");
    Ok(match number % 4 {
        0 => {
            let device = json!({"name": unique, "category": "compute", "tags": ["crash"]});
            client.success("homelab_upsert_device", &device)?;
            Written::Device(unique)
        }
        1 => {
            let device = json!({"name": name, "notes": number.to_string()});
            client.success("homelab_upsert_device", &device)?;
            Written::Notes(name.to_owned(), number)
        }
        2 => {
            let service = json!({"name": unique, "type": "web", "port": 8080});
            client.success("homelab_upsert_service", &service)?;
            Written::Service(unique)
        }
        _ => {
            let wanted = json!({"network": "crash", "hostname": unique});
            let given = client.success("homelab_allocate_ip", &wanted)?;
            let address = given["address"]["ip_address"].as_str();
            Written::Address(address.expect("an address").to_owned())
        }
    })
}

/// Writes until the server is gone, which happens after `until` acknowledged writes; returns them.
fn round(home: &Home, round: usize, until: usize) -> Vec<Written> {
    let mut server = home.serve(&[]);
    let acknowledged = AtomicUsize::new(0);
    let port = server.port;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let acknowledged = &acknowledged;
                scope.spawn(move || {
                    let name = format!("crash-{round}-{client}");
                    let mut written = Vec::new();
                    let Ok(mut client) = McpConnection::open(port, &home.agent.key) else {
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

/// Everything written is in the inventory and in the audit, and the chains are whole.
fn check(home: &Home, written: &[Written]) {
    home.succeed(&["audit", "verify"]);
    let inventory: Value = home.json(&["inventory", "export"]);
    let names = |list: &str, field: &str| -> BTreeSet<String> {
        inventory[list]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|record| record[field].as_str().map(str::to_owned))
            .collect()
    };
    let devices = names("devices", "name");
    let services = names("services", "service_name");
    let addresses = names("network_config", "ip_address");
    let audit = home.succeed(&["audit", "export"]);

    let mut allocated = BTreeSet::new();
    for one in written {
        match one {
            Written::Device(name) => {
                assert!(devices.contains(name), "{name} is lost");
                assert!(audit.contains(name), "{name} is not in the audit");
            }
            Written::Service(name) => {
                assert!(services.contains(name), "{name} is lost");
                assert!(audit.contains(name), "{name} is not in the audit");
            }
            Written::Address(address) => {
                assert!(addresses.contains(address), "{address} is lost");
                assert!(allocated.insert(address), "{address} was given twice");
            }
            Written::Notes(name, number) => {
                let device = inventory["devices"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|device| device["name"] == **name)
                    .unwrap_or_else(|| panic!("{name} is lost"));
                let notes = device["notes"].as_str().expect("notes");
                let stored: usize = notes.parse().expect("a number");
                assert!(
                    stored >= *number,
                    "{name} went back from {number} to {stored}"
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
    home.succeed(&[
        "inventory",
        "import",
        "--from",
        &network.display().to_string(),
    ]);
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

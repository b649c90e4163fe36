//! A SCPI server and clients that are not ours: scpipy answers our queries, PyVISA uses the
//! connection details that we hand out.

use std::time::Duration;

use homelab_testkit::{Peer, Proc, command};
use serde_json::json;

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// The folder of the Python halves of these tests.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers");

/// Starts scpipy; the world has it as instrument `peer`.
async fn with_scpipy() -> Option<(World, Proc)> {
    let python = Peer::Python.require()?;
    let port = homelab_testkit::free_port().expect("a free port");
    let script = format!("{PEERS}/scpi_server.py");
    let peer = Proc::spawn(command(python).args([&script, &port.to_string()])).expect("scpipy");
    homelab_testkit::wait_for_port(port, PATIENCE).expect("scpipy listens");
    let equipment = json!({ "name": "peer", "host": "127.0.0.1", "port": port });
    let inventory = json!({ "test_equipment": [equipment] });
    let world = World::of_with(inventory, json!({ "scpi_answer_timeout_s": 1 })).await;
    Some((world, peer))
}

#[tokio::test]
async fn scpipy_is_identified_and_queried() {
    let Some((world, _peer)) = with_scpipy().await else {
        return;
    };

    let args = json!({ "device": "peer", "probe": true });
    let found = world.call("homelab_get_scpi_connection", args).await;
    let args = json!({ "device": "peer", "command": "MEAS:VOLT?;*OPC?" });
    let answer = world.call("homelab_scpi_query", args).await;

    assert_eq!(found["probe"]["identity"]["model"], "Peer 1");
    assert_eq!(answer["answer"], "+1.25;1");
}

#[tokio::test]
async fn scpipy_is_silent_on_an_unknown_header_and_then_names_the_error() {
    let Some((world, _peer)) = with_scpipy().await else {
        return;
    };

    let args = json!({ "device": "peer", "command": "BOGUS?" });
    let silent = world.fail("homelab_scpi_query", args).await;
    let args = json!({ "device": "peer", "command": "SYST:ERR?" });
    let error = world.call("homelab_scpi_query", args).await;

    assert_eq!(silent.code(), homelab_core::error::Code::Timeout);
    assert!(
        error["answer"].as_str().unwrap().starts_with("-11"),
        "{error}"
    );
}

#[tokio::test]
async fn pyvisa_connects_with_the_details_we_hand_out() {
    let Some(python) = Peer::Python.require() else {
        return;
    };
    let world = World::demo().await;
    let found = world
        .call("homelab_get_scpi_connection", json!({ "device": "dmm-1" }))
        .await;

    let script = format!("{PEERS}/visa_client.py");
    let client = Proc::spawn(command(python).args([
        script.as_str(),
        found["visa_resource"].as_str().unwrap(),
        found["read_termination"].as_str().unwrap(),
        found["write_termination"].as_str().unwrap(),
    ]))
    .unwrap();
    // The instrument runs on this thread's runtime: waiting must not block it.
    let line = tokio::task::spawn_blocking(move || client.wait_for_line("identity:", PATIENCE));

    assert_eq!(
        line.await.unwrap().unwrap(),
        "identity: Keysight Technologies,34465A,DEMO-T002,A.03.02-02.40"
    );
}

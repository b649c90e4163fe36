//! Cables and where they lead.

use homelab_lab::netbox::NetBox;
use serde_json::{Value, json};

use super::{ask, get, post, server};

fn end(kind: &str, id: u64) -> Value {
    json!([{ "object_type": format!("dcim.{kind}"), "object_id": id }])
}

fn cable(a: &Value, b: &Value) -> Value {
    json!({ "a_terminations": a, "b_terminations": b })
}

/// A third device, uncabled.
async fn three() -> NetBox {
    let netbox = server().await;
    netbox.add(
        "dcim/devices",
        json!({ "name": "n3", "device_type": 1, "role": 1, "site": 1 }),
    );
    netbox.add(
        "dcim/interfaces",
        json!({ "device": 3, "name": "eth0", "type": "1000base-t" }),
    );
    netbox
}

#[tokio::test]
async fn a_cable_joins_two_ports() {
    let netbox = three().await;
    let mut body = cable(&end("interface", 1), &end("interface", 2));
    body["type"] = json!("cat6");
    body["length"] = json!(1.5);
    body["length_unit"] = json!("m");

    let (status, made) = post(&netbox, "dcim/cables/", body).await;
    let port = get(&netbox, "dcim/interfaces/1/").await;

    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["display"], &made["type"]),
        (&json!("#1"), &json!("cat6"))
    );
    assert_eq!(
        made["length_unit"],
        json!({ "value": "m", "label": "Meters" })
    );
    assert_eq!(made["b_terminations"][0]["object"]["device"]["name"], "n2");
    assert_eq!(
        (&port["cable"]["id"], &port["cable_end"]),
        (&json!(1), &json!("A"))
    );
    assert_eq!(port["link_peers"][0]["device"]["name"], "n2");
    assert_eq!(port["connected_endpoints_type"], "dcim.interface");
    assert_eq!(
        (&port["connected_endpoints_reachable"], &port["_occupied"]),
        (&json!(true), &json!(true))
    );
}

#[tokio::test]
async fn a_port_takes_one_cable() {
    let netbox = three().await;
    netbox.add(
        "dcim/cables",
        cable(&end("interface", 1), &end("interface", 2)),
    );

    let second = post(
        &netbox,
        "dcim/cables/",
        cable(&end("interface", 1), &end("interface", 3)),
    )
    .await;
    let moved = json!({ "b_terminations": end("interface", 3) });
    let moved = ask(&netbox, "PATCH", "dcim/cables/1/", moved).await;
    let trace = get(&netbox, "dcim/interfaces/1/trace/").await;

    let text = "Duplicate termination found for dcim.interface 1: cable 1";
    assert_eq!(second, (400, json!({ "__all__": [text] })));
    assert_eq!(moved.status, 200);
    assert_eq!(trace[0][0][0]["device"]["name"], "n1");
    assert_eq!(
        (&trace[0][1]["id"], &trace[0][1]["status"]),
        (&json!(1), &json!("connected"))
    );
    assert_eq!(trace[0][2][0]["device"]["name"], "n3");
    assert_eq!(
        get(&netbox, "dcim/interfaces/2/").await["cable"],
        Value::Null
    );
}

#[tokio::test]
async fn not_everything_goes_together() {
    let netbox = three().await;
    netbox.add(
        "dcim/interfaces",
        json!({ "device": 1, "name": "br0", "type": "bridge" }),
    );
    netbox.add("dcim/power-ports", json!({ "device": 1, "name": "psu" }));
    netbox.add("dcim/power-outlets", json!({ "device": 2, "name": "out" }));

    let mut seen = Vec::new();
    for (a, b) in [
        (end("interface", 1), end("interface", 4)),
        (end("interface", 1), end("powerport", 1)),
        (end("interface", 1), end("interface", 1)),
        (end("interface", 1), end("interface", 99)),
        (end("widget", 1), end("interface", 1)),
        (end("powerport", 1), end("poweroutlet", 1)),
    ] {
        seen.push(post(&netbox, "dcim/cables/", cable(&a, &b)).await.0);
    }

    assert_eq!(seen, [400, 400, 400, 400, 400, 201]);
    assert_eq!(netbox.count("dcim/cables"), 1);
}

#[tokio::test]
async fn a_trace_goes_through_panels() {
    let netbox = three().await;
    netbox.add(
        "dcim/rear-ports",
        json!({ "device": 3, "name": "r1", "type": "8p8c", "positions": 1 }),
    );
    let map = json!([{ "position": 1, "rear_port": 1, "rear_port_position": 1 }]);
    let front = json!({ "device": 3, "name": "f1", "type": "8p8c", "rear_ports": map });
    netbox.add("dcim/front-ports", front);
    netbox.add(
        "dcim/cables",
        cable(&end("interface", 1), &end("frontport", 1)),
    );

    let half = get(&netbox, "dcim/interfaces/1/").await;
    netbox.add(
        "dcim/cables",
        cable(&end("rearport", 1), &end("interface", 2)),
    );
    let whole = get(&netbox, "dcim/interfaces/1/").await;
    let trace = get(&netbox, "dcim/interfaces/1/trace/").await;

    assert_eq!(half["connected_endpoints"], Value::Null);
    assert_eq!(half["connected_endpoints_reachable"], false);
    assert_eq!(whole["connected_endpoints"][0]["device"]["name"], "n2");
    assert_eq!(trace.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn cables_are_found_by_what_they_end_at() {
    let netbox = three().await;
    netbox.add(
        "dcim/cables",
        cable(&end("interface", 1), &end("interface", 2)),
    );

    let cases = [
        ("cables/?device=n1", 1),
        ("cables/?device_id=3", 0),
        ("cables/?interface_id=2", 1),
        ("cables/?site=lab", 1),
        ("cables/?unterminated=true", 0),
        ("cables/?status=planned", 0),
        ("interfaces/?cabled=true", 2),
        ("interfaces/?occupied=false", 1),
        ("interfaces/?device=n1&name=eth0", 1),
        ("interfaces/?site=lab", 3),
        ("interfaces/?kind=virtual", 0),
    ];
    for (query, count) in cases {
        let list = get(&netbox, &format!("dcim/{query}")).await;
        assert_eq!(list["count"], count, "{query}");
    }
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_cable_that_goes_frees_its_ports() {
    let netbox = three().await;
    netbox.add(
        "dcim/cables",
        cable(&end("interface", 1), &end("interface", 2)),
    );

    let gone = ask(&netbox, "DELETE", "dcim/cables/1/", Value::Null).await;

    assert_eq!(gone.status, 204);
    assert_eq!(get(&netbox, "dcim/interfaces/1/").await["_occupied"], false);
}

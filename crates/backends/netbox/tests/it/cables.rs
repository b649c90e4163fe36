//! Cables.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use serde_json::{Value, json};

use crate::world::{World, column, field, hint, reason, says};

fn end(device: &str, port: &str) -> Value {
    json!({ "device": device, "port": port })
}

fn connect(a: &Value, b: &Value) -> Value {
    json!({ "action": "connect", "a": a, "b": b })
}

fn with(mut args: Value, more: &Value) -> Value {
    let more = more.as_object().expect("an object").clone();
    args.as_object_mut().expect("an object").extend(more);
    args
}

#[tokio::test]
async fn two_ports_are_connected_once_and_undone() {
    let world = World::lab().await;
    let plain = connect(&end("n1", "eth0"), &end("sw1", "1"));
    let args = with(
        plain.clone(),
        &json!({ "type": "cat6", "length": 1.5, "length_unit": "m", "color": "00ff00" }),
    );

    let plan = world.preview("update_cable_map", args.clone()).await;
    let targets = world.targets("update_cable_map", args.clone()).await;
    let inverse = world.inverse("update_cable_map", args.clone()).await;
    let done = world.call("update_cable_map", args).await;
    let again = world.call("update_cable_map", plain.clone()).await;
    let nothing = world.inverse("update_cable_map", plain.clone()).await;
    let writes = world.writes().len();
    world.undo(inverse).await;

    assert_eq!(plan.summary, "connect n1: eth0 to sw1: 1");
    let names: Vec<_> = targets
        .iter()
        .filter_map(|one| one.name.as_deref())
        .collect();
    assert_eq!(names, ["n1", "sw1"]);
    let cable = &done["cable"];
    assert_eq!(
        (&cable["a"], &cable["b"]),
        (&json!(["n1: eth0"]), &json!(["sw1: 1"]))
    );
    assert_eq!(
        (&cable["type"], &cable["length"], &cable["color"]),
        (&json!("cat6"), &json!("1.5 m"), &json!("00ff00"))
    );
    assert_eq!((&again["cable"]["id"], nothing), (&cable["id"], None));
    assert_eq!(writes, 1);
    assert_eq!(world.netbox.count("dcim/cables"), 0);
    assert_eq!(world.effect("update_cable_map", plain), Effect::Write);
}

#[tokio::test]
async fn a_port_with_a_cable_is_left_alone_unless_it_is_to_be_replaced() {
    let world = World::lab().await;
    let old = with(
        connect(&end("n1", "eth0"), &end("sw1", "1")),
        &json!({ "label": "old", "type": "cat6" }),
    );
    world.call("update_cable_map", old).await;
    let new = connect(&end("n1", "eth0"), &end("sw1", "2"));
    let replace = with(new.clone(), &json!({ "replace": true }));

    let occupied = world.fail("update_cable_map", new).await;
    let plan = world.preview("update_cable_map", replace.clone()).await;
    let targets = world.targets("update_cable_map", replace.clone()).await;
    let inverse = world.inverse("update_cable_map", replace.clone()).await;
    let told = world
        .call(
            "update_cable_map",
            with(replace.clone(), &json!({ "dry_run": true })),
        )
        .await;
    let done = world.call("update_cable_map", replace.clone()).await;
    let undone = world.undo(inverse).await;

    assert_eq!(
        (occupied.code(), reason(&occupied), field(&occupied)),
        (Code::Conflict, "port_occupied", "a.port")
    );
    assert!(hint(&occupied).contains("replace"));
    assert!(
        says(&plan.impact, "remove cable 1, n1: eth0 to sw1: 1"),
        "{:?}",
        plan.impact
    );
    assert!(
        targets
            .iter()
            .any(|one| one.kind == "cable" && one.id == "1")
    );
    assert_eq!(
        told["plan"],
        json!([
            "remove cable 1, n1: eth0 to sw1: 1",
            "connect n1: eth0 to sw1: 2"
        ])
    );
    assert_eq!(
        (&done["cable"]["b"], &done["removed"][0]["label"]),
        (&json!(["sw1: 2"]), &json!("old"))
    );
    assert_eq!(
        (&undone["cable"]["b"], &undone["cable"]["label"]),
        (&json!(["sw1: 1"]), &json!("old"))
    );
    assert_eq!(world.netbox.count("dcim/cables"), 1);
    assert_eq!(
        world.effect("update_cable_map", replace),
        Effect::Destructive
    );
}

#[tokio::test]
async fn what_was_removed_is_put_back_where_the_new_cable_is_refused() {
    let world = World::lab().await;
    let old = with(
        connect(&end("n1", "eth0"), &end("sw1", "1")),
        &json!({ "label": "old" }),
    );
    world.call("update_cable_map", old).await;
    // NetBox refuses a cable to a console port at its other end.
    let args = with(
        connect(&end("n1", "eth0"), &end("n1", "console")),
        &json!({ "replace": true }),
    );

    let error = world.fail("update_cable_map", args).await;

    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    let list = world.call("list_cables", json!({})).await;
    assert_eq!(
        (column(&list, "items", "label"), column(&list, "items", "b")),
        (vec![json!("old")], vec![json!(["sw1: 1"])])
    );
}

#[tokio::test]
async fn what_cannot_be_put_back_is_said() {
    let world = World::lab().await;
    world
        .call(
            "update_cable_map",
            connect(&end("n1", "eth0"), &end("sw1", "1")),
        )
        .await;
    let args = with(
        connect(&end("n1", "eth0"), &end("sw1", "2")),
        &json!({ "replace": true }),
    );
    // Its look at the old cable and the removal of that go well, nothing after them.
    let (path, well) = ("/api/dcim/cables/", Fault::Delay(Duration::ZERO));
    world.netbox.faults().next(2, path, well);
    world.netbox.faults().always(path, Fault::Status(500));

    let error = world.fail("update_cable_map", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "incomplete")
    );
    let message = &error.envelope().message;
    assert!(message.contains("n1: eth0 to sw1: 1"), "{message}");
    assert_eq!(world.netbox.count("dcim/cables"), 0);
}

#[tokio::test]
async fn a_cable_is_changed_under_its_tag_and_changed_back() {
    let world = World::lab().await;
    let made = with(
        connect(&end("n1", "eth0"), &end("sw1", "1")),
        &json!({ "status": "planned" }),
    );
    world.call("update_cable_map", made).await;
    let args =
        json!({ "action": "update", "a": end("n1", "eth0"), "status": "connected", "label": "A1" });

    let plan = world.preview("update_cable_map", args.clone()).await;
    let inverse = world.inverse("update_cable_map", args.clone()).await;
    let done = world.call("update_cable_map", args).await;
    let if_match = world
        .netbox
        .log()
        .all()
        .iter()
        .rev()
        .find(|one| one.method == "PATCH")
        .and_then(|one| one.headers.get("if-match").cloned());
    let undone = world.undo(inverse).await;

    assert_eq!(plan.summary, "change cable 1, n1: eth0 to sw1: 1");
    assert_eq!(
        (&done["cable"]["status"], &done["cable"]["label"]),
        (&json!("connected"), &json!("A1"))
    );
    assert!(if_match.is_some());
    assert_eq!(undone["cable"]["status"], "planned");
    assert!(undone["cable"].get("label").is_none());
}

#[tokio::test]
async fn a_change_in_between_is_not_overwritten() {
    let world = World::lab().await;
    world
        .call(
            "update_cable_map",
            connect(&end("n1", "eth0"), &end("sw1", "1")),
        )
        .await;
    let path = "/api/dcim/cables/1/";
    // The read before the change is answered well, then the tag fits no more.
    world
        .netbox
        .faults()
        .next(1, path, Fault::Delay(Duration::ZERO));
    world.netbox.faults().always(path, Fault::Status(412));

    let error = world
        .fail(
            "update_cable_map",
            json!({ "action": "update", "cable": 1, "label": "x" }),
        )
        .await;

    assert_eq!(error.envelope().upstream_status, Some(412));
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "changed_meanwhile")
    );
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_cable_is_removed_by_its_port_or_id() {
    let world = World::lab().await;
    world
        .call(
            "update_cable_map",
            with(
                connect(&end("n1", "eth0"), &end("sw1", "1")),
                &json!({ "type": "cat6a" }),
            ),
        )
        .await;
    let by_ports = json!({ "action": "disconnect", "a": end("n1", "eth0"), "b": end("sw1", "1") });

    let plan = world.preview("update_cable_map", by_ports.clone()).await;
    let inverse = world.inverse("update_cable_map", by_ports.clone()).await;
    let done = world.call("update_cable_map", by_ports.clone()).await;
    let gone = world.fail("update_cable_map", by_ports.clone()).await;
    world.undo(inverse).await;
    let restored = world.call("list_cables", json!({ "device": "sw1" })).await;
    let by_id = restored["items"][0]["id"].clone();
    world
        .call(
            "update_cable_map",
            json!({ "action": "disconnect", "cable": by_id }),
        )
        .await;
    let missing = world
        .fail(
            "update_cable_map",
            json!({ "action": "disconnect", "cable": 77 }),
        )
        .await;

    assert_eq!(plan.summary, "remove cable 1, n1: eth0 to sw1: 1");
    assert_eq!(done["removed"][0]["type"], "cat6a");
    assert_eq!(
        (gone.code(), reason(&gone)),
        (Code::NotFound, "cable_not_found")
    );
    assert_eq!(column(&restored, "items", "type"), [json!("cat6a")]);
    assert_eq!(
        (reason(&missing), field(&missing)),
        ("cable_not_found", "cable")
    );
    assert_eq!(world.netbox.count("dcim/cables"), 0);
    assert_eq!(
        world.effect("update_cable_map", by_ports),
        Effect::Destructive
    );
}

#[tokio::test]
async fn a_port_is_traced_to_its_other_end() {
    let world = World::lab().await;
    world
        .call(
            "update_cable_map",
            connect(&end("n1", "eth0"), &end("sw1", "1")),
        )
        .await;
    let args = json!({ "action": "trace", "a": end("n1", "eth0") });

    let traced = world.call("update_cable_map", args.clone()).await;
    let interfaces = world
        .call("list_interfaces", json!({ "device": "n1", "cabled": true }))
        .await;
    let nothing = world
        .fail("update_cable_map", json!({ "action": "trace" }))
        .await;

    assert_eq!(
        traced["segments"],
        json!([{ "near": ["n1: eth0"], "cable": 1, "far": ["sw1: 1"] }])
    );
    assert_eq!(
        column(&interfaces, "items", "connected_to"),
        [json!(["sw1: 1"])]
    );
    assert_eq!(field(&nothing), "a");
    assert_eq!(world.effect("update_cable_map", args), Effect::Read);
}

#[tokio::test]
async fn ports_that_are_not_there_or_not_one_are_named() {
    let world = World::lab().await;
    world.netbox.add(
        "dcim/console-ports",
        json!({ "device": 1, "name": "eth0", "type": "rj-45" }),
    );
    let b = end("sw1", "1");
    for (args, wanted) in [
        (
            connect(&end("n1", "eth9"), &b),
            ("port_not_found", "a.port"),
        ),
        (
            connect(&end("n9", "eth0"), &b),
            ("object_not_found", "a.device"),
        ),
        (connect(&end("n1", "eth0"), &b), ("ambiguous", "a.kind")),
        (connect(&b, &b), ("", "b")),
        (json!({ "action": "connect", "a": b }), ("", "b")),
        (json!({ "action": "update", "cable": 1 }), ("", "action")),
        (json!({ "action": "disconnect" }), ("", "cable")),
        (
            json!({ "action": "disconnect", "a": b }),
            ("cable_not_found", "a.port"),
        ),
    ] {
        let error = world.fail("update_cable_map", args.clone()).await;

        assert_eq!((reason(&error), field(&error)), wanted, "{args}: {error}");
    }
    let kind = with(end("n1", "eth0"), &json!({ "kind": "interface" }));
    world.call("update_cable_map", connect(&kind, &b)).await;
    let error = world
        .fail("list_cables", json!({ "site": "nowhere" }))
        .await;
    assert_eq!(field(&error), "site");
}

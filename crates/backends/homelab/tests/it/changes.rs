//! Adding, changing and removing devices and services.

use homelab_core::error::Code;
use homelab_core::tool::Change;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, hint, reason};

#[tokio::test]
async fn a_new_device_is_created_with_its_fields_in_canonical_form() {
    let world = World::demo().await;

    let done = world
        .call(
            "homelab_upsert_device",
            json!({
                "name": "nas-new", "category": "storage", "type": "nas", "ip": "::ffff:192.0.2.99",
                "mac": "00-00-5E-00-53-FF", "tags": ["demo"], "metadata": { "bays": "8" },
            }),
        )
        .await;
    let found = world
        .call("homelab_get_device", json!({ "ip": "192.0.2.99" }))
        .await;

    assert_eq!(done["created"], true);
    assert_eq!(found["device"]["mac"], "00:00:5e:00:53:ff");
    assert_eq!(found["device"]["metadata"], json!({ "bays": "8" }));
    assert_eq!(found["device"]["status"], "unknown");
}

#[tokio::test]
async fn fields_left_out_stay_and_named_ones_are_emptied() {
    let world = World::demo().await;

    let done = world
        .call(
            "homelab_upsert_device",
            json!({ "name": "NAS-MAIN", "location": "attic", "clear": ["os", "tags"] }),
        )
        .await;

    assert_eq!(done["created"], false);
    assert_eq!(done["changed"], json!(["os", "location", "tags"]));
    assert_eq!(done["device"]["name"], "nas-main");
    assert_eq!(done["device"]["model"], "DS1821+");
    assert_eq!(done["device"].get("os"), None);
}

#[tokio::test]
async fn the_same_change_twice_changes_nothing_more() {
    let world = World::demo().await;
    let change = json!({ "name": "nas-main", "notes": "moved" });

    let first = world.call("homelab_upsert_device", change.clone()).await;
    let second = world.call("homelab_upsert_device", change).await;

    assert_eq!(first["changed"], json!(["notes"]));
    assert_eq!(second["changed"], json!([]));
    assert_eq!(second["device"], first["device"]);
}

#[rstest]
#[case(json!({ "name": "x", "ip": "192.0.2.256" }), "ip")]
#[case(json!({ "name": "x", "mac": "00:00:5e" }), "mac")]
#[tokio::test]
async fn an_address_that_is_none_is_refused_by_its_field(#[case] args: Value, #[case] field: &str) {
    let world = World::demo().await;

    let error = world.fail("homelab_upsert_device", args).await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
    let unchanged = world
        .fail("homelab_get_device", json!({ "name": "x" }))
        .await;
    assert_eq!(unchanged.code(), Code::NotFound);
}

#[tokio::test]
async fn a_preview_shows_what_would_change_and_changes_nothing() {
    let world = World::demo().await;
    let args = json!({ "name": "nas-main", "os": "DSM 8", "clear": ["location"] });

    let preview = world.preview("homelab_upsert_device", args).await;
    let added = world
        .preview("homelab_upsert_device", json!({ "name": "n" }))
        .await;

    assert_eq!(preview.summary, "change the device `nas-main`");
    assert_eq!(
        preview.changes,
        [
            Change {
                field: "os".into(),
                from: Some("DSM 7.3".into()),
                to: Some("DSM 8".into())
            },
            Change {
                field: "location".into(),
                from: Some("cellar, rack".into()),
                to: None
            },
        ]
    );
    assert_eq!(added.summary, "add the device `n`");
    let found = world
        .call("homelab_get_device", json!({ "name": "nas-main" }))
        .await;
    assert_eq!(found["device"]["os"], "DSM 7.3");
}

#[rstest]
#[case("homelab_upsert_device", json!({ "name": "nas-main", "os": "DSM 8", "hostname": "h.example", "clear": ["location", "tags"] }))]
#[case("homelab_upsert_device", json!({ "name": "brand-new", "os": "x" }))]
#[case("homelab_delete_device", json!({ "name": "nas-main", "force": true }))]
#[case("homelab_delete_device", json!({ "name": "cam-door" }))]
#[tokio::test]
async fn the_inverse_puts_the_device_back(#[case] tool: &str, #[case] args: Value) {
    let world = World::demo().await;
    let before = devices(&world).await;
    let inverse = world.inverse(tool, args.clone()).await.unwrap();

    world.call(tool, args).await;
    assert_ne!(devices(&world).await, before);
    world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(devices(&world).await, before);
}

/// All devices without ids and times.
async fn devices(world: &World) -> Value {
    let snapshot = world.env.stores.inventory.export().await;
    let mut export = snapshot.expect("an export").devices;
    for device in &mut export {
        device.id.clear();
        device.updated_at = None;
    }
    serde_json::to_value(export).expect("devices as JSON")
}

#[tokio::test]
async fn targets_are_resolved_whatever_the_name_is_spelt_like() {
    let world = World::demo().await;

    let known = world
        .targets("homelab_delete_device", json!({ "name": "PVE1" }))
        .await;
    let new = world
        .targets("homelab_upsert_device", json!({ "name": "n" }))
        .await;
    let service = world
        .targets("homelab_upsert_service", json!({ "name": "GRAFANA" }))
        .await;

    assert_eq!(known[0].kind, "device");
    assert_eq!(known[0].name.as_deref(), Some("pve1"));
    assert!(known[0].tags.contains(&"critical".to_owned()));
    assert!(!known[0].id.is_empty() && new[0].id.is_empty());
    assert_eq!(service[0].name.as_deref(), Some("grafana"));
}

#[tokio::test]
async fn a_device_with_services_is_deleted_only_by_force() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_delete_device", json!({ "name": "nas-main" }))
        .await;
    let forced = json!({ "name": "nas-main", "force": true });
    let preview = world.preview("homelab_delete_device", forced.clone()).await;
    let done = world.call("homelab_delete_device", forced).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "has_dependents")
    );
    assert!(error.envelope().message.contains("nas, smb"), "{error}");
    assert_eq!(
        preview.impact[..3],
        [
            "the service `nas` loses its device",
            "the service `smb` loses its device",
            "the allocation of `192.0.2.70` stays",
        ]
    );
    assert_eq!(done["deleted"]["serial"], "DEMO0020");
    assert_eq!(done["unlinked_services"], json!(["nas", "smb"]));
    assert_eq!(done["left_behind"].as_array().unwrap().len(), 2);
    let gone = world
        .fail("homelab_get_device", json!({ "name": "nas-main" }))
        .await;
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn a_device_that_is_not_there_cannot_be_deleted() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_delete_device", json!({ "name": "cam-dor" }))
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert!(hint(&error).contains("`cam-door`"), "{error}");
}

#[tokio::test]
async fn a_service_is_added_and_moved() {
    let world = World::demo().await;
    let add = json!({
        "name": "wiki-2", "type": "documents", "url": "http://192.0.2.88:8080", "port": 8080,
        "health_endpoint": "/health", "vm": "DOCKER-2",
    });

    let added = world.call("homelab_upsert_service", add).await;
    let moved = world
        .call(
            "homelab_upsert_service",
            json!({ "name": "Wiki-2", "device": "pi-kiosk", "clear": ["vm"] }),
        )
        .await;

    assert_eq!(added["created"], true);
    assert_eq!(added["service"]["vm"], "docker-2");
    assert_eq!(moved["changed"], json!(["vm", "device"]));
    assert_eq!(moved["service"]["device"], "pi-kiosk");
    assert_eq!(moved["service"]["port"], 8080);
}

#[rstest]
#[case(json!({ "name": "x", "device": "nas-mian" }), Code::NotFound, "device")]
#[case(json!({ "name": "x", "vm": "docker-9" }), Code::NotFound, "vm")]
#[case(json!({ "name": "x", "url": "ftp://nas.example" }), Code::InvalidArgument, "url")]
#[case(json!({ "name": "x", "url": "http://user:pw@nas.example" }), Code::InvalidArgument, "url")]
#[case(json!({ "name": "x", "url": "http://169.254.169.254" }), Code::InvalidArgument, "url")]
#[case(json!({ "name": "x", "health_endpoint": "file:///etc/passwd" }), Code::InvalidArgument, "health_endpoint")]
#[tokio::test]
async fn a_service_that_could_not_be_reached_is_refused_by_its_field(
    #[case] args: Value,
    #[case] code: Code,
    #[case] field: &str,
) {
    let world = World::demo().await;

    let error = world.fail("homelab_upsert_service", args).await;

    assert_eq!(error.code(), code);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
}

#[tokio::test]
async fn a_changed_service_can_be_changed_back_but_a_new_one_not_removed() {
    let world = World::demo().await;
    let change = json!({ "name": "grafana", "port": 3001, "notes": "moved", "clear": ["type"] });
    let before = world
        .call("homelab_list_services", json!({ "limit": 200 }))
        .await;

    let inverse = world
        .inverse("homelab_upsert_service", change.clone())
        .await
        .unwrap();
    let preview = world
        .preview("homelab_upsert_service", change.clone())
        .await;
    world.call("homelab_upsert_service", change).await;
    world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(preview.summary, "change the service `grafana`");
    assert_eq!(preview.changes.len(), 3);
    assert_eq!(
        world
            .call("homelab_list_services", json!({ "limit": 200 }))
            .await,
        before
    );
    assert_eq!(
        world
            .inverse("homelab_upsert_service", json!({ "name": "new" }))
            .await,
        None
    );
}

#[tokio::test]
async fn partial_changes_at_the_same_time_do_not_undo_each_other() {
    let world = World::demo().await;

    let (notes, os) = tokio::join!(
        world.call(
            "homelab_upsert_device",
            json!({ "name": "nas-main", "notes": "n" })
        ),
        world.call(
            "homelab_upsert_device",
            json!({ "name": "nas-main", "os": "o" })
        ),
    );
    let found = world
        .call("homelab_get_device", json!({ "name": "nas-main" }))
        .await;

    assert_eq!(
        (&notes["changed"], &os["changed"]),
        (&json!(["notes"]), &json!(["os"]))
    );
    assert_eq!(found["device"]["notes"], "n");
    assert_eq!(found["device"]["os"], "o");
}

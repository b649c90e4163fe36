//! Listing and getting devices and guests.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, hint, names, reason};

#[rstest]
#[case(json!({ "category": "STORAGE" }), &["nas-backup", "nas-main"])]
#[case(json!({ "type": "access_point", "status": "offline" }), &["ap-garage"])]
#[case(json!({ "status": "maintenance" }), &["cam-garage"])]
#[case(json!({ "category": "nothing" }), &[])]
#[tokio::test]
async fn devices_are_listed_by_category_status_and_type(
    #[case] args: Value,
    #[case] expected: &[&str],
) {
    let world = World::demo().await;

    let list = world.call("homelab_list_devices", args).await;

    assert_eq!(names(&list), expected);
    assert_eq!(list["total"], expected.len());
}

#[tokio::test]
async fn a_list_of_devices_has_short_rows_and_goes_on_with_its_cursor() {
    let world = World::demo().await;
    let mut seen = Vec::new();
    let mut args = json!({ "limit": 20 });

    loop {
        let page = world.call("homelab_list_devices", args).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        args = json!({ "limit": 20, "cursor": cursor });
    }

    assert_eq!(seen.len(), 42);
    assert!(seen.is_sorted());
    let first = world
        .call("homelab_list_devices", json!({ "limit": 1 }))
        .await;
    assert_eq!(
        first["items"][0],
        json!({
            "name": "ap-garage", "category": "network", "type": "access_point",
            "status": "offline", "ip": "192.0.2.8", "model": "U6 Mesh", "location": "garage",
        })
    );
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_list_devices", json!({ "cursor": "%%%" }))
        .await;

    assert_eq!(error.envelope().field.as_deref(), Some("cursor"));
}

#[rstest]
#[case(json!({ "name": "NAS-Main" }))]
#[case(json!({ "ip": "192.0.2.70" }))]
#[case(json!({ "ip": "::ffff:192.0.2.70" }))]
#[case(json!({ "name": "nas-main", "ip": "192.0.2.70" }))]
#[tokio::test]
async fn a_device_is_found_by_name_and_address(#[case] args: Value) {
    let world = World::demo().await;

    let found = world.call("homelab_get_device", args).await;

    assert_eq!(found["device"]["name"], "nas-main");
    assert_eq!(found["device"]["serial"], "DEMO0020");
    let services: Vec<&Value> = found["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| &service["name"])
        .collect();
    assert_eq!(services, ["nas", "smb"]);
    assert_eq!(found["credentials_ref"], "nas-main");
}

#[tokio::test]
async fn a_misspelt_device_is_not_found_but_suggested() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_get_device", json!({ "name": "nas-mian" }))
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.envelope().field.as_deref(), Some("name"));
    assert!(hint(&error).contains("`nas-main`"), "{error}");
}

#[tokio::test]
async fn an_address_of_something_else_says_whose_it_is() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_get_device", json!({ "ip": "192.0.2.81" }))
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert!(hint(&error).contains("homelab_lookup_ip"), "{error}");
}

#[rstest]
#[case(json!({}), "name")]
#[case(json!({ "ip": "192.0.2.999" }), "ip")]
#[case(json!({ "name": "nas-main", "ip": "192.0.2.71" }), "ip")]
#[tokio::test]
async fn what_does_not_name_one_device_is_refused_by_its_field(
    #[case] args: Value,
    #[case] field: &str,
) {
    let world = World::demo().await;

    let error = world.fail("homelab_get_device", args).await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
}

#[tokio::test]
async fn an_address_of_several_devices_is_ambiguous() {
    let world = World::of(json!({ "devices": [
        { "name": "a", "ip": "192.0.2.9" }, { "name": "b", "ip": "192.0.2.9" },
    ] }))
    .await;

    let error = world
        .fail("homelab_get_device", json!({ "ip": "192.0.2.9" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "ambiguous_ip")
    );
    assert_eq!(hint(&error), "ask by name: `a` or `b`");
}

#[rstest]
#[case("running", 14)]
#[case("online", 14)]
#[case("stopped", 3)]
#[case("maintenance", 0)]
#[tokio::test]
async fn guests_are_listed_by_either_word_for_their_status(
    #[case] status: &str,
    #[case] total: u64,
) {
    let world = World::demo().await;

    let list = world
        .call("homelab_list_vms", json!({ "status": status }))
        .await;

    assert_eq!(list["total"], total);
}

#[tokio::test]
async fn a_row_of_guests_says_where_it_runs() {
    let world = World::demo().await;

    let list = world.call("homelab_list_vms", json!({ "limit": 1 })).await;

    assert_eq!(
        list["items"][0],
        json!({
            "name": "docker-1", "vm_id": 107, "type": "qemu", "status": "online", "host": "pve2",
            "ip": "192.0.2.87", "cores": 6, "memory_mib": 16384,
        })
    );
}

#[tokio::test]
async fn guests_do_not_go_on_from_a_foreign_cursor() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_list_vms", json!({ "cursor": "!" }))
        .await;

    assert_eq!(error.code(), Code::InvalidArgument);
}

//! Objects of any kind: which may be read, by which names and filters, and how much is told.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, column, field, hint, reason};

fn sites(more: &Value) -> Value {
    let mut args = json!({ "object_type": "dcim.site" });
    for (name, value) in more.as_object().expect("arguments") {
        args[name] = value.clone();
    }
    args
}

#[tokio::test]
async fn a_list_is_short_unless_fields_are_named() {
    let world = World::lab().await;

    let short = world.call("get_objects", sites(&json!({}))).await;
    let named = world
        .call(
            "get_objects",
            sites(&json!({ "fields": ["name", "status"], "ordering": "-name" })),
        )
        .await;

    assert_eq!(short["total"], 2);
    assert_eq!(short["items"][0]["name"], "Attic");
    assert!(short["items"][0].get("url").is_none(), "{short}");
    assert!(short["items"][0].get("status").is_none(), "{short}");
    assert_eq!(column(&named, "items", "name"), ["Cellar", "Attic"]);
    let row = json!({ "id": 1, "display": "Cellar", "name": "Cellar",
                      "status": { "value": "active", "label": "Active" } });
    assert_eq!(named["items"][0], row);
}

#[tokio::test]
async fn pages_join_without_gap() {
    let world = World::lab().await;
    let args = |cursor: &Value| {
        let mut args = json!({ "object_type": "dcim/interfaces", "limit": 3, "fields": ["id"] });
        if !cursor.is_null() {
            args["cursor"] = cursor.clone();
        }
        args
    };

    let first = world.call("get_objects", args(&Value::Null)).await;
    let second = world.call("get_objects", args(&first["next_cursor"])).await;

    let mut ids = column(&first, "items", "id");
    ids.extend(column(&second, "items", "id"));
    ids.sort_by_key(Value::as_u64);
    assert_eq!(json!(ids), json!([1, 2, 3, 4, 5, 6]));
    assert_eq!(
        (&first["total"], second.get("next_cursor")),
        (&json!(6), None)
    );
}

#[rstest]
#[case(json!({ "slug": "cellar" }), &["Cellar"])]
#[case(json!({ "slug": ["cellar", "attic"] }), &["Attic", "Cellar"])]
#[case(json!({ "name__ic": "ATT" }), &["Attic"])]
#[case(json!({ "id": 1 }), &["Cellar"])]
#[case(json!({ "tenant_id": null }), &["Attic", "Cellar"])]
#[case(json!({ "tenant": "home" }), &[])]
#[tokio::test]
async fn filters_are_those_of_netbox(#[case] filters: Value, #[case] names: &[&str]) {
    let world = World::lab().await;

    let found = world
        .call("get_objects", sites(&json!({ "filters": filters })))
        .await;

    assert_eq!(column(&found, "items", "name"), names);
}

#[rstest]
#[case(json!({ "filters": { "slgu": "cellar" } }), "filters.slgu", "parameter_unknown", "`slug`")]
#[case(json!({ "filters": { "id": "first" } }), "filters.id[0]", "parameter_invalid", "")]
#[case(json!({ "filters": { "slug": "" } }), "filters.slug", "parameter_invalid", "`null`")]
#[case(json!({ "filters": { "limit": 1 } }), "filters.limit", "parameter_unknown", "`limit`")]
#[case(json!({ "fields": ["name", "statsu"] }), "fields[1]", "field_unknown", "`status`")]
#[case(json!({ "ordering": "nmae" }), "ordering", "field_unknown", "`name`")]
#[tokio::test]
async fn what_netbox_would_leave_out_is_named_and_not_sent(
    #[case] more: Value,
    #[case] at: &str,
    #[case] why: &str,
    #[case] text: &str,
) {
    let world = World::lab().await;

    let error = world.fail("get_objects", sites(&more)).await;

    assert_eq!((field(&error), reason(&error)), (at, why), "{error}");
    assert!(hint(&error).contains(text), "{error}");
    let lines = world.netbox.log().lines();
    assert!(
        !lines.iter().any(|line| line.contains("/sites/")),
        "{lines:?}"
    );
}

#[rstest]
#[case("dcim.site", "dcim/sites")]
#[case("ipam.ipaddress", "/api/ipam/ip-addresses/")]
#[case("virtualization.vminterface", "virtualization/interfaces")]
#[case("dcim.macaddress", "dcim/mac-addresses")]
#[tokio::test]
async fn a_kind_goes_by_its_model_and_by_its_path(#[case] model: &str, #[case] path: &str) {
    let world = World::lab().await;

    let by_model = world
        .call("get_objects", json!({ "object_type": model }))
        .await;
    let by_path = world
        .call("get_objects", json!({ "object_type": path }))
        .await;

    assert_eq!(by_model, by_path);
}

#[tokio::test]
async fn an_unknown_kind_is_named_with_the_nearest() {
    let world = World::lab().await;

    for (kind, near) in [
        ("dcim.sitee", "`dcim/sites`"),
        ("dcim/devies", "`dcim/devices`"),
    ] {
        let error = world
            .fail("get_objects", json!({ "object_type": kind }))
            .await;

        assert_eq!(
            (field(&error), reason(&error)),
            ("object_type", "object_type_unknown")
        );
        assert!(hint(&error).contains(near), "{error}");
    }
}

#[rstest]
#[case("users.token")]
#[case("users.user")]
#[case("extras.webhook")]
#[case("extras.configcontext")]
#[case("wireless.wirelesslan")]
#[case("ipam/fhrp-groups")]
#[case("netbox_secrets.secret")]
#[tokio::test]
async fn what_may_hold_a_secret_is_neither_read_nor_changed(#[case] kind: &str) {
    let world = World::lab().await;

    for (tool, args) in [
        ("get_objects", json!({ "object_type": kind })),
        ("get_object", json!({ "object_type": kind, "id": 1 })),
        (
            "create_object",
            json!({ "object_type": kind, "data": { "name": "x" } }),
        ),
        (
            "update_object",
            json!({ "object_type": kind, "id": 1, "data": { "name": "x" } }),
        ),
        ("delete_object", json!({ "object_type": kind, "id": 1 })),
    ] {
        let error = world.fail(tool, args).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::PermissionDenied, "operation_withheld"),
            "{tool}"
        );
        assert!(!hint(&error).is_empty());
    }
    assert_eq!(world.netbox.log().lines(), [""; 0]);
}

#[tokio::test]
async fn one_object_is_told_without_its_config_context() {
    let world = World::lab().await;
    world
        .netbox
        .set_config_context(json!({ "community": "opens-switches" }));
    let device = |fields: Value| json!({ "object_type": "dcim.device", "id": 1, "fields": fields });

    let whole = world.call("get_object", device(json!([]))).await;
    let part = world.call("get_object", device(json!(["site"]))).await;
    let context = world
        .fail("get_object", device(json!(["config_context"])))
        .await;
    let missing = world
        .fail(
            "get_object",
            json!({ "object_type": "dcim.device", "id": 99 }),
        )
        .await;

    assert_eq!(whole["object"]["name"], "n1");
    assert_eq!(whole["object"]["role"]["name"], "Server");
    assert!(!whole.to_string().contains("opens-switches"), "{whole}");
    assert_eq!(part["object"]["site"]["slug"], "cellar");
    assert!(part["object"]["site"].get("url").is_none(), "{part}");
    assert_eq!(
        (context.code(), field(&context)),
        (Code::PermissionDenied, "fields[0]")
    );
    assert_eq!((missing.code(), field(&missing)), (Code::NotFound, "id"));
}

#[rstest]
#[case("get_objects", json!({ "object_type": "dcim.device" }), Effect::Read)]
#[case("get_object", json!({ "object_type": "dcim.region", "id": 1 }), Effect::Read)]
#[case("create_object", json!({ "object_type": "dcim.region", "data": {} }), Effect::Write)]
#[case("create_object", json!({ "object_type": "dcim.cable", "data": {} }), Effect::Destructive)]
#[case("update_object", json!({ "object_type": "dcim.region", "id": 1, "data": {} }), Effect::Write)]
#[case("update_object", json!({ "object_type": "dcim/cables", "id": 1, "data": {} }), Effect::Destructive)]
#[case("delete_object", json!({ "object_type": "ipam.vlan", "id": 1 }), Effect::Destructive)]
#[case("delete_object", json!({ "object_type": "dcim.region", "id": 1 }), Effect::Destructive)]
#[tokio::test]
async fn a_call_is_never_milder_than_the_tool_that_covers_it(
    #[case] tool: &str,
    #[case] args: Value,
    #[case] effect: Effect,
) {
    let world = World::lab().await;

    assert_eq!(world.effect(tool, args), effect);
}

#[rstest]
#[case("delete_object", "ipam.vlan", Some("delete_vlan"))]
#[case("create_object", "ipam.ipaddress", Some("create_ip_address"))]
#[case("update_object", "dcim.cable", Some("update_cable_map"))]
#[case("get_objects", "dcim.device", Some("list_devices"))]
#[case("delete_object", "dcim.site", None)]
#[tokio::test]
async fn the_covering_tool_has_its_say(
    #[case] tool: &str,
    #[case] kind: &str,
    #[case] covers: Option<&str>,
) {
    let world = World::lab().await;
    let tools = world.server.tools();
    let at = |name: &str| tools.iter().position(|info| info.spec.name == name);
    let mut args = json!({ "object_type": kind, "data": {}, "id": 1 });
    if tool != "update_object" {
        let extra = if tool == "delete_object" {
            "data"
        } else {
            "id"
        };
        args.as_object_mut().expect("arguments").remove(extra);
    }
    if tool == "get_objects" {
        args.as_object_mut().expect("arguments").remove("data");
    }

    let stands_for = world.server.stands_for(at(tool).expect("a tool"), args);

    assert_eq!(stands_for, covers.and_then(at));
}

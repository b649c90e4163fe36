//! Objects of any kind: making, changing and deleting them, seen before, read back and undone.

use homelab_core::error::Code;
use homelab_core::tool::Change;
use homelab_lab::Fault;
use homelab_lab::netbox::Release;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason, says};

fn site(data: &Value) -> Value {
    json!({ "object_type": "dcim.site", "id": 1, "data": data })
}

fn change(field: &str, from: Option<&str>, to: Option<&str>) -> Change {
    Change {
        field: field.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    }
}

#[tokio::test]
async fn an_object_is_made_read_back_and_taken_back() {
    let world = World::lab().await;
    let args = json!({ "object_type": "dcim.location",
        "data": { "name": "Shelf", "slug": "shelf", "site": 1, "tags": [{ "name": "Lab", "slug": "lab" }] } });

    let plan = world.preview("create_object", args.clone()).await;
    let targets = world.targets("create_object", args.clone()).await;
    let inverse = world.inverse("create_object", args.clone()).await;
    let done = world.call("create_object", args.clone()).await;
    let body = world.last_body();
    let twice = world.fail("create_object", args.clone()).await;
    let late = world.inverse("create_object", args).await;
    world.undo(inverse).await;

    assert_eq!(plan.summary, "create the location `Shelf`");
    assert!(plan.changes.contains(&change("site", None, Some("1"))));
    assert_eq!(
        (
            targets[0].kind.as_str(),
            targets[0].id.as_str(),
            targets[0].name.as_deref()
        ),
        ("location", "new", Some("Shelf"))
    );
    assert_eq!(done["object"]["site"]["name"], "Cellar");
    assert_eq!(done["object"]["tags"][0]["slug"], "lab");
    assert!(done["request_id"].is_string());
    assert_eq!(
        body["changelog_message"],
        "homelab-mcp: create_object by cli:0"
    );
    assert_eq!(
        (twice.code(), reason(&twice)),
        (Code::Conflict, "object_exists")
    );
    assert_eq!(late, None);
    assert_eq!(world.netbox.count("dcim/locations"), 0);
}

#[rstest]
#[case(json!({ "slug": "x" }), "data.name", "parameter_missing")]
#[case(json!({ "name": "x", "slug": "x", "status": "activ" }), "data.status", "parameter_invalid")]
#[case(json!({ "name": "x", "slug": "x", "statsu": "active" }), "data.statsu", "parameter_unknown")]
#[case(json!({ "name": 5, "slug": "x" }), "data.name", "parameter_invalid")]
#[case(json!({}), "data", "nothing_to_change")]
#[tokio::test]
async fn fields_that_do_not_fit_are_named_before_anything_is_sent(
    #[case] data: Value,
    #[case] at: &str,
    #[case] why: &str,
) {
    let world = World::lab().await;
    let args = json!({ "object_type": "dcim/sites", "data": data });

    let error = world.fail("create_object", args.clone()).await;
    let foreseen = world.try_preview("create_object", args).await;

    assert_eq!((field(&error), reason(&error)), (at, why), "{error}");
    assert_eq!(field(&foreseen.unwrap_err()), at);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn what_only_netbox_knows_is_wrong_is_told_in_its_words() {
    let world = World::lab().await;
    let args = json!({ "object_type": "dcim.rack", "data": { "name": "R2", "site": { "slug": "nowhere" } } });

    let error = world.fail("create_object", args).await;

    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::InvalidArgument, "value_refused", "site")
    );
}

#[tokio::test]
async fn a_change_shows_what_differs_and_is_taken_back() {
    let world = World::lab().await;
    let args = site(&json!({
        "name": "Cellar", "description": "below", "status": "planned", "tenant": 1,
        "tags": [{ "name": "Lab", "slug": "lab" }],
    }));

    let plan = world.preview("update_object", args.clone()).await;
    let targets = world.targets("update_object", args.clone()).await;
    let inverse = world.inverse("update_object", args.clone()).await;
    let done = world.call("update_object", args.clone()).await;
    let again = world.call("update_object", args).await;
    let writes = world.writes();
    let before = world.undo(inverse).await;

    assert_eq!(plan.summary, "change the site `Cellar` (1)");
    assert_eq!(plan.changes.len(), 4, "{:?}", plan.changes);
    assert!(
        plan.changes
            .contains(&change("status", Some("active"), Some("planned")))
    );
    assert!(plan.changes.contains(&change("tenant", None, Some("1"))));
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].name.as_deref()),
        ("site", Some("Cellar"))
    );
    assert_eq!(done["object"]["tenant"]["name"], "Home");
    assert_eq!(
        done["changed"],
        json!(["description", "status", "tenant", "tags"])
    );
    assert!(again.get("request_id").is_none());
    assert_eq!((&again["changed"], writes.len()), (&json!([]), 1));
    assert_eq!(before["object"]["status"]["value"], "active");
    assert_eq!(before["object"].get("tenant"), None);
    assert_eq!(before["object"]["tags"], json!([]));
}

#[tokio::test]
async fn an_object_that_was_changed_since_it_was_shown_is_left_alone() {
    let world = World::lab().await;
    let args = site(&json!({ "status": "planned" }));
    let mut known = args.clone();
    known["last_updated"] =
        world.netbox.object("dcim/sites", 1).expect("a site")["last_updated"].clone();

    world.preview("update_object", args.clone()).await;
    world.clock.advance_seconds(60);
    world
        .call("update_object", site(&json!({ "description": "mine" })))
        .await;
    let shown = world.fail("update_object", args.clone()).await;
    let seen = world.fail("update_object", known).await;
    // Who is told may look again, and go on.
    world.call("update_object", args).await;

    for error in [shown, seen] {
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::Conflict, "changed_meanwhile")
        );
        assert!(error.envelope().retryable);
    }
    assert_eq!(world.writes().len(), 2);
}

#[tokio::test]
async fn a_change_in_between_is_refused_by_its_tag() {
    let world = World::lab().await;

    world
        .call("update_object", site(&json!({ "description": "x" })))
        .await;

    let requests = world.netbox.log().all();
    let change = requests
        .iter()
        .find(|one| one.method == "PATCH")
        .expect("a change");
    assert!(
        change.headers.contains_key("if-match"),
        "{:?}",
        change.headers
    );
}

#[tokio::test]
async fn before_tags_of_states_changes_are_made_too() {
    let world = World::release(Release::V4_2).await;

    let done = world
        .call("update_object", site(&json!({ "description": "x" })))
        .await;

    assert_eq!(done["object"]["description"], "x");
}

#[tokio::test]
async fn what_netbox_brings_into_form_did_take() {
    let world = World::lab().await;
    let data = json!({ "mac_address": "00:00:5e:00:53:64", "description": "printer" });
    let args = json!({ "object_type": "dcim.macaddress", "data": data });

    let done = world.call("create_object", args).await;

    assert_eq!(done["object"]["mac_address"], "00:00:5E:00:53:64");
}

#[tokio::test]
async fn what_stands_alone_is_deleted_and_made_again() {
    let world = World::lab().await;
    let args = json!({ "object_type": "dcim.site", "filters": { "slug": "attic" } });

    let plan = world.preview("delete_object", args.clone()).await;
    let targets = world.targets("delete_object", args.clone()).await;
    let inverse = world.inverse("delete_object", args.clone()).await;
    let done = world.call("delete_object", args.clone()).await;
    let missing = world.fail("delete_object", args).await;
    let made = world.undo(inverse).await;

    assert_eq!(plan.summary, "delete the site `Attic` (2)");
    assert!(!says(&plan.impact, "undone"), "{:?}", plan.impact);
    assert_eq!(
        (targets[0].id.as_str(), targets[0].name.as_deref()),
        ("2", Some("Attic"))
    );
    assert_eq!(
        (&done["deleted"]["slug"], &done["gone"]),
        (&json!("attic"), &json!(true))
    );
    assert_eq!(
        (missing.code(), field(&missing)),
        (Code::NotFound, "filters")
    );
    assert_eq!(made["object"]["slug"], "attic");
    assert_eq!(world.netbox.count("dcim/sites"), 2);
}

#[tokio::test]
async fn what_others_hang_on_has_no_undo_and_may_be_kept() {
    let world = World::lab().await;
    let args = json!({ "object_type": "dcim.devicerole", "id": 1 });

    let plan = world.preview("delete_object", args.clone()).await;
    let inverse = world.inverse("delete_object", args.clone()).await;
    let error = world.fail("delete_object", args).await;

    assert!(says(&plan.impact, "2 device"), "{:?}", plan.impact);
    assert!(says(&plan.impact, "cannot be undone"), "{:?}", plan.impact);
    assert_eq!(inverse, None);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "has_dependents")
    );
}

#[rstest]
#[case(json!({}), "id", "")]
#[case(json!({ "id": 1, "filters": { "slug": "attic" } }), "id", "")]
#[case(json!({ "filters": { "name__ic": "t" } }), "id", "ambiguous")]
#[tokio::test]
async fn one_object_has_to_be_meant(#[case] more: Value, #[case] at: &str, #[case] why: &str) {
    let world = World::lab().await;
    let mut args = json!({ "object_type": "dcim.site" });
    for (name, value) in more.as_object().expect("arguments") {
        args[name] = value.clone();
    }
    world.netbox.add(
        "dcim/sites",
        json!({ "name": "Outside", "slug": "outside" }),
    );

    let error = world.fail("delete_object", args).await;

    assert_eq!((field(&error), reason(&error)), (at, why), "{error}");
    assert!(!hint(&error).is_empty());
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_deletion_is_of_the_state_that_was_seen() {
    let world = World::lab().await;
    let args = json!({ "object_type": "dcim.site", "id": 2 });

    world.preview("delete_object", args.clone()).await;
    world.clock.advance_seconds(60);
    let other = json!({ "object_type": "dcim.site", "id": 2, "data": { "description": "kept" } });
    world.call("update_object", other).await;
    let error = world.fail("delete_object", args).await;

    assert_eq!(reason(&error), "changed_meanwhile");
    assert_eq!(world.netbox.count("dcim/sites"), 2);
}

#[tokio::test]
async fn a_missing_right_is_named_by_the_kind() {
    let mut world = World::lab().await;
    world.as_user(&["dcim.view_site"]);

    let update = world
        .fail("update_object", site(&json!({ "description": "x" })))
        .await;
    let list = world
        .fail("get_objects", json!({ "object_type": "dcim.macaddress" }))
        .await;

    assert!(
        update.envelope().message.contains("`dcim.change_site`"),
        "{update}"
    );
    assert!(
        list.envelope().message.contains("`dcim.view_macaddress`"),
        "{list}"
    );
}

#[tokio::test]
async fn without_the_description_nothing_is_done() {
    let world = World::lab().await;
    world
        .netbox
        .faults()
        .always("/api/schema/", Fault::Status(500));

    let error = world
        .fail("update_object", site(&json!({ "description": "x" })))
        .await;

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(world.writes(), [""; 0]);
}

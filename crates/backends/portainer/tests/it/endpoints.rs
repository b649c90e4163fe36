//! Environments.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::{Value, json};

use crate::world::{World, column, field, reason, says};

const TOOL: &str = "manage_endpoints";

#[tokio::test]
async fn environments_are_listed_with_those_that_are_down() {
    let world = World::lab().await;
    world.portainer.set_up(world.nas, false);

    let all = world.call("list_endpoints", json!({})).await;
    let down = world
        .call("list_endpoints", json!({ "only_down": true }))
        .await;
    let search = world
        .call("list_endpoints", json!({ "search": "LOC" }))
        .await;
    let page = world
        .call(TOOL, json!({ "action": "list", "limit": 1 }))
        .await;
    let error = world.fail("list_endpoints", json!({ "cursor": "%" })).await;

    assert_eq!(column(&all, "name"), ["local", "nas"]);
    assert_eq!(
        (&all["items"][0]["type"], &all["items"][0]["status"]),
        (&json!("docker"), &json!("up"))
    );
    assert_eq!(column(&down, "name"), ["nas"]);
    assert_eq!(column(&search, "name"), ["local"]);
    assert_eq!(
        (page["endpoints"].as_array().map(Vec::len), &page["total"]),
        (Some(1), &json!(2))
    );
    assert_eq!(field(&error), "cursor");
    // The raw listings of engines are megabytes.
    let requests = world.portainer.log().all();
    let lists = requests
        .iter()
        .filter(|one| one.path.ends_with("/endpoints"));
    assert!(
        lists
            .into_iter()
            .all(|one| one.query.contains("excludeSnapshots=true"))
    );
}

#[tokio::test]
async fn an_environment_is_added_and_undone_by_removing_it() {
    let world = World::lab().await;
    let args = json!({ "action": "create", "name": "agent", "type": "agent", "url": "tcp://192.0.2.11:9001", "public_url": "agent.example.test", "group_id": 2, "tag_ids": [3] });
    let undo = world.inverse(TOOL, args.clone()).await.expect("an inverse");
    let preview = world.preview(TOOL, args.clone()).await;

    let made = world.call(TOOL, args.clone()).await;
    let twice = world.fail(TOOL, args).await;
    let shown = world
        .call(TOOL, json!({ "action": "get", "endpoint": "agent" }))
        .await;
    world.undo(undo).await;
    let gone = world
        .fail(TOOL, json!({ "action": "get", "endpoint": "agent" }))
        .await;

    assert_eq!(preview.summary, "add the environment `agent`");
    assert_eq!(
        (&made["changed"], &made["endpoint"]["type"]),
        (&json!(true), &json!("docker_agent"))
    );
    assert_eq!(
        (
            &shown["endpoint"]["group_id"],
            &shown["endpoint"]["tag_ids"]
        ),
        (&json!(2), &json!([3]))
    );
    assert_eq!(
        (twice.code(), reason(&twice)),
        (Code::Conflict, "endpoint_exists")
    );
    assert_eq!(reason(&gone), "endpoint_not_found");
}

#[tokio::test]
async fn local_ones_and_apis_are_added_too() {
    let world = World::lab().await;
    for (kind, url) in [
        ("local_docker", None),
        ("docker_api", Some("tcp://192.0.2.12:2376")),
        ("edge", Some("https://portainer.example.test:9443")),
    ] {
        let mut args = json!({ "action": "create", "name": kind, "type": kind });
        if let Some(url) = url {
            args["url"] = url.into();
        }

        let made = world.call(TOOL, args).await;

        assert_eq!(made["endpoint"]["name"], kind);
    }
}

#[tokio::test]
async fn what_is_missing_or_surplus_is_named() {
    let world = World::lab().await;
    for (args, wanted) in [
        (json!({ "action": "get" }), "endpoint"),
        (json!({ "action": "list", "endpoint": "local" }), "endpoint"),
        (
            json!({ "action": "delete", "endpoint": "local", "name": "x" }),
            "name",
        ),
        (
            json!({ "action": "create", "type": "agent", "url": "tcp://x:1" }),
            "name",
        ),
        (
            json!({ "action": "create", "name": "x", "url": "tcp://x:1" }),
            "type",
        ),
        (
            json!({ "action": "create", "name": "x", "type": "agent" }),
            "url",
        ),
        (
            json!({ "action": "create", "name": "x", "type": "local_docker", "url": "tcp://x:1" }),
            "url",
        ),
        (
            json!({ "action": "create", "name": "x", "type": "agent", "url": "ftp://x" }),
            "url",
        ),
        (
            json!({ "action": "create", "name": "x", "type": "agent", "url": "tcp://u:p@x:1" }),
            "url",
        ),
        (
            json!({ "action": "snapshot", "endpoint": "local", "limit": 3 }),
            "limit",
        ),
    ] {
        let error = world.fail(TOOL, args.clone()).await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, wanted),
            "{args}"
        );
    }
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn an_environment_is_changed_and_changed_back() {
    let world = World::lab().await;
    let args =
        json!({ "action": "update", "endpoint": "nas", "name": "storage", "tag_ids": [1, 2] });
    let preview = world.preview(TOOL, args.clone()).await;
    let undo = world.inverse(TOOL, args.clone()).await.expect("an inverse");

    let changed = world.call(TOOL, args).await;
    let taken = world
        .fail(
            TOOL,
            json!({ "action": "update", "endpoint": "local", "name": "storage" }),
        )
        .await;
    let nothing = world
        .call(
            TOOL,
            json!({ "action": "update", "endpoint": "storage", "name": "storage" }),
        )
        .await;
    world.undo(undo).await;
    let back = world.call("list_endpoints", json!({})).await;

    assert_eq!(preview.changes.len(), 2);
    assert_eq!(
        (
            &changed["endpoint"]["name"],
            &changed["endpoint"]["tag_ids"]
        ),
        (&json!("storage"), &json!([1, 2]))
    );
    assert_eq!(reason(&taken), "endpoint_exists");
    assert_eq!(nothing["changed"], false);
    assert_eq!(column(&back, "name"), ["local", "nas"]);
    assert_eq!(back["items"][1]["tag_ids"], json!([]));
}

#[tokio::test]
async fn an_environment_is_looked_at_anew_or_says_why_not() {
    let world = World::lab().await;

    let looked = world
        .call(TOOL, json!({ "action": "snapshot", "endpoint": "nas" }))
        .await;
    world.portainer.set_up(world.nas, false);
    let error = world
        .fail(TOOL, json!({ "action": "snapshot", "endpoint": "nas" }))
        .await;

    assert_eq!(looked["changed"], true);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "refused_by_server")
    );
    assert!(error.to_string().contains("no route to host"));
}

#[tokio::test]
async fn removing_one_says_what_is_lost_and_cannot_be_undone() {
    let world = World::lab().await;
    world.blog().await;
    let args = json!({ "action": "delete", "endpoint": "local" });

    let preview = world.preview(TOOL, args.clone()).await;
    let undo = world.inverse(TOOL, args.clone()).await;
    let removed = world.call(TOOL, args).await;

    assert!(says(&preview.impact, "1 stacks"));
    assert_eq!((undo, &removed["changed"]), (None, &json!(true)));
}

#[tokio::test]
async fn what_a_call_does_depends_on_its_action() {
    let world = World::lab().await;
    let effect = |args: Value| world.effect(TOOL, args);

    assert_eq!(effect(json!({ "action": "list" })), Effect::Read);
    assert_eq!(
        effect(json!({ "action": "snapshot", "endpoint": "nas" })),
        Effect::Write
    );
    assert_eq!(
        effect(json!({ "action": "update", "endpoint": "nas", "name": "x" })),
        Effect::Write
    );
    assert_eq!(
        effect(json!({ "action": "update", "endpoint": "nas", "url": "tcp://x:1" })),
        Effect::Destructive
    );
    assert_eq!(
        effect(json!({ "action": "delete", "endpoint": "nas" })),
        Effect::Destructive
    );
    let targets = world
        .targets(TOOL, json!({ "action": "delete", "endpoint": "nas" }))
        .await;
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.clone()),
        ("endpoint", world.nas.to_string())
    );
}

#[tokio::test]
async fn only_administrators_change_environments() {
    let mut world = World::lab().await;
    world
        .portainer
        .add_user("kid", "ptr_lab-kid", &[world.local]);
    world.reopen(&json!({ "api_key": "ptr_lab-kid" }));

    let seen = world.call("list_endpoints", json!({})).await;
    let args = json!({ "action": "create", "name": "x", "type": "agent", "url": "tcp://x:1" });
    let error = world.fail(TOOL, args).await;

    assert_eq!(column(&seen, "name"), ["local"]);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
}

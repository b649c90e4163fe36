//! Many changes of records at once.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::cloudflare::{Plan, RecordSeed};
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason};

/// Three records, of which a batch deletes one, changes one and leaves one.
async fn world() -> (World, Value) {
    let world = World::on(Plan::Pro).await;
    let old = RecordSeed::new("A", "old.lab.example", "192.0.2.7");
    world.api.add_record(&world.zone, &old.comment("kept"));
    world.record("A", "www.lab.example", "192.0.2.80");
    world.record("A", "www.lab.example", "192.0.2.81");
    let batch = json!({
        "deletes": [{ "name": "old" }],
        "patches": [{ "name": "www", "type": "A", "current_content": "192.0.2.80", "content": "192.0.2.90", "ttl": 300 }],
        "posts": [
            { "type": "CNAME", "name": "git", "content": "www.lab.example" },
            { "type": "TXT", "name": "@", "content": "v=spf1 -all" },
        ],
    });
    (world, batch)
}

/// Names and contents, in order.
fn contents(world: &World) -> Vec<String> {
    let records = world.api.records(&world.zone);
    let text = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let mut lines: Vec<String> = records
        .iter()
        .map(|record| {
            let (name, content) = (text(record, "name"), text(record, "content"));
            format!("{name} {content} {}", text(record, "comment"))
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn all_changes_are_one_request() {
    let (world, batch) = world().await;

    let done = world.call("batch_dns_records", batch).await;

    let path = format!("POST /client/v4/zones/{}/dns_records/batch", world.zone);
    assert_eq!(world.writes(), [path]);
    assert_eq!(done["deleted"][0]["name"], "old.lab.example");
    assert_eq!(done["updated"][0]["content"], "192.0.2.90");
    assert_eq!(done["created"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        contents(&world),
        [
            "git.lab.example www.lab.example ",
            "lab.example \"v=spf1 -all\" ",
            "www.lab.example 192.0.2.81 ",
            "www.lab.example 192.0.2.90 ",
        ]
    );
}

#[tokio::test]
async fn it_is_shown_before_and_can_be_undone() {
    let (world, batch) = world().await;
    let before = contents(&world);

    let preview = world.preview("batch_dns_records", batch.clone()).await;
    let inverse = world.inverse("batch_dns_records", batch.clone()).await;
    let targets = world.targets("batch_dns_records", batch.clone()).await;
    assert_eq!(world.writes(), [""; 0]);
    world.call("batch_dns_records", batch).await;
    let inverse = inverse.expect("an inverse");
    world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(
        preview.summary,
        "in `lab.example`: delete 1, change 1 and create 2 records"
    );
    let change = |field: &str| preview.changes.iter().find(|one| one.field == field);
    let content = change("www.lab.example A: content").expect("a change");
    assert_eq!(
        (content.from.as_deref(), content.to.as_deref()),
        (Some("192.0.2.80"), Some("192.0.2.90"))
    );
    assert_eq!(change("old.lab.example A").expect("a deletion").to, None);
    assert_eq!(
        targets,
        [
            "zone lab.example",
            "dns_record old.lab.example",
            "dns_record www.lab.example",
            "dns_record git.lab.example",
            "dns_record lab.example",
        ]
    );
    assert_eq!(contents(&world), before);
}

#[tokio::test]
async fn if_one_change_fails_none_is_made() {
    let (world, mut batch) = world().await;
    let before = contents(&world);
    batch["posts"][0] = json!({ "type": "A", "name": "www", "content": "192.0.2.81" });

    let error = world.fail("batch_dns_records", batch).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "record_exists")
    );
    assert_eq!(contents(&world), before);
}

#[tokio::test]
async fn what_is_unclear_or_wrong_is_named_and_nothing_is_sent() {
    let (world, _) = world().await;

    let several = json!({ "deletes": [{ "name": "old" }, { "name": "www" }] });
    let several = world.fail("batch_dns_records", several).await;
    let twice =
        json!({ "deletes": [{ "name": "old" }], "patches": [{ "name": "old", "ttl": 60 }] });
    let twice = world.fail("batch_dns_records", twice).await;
    let wrong = json!({ "posts": [{ "type": "A", "name": "x", "content": "here" }] });
    let wrong = world.fail("batch_dns_records", wrong).await;
    let missing = json!({ "patches": [{ "name": "nowhere", "ttl": 60 }] });
    let missing = world.fail("batch_dns_records", missing).await;
    let empty = world.fail("batch_dns_records", json!({})).await;

    assert_eq!(
        (field(&several), reason(&several)),
        ("deletes[1].record_id", "record_ambiguous")
    );
    assert!(hint(&several).contains("192.0.2.81"));
    assert_eq!(field(&twice), "patches[0]");
    assert_eq!(field(&wrong), "posts[0].content");
    assert_eq!(
        (field(&missing), reason(&missing)),
        ("patches[0]", "record_not_found")
    );
    assert_eq!(field(&empty), "deletes");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn only_deletions_are_destructive_and_the_tools_rules_hold() {
    let world = World::lab().await;
    let stands_for = |args: Value| {
        let tools = world.server.tools();
        let index = tools
            .iter()
            .position(|info| info.spec.name == "batch_dns_records");
        let other = world.server.stands_for(index.expect("the tool"), args);
        tools[other.expect("a tool")].spec.name
    };

    for (args, effect, tool) in [
        (
            json!({ "posts": [{ "type": "A", "name": "a" }] }),
            Effect::Write,
            "create_dns_record",
        ),
        (
            json!({ "patches": [{}] }),
            Effect::Write,
            "update_dns_record",
        ),
        (
            json!({ "patches": [{}], "deletes": [{}] }),
            Effect::Destructive,
            "delete_dns_record",
        ),
    ] {
        assert_eq!(
            world.effect("batch_dns_records", args.clone()),
            effect,
            "{args}"
        );
        assert_eq!(stands_for(args), tool);
    }
}

//! DNS records: read, made, changed, deleted.

use homelab_core::error::Code;
use homelab_lab::cloudflare::{Plan, RecordSeed};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, ZONE, column, field, hint, reason};

#[tokio::test]
async fn records_are_listed_with_their_filters() {
    let world = World::lab().await;
    world.record("A", "www.lab.example", "192.0.2.80");
    world.record("TXT", "lab.example", "\"v=spf1 -all\"");
    let seed = RecordSeed::new("CNAME", "git.lab.example", "www.lab.example");
    world
        .api
        .add_record(&world.zone, &seed.proxied().comment("by hand"));

    let all = world
        .call("list_dns_records", json!({ "zone": ZONE }))
        .await;
    let names = [
        json!({ "type": "TXT" }),
        json!({ "name": "www" }),
        json!({ "name": "@" }),
        json!({ "proxied": true }),
        json!({ "comment": "hand" }),
        json!({ "content": "192.0.2.80" }),
    ];
    let mut found = Vec::new();
    for filter in names {
        let list = world.call("list_dns_records", filter).await;
        found.extend(column(&list, "name"));
    }

    assert_eq!((&all["zone"], &all["total"]), (&json!(ZONE), &json!(3)));
    // Names stand by their zone.
    assert_eq!(
        column(&all, "name"),
        ["lab.example", "git.lab.example", "www.lab.example"]
    );
    assert_eq!(
        found,
        [
            "lab.example",
            "www.lab.example",
            "lab.example",
            "git.lab.example",
            "git.lab.example",
            "www.lab.example",
        ]
    );
}

#[tokio::test]
async fn lists_are_read_to_their_end_and_given_in_pages() {
    let world = World::lab().await;
    for n in 0..60 {
        world.record("A", &format!("h{n:02}.lab.example"), "192.0.2.80");
    }
    world.api.leave_out_paging();

    let mut args = json!({ "limit": 25 });
    let mut names = Vec::new();
    loop {
        let page = world.call("list_dns_records", args.clone()).await;
        names.extend(column(&page, "name"));
        assert_eq!(page["total"], 60);
        let Some(cursor) = page.get("next_cursor") else {
            break;
        };
        args["cursor"] = cursor.clone();
    }

    assert_eq!(names.len(), 60);
    assert_eq!(names[59], "h59.lab.example");
}

#[tokio::test]
async fn more_rows_than_a_page_of_the_api_are_read() {
    let world = World::lab().await;
    for n in 0..1001 {
        world.record("A", &format!("h{n:04}.lab.example"), "192.0.2.80");
    }

    let page = world.call("list_dns_records", json!({})).await;

    assert_eq!(page["total"], 1001);
}

#[tokio::test]
async fn a_record_is_made_with_its_whole_name() {
    let world = World::lab().await;

    let args = json!({ "type": "A", "name": "Grafana", "content": "192.0.2.81", "proxied": false, "comment": "lxc 101" });
    let made = world.call("create_dns_record", args).await;
    let text = json!({ "type": "TXT", "name": "@", "content": "v=spf1 -all" });
    let text = world.call("create_dns_record", text).await;
    let mail = json!({ "type": "MX", "name": "@", "content": "mx.example.net", "priority": 10, "ttl": 300 });
    let mail = world.call("create_dns_record", mail).await;
    let data = json!({ "priority": 0, "weight": 5, "port": 25565, "target": "mc.lab.example" });
    let game = json!({ "type": "SRV", "name": "_minecraft._tcp", "data": data });
    let game = world.call("create_dns_record", game).await;

    let record = &made["record"];
    assert_eq!(
        (&made["done"], &record["name"], &record["ttl"]),
        (&json!("created"), &json!("grafana.lab.example"), &json!(1))
    );
    assert_eq!(text["record"]["content"], "\"v=spf1 -all\"");
    assert_eq!(text["remarks"], json!([]));
    assert_eq!(mail["record"]["priority"], 10);
    assert_eq!(game["record"]["data"]["port"], 25565);
    assert_eq!(world.api.records(&world.zone).len(), 4);
}

#[rstest]
#[case(json!({ "type": "A", "name": "x", "content": "nowhere" }), "content")]
#[case(json!({ "type": "A", "name": "x" }), "content")]
#[case(json!({ "type": "SRV", "name": "x", "content": "y" }), "content")]
#[case(json!({ "type": "MX", "name": "x", "content": "y.example" }), "priority")]
#[case(json!({ "type": "TXT", "name": "x", "content": "y", "proxied": true }), "proxied")]
#[case(json!({ "type": "A", "name": "x", "content": "192.0.2.1", "ttl": 7 }), "ttl")]
#[tokio::test]
async fn what_is_no_record_is_refused_before_it_is_sent(#[case] args: Value, #[case] wrong: &str) {
    let world = World::lab().await;

    let error = world.fail("create_dns_record", args).await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, wrong)
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn what_only_cloudflare_sees_to_be_wrong_is_told() {
    let world = World::lab().await;

    let tags = json!({ "type": "A", "name": "x", "content": "192.0.2.1", "tags": ["a:b"] });
    let tags = world.fail("create_dns_record", tags).await;
    let loopback = json!({ "type": "A", "name": "x", "content": "127.0.0.1", "proxied": true });
    let loopback = world.fail("create_dns_record", loopback).await;

    assert!(tags.envelope().message.contains("quota of 0"), "{tags}");
    assert_eq!(loopback.code(), Code::InvalidArgument);
    assert!(loopback.envelope().message.contains("(9003)"), "{loopback}");
}

#[tokio::test]
async fn what_is_there_is_an_error_updated_or_left() {
    let world = World::lab().await;
    let id = world.record("A", "www.lab.example", "192.0.2.80");
    let args = |content: &str, if_exists: &str| json!({ "type": "A", "name": "www", "content": content, "if_exists": if_exists });

    let twice = world
        .fail("create_dns_record", args("192.0.2.80", "error"))
        .await;
    let left = world
        .call("create_dns_record", args("192.0.2.81", "skip"))
        .await;
    let updated = world
        .call("create_dns_record", args("192.0.2.81", "update"))
        .await;
    let new =
        json!({ "type": "AAAA", "name": "www", "content": "2001:db8::80", "if_exists": "update" });
    let new = world.call("create_dns_record", new).await;

    assert_eq!(
        (twice.code(), reason(&twice)),
        (Code::Conflict, "record_exists")
    );
    assert_eq!(
        (&left["done"], &left["record"]["content"]),
        (&json!("unchanged"), &json!("192.0.2.80"))
    );
    assert_eq!(
        (&updated["done"], &updated["record"]["id"]),
        (&json!("updated"), &json!(id))
    );
    assert_eq!(new["done"], "created");
    assert_eq!(world.api.records(&world.zone).len(), 2);
}

#[tokio::test]
async fn several_records_are_not_chosen_from() {
    let world = World::lab().await;
    let first = world.record("A", "www.lab.example", "192.0.2.80");
    world.record("A", "www.lab.example", "192.0.2.81");

    let update = json!({ "name": "www", "type": "A", "ttl": 300 });
    let update = world.fail("update_dns_record", update).await;
    let create =
        json!({ "type": "A", "name": "www", "content": "192.0.2.82", "if_exists": "update" });
    let create = world.fail("create_dns_record", create).await;
    let delete = world
        .fail("delete_dns_record", json!({ "name": "www" }))
        .await;
    let one = json!({ "name": "www", "type": "A", "content": "192.0.2.81" });
    world.call("delete_dns_record", one).await;

    for error in [&update, &create, &delete] {
        assert_eq!(
            (error.code(), reason(error)),
            (Code::Conflict, "record_ambiguous")
        );
        assert!(hint(error).contains(&first), "{error}");
    }
    assert_eq!(world.api.records(&world.zone)[0]["content"], "192.0.2.80");
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name() {
    let world = World::on(Plan::Pro).await;
    let seed = RecordSeed::new("A", "www.lab.example", "192.0.2.80");
    let seed = seed.comment("kept").tags(&["owner:home"]);
    let id = world.api.add_record(&world.zone, &seed);

    let changed = json!({ "record_id": id, "content": "192.0.2.81", "ttl": 120 });
    let changed = world.call("update_dns_record", changed).await;
    let renamed = json!({ "name": "www", "rename_to": "web", "comment": "" });
    let renamed = world.call("update_dns_record", renamed).await;

    let record = &changed["record"];
    assert_eq!(
        (&record["content"], &record["ttl"], &record["comment"]),
        (&json!("192.0.2.81"), &json!(120), &json!("kept"))
    );
    assert_eq!(record["tags"], json!(["owner:home"]));
    assert_eq!(renamed["record"]["name"], "web.lab.example");
    assert_eq!(renamed["record"].get("comment"), None);
}

#[rstest]
#[case(json!({ "name": "www" }), "content")]
#[case(json!({ "content": "192.0.2.1" }), "record_id")]
#[case(json!({ "name": "www", "content": "x" }), "content")]
#[case(json!({ "name": "nosuch", "ttl": 300 }), "name")]
#[case(json!({ "record_id": "00000000000000000000000000000000", "ttl": 300 }), "record_id")]
#[tokio::test]
async fn a_change_of_nothing_is_refused(#[case] args: Value, #[case] wrong: &str) {
    let world = World::lab().await;
    world.record("A", "www.lab.example", "192.0.2.80");

    let error = world.fail("update_dns_record", args).await;

    assert_eq!(field(&error), wrong, "{error}");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_change_that_does_not_take_is_told() {
    let world = World::lab().await;
    let id = world.record("A", "www.lab.example", "192.0.2.80");

    // Proxied records have no time of their own, which nobody asked for here.
    let proxied = json!({ "record_id": id, "proxied": true });
    let proxied = world.call("update_dns_record", proxied).await;
    let gone = world
        .fail("delete_dns_record", json!({ "name": "nosuch" }))
        .await;

    assert_eq!(proxied["record"]["ttl"], 1);
    assert_eq!(
        (gone.code(), reason(&gone)),
        (Code::NotFound, "record_not_found")
    );
}

#[tokio::test]
async fn a_zone_can_be_exported() {
    let world = World::lab().await;
    world.record("A", "www.lab.example", "192.0.2.80");

    let file = world.call("export_dns_records", json!({})).await;
    let none = world
        .fail("export_dns_records", json!({ "zone": "nosuch.example" }))
        .await;

    assert!(
        file["file"]
            .as_str()
            .unwrap()
            .contains("www.lab.example.\t")
    );
    assert_eq!(file["truncated"], false);
    assert_eq!(reason(&none), "zone_not_found");
}

#[tokio::test]
async fn a_plan_says_what_changes_and_what_is_touched() {
    let world = World::lab().await;
    let seed = RecordSeed::new("A", "www.lab.example", "192.0.2.80");
    world.api.add_record(&world.zone, &seed.proxied());

    let create = json!({ "type": "AAAA", "name": "www", "content": "2001:db8::80" });
    let create = world.preview("create_dns_record", create).await;
    let update = json!({ "name": "www", "proxied": false });
    let preview = world.preview("update_dns_record", update.clone()).await;
    let targets = world.targets("update_dns_record", update).await;
    let delete = world
        .preview("delete_dns_record", json!({ "name": "www" }))
        .await;

    assert!(create.impact[0].contains("www.lab.example A 192.0.2.80"));
    let change = &preview.changes[0];
    assert_eq!(
        (&*change.field, change.from.as_deref(), change.to.as_deref()),
        ("proxied", Some("true"), Some("false"))
    );
    assert!(preview.impact[0].contains("visible to everybody"));
    assert_eq!(targets, ["zone lab.example", "dns_record www.lab.example"]);
    assert_eq!(delete.impact, ["`www.lab.example` no longer resolves"]);
    assert_eq!(world.writes(), [""; 0]);
}

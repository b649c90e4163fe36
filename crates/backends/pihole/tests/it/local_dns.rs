//! Local names.

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn addresses_are_added_and_removed() {
    let world = World::lab().await;
    let args = json!({ "name": "NAS.lab.example.", "ip": "192.0.2.70" });

    let made = world.first("add_local_dns", args.clone()).await;
    let again = world.first("add_local_dns", args).await;
    let six = json!({ "name": "nas.lab.example", "ip": "2001:DB8:20::70" });
    world.call("add_local_dns", six).await;
    let list = world
        .call("list_local_dns", json!({ "search": "nas" }))
        .await;
    let gone = world
        .first("remove_local_dns", json!({ "name": "nas.lab.example" }))
        .await;
    let none = world
        .first("remove_local_dns", json!({ "name": "nas.lab.example" }))
        .await;

    assert_eq!(made["records"][0]["value"], "192.0.2.70");
    assert_eq!(
        (made["changed"].clone(), again["changed"].clone()),
        (json!(true), json!(false))
    );
    assert_eq!(column(&list, "type"), ["A", "AAAA"]);
    assert_eq!(
        (
            gone["records"].clone(),
            gone["changed"].clone(),
            none["changed"].clone()
        ),
        (json!([]), json!(true), json!(false))
    );
    assert_eq!(world.pihole.config("dns.hosts"), Some(json!([])));
    assert_eq!(world.pihole.restarts(), 0, "addresses need no restart");
}

#[tokio::test]
async fn an_alias_restarts_it_and_is_waited_for() {
    let world = World::lab().await;
    let args = json!({ "name": "status.lab.example", "target": "uptime.lab.example", "ttl_s": 60 });

    let made = world.first("add_local_dns", args).await;
    world
        .call("remove_local_dns", json!({ "name": "status.lab.example" }))
        .await;

    assert_eq!(
        made["records"],
        json!([{ "name": "status.lab.example", "type": "CNAME", "value": "uptime.lab.example", "ttl_s": 60 }])
    );
    assert_eq!(world.pihole.restarts(), 2);
    assert_eq!(world.pihole.config("dns.cnameRecords"), Some(json!([])));
}

#[tokio::test]
async fn a_name_that_is_taken_is_replaced_only_where_that_is_said() {
    let world = World::lab().await;
    world
        .pihole
        .set_config("dns.hosts", json!(["192.0.2.70 nas nas.lab.example"]));
    let args =
        |replace| json!({ "name": "nas.lab.example", "ip": "192.0.2.71", "replace": replace });

    let error = world.fail("add_local_dns", args(false)).await;
    world.call("add_local_dns", args(true)).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "name_taken")
    );
    assert_eq!(
        world.pihole.config("dns.hosts"),
        Some(json!(["192.0.2.70 nas", "192.0.2.71 nas.lab.example"]))
    );
}

#[tokio::test]
async fn mistakes_are_refused_before_anything_is_sent() {
    let world = World::lab().await;
    for (args, wanted) in [
        (json!({ "name": "a.lab" }), "ip"),
        (
            json!({ "name": "a.lab", "ip": "192.0.2.1", "target": "b.lab" }),
            "ip",
        ),
        (json!({ "name": "a.lab", "ip": "192.0.2" }), "ip"),
        (
            json!({ "name": "a.lab", "ip": "192.0.2.1", "ttl_s": 5 }),
            "ttl_s",
        ),
        (json!({ "name": "a.lab", "target": "a.lab" }), "target"),
        (json!({ "name": "a b", "ip": "192.0.2.1" }), "name"),
    ] {
        let error = world.fail("add_local_dns", args.clone()).await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, wanted),
            "{args}"
        );
    }
    assert_eq!(world.pihole.logins(), 0);
    world
        .pihole
        .faults()
        .always("/api/config", Fault::Status(500));
    for tool in ["list_local_dns", "remove_local_dns"] {
        let args = if tool == "list_local_dns" {
            json!({})
        } else {
            json!({ "name": "a.lab" })
        };
        assert_eq!(world.fail(tool, args).await.code(), Code::UpstreamRejected);
    }
}

#[tokio::test]
async fn changes_have_plans_and_ways_back() {
    let world = World::lab().await;
    world
        .pihole
        .set_config("dns.hosts", json!(["192.0.2.70 nas"]));
    let new = json!({ "name": "new", "ip": "192.0.2.9" });
    let moved = json!({ "name": "nas", "ip": "192.0.2.71", "replace": true });
    let gone = json!({ "name": "nas" });

    let plan = world.preview("add_local_dns", moved.clone()).await;
    world.there_and_back("add_local_dns", new.clone()).await;
    world.there_and_back("add_local_dns", moved).await;
    let remove_plan = world.preview("remove_local_dns", gone.clone()).await;
    world.there_and_back("remove_local_dns", gone.clone()).await;

    assert_eq!(plan.changes.len(), 2);
    assert_eq!(
        remove_plan.changes[0].from.as_deref(),
        Some("192.0.2.70 nas")
    );
    assert_eq!(
        world.pihole.config("dns.hosts"),
        Some(json!(["192.0.2.70 nas"]))
    );
    assert_eq!(world.targets("add_local_dns", new).await[0].id, "new");
    assert_eq!(world.targets("remove_local_dns", gone).await[0].id, "nas");
}

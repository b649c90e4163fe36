//! What a change takes to be undone, and that it does.

use homelab_lab::cloudflare::{Plan, RecordSeed};
use serde_json::{Value, json};

use crate::world::{World, ZONE};

/// The records without what no call sets.
fn records(world: &World) -> Vec<Value> {
    let mut records = world.api.records(&world.zone);
    for record in &mut records {
        for name in [
            "id",
            "created_on",
            "modified_on",
            "comment_modified_on",
            "tags_modified_on",
        ] {
            record.as_object_mut().unwrap().remove(name);
        }
    }
    records
}

/// Calls a tool and then its inverse; the records are as they were.
async fn there_and_back(world: &World, tool: &str, args: Value) {
    let before = records(world);
    let inverse = world.inverse(tool, args.clone()).await.expect("an inverse");
    world.call(tool, args.clone()).await;
    assert_ne!(records(world), before, "{tool} {args} changed nothing");
    world.call(&inverse.tool, inverse.arguments).await;
    assert_eq!(records(world), before, "{tool} {args}");
}

#[tokio::test]
async fn every_change_of_a_record_can_be_undone() {
    let world = World::on(Plan::Pro).await;
    let seed = RecordSeed::new("A", "www.lab.example", "192.0.2.80");
    let seed = seed.proxied().comment("kept").tags(&["owner:home"]);
    let id = world.api.add_record(&world.zone, &seed);

    for (tool, args) in [
        (
            "create_dns_record",
            json!({ "type": "TXT", "name": "@", "content": "v=spf1 -all" }),
        ),
        (
            "create_dns_record",
            json!({ "type": "A", "name": "www", "content": "192.0.2.81", "if_exists": "update" }),
        ),
        (
            "update_dns_record",
            json!({ "record_id": id, "content": "192.0.2.82", "proxied": false, "ttl": 300, "comment": "new", "rename_to": "web" }),
        ),
    ] {
        there_and_back(&world, tool, args).await;
    }
}

#[tokio::test]
async fn a_deleted_record_comes_back_as_it_was() {
    let world = World::on(Plan::Pro).await;
    let data = json!({ "priority": 1, "weight": 5, "port": 5060, "target": "sip.lab.example" });
    for args in [
        json!({ "type": "MX", "name": "@", "content": "mx.example.net", "priority": 10, "ttl": 300, "comment": "mail" }),
        json!({ "type": "SRV", "name": "_sip._tcp", "data": data }),
        json!({ "type": "CNAME", "name": "git", "content": "www.lab.example", "proxied": true, "tags": ["a:b"] }),
    ] {
        world.call("create_dns_record", args.clone()).await;

        let name = args["name"].clone();
        there_and_back(&world, "delete_dns_record", json!({ "name": name })).await;
    }
}

#[tokio::test]
async fn what_changes_nothing_has_no_inverse() {
    let world = World::lab().await;
    world.record("A", "www.lab.example", "192.0.2.80");

    let skip = json!({ "type": "A", "name": "www", "content": "192.0.2.81", "if_exists": "skip" });
    let skip = world.inverse("create_dns_record", skip).await;
    let same = json!({ "setting": "brotli", "value": "on" });
    let same = world.inverse("set_zone_setting", same).await;

    assert_eq!((skip, same), (None, None));
}

#[tokio::test]
async fn rules_and_settings_can_be_undone() {
    let world = World::lab().await;
    let rule = |name: &str| json!({ "description": name, "action": "block", "expression": "ssl" });
    world.call("create_firewall_rule", rule("first")).await;
    world.call("create_firewall_rule", rule("last")).await;
    let bare = || {
        let mut rules = world.api.rules(&world.zone).unwrap();
        for rule in &mut rules {
            for name in ["id", "version", "last_updated"] {
                rule.as_object_mut().unwrap().remove(name);
            }
        }
        rules
    };
    let before = bare();
    let first = world.api.rules(&world.zone).unwrap()[0]["id"].clone();

    for (tool, args) in [
        ("create_firewall_rule", rule("third")),
        (
            "update_firewall_rule",
            json!({ "rule_id": first, "enabled": false, "expression": "not ssl" }),
        ),
        ("delete_firewall_rule", json!({ "rule_id": first })),
    ] {
        let inverse = world.inverse(tool, args.clone()).await.expect("an inverse");
        world.call(tool, args).await;
        assert_ne!(bare(), before, "{tool}");
        world.call(&inverse.tool, inverse.arguments).await;
        assert_eq!(bare(), before, "{tool}");
    }
    let setting = json!({ "zone": ZONE, "setting": "ssl", "value": "strict" });
    let inverse = world.inverse("set_zone_setting", setting.clone()).await;
    world.call("set_zone_setting", setting).await;
    let inverse = inverse.expect("an inverse");
    world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(world.api.setting(&world.zone, "ssl"), Some(json!("full")));
}

#[tokio::test]
async fn host_names_of_a_tunnel_can_be_undone() {
    let world = World::lab().await;
    let tunnel = world.api.add_tunnel("home");
    let set = |service: &str| json!({ "hostname": "git.lab.example", "service": service, "originRequest": { "noTLSVerify": true } });
    let args = json!({ "tunnel": "home", "set": [set("http://192.0.2.85:3000")] });
    world.call("update_tunnel_config", args).await;
    let before = world.api.tunnel_config(&tunnel).unwrap().1;

    for args in [
        json!({ "tunnel": "home", "set": [set("http://192.0.2.85:4000"), { "hostname": "new.lab.example", "service": "http://192.0.2.86" }] }),
        json!({ "tunnel": "home", "remove": [{ "hostname": "git.lab.example" }] }),
    ] {
        let inverse = world.inverse("update_tunnel_config", args.clone()).await;
        let inverse = inverse.expect("an inverse");
        world.call("update_tunnel_config", args).await;
        assert_ne!(world.api.tunnel_config(&tunnel).unwrap().1, before);
        world.call(&inverse.tool, inverse.arguments).await;
        assert_eq!(world.api.tunnel_config(&tunnel).unwrap().1, before);
    }
}

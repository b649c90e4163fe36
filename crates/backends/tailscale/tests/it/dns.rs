//! Name resolution.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, field, says};

async fn world() -> World {
    let world = World::lab().await;
    world
        .control
        .set_dns(&["192.0.2.66", "192.0.2.67"], &["lab.example"]);
    world.control.set_split_dns("lab.example", &["192.0.2.66"]);
    world
}

#[tokio::test]
async fn name_resolution_is_told_as_a_whole() {
    let world = world().await;

    let dns = world.call("get_tailscale_dns", json!({})).await;

    assert_eq!(
        dns["nameservers"][0],
        json!({ "address": "192.0.2.66", "use_with_exit_node": false })
    );
    assert_eq!(dns["split_dns"]["lab.example"][0]["address"], "192.0.2.66");
    assert_eq!(
        (&dns["search_paths"], &dns["magic_dns"]),
        (&json!(["lab.example"]), &json!(true))
    );
}

#[tokio::test]
async fn where_the_whole_is_not_there_its_parts_are_asked() {
    let world = world().await;
    let whole = world.call("get_tailscale_dns", json!({})).await;
    world
        .control
        .faults()
        .always("/api/v2/tailnet/-/dns/configuration", Fault::Status(404));

    let parts = world.call("get_tailscale_dns", json!({})).await;

    assert_eq!(parts, whole);
}

#[tokio::test]
async fn nameservers_are_replaced_and_put_back() {
    let world = world().await;
    let args = json!({ "nameservers": ["2001:db8::53"] });

    let undo = world
        .inverse("set_tailscale_dns_nameservers", args.clone())
        .await
        .unwrap();
    let plan = world
        .preview("set_tailscale_dns_nameservers", args.clone())
        .await;
    let done = world
        .call("set_tailscale_dns_nameservers", args.clone())
        .await;

    assert_eq!(done["dns"]["nameservers"][0]["address"], "2001:db8::53");
    assert_eq!(
        plan.changes[0].from.as_deref(),
        Some("192.0.2.66, 192.0.2.67")
    );
    assert_eq!(
        world.targets("set_tailscale_dns_nameservers", args).await[0].kind,
        "dns"
    );
    let back = world.undo(undo).await;
    assert_eq!(back["dns"]["nameservers"].as_array().unwrap().len(), 2);
    // What it does not name stays.
    assert_eq!(back["dns"]["search_paths"], json!(["lab.example"]));
}

#[tokio::test]
async fn taking_the_last_nameserver_says_that_names_go_with_it() {
    let world = world().await;
    let none = json!({ "nameservers": [] });

    let plan = world
        .preview("set_tailscale_dns_nameservers", none.clone())
        .await;
    let done = world.call("set_tailscale_dns_nameservers", none).await;
    let on = world
        .fail(
            "set_tailscale_dns_preferences",
            json!({ "magic_dns": true }),
        )
        .await;

    assert!(says(&plan.impact, "MagicDNS"));
    assert_eq!(done["dns"]["magic_dns"], false);
    assert!(
        done["notes"][0]
            .as_str()
            .unwrap()
            .contains("MagicDNS is off now")
    );
    assert_eq!(
        (on.code(), on.envelope().upstream_status),
        (Code::UpstreamRejected, Some(400))
    );
}

#[tokio::test]
async fn magic_dns_is_switched_and_back() {
    let world = world().await;
    let off = json!({ "magic_dns": false });

    let undo = world
        .inverse("set_tailscale_dns_preferences", off.clone())
        .await
        .unwrap();
    let plan = world
        .preview("set_tailscale_dns_preferences", off.clone())
        .await;
    let done = world
        .call("set_tailscale_dns_preferences", off.clone())
        .await;
    let none = world
        .inverse("set_tailscale_dns_preferences", off.clone())
        .await;
    let back = world.undo(undo).await;

    assert!(says(&plan.impact, "stop resolving"));
    assert_eq!(
        (&done["dns"]["magic_dns"], &back["dns"]["magic_dns"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(none, None);
    assert_eq!(
        world
            .targets("set_tailscale_dns_preferences", off)
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn search_paths_are_replaced_and_put_back() {
    let world = world().await;
    let args = json!({ "search_paths": ["home.example", "lab.example"] });

    let undo = world
        .inverse("set_tailscale_search_paths", args.clone())
        .await
        .unwrap();
    let plan = world
        .preview("set_tailscale_search_paths", args.clone())
        .await;
    let done = world.call("set_tailscale_search_paths", args.clone()).await;
    world.undo(undo).await;

    assert_eq!(done["dns"]["search_paths"], args["search_paths"]);
    assert_eq!(
        plan.changes[0].to.as_deref(),
        Some("home.example, lab.example")
    );
    assert_eq!(world.control.dns()["searchPaths"], json!(["lab.example"]));
    assert_eq!(
        world
            .targets("set_tailscale_search_paths", args)
            .await
            .len(),
        1
    );
    let bad = json!({ "search_paths": ["a b"] });
    assert_eq!(
        field(&world.refuse("set_tailscale_search_paths", bad).await),
        "search_paths[0]"
    );
}

#[tokio::test]
async fn a_domain_is_added_cleared_and_put_back() {
    let world = world().await;
    let add = json!({ "domains": { "iot.example": ["192.0.2.67"] } });
    let clear = json!({ "domains": { "lab.example": [] } });

    let undo = world.inverse("set_split_dns", add.clone()).await.unwrap();
    let plan = world.preview("set_split_dns", add.clone()).await;
    let added = world.call("set_split_dns", add.clone()).await;
    world.undo(undo).await;
    let undo = world.inverse("set_split_dns", clear.clone()).await.unwrap();
    let cleared = world.call("set_split_dns", clear.clone()).await;

    assert_eq!(added["dns"]["split_dns"].as_object().unwrap().len(), 2);
    assert_eq!(
        (plan.changes.len(), plan.changes[0].field.as_str()),
        (1, "iot.example")
    );
    assert_eq!(cleared["dns"]["split_dns"], json!({}));
    assert_eq!(world.effect("set_split_dns", add.clone()), Effect::Write);
    assert_eq!(world.effect("set_split_dns", clear), Effect::Destructive);
    let back = world.undo(undo).await;
    assert_eq!(
        back["dns"]["split_dns"]["lab.example"][0]["address"],
        "192.0.2.66"
    );
    assert_eq!(world.targets("set_split_dns", add).await.len(), 1);
}

#[tokio::test]
async fn replacing_split_dns_leaves_nothing_else() {
    let world = world().await;
    let args = json!({ "domains": { "iot.example": ["192.0.2.67"] }, "mode": "replace" });

    let undo = world.inverse("set_split_dns", args.clone()).await.unwrap();
    let done = world.call("set_split_dns", args).await;
    world.undo(undo).await;

    assert_eq!(done["dns"]["split_dns"].as_object().unwrap().len(), 1);
    assert!(world.control.dns()["splitDNS"]["lab.example"].is_array());
    for (args, at) in [
        (
            json!({ "domains": { "a b": ["192.0.2.1"] } }),
            "domains.a b",
        ),
        (json!({ "domains": {} }), "domains"),
    ] {
        assert_eq!(field(&world.fail("set_split_dns", args).await), at);
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused_by_its_place() {
    let world = world().await;

    let error = world
        .refuse(
            "set_tailscale_dns_nameservers",
            json!({ "nameservers": ["dns.lab"] }),
        )
        .await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "nameservers[0]")
    );
    assert_eq!(world.writes(), [""; 0]);
}

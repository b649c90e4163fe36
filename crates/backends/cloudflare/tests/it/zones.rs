//! Zones, and how one is meant.

use homelab_core::error::Code;
use homelab_lab::cloudflare::Plan;
use serde_json::json;

use crate::world::{World, ZONE, column, field, hint, reason};

#[tokio::test]
async fn zones_are_listed_over_all_pages() {
    let world = World::lab().await;
    for n in 0..60 {
        world.api.add_zone(&format!("z{n:02}.example"), Plan::Free);
    }

    let first = world.call("list_zones", json!({ "limit": 1 })).await;
    let one = world.call("list_zones", json!({ "name": ZONE })).await;

    assert_eq!((&first["total"], &one["total"]), (&json!(61), &json!(1)));
    assert_eq!(one["items"][0]["plan"], "Free Website");
    assert_eq!(column(&one, "status"), ["active"]);
}

#[tokio::test]
async fn a_zone_is_named_by_name_id_or_a_host_in_it() {
    let world = World::lab().await;
    let deep = world.api.add_zone("home.lab.example", Plan::Free);

    let mut names = Vec::new();
    for zone in [
        ZONE,
        &world.zone,
        "a.b.lab.example",
        "x.home.lab.example",
        &deep,
    ] {
        let list = world
            .call("list_dns_records", json!({ "zone": zone }))
            .await;
        names.push(list["zone"].clone());
    }

    assert_eq!(
        names,
        [ZONE, ZONE, ZONE, "home.lab.example", "home.lab.example"]
    );
}

#[tokio::test]
async fn a_zone_is_asked_for_once_in_a_while() {
    let world = World::lab().await;
    let args = json!({ "zone": ZONE });
    let zones = || {
        let lines = world.api.log().lines();
        lines.iter().filter(|line| line.ends_with("/zones")).count()
    };

    world.call("list_dns_records", args.clone()).await;
    world.call("list_dns_records", args.clone()).await;
    let first = zones();
    world.clock.advance_seconds(601);
    world.call("list_dns_records", args).await;

    assert_eq!((first, zones()), (1, 2));
}

#[tokio::test]
async fn without_a_name_the_only_zone_or_the_default_is_meant() {
    let mut world = World::lab().await;
    let only = world.call("list_dns_records", json!({})).await;
    world.api.add_zone("other.example", Plan::Free);

    let several = world.fail("list_dns_records", json!({})).await;
    world.reopen(&json!({ "default_zone": "other.example" }));
    let default = world.call("list_dns_records", json!({})).await;

    assert_eq!(
        (&only["zone"], &default["zone"]),
        (&json!(ZONE), &json!("other.example"))
    );
    assert_eq!(
        (several.code(), field(&several)),
        (Code::InvalidArgument, "zone")
    );
    assert!(hint(&several).contains("lab.example, other.example"));
}

#[tokio::test]
async fn a_zone_that_is_not_there_is_told() {
    let world = World::lab().await;

    for zone in ["nosuch.example", "00000000000000000000000000000000"] {
        let error = world
            .fail("list_dns_records", json!({ "zone": zone }))
            .await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::NotFound, "zone_not_found"),
            "{zone}: {error}"
        );
    }
}

//! Giving out and taking back addresses.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, reason};

#[tokio::test]
async fn the_lowest_free_address_is_given_out_once_per_host_name() {
    let world = World::demo().await;
    let args = json!({ "network": "BENCH", "hostname": "logic-1.lab.example" });

    let first = world.call("homelab_allocate_ip", args.clone()).await;
    let again = world.call("homelab_allocate_ip", args).await;

    // .193 is the gateway, .194 to .201 are instruments and the GPIB gateway.
    assert_eq!(first["address"]["ip_address"], "192.0.2.202");
    assert_eq!(first["address"]["network"], "bench");
    assert_eq!(first["address"]["type"], "static");
    assert_eq!(
        (&first["created"], &again["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(again["address"], first["address"]);
}

#[tokio::test]
async fn callers_at_the_same_time_get_different_addresses() {
    let world = World::demo().await;

    let mut given = Vec::new();
    let calls = (0..8).map(|n| {
        world.call(
            "homelab_allocate_ip",
            json!({ "network": "iot", "hostname": format!("h{n}") }),
        )
    });
    for done in futures_util::future::join_all(calls).await {
        given.push(done["address"]["ip_address"].as_str().unwrap().to_owned());
    }
    given.sort();
    given.dedup();

    assert_eq!(given.len(), 8);
}

#[tokio::test]
async fn a_given_address_is_allocated_if_it_is_free() {
    let world = World::demo().await;

    let done = world
        .call(
            "homelab_allocate_ip",
            json!({
                "network": "servers", "hostname": "new.lab.example", "ip": "192.0.2.110",
                "mac": "00:00:5e:00:53:aa", "allocated_to": "docker-1", "notes": "for tests",
            }),
        )
        .await;
    let found = world
        .call("homelab_lookup_ip", json!({ "ip": "192.0.2.110" }))
        .await;

    assert_eq!(done["created"], true);
    assert_eq!(found["allocation"]["mac"], "00:00:5e:00:53:aa");
    assert_eq!(found["allocation"]["allocated_to"], "docker-1");
}

#[rstest]
#[case("192.0.2.70", Code::Conflict, "is in use")]
#[case("192.0.2.10", Code::InvalidArgument, "is not in the network `servers`")]
#[case(
    "192.0.2.64",
    Code::InvalidArgument,
    "is the address of the network `servers` itself"
)]
#[case("192.0.2.127", Code::InvalidArgument, "is the broadcast address")]
#[case("192.0.2.65", Code::InvalidArgument, "is the gateway")]
#[case("nonsense", Code::InvalidArgument, "is not an IP address")]
#[tokio::test]
async fn an_address_that_cannot_be_given_out_is_refused_with_the_reason(
    #[case] ip: &str,
    #[case] code: Code,
    #[case] why: &str,
) {
    let world = World::demo().await;

    let args = json!({ "network": "servers", "hostname": "h", "ip": ip });
    let error = world.fail("homelab_allocate_ip", args).await;

    assert_eq!(error.code(), code);
    assert_eq!(error.envelope().field.as_deref(), Some("ip"));
    assert!(error.envelope().message.contains(why), "{error}");
}

#[tokio::test]
async fn an_address_of_the_dhcp_pool_is_not_given_out() {
    let world = World::demo().await;

    let args = json!({ "network": "iot", "hostname": "h", "ip": "198.51.100.70" });
    let error = world.fail("homelab_allocate_ip", args).await;

    assert!(
        error.envelope().message.contains("DHCP pool of `iot`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_that_has_another_address_there_is_a_conflict() {
    let world = World::demo().await;

    let args =
        json!({ "network": "servers", "hostname": "nas-main.lab.example", "ip": "192.0.2.111" });
    let error = world.fail("homelab_allocate_ip", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "ip_in_use")
    );
}

#[rstest]
#[case(json!({ "networks": [] }), Code::NotFound, "")]
#[case(json!({ "networks": [{ "name": "n" }] }), Code::Conflict, "network_without_range")]
#[case(json!({ "networks": [{ "name": "n", "cidr": "192.0.2.0/30", "gateway": "192.0.2.1" }],
    "devices": [{ "name": "d", "ip": "192.0.2.2" }] }), Code::Conflict, "network_full")]
#[tokio::test]
async fn a_network_that_has_nothing_to_give_says_so(
    #[case] inventory: Value,
    #[case] code: Code,
    #[case] expected: &str,
) {
    let world = World::of(inventory).await;

    let args = json!({ "network": "n", "hostname": "h" });
    let error = world.fail("homelab_allocate_ip", args).await;

    assert_eq!((error.code(), reason(&error)), (code, expected), "{error}");
}

#[tokio::test]
async fn an_allocation_is_previewed_with_its_network_as_target() {
    let world = World::demo().await;
    let args = json!({ "network": "bench", "hostname": "h" });

    let preview = world.preview("homelab_allocate_ip", args.clone()).await;
    let targets = world.targets("homelab_allocate_ip", args.clone()).await;

    assert_eq!(
        preview.summary,
        "allocate the lowest free address of `bench` to `h`"
    );
    assert_eq!(targets[0].name.as_deref(), Some("bench"));
    assert_eq!(world.inverse("homelab_allocate_ip", args).await, None);
}

#[tokio::test]
async fn a_given_address_can_be_released_again_and_a_released_one_allocated() {
    let world = World::demo().await;
    let args = json!({ "network": "bench", "hostname": "h", "ip": "192.0.2.220" });

    let release = world
        .inverse("homelab_allocate_ip", args.clone())
        .await
        .unwrap();
    world.call("homelab_allocate_ip", args.clone()).await;
    let allocate = world
        .inverse(&release.tool, release.arguments.clone())
        .await
        .unwrap();
    world.call(&release.tool, release.arguments).await;
    let free = world
        .call("homelab_lookup_ip", json!({ "ip": "192.0.2.220" }))
        .await;
    let back = world.call(&allocate.tool, allocate.arguments).await;

    assert_eq!(free["free"], true);
    assert_eq!(back["address"]["hostname"], "h");
}

#[tokio::test]
async fn releasing_says_who_still_uses_the_address() {
    let world = World::demo().await;
    let args = json!({ "ip": "192.0.2.70" });

    let preview = world.preview("homelab_release_ip", args.clone()).await;
    let targets = world.targets("homelab_release_ip", args.clone()).await;
    let done = world.call("homelab_release_ip", args).await;

    assert_eq!(preview.impact, ["`nas-main` in `devices` still has it"]);
    assert_eq!(targets[0].name.as_deref(), Some("192.0.2.70"));
    assert_eq!(done["released"]["hostname"], "nas-main.lab.example");
}

#[tokio::test]
async fn an_address_that_is_not_allocated_cannot_be_released() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_release_ip", json!({ "ip": "192.0.2.50" }))
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.envelope().field.as_deref(), Some("ip"));
}

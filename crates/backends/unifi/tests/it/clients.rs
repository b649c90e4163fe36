//! Who is connected, known and blocked.

use homelab_core::error::Code;
use homelab_lab::unifi::{ClientKind, ClientSeed};
use serde_json::json;

use crate::world::{NAS, PHONE, PRINTER, With, World, column, field, hint, reason};

#[tokio::test]
async fn connected_clients_are_told_by_both_apis() {
    let world = World::lab().await;
    world.unifi.add_client(ClientSeed {
        kind: ClientKind::Vpn,
        ..ClientSeed::wired("00:00:5e:00:53:20", "road")
    });

    let list = world.call("list_clients", json!({})).await;

    assert_eq!((&list["api"], &list["total"]), (&json!("both"), &json!(3)));
    assert_eq!(column(&list, "name"), ["nas", "phone", "road"]);
    let phone = &list["items"][1];
    assert_eq!(
        (&phone["ssid"], &phone["network"]),
        (&json!("homelab"), &json!("trusted"))
    );
    assert!(phone["signal_dbm"].as_i64().unwrap() < 0);
    assert_eq!(
        (&list["items"][0]["port"], &list["items"][0]["vlan"]),
        (&json!(3), &json!(30))
    );
    // A client of a VPN has no MAC address.
    assert_eq!(
        (&list["items"][2]["type"], list["items"][2].get("mac")),
        (&json!("vpn"), None)
    );
    assert!(list.get("notes").is_none());
}

#[tokio::test]
async fn with_a_session_alone_the_old_api_tells() {
    let world = World::with(With::Account).await;

    let list = world
        .call("list_clients", json!({ "type": "wireless" }))
        .await;

    assert_eq!(
        (&list["api"], column(&list, "name")),
        (&json!("legacy"), vec![json!("phone")])
    );
    assert_eq!(list["items"][0]["mac"], PHONE);
}

#[tokio::test]
async fn known_clients_are_found_by_what_they_are() {
    let world = World::lab().await;

    let known = world
        .call("list_clients", json!({ "status": "known" }))
        .await;
    let found = world
        .call(
            "list_clients",
            json!({ "status": "known", "search": "PRINT" }),
        )
        .await;
    let page = world
        .call("list_clients", json!({ "status": "known", "limit": 2 }))
        .await;
    let cursor = page["next_cursor"].clone();
    let rest = json!({ "status": "known", "limit": 2, "cursor": cursor });
    let rest = world.call("list_clients", rest).await;

    assert_eq!(column(&known, "name"), ["nas", "phone", "printer"]);
    assert_eq!(column(&known, "connected"), [true, true, false]);
    assert_eq!(column(&found, "mac"), [PRINTER]);
    assert_eq!(
        (column(&page, "name").len(), column(&rest, "name")),
        (2, vec![json!("printer")])
    );
}

#[tokio::test]
async fn a_client_is_shown_with_its_uplink() {
    let world = World::lab().await;

    for wanted in [NAS, "00-00-5E-00-53-10", "NAS", "192.0.2.140"] {
        let shown = world.call("get_client", json!({ "client": wanted })).await;
        assert_eq!(shown["client"]["mac"], NAS, "{wanted}");
    }
    let shown = world.call("get_client", json!({ "client": "nas" })).await;

    let client = &shown["client"];
    assert_eq!(
        (&client["uplink"], &client["blocked"]),
        (&json!("sw-rack"), &json!(false))
    );
    assert_eq!(
        (&client["type"], &shown["api"]),
        (&json!("wired"), &json!("both"))
    );
}

#[tokio::test]
async fn what_nobody_is_called_says_who_is_alike() {
    let world = World::lab().await;

    let near = world.fail("get_client", json!({ "client": "print" })).await;
    let far = world
        .fail("get_client", json!({ "client": "toaster" }))
        .await;

    assert_eq!(
        (near.code(), reason(&near)),
        (Code::NotFound, "client_not_found")
    );
    assert_eq!(field(&near), "client");
    assert!(hint(&near).contains(PRINTER), "{}", hint(&near));
    assert!(hint(&far).contains("list_clients"), "{}", hint(&far));
}

#[tokio::test]
async fn a_name_that_several_have_lists_them() {
    let world = World::lab().await;
    world
        .unifi
        .add_client(ClientSeed::wired("00:00:5e:00:53:21", "nas"));

    let error = world.fail("get_client", json!({ "client": "nas" })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::InvalidArgument, "ambiguous_name")
    );
    assert!(hint(&error).contains(NAS) && hint(&error).contains("00:00:5e:00:53:21"));
}

#[tokio::test]
async fn what_a_key_alone_cannot_tell_is_said() {
    let world = World::with(With::Key).await;
    world
        .unifi
        .set_key_reach(homelab_lab::unifi::KeyReach::Nothing);

    let list = world.call("list_clients", json!({})).await;
    let known = world
        .fail("list_clients", json!({ "status": "known" }))
        .await;

    assert_eq!(
        (&list["api"], &list["total"]),
        (&json!("integration"), &json!(2))
    );
    assert!(
        list["notes"][0].as_str().unwrap().contains("SSID"),
        "{}",
        list["notes"]
    );
    assert_eq!(
        (known.code(), reason(&known)),
        (Code::NotConfigured, "needs_local_account")
    );
    assert_eq!(field(&known), "servers.unifi.username");
}

#[tokio::test]
async fn a_key_reads_the_old_api_where_the_console_lets_it() {
    let world = World::with(With::Key).await;

    let known = world
        .call("list_clients", json!({ "status": "known" }))
        .await;

    assert_eq!(known["total"], 3);
    assert_eq!(world.unifi.logins(), 0);
}

#[tokio::test]
async fn another_site_is_named_in_any_of_its_ways() {
    let world = World::lab().await;
    world.unifi.add_site("annex", "The Annex", true);
    let uuid = homelab_lab::unifi::Unifi::site_id("annex");

    for site in ["annex", "the annex", &uuid] {
        let list = world.call("list_clients", json!({ "site": site })).await;
        assert_eq!(list["total"], 0, "{site}");
    }
    let error = world.fail("list_clients", json!({ "site": "attic" })).await;

    assert_eq!((reason(&error), field(&error)), ("site_not_found", "site"));
    assert!(hint(&error).contains("annex"), "{}", hint(&error));
}

#[tokio::test]
async fn more_clients_than_a_page_has_are_all_read() {
    let world = World::lab().await;
    for n in 0..=255_u8 {
        world.unifi.add_client(ClientSeed::wired(
            &format!("00:00:5e:00:54:{n:02x}"),
            &format!("c{n}"),
        ));
    }

    let list = world.call("list_clients", json!({ "limit": 1 })).await;

    assert_eq!(list["total"], 258);
}

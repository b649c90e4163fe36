//! Machines and their routes.

use homelab_lab::tailscale::{DeviceSeed, SUFFIX, Tailscale};
use serde_json::{Value, json};

use super::{ask, get};

fn names(list: &Value) -> Vec<String> {
    let devices = list["devices"].as_array().unwrap().iter();
    devices
        .map(|one| one["hostname"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn routes_are_told_with_all_fields_only() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("fw-1", "linux").advertises(&["192.0.2.0/24"]));

    let usual = get(&server, "/tailnet/-/devices").await["devices"][0].clone();
    let all = get(&server, &format!("/device/{id}?fields=all")).await;
    let by_number = get(
        &server,
        &format!("/device/{}", usual["id"].as_str().unwrap()),
    )
    .await;

    assert!(usual.get("advertisedRoutes").is_none() && usual.get("clientConnectivity").is_none());
    assert_eq!(all["advertisedRoutes"], json!(["192.0.2.0/24"]));
    assert_eq!((&by_number, &usual["nodeId"]), (&usual, &json!(id)));
}

#[tokio::test]
async fn who_is_connected_was_not_seen_last_and_who_is_shared_has_no_times() {
    let server = Tailscale::start().await.unwrap();
    server.add_device(DeviceSeed::new("on", "linux"));
    server.add_device(DeviceSeed::new("off", "linux").offline(60));
    server.add_device(DeviceSeed::new("theirs", "linux").external());

    let list = get(&server, "/tailnet/-/devices").await;

    let devices = list["devices"].as_array().unwrap();
    assert!(devices[0].get("lastSeen").is_none() && devices[0]["connectedToControl"] == true);
    assert!(devices[1]["lastSeen"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        (&devices[2]["created"], &devices[2]["expires"]),
        (&json!(""), &json!(""))
    );
}

#[tokio::test]
async fn a_list_is_filtered_by_all_of_the_fields() {
    let server = Tailscale::start().await.unwrap();
    server.add_device(DeviceSeed::new("a", "linux").tags(&["tag:server"]));
    server.add_device(DeviceSeed::new("b", "linux").tags(&["tag:server", "tag:router"]));
    server.add_device(DeviceSeed::new("c", "iOS").pending());

    let both = get(
        &server,
        "/tailnet/-/devices?tags=tag%3Aserver&tags=tag%3Arouter",
    )
    .await;
    let pending = get(
        &server,
        "/tailnet/-/devices?authorized=false&os=iOS&fields=all",
    )
    .await;

    assert_eq!(names(&both), ["b"]);
    assert_eq!(names(&pending), ["c"]);
    assert_eq!(server.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_machine_is_let_in_renamed_tagged_and_deleted() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("nas", "linux").pending());
    server.add_device(DeviceSeed::new("taken", "linux"));

    let post = async |what: &str, body: Value| {
        ask(
            &server,
            "POST",
            &format!("/device/{id}/{what}"),
            &body.to_string(),
        )
        .await
        .status
    };
    assert_eq!(post("authorized", json!({"authorized": true})).await, 200);
    assert_eq!(post("name", json!({"name": "nas-main"})).await, 200);
    assert_eq!(post("name", json!({"name": "taken"})).await, 409);
    assert_eq!(post("name", json!({"name": "not a name"})).await, 400);
    assert_eq!(post("tags", json!({"tags": ["tag:server"]})).await, 200);
    assert_eq!(post("tags", json!({"tags": ["tag:nobody"]})).await, 400);
    assert_eq!(post("key", json!({"keyExpiryDisabled": true})).await, 200);
    assert_eq!(post("ip", json!({"ipv4": "100.100.1.2"})).await, 200);
    assert_eq!(post("ip", json!({"ipv4": "192.0.2.9"})).await, 400);

    let device = server.device(&id).unwrap();
    assert_eq!(device["name"], format!("nas-main.{SUFFIX}"));
    assert_eq!(
        (&device["authorized"], &device["keyExpiryDisabled"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        (&device["tags"], &device["user"]),
        (&json!(["tag:server"]), &json!("tagged-devices"))
    );
    assert_eq!(device["addresses"][0], "100.100.1.2");
    let gone = ask(&server, "DELETE", &format!("/device/{id}"), "").await;
    let again = ask(&server, "GET", &format!("/device/{id}"), "").await;
    assert_eq!((gone.status, again.status), (200, 404));
    assert!(server.device(&id).is_none());
}

#[tokio::test]
async fn a_key_that_is_expired_ends_now() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("nas", "linux"));
    let before = server.device(&id).unwrap()["expires"].clone();

    let answer = ask(&server, "POST", &format!("/device/{id}/expire"), "").await;

    let device = server.device(&id).unwrap();
    assert_eq!(answer.status, 200);
    assert!(device["expires"].as_str().unwrap() < before.as_str().unwrap());
    assert_eq!(device["connectedToControl"], false);
}

#[tokio::test]
async fn a_shared_machine_cannot_be_deleted() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("theirs", "linux").external());

    let answer = ask(&server, "DELETE", &format!("/device/{id}"), "").await;

    assert_eq!(answer.status, 501);
    assert!(server.device(&id).is_some());
}

#[tokio::test]
async fn setting_routes_replaces_those_before() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(
        DeviceSeed::new("fw-1", "linux")
            .advertises(&["192.0.2.0/24"])
            .enabled(&["192.0.2.0/24"]),
    );
    let path = format!("/device/{id}/routes");

    let set = ask(
        &server,
        "POST",
        &path,
        r#"{"routes":["198.51.100.0/24","::/0"]}"#,
    )
    .await
    .json();
    let wrong = ask(&server, "POST", &path, r#"{"routes":["192.0.2.1/24"]}"#).await;
    let seen = get(&server, &path).await;

    let expected = json!({
        "advertisedRoutes": ["192.0.2.0/24"],
        "enabledRoutes": ["198.51.100.0/24", "::/0"],
    });
    assert_eq!((&set, &seen), (&expected, &expected));
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn what_the_policy_approves_stays_enabled() {
    let server = Tailscale::start().await.unwrap();
    server.set_policy(
        r#"{"tagOwners": {"tag:router": []}, "autoApprovers": {"routes": {"192.0.2.0/24": ["tag:router"]}}}"#,
    );
    let id = server.add_device(
        DeviceSeed::new("fw-1", "linux")
            .tags(&["tag:router"])
            .advertises(&["192.0.2.64/26", "0.0.0.0/0"]),
    );

    let body = r#"{"routes":[]}"#;
    let set = ask(&server, "POST", &format!("/device/{id}/routes"), body)
        .await
        .json();

    assert_eq!(set["enabledRoutes"], json!(["192.0.2.64/26"]));
}

#[tokio::test]
async fn attributes_of_ones_own_are_set_and_deleted() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("nas", "linux"));
    let path = format!("/device/{id}/attributes/custom%3Arack");

    let set = ask(&server, "POST", &path, r#"{"value":"cellar"}"#)
        .await
        .json();
    let other = format!("/device/{id}/attributes/node%3Aos");
    let wrong = ask(&server, "POST", &other, r#"{"value":"x"}"#).await;
    let gone = ask(&server, "DELETE", &path, "").await;
    let seen = get(&server, &format!("/device/{id}/attributes")).await;

    assert_eq!(set["attributes"]["custom:rack"], "cellar");
    assert_eq!((wrong.status, gone.status), (400, 200));
    assert!(seen["attributes"].get("custom:rack").is_none());
    assert_eq!(seen["attributes"]["node:os"], "linux");
}

#[tokio::test]
async fn the_demo_has_one_of_each() {
    let server = Tailscale::demo().await.unwrap();

    let all = get(&server, "/tailnet/-/devices?fields=all").await;
    let pending = get(&server, "/tailnet/-/devices?authorized=false").await;
    let tests = ask(
        &server,
        "POST",
        "/tailnet/-/acl/validate",
        &json!([]).to_string(),
    )
    .await;

    let known: Vec<String> = homelab_lab::demo::inventory()
        .devices
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert!(
        names(&all)
            .iter()
            .filter(|name| known.contains(name))
            .count()
            >= 8
    );
    assert_eq!(names(&pending), ["tablet-kitchen"]);
    assert_eq!(
        server.device("fw-1").unwrap()["enabledRoutes"],
        json!(["0.0.0.0/0", "::/0", "192.0.2.0/24"])
    );
    assert_eq!(tests.status, 200);
}

//! Tunnels, their connections and configurations.

use homelab_lab::cloudflare::ACCOUNT;
use serde_json::{Value, json};

use super::{api, done, get, refused, texts};

fn path(rest: &str) -> String {
    format!("/accounts/{ACCOUNT}/cfd_tunnel{rest}")
}

#[tokio::test]
async fn a_tunnel_is_made_with_its_secret() {
    let (api, _, _) = api().await;

    let made = done(
        &api,
        "POST",
        &path(""),
        json!({"name": "home", "config_src": "cloudflare"}),
    )
    .await;
    let id = made["id"].as_str().unwrap();
    let seen = get(&api, &path(&format!("/{id}"))).await;
    let token = get(&api, &path(&format!("/{id}/token"))).await;

    assert_eq!(
        (&made["status"], &made["config_src"]),
        (&json!("inactive"), &json!("cloudflare"))
    );
    assert_eq!(made["token"], token);
    assert!(made["credentials_file"]["TunnelSecret"].is_string());
    assert!(seen.get("token").is_none() && seen.get("credentials_file").is_none());
    let again = json!({"name": "home"});
    assert_eq!(refused(&api, "POST", &path(""), again).await, (409, 1013));
    let short = json!({"name": "b", "tunnel_secret": "c2hvcnQ="});
    assert_eq!(refused(&api, "POST", &path(""), short).await, (400, 1002));
}

#[tokio::test]
async fn deleted_tunnels_stay_in_lists_that_do_not_leave_them_out() {
    let (api, _, _) = api().await;
    let old = api.add_tunnel("old");
    let new = api.add_tunnel("new");
    api.delete_tunnel(&old);

    let all = get(&api, &path("")).await;
    let living = get(&api, &path("?is_deleted=false")).await;
    let deleted = get(&api, &path("?is_deleted=true")).await;
    let named = get(&api, &path("?name=new")).await;
    let without = get(&api, &path("?exclude_prefix=n")).await;

    assert_eq!(texts(&all, "name"), ["old", "new"]);
    assert_eq!(texts(&living, "id"), [new.as_str()]);
    assert_eq!(texts(&deleted, "id"), [old.as_str()]);
    assert_eq!(texts(&named, "name"), ["new"]);
    assert_eq!(texts(&without, "name"), ["old"]);
    assert!(get(&api, &path(&format!("/{old}"))).await["deleted_at"].is_string());
    // The name is free again.
    done(&api, "POST", &path(""), json!({"name": "old"})).await;
}

#[tokio::test]
async fn a_tunnel_with_connections_is_not_deleted() {
    let (api, _, _) = api().await;
    let id = api.add_tunnel("home");
    let client = api.connect(&id, "203.0.113.17");
    let one = path(&format!("/{id}"));
    let connections = path(&format!("/{id}/connections"));

    let seen = get(&api, &one).await;
    let by_client = get(&api, &connections).await;
    let too_early = refused(&api, "DELETE", &one, Value::Null).await;
    let other = path(&format!("/{id}/connections?client_id={id}"));
    done(&api, "DELETE", &other, Value::Null).await;
    let still = get(&api, &one).await;
    done(&api, "DELETE", &connections, json!({})).await;
    let down = get(&api, &one).await;
    let deleted = done(&api, "DELETE", &one, Value::Null).await;

    assert_eq!(
        (
            &seen["status"],
            seen["connections"].as_array().unwrap().len()
        ),
        (&json!("healthy"), 4)
    );
    assert_eq!(
        (&by_client[0]["id"], &by_client[0]["conns"][0]["origin_ip"]),
        (&json!(client), &json!("203.0.113.17"))
    );
    assert_eq!(too_early, (400, 1022));
    assert_eq!(
        (&still["status"], &down["status"]),
        (&json!("healthy"), &json!("down"))
    );
    assert!(deleted["deleted_at"].is_string());
    assert_eq!(
        refused(&api, "DELETE", &one, Value::Null).await,
        (404, 1003)
    );
    assert!(api.log().unexpected().is_empty());
}

#[tokio::test]
async fn a_configuration_is_replaced_as_a_whole_and_counted() {
    let (api, _, _) = api().await;
    let id = api.add_tunnel("home");
    let place = path(&format!("/{id}/configurations"));
    let rule = json!({"hostname": "a.lab.example", "service": "http://192.0.2.80"});
    let rest = json!({"service": "http_status:404"});

    let none = get(&api, &place).await;
    let first = done(
        &api,
        "PUT",
        &place,
        json!({"config": {"ingress": [rule, rest]}}),
    )
    .await;
    let second = done(&api, "PUT", &place, json!({"config": {"ingress": [rest]}})).await;

    assert_eq!(
        (&none["version"], &none["config"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(
        (&first["version"], &second["version"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        api.tunnel_config(&id),
        Some((2, json!({"ingress": [rest]})))
    );
    for ingress in [
        json!([]),
        json!([rule]),
        json!([rest, rest]),
        json!([{"service": "nothing"}]),
    ] {
        let body = json!({"config": {"ingress": ingress}});
        assert_eq!(refused(&api, "PUT", &place, body).await, (400, 1056));
    }
    assert!(api.log().unexpected().is_empty());
    assert_eq!(api.tunnel_config(&id).unwrap().0, 2);
}

#[tokio::test]
async fn a_local_tunnel_is_not_configured_from_here() {
    let (api, _, _) = api().await;
    let id = api.add_local_tunnel("home");
    let place = path(&format!("/{id}/configurations"));

    let body = json!({"config": {"ingress": [{"service": "http_status:404"}]}});
    assert_eq!(refused(&api, "PUT", &place, body).await, (400, 1056));
}

#[tokio::test]
async fn a_tunnel_is_renamed() {
    let (api, _, _) = api().await;
    let id = api.add_tunnel("home");
    api.add_tunnel("taken");
    let one = path(&format!("/{id}"));

    assert_eq!(
        done(&api, "PATCH", &one, json!({"name": "house"})).await["name"],
        "house"
    );
    assert_eq!(
        refused(&api, "PATCH", &one, json!({"name": "taken"})).await,
        (409, 1013)
    );
}

#[tokio::test]
async fn networks_behind_a_tunnel_are_listed() {
    let (api, _, _) = api().await;
    let home = api.add_tunnel("home");
    let other = api.add_tunnel("other");
    api.add_route(&home, "192.0.2.64/26", "servers");
    api.add_route(&other, "198.51.100.0/25", "iot");

    let all = get(&api, &format!("/accounts/{ACCOUNT}/teamnet/routes")).await;
    let one = get(
        &api,
        &format!("/accounts/{ACCOUNT}/teamnet/routes?tunnel_id={home}"),
    )
    .await;

    assert_eq!(texts(&all, "network"), ["192.0.2.64/26", "198.51.100.0/25"]);
    assert_eq!(texts(&one, "tunnel_name"), ["home"]);
}

//! Who may do what.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros};
use homelab_lab::Fault;
use homelab_lab::tailscale::{ADMIN_KEY, CLIENT, DeviceSeed, Flavor, Nothing, OWNER, Tailscale};
use serde_json::json;

use super::{ask, ask_as, get, send, token};

#[tokio::test]
async fn a_token_is_a_bearer_or_a_user_without_password() {
    let server = Tailscale::start().await.unwrap();
    let basic = "Basic dHNrZXktYXBpLWtMYWJBZG1pbkNOVFJMLW9wZW5zLW5vdGhpbmctZWxzZTo=";

    let path = "/tailnet/-/devices";
    let bearer = ask(&server, "GET", path, "").await;
    let user = send(&server, basic, "GET", path, ("", "")).await;
    let wrong = ask_as(&server, "tskey-api-guess", "GET", path, "").await;
    let none = send(&server, "", "GET", path, ("", "")).await;

    assert_eq!((bearer.status, user.status), (200, 200));
    assert_eq!((wrong.status, none.status), (401, 401));
    assert_eq!(wrong.json(), json!({"message": "API token invalid"}));
}

#[tokio::test]
async fn a_client_gets_tokens_that_end() {
    let clock = Arc::new(ManualClock::at(Micros(1_800_000_000_000_000)));
    let server = Tailscale::with(Flavor::Tailscale, clock.clone(), None)
        .await
        .unwrap();
    server.set_token_lifetime(600);

    let given = token(&server, CLIENT, "").await.json();
    let bearer = given["access_token"].as_str().unwrap();
    let path = "/tailnet/-/devices";
    let fresh = ask_as(&server, bearer, "GET", path, "").await.status;
    clock.advance_seconds(600);
    let ended = ask_as(&server, bearer, "GET", path, "").await.status;
    let again = token(&server, CLIENT, "").await.json();
    server.revoke_tokens();
    let again = again["access_token"].as_str().unwrap();
    let revoked = ask_as(&server, again, "GET", path, "").await.status;

    assert_eq!(
        (&given["token_type"], &given["expires_in"]),
        (&json!("Bearer"), &json!(600))
    );
    assert_eq!(given["scope"], "all");
    assert_eq!((fresh, ended, revoked), (200, 401, 401));
    assert_eq!(server.tokens_issued(), 2);
}

#[tokio::test]
async fn a_client_that_is_not_known_gets_none() {
    let server = Tailscale::start().await.unwrap();

    let wrong = token(&server, (CLIENT.0, "tskey-client-guess"), "").await;
    let grant = {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let body = "grant_type=password&client_id=a&client_secret=b";
        crate::wire::call(server.address(), "POST", "/api/v2/oauth/token", &kind, body).await
    };

    assert_eq!((wrong.status, grant.status), (401, 400));
    assert_eq!(server.tokens_issued(), 0);
    assert_eq!(server.log().unexpected(), ["POST /api/v2/oauth/token"]);
}

#[tokio::test]
async fn a_scope_includes_its_reading_and_nothing_else() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("nas", "linux"));
    server.add_oauth_client(
        "kA",
        "tskey-client-a",
        &["devices:core", "dns:read"],
        &["tag:server"],
    );
    let given = token(&server, ("kA", "tskey-client-a"), "").await.json();
    let bearer = given["access_token"].as_str().unwrap();

    let mut seen = Vec::new();
    for (method, path, body) in [
        ("GET", "/tailnet/-/devices".to_owned(), ""),
        (
            "POST",
            format!("/device/{id}/authorized"),
            r#"{"authorized":true}"#,
        ),
        ("GET", format!("/device/{id}/routes"), ""),
        ("GET", "/tailnet/-/dns/preferences".to_owned(), ""),
        (
            "POST",
            "/tailnet/-/dns/preferences".to_owned(),
            r#"{"magicDNS":false}"#,
        ),
        ("GET", "/tailnet/-/keys".to_owned(), ""),
    ] {
        seen.push(ask_as(&server, bearer, method, &path, body).await.status);
    }
    let narrower = token(
        &server,
        ("kA", "tskey-client-a"),
        "&scope=devices%3Acore%3Aread",
    )
    .await;
    let wider = token(&server, ("kA", "tskey-client-a"), "&scope=dns").await;

    assert_eq!(seen, [200, 200, 403, 200, 403, 403]);
    assert_eq!(narrower.json()["scope"], "devices:core:read");
    assert_eq!(wider.status, 400);
}

#[tokio::test]
async fn keys_are_shown_once_and_stay_known_when_they_are_gone() {
    let server = Tailscale::start().await.unwrap();
    let body = json!({
        "keyType": "auth",
        "description": "new server",
        "expirySeconds": 3600,
        "capabilities": {"devices": {"create": {"reusable": false, "preauthorized": true, "tags": ["tag:server"]}}},
    });

    let made = ask(&server, "POST", "/tailnet/-/keys", &body.to_string())
        .await
        .json();
    let id = made["id"].as_str().unwrap();
    let path = format!("/tailnet/-/keys/{id}");
    let seen = get(&server, &path).await;
    let gone = ask(&server, "DELETE", &path, "").await;
    let invalid = get(&server, &path).await;
    let listed = get(&server, "/tailnet/-/keys").await;
    let unknown = ask(&server, "GET", "/tailnet/-/keys/kNobody", "").await;

    assert!(
        made["key"].as_str().unwrap().starts_with("tskey-auth-"),
        "{made}"
    );
    assert!(
        seen.get("key").is_none() && seen.get("invalid").is_none(),
        "{seen}"
    );
    assert_eq!((gone.status, gone.body().as_str()), (200, ""));
    assert_eq!(invalid["invalid"], true);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert_eq!(unknown.status, 404);
    assert_eq!(server.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_key_that_a_client_makes_has_tags_of_the_client() {
    let server = Tailscale::start().await.unwrap();
    server.add_oauth_client("kA", "tskey-client-a", &["auth_keys"], &["tag:server"]);
    let given = token(&server, ("kA", "tskey-client-a"), "").await.json();
    let bearer = given["access_token"].as_str().unwrap();

    let mut seen = Vec::new();
    for tags in [json!([]), json!(["tag:router"]), json!(["tag:server"])] {
        let body = json!({"capabilities": {"devices": {"create": {"tags": tags}}}}).to_string();
        seen.push(
            ask_as(&server, bearer, "POST", "/tailnet/-/keys", &body)
                .await
                .status,
        );
    }

    assert_eq!(seen, [400, 400, 200]);
}

#[tokio::test]
async fn a_list_of_keys_depends_on_who_asks() {
    let server = Tailscale::start().await.unwrap();
    server.add_user("sam@lab.example", "member");
    server.add_api_key("sam@lab.example", "tskey-api-sam", 5);

    let own = ask_as(&server, "tskey-api-sam", "GET", "/tailnet/-/keys", "")
        .await
        .json();
    let all = get(&server, "/tailnet/-/keys?all=true").await;
    server.list_only_key_ids();
    let brief = get(&server, "/tailnet/-/keys").await;

    assert_eq!(own["keys"].as_array().unwrap().len(), 1);
    assert_eq!(own["keys"][0]["keyType"], "api");
    assert_eq!(all["keys"].as_array().unwrap().len(), 3);
    assert_eq!(brief["keys"], json!([{"id": "kLabAdminCNTRL"}]));
}

#[tokio::test]
async fn a_client_that_is_made_gets_tokens() {
    let server = Tailscale::start().await.unwrap();
    let body = json!({"keyType": "client", "scopes": ["devices:core:read"], "description": "ci"});

    let made = ask(&server, "POST", "/tailnet/-/keys", &body.to_string())
        .await
        .json();
    let (id, secret) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let given = token(&server, (id, secret), "").await.json();
    let new = json!({"scopes": ["dns:read"], "description": "dns"}).to_string();
    let changed = ask(&server, "PUT", &format!("/tailnet/-/keys/{id}"), &new)
        .await
        .json();
    let wrong = json!({"keyType": "client", "scopes": ["devices:core"]}).to_string();
    let untagged = ask(&server, "POST", "/tailnet/-/keys", &wrong).await;

    assert_eq!(given["scope"], "devices:core:read");
    assert_eq!(changed["scopes"], json!(["dns:read"]));
    assert_eq!(untagged.status, 400);
}

#[tokio::test]
async fn people_are_approved_suspended_and_restored() {
    let server = Tailscale::start().await.unwrap();
    server.add_user("sam@lab.example", "member");
    server.set_user_status("sam@lab.example", "needs-approval");
    let sam = get(&server, "/tailnet/-/users?role=member").await["users"][0].clone();
    let id = sam["id"].as_str().unwrap();

    let mut seen = Vec::new();
    for action in ["suspend", "approve", "suspend", "restore"] {
        let answer = ask(&server, "POST", &format!("/users/{id}/{action}"), "").await;
        let status = get(&server, &format!("/users/{id}")).await["status"].clone();
        seen.push((answer.status, status.as_str().unwrap().to_owned()));
    }
    let role = ask(
        &server,
        "POST",
        &format!("/users/{id}/role"),
        r#"{"role":"auditor"}"#,
    )
    .await;

    let expected = [
        (400, "needs-approval"),
        (200, "active"),
        (200, "suspended"),
        (200, "active"),
    ];
    assert_eq!(
        seen,
        expected.map(|(status, text)| (status, text.to_owned()))
    );
    assert_eq!(role.status, 200);
    assert_eq!(
        get(&server, &format!("/users/{id}")).await["role"],
        "auditor"
    );
}

#[tokio::test]
async fn settings_are_changed_one_by_one_and_changes_are_logged() {
    let server = Tailscale::start().await.unwrap();

    let changed = ask(
        &server,
        "PATCH",
        "/tailnet/-/settings",
        r#"{"devicesApprovalOn":false}"#,
    )
    .await;
    let wrong = ask(
        &server,
        "PATCH",
        "/tailnet/-/settings",
        r#"{"devicesKeyDurationDays":400}"#,
    )
    .await;
    let path = "/tailnet/-/logging/configuration?start=2020-01-01T00%3A00%3A00Z&end=2100-01-01T00%3A00%3A00Z";
    let log = get(&server, path).await;
    let none = get(&server, &format!("{path}&actor=nobody")).await;
    let untimed = ask(&server, "GET", "/tailnet/-/logging/configuration", "").await;

    assert_eq!(changed.json()["devicesApprovalOn"], false);
    assert_eq!(changed.json()["httpsEnabled"], true);
    assert_eq!((wrong.status, untimed.status), (400, 400));
    assert_eq!(log["logs"][0]["target"]["name"], "devicesApprovalOn");
    assert_eq!(log["logs"][0]["actor"]["loginName"], OWNER);
    assert_eq!(
        (&log["logs"][0]["old"], &log["logs"][0]["new"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(none["logs"], json!([]));
}

#[tokio::test]
async fn what_is_outside_the_contract_is_noted() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("nas", "linux"));

    let unknown = ask(&server, "GET", "/tailnet/-/nothing", "").await;
    let method = ask(&server, "PUT", &format!("/device/{id}/routes"), "{}").await;
    let query = ask(&server, "GET", "/tailnet/-/devices?owner=x", "").await;
    let field = ask(
        &server,
        "POST",
        &format!("/device/{id}/key"),
        r#"{"keyExpiryDisabled":true,"x":1}"#,
    )
    .await;
    let mistyped = ask(
        &server,
        "POST",
        &format!("/device/{id}/key"),
        r#"{"keyExpiryDisabled":"yes"}"#,
    )
    .await;
    let tailnet = ask(&server, "GET", "/tailnet/other.example/devices", "").await;

    let seen = [&unknown, &method, &query, &field, &mistyped, &tailnet].map(|one| one.status);
    assert_eq!(seen, [404, 405, 200, 200, 400, 404]);
    assert_eq!(
        server.log().unexpected().len(),
        5,
        "{:?}",
        server.log().unexpected()
    );
    assert_eq!(
        get(
            &server,
            &format!("/tailnet/{}/devices", homelab_lab::tailscale::TAILNET)
        )
        .await["devices"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn it_fails_on_purpose() {
    let server = Tailscale::start().await.unwrap();
    let path = "/tailnet/-/devices";
    let text = "request took too long to process, please try again later";
    server.refuse_next(path, 504, text);
    let limited = Fault::RateLimited { retry_after_s: 7 };
    server.faults().next(1, "/api/v2/tailnet", limited);

    let limited = ask(&server, "GET", path, "").await;
    let late = ask(&server, "GET", path, "").await;
    let well = ask(&server, "GET", path, "").await;

    assert_eq!((limited.status, late.status, well.status), (429, 504, 200));
    assert!(limited.head.contains("retry-after: 7"), "{}", limited.head);
    assert_eq!(late.json(), json!({ "message": text }));
}

#[tokio::test]
async fn commands_say_nothing_in_three_ways() {
    let server = Tailscale::start().await.unwrap();
    let id = server.add_device(DeviceSeed::new("nas", "linux"));
    let path = format!("/device/{id}/authorized");

    let mut seen = vec![
        ask(&server, "POST", &path, r#"{"authorized":true}"#)
            .await
            .body(),
    ];
    for nothing in [Nothing::Null, Nothing::Object, Nothing::Empty] {
        server.set_nothing(nothing);
        seen.push(
            ask(&server, "POST", &path, r#"{"authorized":true}"#)
                .await
                .body(),
        );
    }

    assert_eq!(seen, ["", "null", "{}", ""]);
    assert_eq!(ADMIN_KEY.split('-').next(), Some("tskey"));
}

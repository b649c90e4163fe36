//! What a Headscale has, and what it has not.

use homelab_lab::tailscale::{DeviceSeed, HEADSCALE_CLIENT, HEADSCALE_KEY, TAILNET, Tailscale};
use serde_json::json;

use super::{ask_as, token};

#[tokio::test]
async fn it_has_devices_policy_keys_and_tokens() {
    let server = Tailscale::headscale().await.unwrap();
    let id = server.add_device(DeviceSeed::new("nas", "linux"));
    let ask = async |method: &str, path: &str, body: &str| {
        ask_as(&server, HEADSCALE_KEY, method, path, body).await
    };

    let given = token(&server, HEADSCALE_CLIENT, "").await.json();
    let bearer = given["access_token"].as_str().unwrap();
    assert!(bearer.starts_with("hskey-oauthtok-"));
    let routes = ask_as(
        &server,
        bearer,
        "POST",
        &format!("/device/{id}/routes"),
        r#"{"routes":["::/0"]}"#,
    )
    .await;
    let mut seen = Vec::new();
    for path in ["devices", "acl", "keys", "users", "settings"] {
        seen.push(ask("GET", &format!("/tailnet/-/{path}"), "").await.status);
    }

    assert_eq!(routes.json()["enabledRoutes"], json!(["::/0"]));
    assert_eq!(seen, [200; 5]);
    assert_eq!(server.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn it_has_no_dns_no_validation_and_one_tailnet() {
    let server = Tailscale::headscale().await.unwrap();
    let ask = async |method: &str, path: &str, body: &str| {
        ask_as(&server, HEADSCALE_KEY, method, path, body)
            .await
            .status
    };

    let dns = ask("GET", "/tailnet/-/dns/configuration", "").await;
    let validate = ask("POST", "/tailnet/-/acl/validate", "{}").await;
    let tailnet = ask("GET", &format!("/tailnet/{TAILNET}/devices"), "").await;

    assert_eq!((dns, validate, tailnet), (404, 404, 404));
    assert_eq!(server.log().unexpected().len(), 2);
}

#[tokio::test]
async fn it_runs_no_tests_before_a_policy_is_taken() {
    let server = Tailscale::headscale().await.unwrap();
    let failing = r#"{"acls": [], "tests": [{"src": "a@b", "accept": ["1.2.3.4:5"]}]}"#;

    let answer = ask_as(&server, HEADSCALE_KEY, "POST", "/tailnet/-/acl", failing).await;

    assert_eq!(answer.status, 200);
    assert_eq!(server.policy(), failing);
}

#[tokio::test]
async fn its_refusals_of_tokens_are_those_of_oauth() {
    let server = Tailscale::headscale().await.unwrap();

    let refused = token(&server, (HEADSCALE_CLIENT.0, "hskey-client-guess"), "").await;

    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["error"], "invalid_client");
}

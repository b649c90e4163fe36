//! The Tailscale stand-in against its API's documentation.

mod access;
mod devices;
mod headscale;
mod policy;
mod resolution;

use homelab_lab::tailscale::{ADMIN_KEY, Tailscale};
use serde_json::Value;

use crate::wire::{Answer, call};

const JSON: &str = "application/json";
const HUJSON: &str = "application/hujson";

async fn ask_as(server: &Tailscale, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    send(server, &bearer, method, path, (JSON, body)).await
}

async fn send(
    server: &Tailscale,
    authorization: &str,
    method: &str,
    path: &str,
    (kind, body): (&str, &str),
) -> Answer {
    let headers = [("Authorization", authorization), ("Content-Type", kind)];
    let headers = if body.is_empty() {
        &headers[..1]
    } else {
        &headers[..]
    };
    let path = format!("/api/v2{path}");
    call(server.address(), method, &path, headers, body).await
}

async fn ask(server: &Tailscale, method: &str, path: &str, body: &str) -> Answer {
    ask_as(server, ADMIN_KEY, method, path, body).await
}

async fn get(server: &Tailscale, path: &str) -> Value {
    let answer = ask(server, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    answer.json()
}

/// An access token for a client.
async fn token(server: &Tailscale, (id, secret): (&str, &str), more: &str) -> Answer {
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{more}");
    call(
        server.address(),
        "POST",
        "/api/v2/oauth/token",
        &kind,
        &body,
    )
    .await
}

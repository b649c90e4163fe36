//! The Pi-hole stand-in against what a real FTL 6.4.1 was seen to do.

mod access;
mod figures;
mod gravity;
mod rules;
mod settings;

use homelab_lab::pihole::{PASSWORD, Pihole};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

/// A server with somebody signed in.
struct Signed {
    server: Pihole,
    sid: String,
}

async fn signed(server: Pihole) -> Signed {
    let answer = login(&server, &json!({"password": PASSWORD})).await;
    let sid = answer.json()["session"]["sid"].as_str().unwrap().to_owned();
    Signed { server, sid }
}

async fn fresh() -> Signed {
    signed(Pihole::start().await.unwrap()).await
}

async fn login(server: &Pihole, body: &Value) -> Answer {
    anonymous(server, "POST", "/api/auth", &[], &body.to_string()).await
}

async fn anonymous(
    server: &Pihole,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut headers = headers.to_vec();
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json"));
    }
    call(server.address(), method, path, &headers, body).await
}

impl Signed {
    async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let path = format!("/api{path}");
        let headers = [("X-FTL-SID", self.sid.as_str())];
        anonymous(&self.server, method, &path, &headers, &body).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body());
        answer.json()
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body).await
    }

    async fn delete(&self, path: &str) -> u16 {
        self.ask("DELETE", path, &Value::Null).await.status
    }

    fn end(self) {
        assert_eq!(self.server.log().unexpected(), [""; 0]);
    }
}

/// Key and hint of an error.
fn error(answer: &Answer) -> (String, Value) {
    let body = answer.json();
    assert!(body["took"].is_number() && body["error"]["message"].is_string());
    let key = body["error"]["key"].as_str().unwrap().to_owned();
    (key, body["error"]["hint"].clone())
}

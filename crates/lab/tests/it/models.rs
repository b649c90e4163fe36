//! The stand-ins of OpenAI-compatible servers and of Anthropic against the two API references.

use homelab_lab::anthropic::{self, Anthropic};
use homelab_lab::openai::{self, OpenAi};
use homelab_lab::{Saying, Vectors};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

async fn openai(server: &OpenAi, path: &str, body: &Value) -> Answer {
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer key"),
    ];
    call(server.address(), "POST", path, &headers, &body.to_string()).await
}

async fn message(server: &Anthropic, version: bool, body: &Value) -> Answer {
    let mut headers = vec![("Content-Type", "application/json"), ("x-api-key", "key")];
    if version {
        headers.push(("anthropic-version", "2023-06-01"));
    }
    let body = body.to_string();
    call(server.address(), "POST", "/v1/messages", &headers, &body).await
}

#[tokio::test]
async fn vectors_are_numbered_whatever_their_order() {
    let server = OpenAi::start().await.unwrap();
    server.set_vectors(Vectors::Reversed);
    let body = json!({
        "model": openai::EMBEDDING_MODEL, "input": ["a nas", "a router"], "dimensions": 8,
    });

    let answer = openai(&server, "/v1/embeddings", &body).await.json();

    assert_eq!(answer["data"][0]["index"], 1);
    assert_eq!(answer["data"][1]["index"], 0);
    assert_eq!(
        answer["data"][0]["embedding"].as_array().map(Vec::len),
        Some(8)
    );
    assert_eq!(server.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn the_wrong_key_and_an_unknown_model_are_refused() {
    let server = OpenAi::start().await.unwrap();
    let body = json!({ "model": "other", "input": "x" });

    let unknown = openai(&server, "/v1/embeddings", &body).await;
    server.require_key("another");
    let refused = openai(&server, "/v1/embeddings", &body).await;

    assert_eq!(unknown.status, 404);
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn what_the_api_does_not_know_is_noted() {
    let server = OpenAi::start().await.unwrap();
    let body = json!({ "model": openai::CHAT_MODEL, "messages": [], "schema": {} });

    let answer = openai(&server, "/v1/chat/completions", &body).await;

    assert_eq!(answer.status, 400);
    assert_eq!(server.log().unexpected(), ["POST /v1/chat/completions"]);
}

#[tokio::test]
async fn a_chat_says_what_was_planned() {
    let server = OpenAi::start().await.unwrap();
    server.say(Saying::Json(json!({ "n": 4 })));
    server.say(Saying::Cut);
    let body = json!({ "model": openai::CHAT_MODEL, "messages": [] });

    let first = openai(&server, "/v1/chat/completions", &body).await.json();
    let second = openai(&server, "/v1/chat/completions", &body).await.json();

    assert_eq!(first["choices"][0]["message"]["content"], "{\"n\":4}");
    assert_eq!(first["choices"][0]["finish_reason"], "stop");
    assert_eq!(second["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn a_forced_tool_is_called_with_what_was_planned() {
    let server = Anthropic::start("key").await.unwrap();
    server.say(Saying::Json(json!({ "n": 4 })));
    let mut body = json!({
        "model": anthropic::MODEL,
        "max_tokens": 100,
        "messages": [{ "role": "user", "content": "how many?" }],
        "tools": [{ "name": "answer", "input_schema": { "type": "object" } }],
        "tool_choice": { "type": "tool", "name": "answer" },
    });

    let answer = message(&server, true, &body).await.json();
    let versionless = message(&server, false, &body).await;
    body["tool_choice"]["name"] = json!("other");
    let toolless = message(&server, true, &body).await;

    assert_eq!(answer["content"][0]["type"], "tool_use");
    assert_eq!(answer["content"][0]["input"], json!({ "n": 4 }));
    assert_eq!((versionless.status, toolless.status), (400, 400));
    assert_eq!(server.log().unexpected().len(), 2);
}

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::ollama::Model;
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn models_are_listed_by_name_with_what_they_are() {
    let world = World::ollama().await;

    let list = world.call("ollama_list_models", json!({})).await;

    let names: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "gpt-oss:120b-cloud",
            "llama3.1:8b",
            "nomic-embed-text:latest",
            "qwen2.5-coder:14b"
        ]
    );
    assert_eq!(list["items"][1]["parameter_size"], "8.0B");
    assert_eq!(list["items"][1]["quantization"], "Q4_K_M");
    assert_eq!(list["items"][0]["remote_host"], "https://models.example");
    assert!(list["items"][1].get("loaded").is_none());
    assert_eq!(list["total"], 4);
    assert_eq!(world.ollama.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn models_are_filtered_paged_and_marked_when_in_memory() {
    let world = World::ollama().await;

    let first = world
        .call(
            "ollama_list_models",
            json!({ "limit": 1, "filter": "L", "loaded": true }),
        )
        .await;
    let cursor = &first["next_cursor"];
    let second = world
        .call(
            "ollama_list_models",
            json!({ "limit": 1, "filter": "L", "loaded": true, "cursor": cursor }),
        )
        .await;

    assert_eq!(first["items"][0]["name"], "gpt-oss:120b-cloud");
    assert_eq!(first["items"][0]["loaded"], false);
    assert_eq!(second["items"][0]["name"], "llama3.1:8b");
    assert_eq!(second["items"][0]["loaded"], true);
}

#[tokio::test]
async fn an_ollama_that_is_not_there_says_which_setting_to_check() {
    let world = World::ollama_with(json!({ "ollama": { "url": "http://127.0.0.1:9" } })).await;

    let error = world.fail("ollama_list_models", json!({})).await;

    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert!(
        error
            .envelope()
            .hint
            .as_ref()
            .unwrap()
            .contains("servers.whisper.ollama.url"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_or_no_json_is_an_error() {
    let world = World::ollama().await;

    world.ollama.faults().always("/api/tags", Fault::NotJson);
    let error = world.fail("ollama_list_models", json!({})).await;
    assert_eq!(reason(&error), "unexpected_answer");

    world.ollama.faults().clear();
    world.ollama.faults().always("/api/ps", Fault::CutBody);
    let error = world.fail("ollama_running", json!({})).await;
    assert_eq!(reason(&error), "cut");
}

#[tokio::test]
async fn a_token_and_headers_go_with_every_request_and_into_no_error() {
    let world = World::ollama_with(json!({
        "ollama": { "token": "sesame-open-123", "headers": { "X-Lab": "header-secret-1" } }
    }))
    .await;
    world.ollama.require_token("sesame-open-123");

    world.call("ollama_list_models", json!({})).await;
    let seen = world.ollama.log().all();
    assert_eq!(seen[0].headers["x-lab"], "header-secret-1");

    world.ollama.require_token("another");
    let error = world.fail("ollama_list_models", json!({})).await;
    assert_eq!(error.code(), Code::UpstreamUnauthorized);
    assert!(!error.to_string().contains("sesame"), "{error}");
}

#[tokio::test]
async fn models_in_memory_tell_their_share_on_the_card() {
    let world = World::ollama().await;
    assert!(world.ollama.load("qwen2.5-coder:14b", 40));

    let list = world.call("ollama_running", json!({})).await;

    assert_eq!(list["total"], 2);
    assert_eq!(list["items"][1]["name"], "qwen2.5-coder:14b");
    let share = list["items"][1]["gpu_percent"].as_u64().unwrap();
    assert!((39..=40).contains(&share), "{share}");
}

#[tokio::test]
async fn a_model_is_shown_without_its_long_parts() {
    let world = World::ollama().await;

    let sheet = world
        .call("ollama_show_model", json!({ "model_name": "llama3.1:8b" }))
        .await;

    assert_eq!(sheet["capabilities"], json!(["completion", "tools"]));
    assert_eq!(sheet["info"]["llama.context_length"], 131_072);
    assert!(sheet["info"].get("tokenizer.ggml.tokens").is_none());
    assert!(sheet["license"].as_str().unwrap().ends_with('…'));
    assert!(sheet.to_string().len() < 2000);
}

#[tokio::test]
async fn a_model_that_is_not_there_is_not_shown_or_deleted() {
    let world = World::ollama().await;

    for tool in ["ollama_show_model", "ollama_delete_model"] {
        let error = world.fail(tool, json!({ "model_name": "nobody:1b" })).await;

        assert_eq!(error.code(), Code::NotFound, "{tool}");
        assert_eq!(reason(&error), "model_not_found", "{tool}");
    }
}

#[tokio::test]
async fn a_name_that_is_none_never_reaches_ollama() {
    let world = World::ollama().await;

    for tool in [
        "ollama_show_model",
        "ollama_delete_model",
        "ollama_pull_model",
    ] {
        let error = world.fail(tool, json!({ "model_name": "../etc" })).await;
        assert_eq!(field(&error), "model_name");
    }

    assert!(world.ollama.log().all().is_empty());
}

#[tokio::test]
async fn deleting_removes_the_model_and_says_what_it_took() {
    let world = World::ollama().await;

    let gone = world
        .call(
            "ollama_delete_model",
            json!({ "model_name": "QWEN2.5-coder:14b" }),
        )
        .await;

    assert_eq!(gone["name"], "qwen2.5-coder:14b");
    assert!(gone["size_bytes"].as_u64().unwrap() > 8_000_000_000);
    assert!(
        !world
            .ollama
            .installed()
            .contains(&"qwen2.5-coder:14b".to_owned())
    );
}

#[tokio::test]
async fn a_deletion_warns_of_a_model_in_use_and_names_its_target() {
    let world = World::ollama().await;
    let args = json!({ "model_name": "llama3.1:8b" });

    let preview = world.preview("ollama_delete_model", args.clone()).await;
    let targets = world.targets("ollama_delete_model", args).await;

    assert!(preview.summary.contains("llama3.1:8b"));
    assert!(preview.impact[0].contains("in memory"), "{preview:?}");
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("model", "llama3.1:8b")
    );
    assert!(
        world
            .try_preview("ollama_delete_model", json!({ "model_name": "no" }))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn without_hosts_the_ssh_tools_name_the_setting_and_ollama_works() {
    let world = World::ollama().await;

    for (tool, args) in [
        ("whisper_ssh_command", json!({ "command": "uptime" })),
        (
            "whisper_run_on_hosts",
            json!({ "command": "uptime", "hosts": ["*"] }),
        ),
        ("whisper_list_hosts", json!({})),
        ("whisper_gpu_status", json!({})),
        ("host_status", json!({})),
        ("host_logs", json!({})),
        ("service_status", json!({ "unit": "nginx" })),
        (
            "service_control",
            json!({ "unit": "nginx", "action": "stop" }),
        ),
        ("whisper_read_file", json!({ "file_path": "/etc/hosts" })),
        (
            "whisper_write_file",
            json!({ "file_path": "/etc/hosts", "content": "" }),
        ),
        ("whisper_delete_file", json!({ "file_path": "/etc/hosts" })),
        ("whisper_stat_file", json!({ "file_path": "/etc/hosts" })),
        ("whisper_list_directory", json!({ "path": "/etc" })),
    ] {
        let error = world.fail(tool, args).await;

        assert_eq!(error.code(), Code::NotConfigured, "{tool}");
        assert_eq!(field(&error), "ssh.hosts", "{tool}");
    }
    world.call("ollama_list_models", json!({})).await;
}

#[tokio::test]
async fn health_tells_the_version_or_what_is_wrong() {
    let world = World::ollama().await;
    let well = world.health().await;
    assert!(well.message.starts_with("Ollama "), "{well:?}");
    assert!(well.message.contains("no SSH hosts"), "{well:?}");
    assert_eq!(well.hint, None);

    let world = World::ollama_with(json!({ "ollama": { "url": "http://127.0.0.1:9" } })).await;
    let down = world.health().await;
    assert!(down.hint.unwrap().contains("ollama.url"));
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    for (settings, expected) in [
        (
            json!({ "ollama": { "url": "no address" } }),
            "servers.whisper.ollama.url",
        ),
        (
            json!({ "ollama": { "headers": { "Host": "x" } } }),
            "servers.whisper.ollama.headers.Host",
        ),
        (
            json!({ "fleet_concurrency": 0 }),
            "servers.whisper.fleet_concurrency",
        ),
        (
            json!({ "ollama": { "urls": "x" } }),
            "servers.whisper.ollama.urls",
        ),
    ] {
        let world = World::ollama_with(settings).await;

        let error = world.fail("ollama_list_models", json!({})).await;

        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(field(&error), expected);
    }
}

#[tokio::test]
async fn a_cloud_model_is_installed_like_any_other() {
    let world = World::ollama().await;
    world
        .ollama
        .install(Model::cloud("big:cloud", "https://elsewhere.example"));

    let list = world
        .call("ollama_list_models", json!({ "filter": "big" }))
        .await;

    assert_eq!(list["items"][0]["remote_host"], "https://elsewhere.example");
}

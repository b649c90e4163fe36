//! Each tool over a real database.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, reason, text};

const NOBODY: &str = "01a00000-0000-7000-8000-000000000000";

#[tokio::test]
async fn the_example_of_mem0_users_works_as_written() {
    let world = World::open().await;
    let args = json!({
        "content": "Discovered 12 VMs in Proxmox cluster",
        "user_id": "infrastructure_agent",
        "metadata": { "category": "discovery", "source": "proxmox" },
    });

    let added = world.call("n8n", "add_memory", args).await;

    assert_eq!(added["results"][0]["event"], "ADD");
    let id = text(&added["results"][0]["id"]);
    let memory = world
        .call("n8n", "get_memory", json!({ "memory_id": id }))
        .await;
    assert_eq!(memory["content"], "Discovered 12 VMs in Proxmox cluster");
    assert_eq!(memory["user_id"], "infrastructure_agent");
    assert_eq!(memory["category"], "discovery");
    assert_eq!(memory["source"], "proxmox");
}

#[tokio::test]
async fn what_was_told_is_found_by_meaning_words_and_exact_tokens() {
    let world = World::open().await;
    world
        .add("alice", "nas01 is reachable under 192.0.2.5")
        .await;
    world
        .add("alice", "The router restarts every Sunday at 04:00")
        .await;
    world
        .add("alice", "Backups go to pbs01 in the cellar")
        .await;

    for (query, first) in [
        ("192.0.2.5", "nas01 is reachable under 192.0.2.5"),
        (
            "when does the router reboot?",
            "The router restarts every Sunday at 04:00",
        ),
        ("backup", "Backups go to pbs01 in the cellar"),
    ] {
        assert_eq!(world.found("alice", query).await[0], first, "{query}");
    }
}

#[tokio::test]
async fn nobody_reaches_what_another_keeps() {
    let world = World::open().await;
    let id = world
        .add("alice", "the alarm code hangs behind the clock")
        .await;
    let about = json!({ "memory_id": id });

    for (tool, args) in [
        ("get_memory", about.clone()),
        ("get_memory_history", about.clone()),
        ("delete_memory", about.clone()),
        ("delete_memory", json!({ "memory_id": id, "purge": true })),
        ("update_memory", json!({ "memory_id": id, "content": "x" })),
        ("update_memory", json!({ "memory_id": id, "restore": true })),
        ("update_memory", json!({ "memory_id": id, "revert_to": 1 })),
        ("add_memory", json!({ "content": "x", "supersedes": id })),
    ] {
        let theirs = world.fail("bob", tool, args.clone()).await;
        let mut nobodys = args;
        for name in ["memory_id", "supersedes"] {
            if nobodys.get(name).is_some() {
                nobodys[name] = json!(NOBODY);
            }
        }
        let missing = world.fail("bob", tool, nobodys).await;
        assert_eq!(theirs.code(), Code::NotFound, "{tool}");
        // The very same answer: nothing tells that there is one.
        let told = |error: &homelab_core::error::ToolError, id: &str| {
            let envelope = serde_json::to_string(error.envelope()).expect("JSON");
            envelope.replace(id, "ID")
        };
        assert_eq!(told(&theirs, &id), told(&missing, NOBODY), "{tool}");
    }
    let filters = json!({ "query": "alarm code", "user_id": "alice" });
    let found = world.call("bob", "search_memories", filters).await;
    assert_eq!(found["results"], json!([]));
    let listed = world
        .call("bob", "list_memories", json!({ "user_id": "alice" }))
        .await;
    assert_eq!(
        (&listed["items"], &listed["total"]),
        (&json!([]), &json!(0))
    );
    let summary = world.call("bob", "summarize_memories", json!({})).await;
    assert_eq!(summary["lines"], json!([]));
    assert_eq!(world.found("alice", "alarm code").await.len(), 1);
}

#[tokio::test]
async fn callers_that_the_configuration_joins_share() {
    let world = World::with(json!({ "owners": { "family": ["claude", "stdio:*"] } })).await;
    world.add("claude", "the nas is blue").await;

    assert_eq!(world.found("stdio:1000", "nas").await, ["the nas is blue"]);
    assert_eq!(world.found("family", "nas").await, [""; 0]);
}

#[tokio::test]
async fn a_correction_keeps_what_was_said_before_and_can_be_taken_back() {
    let world = World::open().await;
    let id = world.add("alice", "nas01 is 192.0.2.5").await;
    let change = json!({ "memory_id": id, "content": "nas01 is 192.0.2.6", "reason": "moved" });
    let inverse = world
        .inverse("update_memory", change.clone())
        .await
        .expect("an inverse");
    let kept = inverse.arguments.to_string();

    let updated = world.call("alice", "update_memory", change).await;

    assert_eq!(updated["memory"]["version"], 2);
    assert!(
        !kept.contains("192.0.2.5"),
        "the record of calls keeps no text: {kept}"
    );
    assert_eq!(world.found("alice", "nas01").await, ["nas01 is 192.0.2.6"]);
    let history = json!({ "memory_id": id });
    let history = world.call("alice", "get_memory_history", history).await;
    assert_eq!(history["items"][0]["event"], "UPDATE");
    assert_eq!(history["items"][0]["old_content"], "nas01 is 192.0.2.5");
    assert_eq!(history["items"][0]["reason"], "moved");
    assert_eq!(history["items"][0]["actor"], "alice");
    let back = world.call("alice", &inverse.tool, inverse.arguments).await;
    assert_eq!(back["memory"]["content"], "nas01 is 192.0.2.5");
    assert_eq!(back["memory"]["version"], 3);
}

#[tokio::test]
async fn as_of_answers_what_held_then() {
    let world = World::open().await;
    let id = world.add("alice", "nas01 is 192.0.2.5").await;
    world.clock.advance_seconds(10 * 24 * 60 * 60);
    let change = json!({ "memory_id": id, "content": "nas01 is 192.0.2.6" });
    world.call("alice", "update_memory", change).await;

    let then = json!({ "query": "nas01", "as_of": "2026-06-05" });
    let then = world.call("alice", "search_memories", then).await;

    assert_eq!(then["results"][0]["content"], "nas01 is 192.0.2.5");
    assert_eq!(world.found("alice", "nas01").await, ["nas01 is 192.0.2.6"]);
}

#[tokio::test]
async fn a_change_meanwhile_is_a_conflict() {
    let world = World::open().await;
    let id = world.add("alice", "one").await;
    let change =
        |content: &str| json!({ "memory_id": id, "content": content, "expected_version": 1 });
    world.call("alice", "update_memory", change("two")).await;

    let error = world.fail("alice", "update_memory", change("three")).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "memory_changed")
    );
}

#[rstest]
#[case(json!({ "restore": true, "content": "x" }), "restore")]
#[case(json!({ "restore": true, "revert_to": 1 }), "restore")]
#[case(json!({ "revert_to": 1, "category": "x" }), "revert_to")]
#[case(json!({ "revert_to": 9 }), "revert_to")]
#[tokio::test]
async fn a_change_that_means_two_things_is_refused(#[case] more: Value, #[case] field: &str) {
    let world = World::open().await;
    let id = world.add("alice", "one").await;
    let mut args = json!({ "memory_id": id });
    for (name, value) in more.as_object().expect("an object") {
        args[name] = value.clone();
    }

    let error = world.fail("alice", "update_memory", args).await;

    assert_eq!(error.envelope().field.as_deref(), Some(field));
}

#[tokio::test]
async fn forgetting_can_be_undone_and_is_a_mild_change() {
    let world = World::open().await;
    let id = world.add("alice", "the nas is blue").await;
    let args = json!({ "memory_id": id });
    let inverse = world
        .inverse("delete_memory", args.clone())
        .await
        .expect("an inverse");

    assert_eq!(world.effect("delete_memory", args.clone()), Effect::Write);
    world.call("alice", "delete_memory", args.clone()).await;
    assert_eq!(world.found("alice", "nas").await, [""; 0]);
    let deleted = world.call("alice", "get_memory", args).await;
    assert!(deleted["deleted_at"].is_string(), "{deleted}");
    world.call("alice", &inverse.tool, inverse.arguments).await;
    assert_eq!(world.found("alice", "nas").await, ["the nas is blue"]);
}

#[tokio::test]
async fn erasing_is_grave_and_leaves_nothing() {
    let world = World::open().await;
    let id = world.add("alice", "the nas is blue").await;
    let args = json!({ "memory_id": id, "purge": true });

    assert_eq!(
        world.effect("delete_memory", args.clone()),
        Effect::Destructive
    );
    let preview = world.preview("delete_memory", args.clone()).await;
    assert!(preview.summary.contains("for good"), "{preview:?}");
    assert!(!format!("{preview:?}").contains("blue"), "{preview:?}");
    assert_eq!(world.inverse("delete_memory", args.clone()).await, None);
    let gone = world.call("alice", "delete_memory", args).await;
    assert_eq!(gone["purged"], true);
    let args = json!({ "memory_id": id });
    for tool in ["get_memory", "get_memory_history"] {
        assert_eq!(
            world.fail("alice", tool, args.clone()).await.code(),
            Code::NotFound
        );
    }
}

#[tokio::test]
async fn a_secret_is_refused_without_being_repeated() {
    let world = World::open().await;
    let args = json!({ "content": "the token is ghp_0123456789abcdefghijABCDEFGHIJ012345" });

    let error = world.fail("alice", "add_memory", args.clone()).await;

    assert_eq!(reason(&error), "secret_in_memory");
    assert!(!error.to_string().contains("ghp_"), "{error}");
    let masking = World::with(json!({ "on_secret": "mask" })).await;
    masking.call("alice", "add_memory", args).await;
    let found = masking.found("alice", "token").await;
    assert!(found[0].contains("***REDACTED***"), "{found:?}");
}

#[tokio::test]
async fn lists_come_in_pages_and_take_conditions() {
    let world = World::open().await;
    for number in 1..=5 {
        let category = if number % 2 == 0 { "even" } else { "odd" };
        let content = format!("number {number} of the list");
        let args = json!({ "content": content, "category": category });
        world.call("alice", "add_memory", args).await;
        world.clock.advance_seconds(1);
    }

    let first = world
        .call("alice", "list_memories", json!({ "limit": 3 }))
        .await;
    let next = json!({ "limit": 3, "cursor": first["next_cursor"] });
    let second = world.call("alice", "list_memories", next).await;
    let even = json!({ "filters": { "category": "even" }, "order": "oldest" });
    let even = world.call("alice", "list_memories", even).await;

    let texts = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("a list");
        items.iter().map(|one| text(&one["content"])).collect()
    };
    let told = |numbers: &[u32]| -> Vec<String> {
        numbers
            .iter()
            .map(|n| format!("number {n} of the list"))
            .collect()
    };
    assert_eq!(texts(&first), told(&[5, 4, 3]));
    assert_eq!(texts(&second), told(&[2, 1]));
    assert_eq!(second.get("next_cursor"), None);
    assert_eq!(texts(&even), told(&[2, 4]));
}

#[tokio::test]
async fn a_measured_state_is_not_told_for_ever() {
    let world = World::with(json!({ "state_ttl_days": 2 })).await;
    let args = json!({ "content": "the disk of nas01 is 82 % full", "category": "state" });
    world.call("alice", "add_memory", args).await;
    assert_eq!(world.found("alice", "disk").await.len(), 1);

    world.clock.advance_seconds(3 * 24 * 60 * 60);

    assert_eq!(world.found("alice", "disk").await, [""; 0]);
    let all = json!({ "query": "disk", "include_expired": true });
    let all = world.call("alice", "search_memories", all).await;
    assert_eq!(all["results"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_summary_names_its_sources_and_is_kept_only_on_request() {
    let world = World::open().await;
    let id = world.add("alice", "nas01 has four disks of 4 TB").await;

    let summary = world.call("alice", "summarize_memories", json!({})).await;
    let read = world.effect("summarize_memories", json!({}));
    let write = world.effect("summarize_memories", json!({ "store": true }));
    let stored = world
        .call("alice", "summarize_memories", json!({ "store": true }))
        .await;

    assert_eq!(summary["kind"], "extractive");
    assert_eq!(summary["lines"][0]["ids"], json!([id]));
    assert_eq!((read, write), (Effect::Read, Effect::Write));
    let kept = json!({ "memory_id": stored["stored_as"] });
    let kept = world.call("alice", "get_memory", kept).await;
    assert_eq!(kept["category"], "summary");
}

#[rstest]
#[case("search_memories", json!({ "query": "x", "as_of": "yesterday" }), "as_of")]
#[case("summarize_memories", json!({ "since": "yesterday" }), "since")]
#[case("summarize_memories", json!({ "until": "2026-13-01" }), "until")]
#[case("add_memory", json!({ "content": "x", "valid_from": "soon" }), "valid_from")]
#[tokio::test]
async fn what_is_no_moment_is_named(#[case] tool: &str, #[case] args: Value, #[case] field: &str) {
    let world = World::open().await;

    let error = world.fail("alice", tool, args).await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
}

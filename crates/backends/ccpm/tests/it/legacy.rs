//! A service that is older than the contract, and one that fails.

use std::time::Duration;

use homelab_core::error::{Code, ToolError};
use homelab_core::server::HealthStatus;
use homelab_lab::Fault;
use homelab_lab::ccpm_legacy::{CcpmLegacy, TOKEN};
use serde_json::{Value, json};

use crate::world::{Engine, Mode, World, reason};

struct Old {
    service: CcpmLegacy,
    world: World,
}

impl Old {
    /// As agent 1, `orchestrator`.
    async fn start() -> Self {
        Self::with(json!({})).await
    }

    async fn with(more: Value) -> Self {
        let service = CcpmLegacy::start().await.expect("a port");
        let mut world = World::empty(Mode::Embedded, Engine::Sqlite)
            .await
            .expect("SQLite");
        let mut settings = json!({
            "task_api": service.task_api(), "messaging_api": service.messaging_api(),
            "token": TOKEN, "agent_id": "1", "timeout_s": 2,
        });
        for (name, value) in more.as_object().expect("an object") {
            settings[name] = value.clone();
        }
        world.reopen_with(settings);
        Self { service, world }
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.world.call("claude", tool, arguments).await
    }

    async fn fail(&self, tool: &str, arguments: Value) -> ToolError {
        self.world.fail("claude", tool, arguments).await
    }

    /// How often this was asked.
    fn asked(&self, line: &str) -> usize {
        let lines = self.service.log().lines();
        lines.iter().filter(|asked| *asked == line).count()
    }
}

fn message(to: impl Into<Value>) -> Value {
    json!({ "to": to.into(), "subject": "s", "body": "hello" })
}

#[tokio::test]
async fn its_records_are_read_and_its_values_pass_through() {
    let old = Old::start().await;

    let agents = old.call("ccpm_list_agents", json!({})).await;
    let task = old.call("ccpm_get_task", json!({ "task_id": "11" })).await;
    let list = old.call("ccpm_list_tasks", json!({})).await;
    let moved = old
        .call(
            "ccpm_update_task_status",
            json!({ "id": "12", "status": "in_progress" }),
        )
        .await;
    let sprint = old.call("ccpm_get_active_sprint", json!({})).await;
    let board = old.call("ccpm_board", json!({ "sprint_id": "none" })).await;
    let health = old.world.health().await;

    assert_eq!(agents["items"][1]["id"], "2");
    assert_eq!(agents["items"][1]["status"], "napping");
    assert_eq!(agents["items"][0]["type"], "boss");
    let task = &task["task"];
    assert_eq!(
        (&task["id"], &task["title"]),
        (&json!("11"), &json!("Fix the fan"))
    );
    assert_eq!(
        (&task["status"], &task["priority"]),
        (&json!("parked"), &json!("p1"))
    );
    assert_eq!(
        (&task["assignee"], &task["created_at"]),
        (&json!("Builder"), &json!("2026-01-02T03:04:05Z"))
    );
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(moved["task"]["status"], "in_progress");
    assert_eq!(sprint["is_active"], false);
    let parked = board["columns"]
        .as_array()
        .expect("columns")
        .last()
        .expect("its own");
    assert_eq!(
        (&parked["status"], &parked["count"]),
        (&json!("parked"), &json!(1))
    );
    assert_eq!(health.status, HealthStatus::Ok, "{health:?}");
    assert_eq!(old.service.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn messages_go_to_the_id_behind_a_name() {
    let old = Old::start().await;

    let sent = old.call("ccpm_send_message", message("builder")).await;
    let by_tag = old.call("ccpm_send_message", message("CI")).await;
    let exact = old.call("ccpm_send_message", message("Scout")).await;
    let ambiguous = old.fail("ccpm_send_message", message("SCOUT")).await;
    let unknown = old.fail("ccpm_send_message", message("bilder")).await;
    let inbox = old.call("ccpm_check_inbox", json!({})).await;

    assert_eq!(sent["messages"][0]["id"], "100");
    assert_eq!(by_tag["messages"][0]["id"], "101");
    assert_eq!(exact["messages"][0]["id"], "102");
    assert_eq!(
        (ambiguous.code(), reason(&ambiguous)),
        (Code::InvalidArgument, "agent_ambiguous")
    );
    assert!(ambiguous.to_string().contains("3, 4"), "{ambiguous}");
    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::NotFound, "agent_not_found")
    );
    assert!(unknown.to_string().contains("Builder"), "{unknown}");
    assert_eq!(inbox["items"], json!([]));
    let kept = old.service.messages();
    let to: Vec<u64> = kept
        .iter()
        .filter_map(|one| one["recipient_id"].as_u64())
        .collect();
    assert_eq!(to, [2, 2, 4]);
    assert_eq!(
        kept[0]["sender_id"], 1,
        "it is sent as the agent of the settings"
    );
}

#[tokio::test]
async fn an_older_service_knows_no_first_start() {
    let old = Old::start().await;

    let resume = old.call("ccpm_get_resume_context", json!({})).await;
    let begun = old.call("ccpm_create_session", json!({})).await;
    let logged = old
        .call(
            "ccpm_log_session_context",
            json!({ "report_id": "7", "context_type": "note", "context_key": "k", "value": [1] }),
        )
        .await;

    assert_eq!(
        (&resume["found"], &resume["agent_id"]),
        (&json!(false), &json!("1"))
    );
    assert_eq!(begun["session"]["id"], "7");
    assert_eq!(logged["context"]["value"], json!([1]));
}

#[tokio::test]
async fn what_it_does_not_offer_and_what_it_refuses_is_told_with_its_status() {
    let old = Old::start().await;

    let missing = old.fail("ccpm_get_task", json!({ "task_id": "99" })).await;
    let no_route = old
        .fail("ccpm_create_sprint", json!({ "name": "June" }))
        .await;

    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(missing.envelope().upstream_status, Some(404));
    assert!(missing.to_string().contains("Task not found"), "{missing}");
    assert_eq!(no_route.envelope().upstream_status, Some(405));
}

#[tokio::test]
async fn a_send_that_is_repeated_carries_one_key_and_is_one_message() {
    let old = Old::start().await;
    old.call("ccpm_list_agents", json!({})).await;
    old.service
        .faults()
        .next(1, "/api/v1/messages", Fault::Status(503));

    old.call("ccpm_send_message", message("builder")).await;
    old.call("ccpm_send_message", message("builder")).await;

    let keys: Vec<String> = old
        .service
        .log()
        .all()
        .iter()
        .filter(|request| request.path == "/api/v1/messages")
        .map(|request| {
            request.headers["idempotency-key"]
                .to_str()
                .expect("text")
                .to_owned()
        })
        .collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1], "one call, one key");
    assert_ne!(keys[1], keys[2], "another call, another key");
    assert_eq!(old.service.messages().len(), 2);
}

#[tokio::test]
async fn a_refused_token_and_a_slow_or_broken_service_are_told_apart() {
    let wrong = Old::with(json!({ "token": "wrong-token-000000" })).await;
    let old = Old::start().await;
    let task = || json!({ "task_id": "11" });

    let refused = wrong.fail("ccpm_list_tasks", json!({})).await;
    old.call("ccpm_get_task", task()).await;
    let faults = old.service.faults();
    faults.always("/api/tasks", Fault::Delay(Duration::from_secs(9)));
    let slow = old.fail("ccpm_get_task", task()).await;
    faults.clear();
    faults.always("/api/tasks", Fault::NotJson);
    let page = old.fail("ccpm_get_task", task()).await;
    faults.clear();
    faults.always("/api/tasks", Fault::CutBody);
    let cut = old.fail("ccpm_get_task", task()).await;
    faults.clear();
    faults.always("/api/tasks", Fault::RateLimited { retry_after_s: 60 });
    let limited = old.fail("ccpm_get_task", task()).await;
    faults.clear();
    faults.always("/api/tasks", Fault::Status(500));
    let broken = old.fail("ccpm_get_task", task()).await;

    assert_eq!(refused.code(), Code::UpstreamUnauthorized);
    assert_eq!(refused.envelope().upstream_status, Some(401));
    assert!(!refused.to_string().contains("wrong-token"), "{refused}");
    assert_eq!(slow.code(), Code::Timeout);
    assert_eq!(page.code(), Code::UpstreamRejected);
    assert_eq!(cut.code(), Code::UpstreamRejected);
    assert_eq!(
        (limited.code(), limited.envelope().retry_after_s),
        (Code::RateLimited, Some(60))
    );
    assert_eq!(
        (broken.code(), broken.envelope().upstream_status),
        (Code::UpstreamRejected, Some(500))
    );
}

#[tokio::test]
async fn agents_are_asked_for_once_in_five_minutes_and_remembered_while_it_is_away() {
    let old = Old::start().await;
    let agents = "GET /api/v1/agents";

    old.call("ccpm_send_message", message("builder")).await;
    old.call("ccpm_send_message", message("scout")).await;
    assert_eq!(old.asked(agents), 1);

    old.world.clock.advance_seconds(20);
    old.service.add_agent("newcomer");
    old.call("ccpm_send_message", message("newcomer")).await;
    assert_eq!(
        old.asked(agents),
        2,
        "an unknown name is looked for once more"
    );

    old.world.clock.advance_seconds(600);
    old.service
        .faults()
        .always("/api/v1/agents", Fault::Status(503));
    let sent = old.call("ccpm_send_message", message("newcomer")).await;
    let list = old.call("ccpm_list_agents", json!({})).await;
    assert_eq!(sent["warnings"], json!(["agent list is 600 s old"]));
    assert_eq!(list["items"].as_array().map(Vec::len), Some(5));
    assert_eq!(list["warnings"], json!(["agent list is 600 s old"]));

    old.world.clock.advance_seconds(24 * 3600);
    let gone = old.fail("ccpm_send_message", message("newcomer")).await;
    assert_eq!(gone.envelope().upstream_status, Some(503));
}

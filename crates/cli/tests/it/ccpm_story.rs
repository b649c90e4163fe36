//! Two agents with keys of their own work together: one asks, the other does it, reports, and goes on
//! after a restart where it left off. The same story embedded, through a second instance of the program,
//! and on PostgreSQL.

use homelab_testkit::Postgres;
use serde_json::{Value, json};

use crate::ccpm_support::Agent;
use crate::clients_support::{Gateway, Home};

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// What B has when its session ends.
struct Left {
    task: String,
    session: String,
}

/// Until B's session ends.
fn before_the_restart(asker: &mut Agent, worker: &mut Agent) -> Left {
    let first_start = worker.call("ccpm_get_resume_context", json!({}));
    assert_eq!(first_start["found"], false);
    let begun = worker.call("ccpm_create_session", json!({ "trigger_type": "message" }));
    let session = text(&begun["session"]["id"]);

    let made = asker.call(
        "ccpm_create_task",
        json!({ "title": "Replace the fan", "description": "It is loud.", "assignee": "worker" }),
    );
    let task = text(&made["task"]["id"]);
    let sent = asker.call(
        "ccpm_send_message",
        json!({
            "to": "Worker", "subject": "The fan", "body": "Please see the task.",
            "type": "request", "priority": "high", "requires_response": true, "task_id": task,
        }),
    );
    assert_eq!(sent["messages"][0]["to"], "worker");

    let inbox = worker.call("ccpm_check_inbox", json!({}));
    let message = &inbox["items"][0];
    assert_eq!(
        (&message["from"], &message["task_id"]),
        (&json!("asker"), &json!(task))
    );
    let marked = inbox["untrusted_fields"].as_array().expect("marks");
    assert!(marked.contains(&json!("items.body")), "{inbox}");
    // Having read what another agent wrote does not stop the work among agents.
    worker.call(
        "ccpm_update_task_status",
        json!({ "id": task, "status": "in_progress" }),
    );
    for (kind, key, value) in [
        ("finding", "size", json!({ "millimetres": 120 })),
        ("blocker", "delivery", json!("the part comes on Friday")),
    ] {
        worker.call(
            "ccpm_log_session_context",
            json!({ "report_id": session, "context_type": kind, "context_key": key, "value": value }),
        );
    }
    worker.call(
        "ccpm_mark_message_complete",
        json!({ "msg_id": message["id"], "response": "Ordered it." }),
    );
    let answer = asker.call("ccpm_wait_for_message", json!({ "timeout_s": 20 }));
    assert_eq!(answer["message"]["body"], "Ordered it.");
    let read = asker.call("ccpm_check_inbox", json!({}));
    assert_eq!(read["unread_messages"], 1, "reading does not complete");
    worker.call(
        "ccpm_complete_session",
        json!({ "report_id": session, "summary": "Ordered a fan.", "next_steps": ["mount it"] }),
    );
    Left { task, session }
}

/// From B's next start to the accepted report.
fn after_the_restart(asker: &mut Agent, worker: &mut Agent, left: &Left) {
    let resume = worker.call("ccpm_get_resume_context", json!({}));
    assert_eq!(resume["report"]["id"], left.session.as_str());
    assert_eq!(resume["next_steps"][0], "mount it");
    assert_eq!(resume["open_blockers"][0]["context_key"], "delivery");
    assert_eq!(resume["context"]["finding"][0]["value"]["millimetres"], 120);
    assert_eq!(resume["open_tasks"][0]["id"], left.task.as_str());
    let metrics = &resume["report"]["metrics"];
    assert!(metrics["duration_seconds"].is_u64(), "{metrics}");

    worker.call(
        "ccpm_submit_completion_report",
        json!({
            "id": left.task,
            "report": { "summary": "Mounted it.", "verification": "It is quiet." },
        }),
    );
    let mine = worker.fail(
        "ccpm_review_report",
        json!({ "task_id": left.task, "decision": "accept" }),
    );
    assert_eq!(mine["code"], "permission_denied");
    let reviewed = asker.call(
        "ccpm_review_report",
        json!({ "task_id": left.task, "decision": "accept", "note": "Thanks." }),
    );
    assert_eq!(reviewed["report"]["report"]["summary"], "Mounted it.");
    let done = asker.call("ccpm_get_task", json!({ "task_id": left.task }));
    assert_eq!(done["task"]["status"], "done");
    let foreign = asker.fail("ccpm_check_inbox", json!({ "agent_id": "worker" }));
    assert_eq!(
        (&foreign["code"], &foreign["reason"]),
        (&json!("permission_denied"), &json!("other_agent"))
    );
}

fn agents(home: &Home, server: &Gateway) -> (Agent, Agent) {
    (
        Agent::register(home, server, "asker", "orchestrator"),
        Agent::register(home, server, "worker", "infrastructure"),
    )
}

/// The story at one server that restarts in the middle.
fn embedded(home: &Home) {
    let server = home.serve(&[]);
    let (mut asker, mut worker) = agents(home, &server);
    let left = before_the_restart(&mut asker, &mut worker);
    server.stop();

    let server = home.serve(&[]);
    let mut asker = Agent::at(&server, &asker.key);
    let mut worker = Agent::at(&server, &worker.key);
    after_the_restart(&mut asker, &mut worker, &left);

    let log = home.succeed(&["audit", "export"]);
    assert!(
        log.contains("ccpm_submit_completion_report"),
        "it is in the audit"
    );
    server.stop();
    home.succeed(&["audit", "verify"]);
}

#[test]
fn agents_work_together_across_a_restart_on_sqlite() {
    embedded(&Home::new());
}

#[test]
fn agents_work_together_across_a_restart_on_postgresql() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    embedded(&Home::on_postgres(postgres));
}

/// The story where the agents' server is a client of another one, and both restart.
fn remote(service: &Home) {
    let there = service.serve(&[]);
    let token = service.create_key("gateway-2", "admin").key;
    let port = there.port;
    let home = Home::new()
        .setting("CCPM_TASK_API", format!("http://127.0.0.1:{port}/api"))
        .setting(
            "CCPM_MESSAGING_API",
            format!("http://127.0.0.1:{port}/api/v1"),
        )
        .setting("CCPM_TOKEN", token);
    let here = home.serve(&[]);
    let (mut asker, mut worker) = agents(&home, &here);
    let left = before_the_restart(&mut asker, &mut worker);
    here.stop();
    there.stop();

    let there = service.serve_on(port, &[]);
    let here = home.serve(&[]);
    let mut asker = Agent::at(&here, &asker.key);
    let mut worker = Agent::at(&here, &worker.key);
    after_the_restart(&mut asker, &mut worker, &left);

    // What is done from afar is in the audit of both.
    for home in [&home, service] {
        let log = home.succeed(&["audit", "export"]);
        assert!(
            log.contains("ccpm_submit_completion_report"),
            "it is in the audit"
        );
    }
    here.stop();
    there.stop();
}

#[test]
fn agents_work_together_through_a_second_instance() {
    remote(&Home::new());
}

#[test]
fn agents_work_together_through_a_second_instance_on_postgresql() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    remote(&Home::on_postgres(postgres));
}

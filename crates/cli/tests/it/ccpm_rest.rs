//! The contract's routes: who may do what, what is refused and how, and what the audit keeps.

use serde_json::{Value, json};

use crate::ccpm_support::{Agent, Rest, error};
use crate::clients_support::Home;

fn message(to: &str) -> Value {
    json!({ "to": to, "subject": "s", "body": "b" })
}

#[test]
fn records_are_made_read_changed_and_paged() {
    let home = Home::new();
    let server = home.serve(&[]);
    let asker = Agent::register(&home, &server, "asker", "human");
    let rest = Rest::new(&server, &asker.key);

    let made = rest.post("/api/tasks", &json!({ "title": "One", "type": "bug" }));
    assert_eq!((made.status, made.header("etag")), (201, Some("\"1\"")));
    let task = made.message().expect("a task");
    assert_eq!(
        (&task["key"], &task["status"]),
        (&json!("TASK-1"), &json!("backlog"))
    );
    let path = format!("/api/tasks/{}", task["id"].as_str().expect("an id"));
    let patch = json!({ "title": "Uno" });
    let changed = rest.send("PATCH", &path, &[("If-Match", "\"1\"")], Some(&patch));
    assert_eq!(
        (changed.status, changed.header("etag")),
        (200, Some("\"2\""))
    );
    let stale = rest.send("PATCH", &path, &[("If-Match", "\"1\"")], Some(&patch));
    assert_eq!(error(&stale), (409, "version_conflict".to_owned()));
    let shown = rest.get("/api/tasks/task-1").message().expect("a task");
    assert_eq!(shown["title"], "Uno");
    rest.post("/api/tasks", &json!({ "title": "Two" }));
    let first = rest
        .get("/api/tasks?limit=1&sort=created_at")
        .message()
        .expect("a page");
    assert_eq!(
        (
            &first["page"]["has_more"],
            first["data"].as_array().map(Vec::len)
        ),
        (&json!(true), Some(1))
    );
    let cursor = first["page"]["next_cursor"].as_str().expect("a cursor");
    let next = rest.get(&format!(
        "/api/tasks?limit=1&sort=created_at&cursor={cursor}"
    ));
    assert_eq!(next.message().expect("a page")["data"][0]["key"], "TASK-1");
    assert_eq!(
        error(&rest.get("/api/sprints/active")),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        rest.get("/api/health").message().expect("health")["mode"],
        "embedded"
    );
    let again = rest.post(
        "/api/v1/agents",
        &json!({ "name": "ASKER", "type": "human" }),
    );
    assert_eq!(again.status, 200, "registered once");
    let synonym = rest.send(
        "PUT",
        &format!("{path}/status"),
        &[],
        Some(&json!({ "status": "open" })),
    );
    assert_eq!(synonym.message().expect("a task")["status"], "todo");
    server.stop();
}

#[test]
fn what_is_wrong_with_a_request_is_told_in_the_contracts_form() {
    let home = Home::new();
    let server = home.serve(&[]);
    let asker = Agent::register(&home, &server, "asker", "human");
    let rest = Rest::new(&server, &asker.key);
    let code = |answer| error(&answer);
    let is = |status: u16, code: &str| (status, code.to_owned());

    assert_eq!(
        code(rest.get("/api/tasks?stauts=todo")),
        is(400, "validation_failed")
    );
    assert_eq!(
        code(rest.get("/api/tasks?status=nearly")),
        is(400, "validation_failed")
    );
    assert_eq!(
        code(rest.get("/api/tasks?limit=0")),
        is(400, "validation_failed")
    );
    assert_eq!(
        code(rest.get("/api/tasks?limit=5&limit=6")),
        is(400, "validation_failed")
    );
    assert_eq!(
        code(rest.get("/api/tasks?ready=maybe")),
        is(400, "validation_failed")
    );
    assert_eq!(
        code(rest.get("/api/tasks?cursor=x")),
        is(400, "bad_request")
    );
    let unknown = rest.post("/api/tasks", &json!({ "title": "t", "titel": "t" }));
    assert_eq!(
        unknown.message().expect("an error")["error"]["details"]["field"],
        "titel"
    );
    assert_eq!(code(unknown), is(400, "validation_failed"));
    assert_eq!(
        code(rest.post("/api/tasks", &json!({}))),
        is(400, "validation_failed")
    );
    assert_eq!(
        code(rest.post("/api/tasks", &json!([1]))),
        is(400, "bad_request")
    );
    let plain = [("Content-Type", "text/plain")];
    let text = rest.send("POST", "/api/tasks", &plain, Some(&json!({ "title": "t" })));
    assert_eq!(code(text), is(415, "unsupported_media_type"));
    let large = json!({ "title": "t", "description": "x".repeat(300 * 1024) });
    assert_eq!(
        code(rest.post("/api/tasks", &large)),
        is(413, "payload_too_large")
    );
    assert_eq!(
        code(rest.send("DELETE", "/api/tasks", &[], None)),
        is(405, "bad_request")
    );
    assert_eq!(
        code(rest.post("/api/v1/messages", &message("nobody"))),
        is(404, "agent_not_found")
    );
    let short = [("Idempotency-Key", "short")];
    let keyed = rest.send("POST", "/api/tasks", &short, Some(&json!({ "title": "t" })));
    assert_eq!(code(keyed), is(400, "validation_failed"));

    let none = Rest::new(&server, "hl_nothing").get("/api/tasks");
    assert!(none.header("www-authenticate").is_some());
    assert_eq!(code(none), is(401, "unauthorized"));
    server.stop();
}

#[test]
fn a_change_with_a_key_happens_once() {
    let home = Home::new();
    let server = home.serve(&[]);
    let asker = Agent::register(&home, &server, "asker", "human");
    Agent::register(&home, &server, "worker", "developer");
    let rest = Rest::new(&server, &asker.key);
    let key = [("Idempotency-Key", "the-same-key")];

    let first = rest.send("POST", "/api/v1/messages", &key, Some(&message("worker")));
    let second = rest.send("POST", "/api/v1/messages", &key, Some(&message("worker")));
    let other = rest.send("POST", "/api/v1/messages", &key, Some(&message("asker")));

    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (201, None)
    );
    assert_eq!(
        (second.status, second.header("idempotency-replayed")),
        (201, Some("true"))
    );
    assert_eq!(first.body, second.body);
    assert_eq!(error(&other), (409, "idempotency_conflict".to_owned()));
    server.stop();
}

#[test]
fn roles_patterns_and_agents_bound_what_a_key_may_do() {
    let home = Home::new();
    let server = home.serve(&[]);
    let asker = Agent::register(&home, &server, "asker", "human");
    let worker = Agent::register(&home, &server, "worker", "developer");
    let viewer = home.create_key("viewer", "viewer").key;
    let admin = home.create_key("root", "admin").key;
    let narrow = home.json(&[
        "keys",
        "create",
        "--name",
        "narrow",
        "--role",
        "operator",
        "--deny",
        "ccpm:message:send",
    ]);
    let narrow = narrow["key"].as_str().expect("a key").to_owned();
    Agent::at(&server, &narrow).call(
        "ccpm_register_agent",
        json!({ "name": "narrow", "type": "other" }),
    );
    let forbidden = (403, "forbidden".to_owned());
    let as_worker = [("X-Agent-Id", "worker")];

    let viewing = Rest::new(&server, &viewer);
    assert_eq!(viewing.get("/api/tasks").status, 200);
    assert_eq!(
        error(&viewing.post("/api/tasks", &json!({ "title": "t" }))),
        forbidden
    );
    let narrow = Rest::new(&server, &narrow);
    assert_eq!(
        narrow.post("/api/tasks", &json!({ "title": "t" })).status,
        201
    );
    assert_eq!(
        error(&narrow.post("/api/v1/messages", &message("worker"))),
        forbidden
    );
    let asking = Rest::new(&server, &asker.key);
    assert_eq!(error(&asking.get("/api/v1/agents/worker/inbox")), forbidden);
    assert_eq!(asking.get("/api/v1/agents/me/inbox").status, 200);
    let posing = asking.send(
        "POST",
        "/api/v1/messages",
        &as_worker,
        Some(&message("asker")),
    );
    assert_eq!(error(&posing), forbidden);
    let own = Rest::new(&server, &worker.key);
    let own = own.send(
        "POST",
        "/api/v1/messages",
        &as_worker,
        Some(&message("asker")),
    );
    assert_eq!(own.status, 201);
    let root = Rest::new(&server, &admin);
    assert_eq!(root.get("/api/v1/agents/worker/inbox").status, 200);
    let sent = root.send(
        "POST",
        "/api/v1/messages",
        &as_worker,
        Some(&message("asker")),
    );
    assert_eq!(
        sent.message().expect("a page")["data"][0]["from_agent_name"],
        "worker"
    );
    let stopped = root.send("GET", "/api/v1/agents/asker/inbox", &as_worker, None);
    assert_eq!(
        error(&stopped),
        forbidden,
        "acting as worker, it has its rights alone"
    );
    server.stop();
}

#[test]
fn changes_leave_a_trail_and_heed_the_kill_switch_and_read_only() {
    let home = Home::new();
    let server = home.serve(&[]);
    let asker = Agent::register(&home, &server, "asker", "human");
    let rest = Rest::new(&server, &asker.key);
    let task = json!({ "title": "Trail" });

    assert_eq!(rest.post("/api/tasks", &task).status, 201);
    assert_eq!(rest.get("/api/tasks").status, 200);
    let file = home.data_dir().join("kill-switch");
    std::fs::write(&file, "").expect("a file");
    assert_eq!(
        error(&rest.post("/api/tasks", &task)),
        (403, "forbidden".to_owned())
    );
    assert_eq!(rest.get("/api/tasks").status, 200);
    std::fs::remove_file(&file).expect("it was there");
    server.stop();
    let read_only = home.serve(&["--read-only"]);
    let rest = Rest::new(&read_only, &asker.key);
    assert_eq!(
        error(&rest.post("/api/tasks", &task)),
        (403, "forbidden".to_owned())
    );
    assert_eq!(
        rest.get("/api/tasks").message().expect("a page")["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    read_only.stop();

    let exported = home.succeed(&["audit", "export"]);
    let rows: Vec<Value> = exported
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|row: &Value| row["transport"] == "rest" && row["action"] == "ccpm_create_task")
        .collect();
    let outcomes: Vec<(String, String)> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            (text("kind"), text("outcome"))
        })
        .collect();
    let pair = |kind: &str, outcome: &str| (kind.to_owned(), outcome.to_owned());
    assert_eq!(
        outcomes,
        [
            pair("intent", ""),
            pair("outcome", "ok"),
            pair("outcome", "permission_denied"),
            pair("outcome", "permission_denied"),
        ]
    );
    assert_eq!(rows[0]["user"], "asker");
    assert!(
        rows[0]["arguments"]
            .as_str()
            .is_some_and(|text| text.contains("Trail"))
    );
    home.succeed(&["audit", "verify"]);
}

#[test]
fn a_client_of_another_service_serves_no_routes_of_its_own() {
    let home = Home::new()
        .setting("CCPM_TASK_API", "http://127.0.0.1:9/api")
        .setting("CCPM_MESSAGING_API", "http://127.0.0.1:9/api/v1");
    let server = home.serve(&[]);

    let rest = Rest::new(&server, &server.key);
    assert_eq!(rest.get("/api/tasks").status, 404);
    assert_eq!(rest.get("/api/openapi.json").status, 404);
    server.stop();
}

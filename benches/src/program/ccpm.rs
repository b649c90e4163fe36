//! 100,000 messages and 10,000 tasks: how long an inbox and a list of tasks take inside the process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use homelab_ccpm::{Actor, Call, Ccpm as _, Parts, Service, Settings};
use homelab_core::ccpm::{
    Agent, AgentId, InboxFilter, Message, Paging, Task, TaskFilter, TaskStatus,
};
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::store::Ccpm as Store;
use homelab_store::{Database, Target};
use serde_json::json;

use super::compare::verdict;
use crate::say;

const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];
const STATUSES: [&str; 3] = ["todo", "in_progress", "done"];
const READ_STATES: [&str; 2] = ["unread", "completed"];
const TASK_PRIORITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// Messages, to ten agents, of which half is not yet dealt with.
const MESSAGES: usize = 100_000;
/// Tasks, of which a third is done.
const TASKS: usize = 10_000;
/// Longest answer.
const ANSWER: Duration = Duration::from_millis(10);
/// Answers that are timed.
const ANSWERS: usize = 500;

/// Fills a database of its own, asks, and prints both.
pub(crate) fn report() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        let target = Target::Sqlite {
            path: folder.path().join("homelab.db"),
        };
        let database = Database::open(&target, Arc::new(SystemClock), Arc::new(OsEntropy)).await?;
        let stores = database.stores();
        fill(&*stores.ccpm).await?;
        let service = Service::new(Parts {
            store: stores.ccpm,
            signals: stores.signals,
            audit: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            settings: Settings::default(),
            version: String::new(),
        });
        let call = Call::by(Actor {
            agent: Some(AgentId::new("a3")),
            ..Actor::default()
        });
        inbox(&service, &call).await?;
        tasks(&service, &call).await?;
        database.close().await;
        Ok(())
    })
}

async fn fill(store: &dyn Store) -> anyhow::Result<()> {
    let mut rows = store.write().await?;
    for number in 0..10 {
        let agent: Agent = serde_json::from_value(json!({
            "id": format!("a{number}"), "name": format!("agent-{number}"), "type": "other",
            "status": "idle"
        }))?;
        rows.save_agent(&agent).await?;
    }
    for number in 0..MESSAGES {
        let message: Message = serde_json::from_value(json!({
            "id": format!("m{number}"), "thread_id": format!("m{number}"),
            "from_agent_id": format!("a{}", number % 7), "to_agent_id": format!("a{}", number % 10),
            "subject": "a subject of some words", "body": "a body of some more words ".repeat(10),
            "type": "message", "priority": PRIORITIES[number % 4],
            "status": READ_STATES[number / 10 % 2], "created_at": "2026-01-02T03:04:05Z"
        }))?;
        rows.save_message(&message).await?;
    }
    for number in 0..TASKS {
        let task: Task = serde_json::from_value(json!({
            "id": format!("t{number}"), "key": format!("TASK-{number}"),
            "title": format!("a task with number {number}"),
            "description": "what is to be done ".repeat(20),
            "status": STATUSES[number % 3],
            "priority": TASK_PRIORITIES[number % 4],
            "assignee_id": format!("a{}", number % 10), "labels": ["one", "two"],
            "depends_on": [format!("t{}", number.saturating_sub(1))]
        }))?;
        rows.save_task(&task).await?;
    }
    rows.commit().await?;
    Ok(())
}

async fn inbox(service: &Service, call: &Call) -> anyhow::Result<()> {
    let filter = InboxFilter::default();
    let mut page = Paging::first(50);
    let mut latencies = Vec::new();
    for _ in 0..ANSWERS {
        let started = Instant::now();
        let shown = service.inbox(call, "me", &filter, &page).await?;
        latencies.push(started.elapsed());
        ensure!(
            shown.data.len() == 50 || page.cursor.is_some(),
            "an empty inbox"
        );
        page.cursor = shown.page.next_cursor;
    }
    tell("inbox of 5,000 unread among 100,000", latencies)
}

async fn tasks(service: &Service, call: &Call) -> anyhow::Result<()> {
    for (name, filter) in [
        ("all tasks", TaskFilter::default()),
        (
            "my open tasks",
            TaskFilter {
                assignee: Some("me".to_owned()),
                status: vec![TaskStatus::Todo, TaskStatus::InProgress],
                ..TaskFilter::default()
            },
        ),
        (
            "a text in 10,000 tasks",
            TaskFilter {
                q: Some("number 9999".to_owned()),
                ..TaskFilter::default()
            },
        ),
    ] {
        let page = Paging::first(50);
        let mut latencies = Vec::new();
        for _ in 0..ANSWERS {
            let started = Instant::now();
            let shown = service.list_tasks(call, &filter, &page).await?;
            latencies.push(started.elapsed());
            ensure!(!shown.data.is_empty(), "no tasks");
        }
        tell(name, latencies)?;
    }
    Ok(())
}

fn tell(what: &str, mut latencies: Vec<Duration>) -> anyhow::Result<()> {
    latencies.sort_unstable();
    let at = |percent: usize| {
        latencies
            .get((latencies.len() - 1) * percent / 100)
            .copied()
    };
    let (p50, p99) = at(50).zip(at(99)).context("nothing was timed")?;
    say(&format!(
        "{what}: p50 {p50:.1?}, p99 {p99:.1?} {} (budget {ANSWER:?})",
        verdict(p99 < ANSWER)
    ))
}

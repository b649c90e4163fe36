//! Tasks, what happened to them, and completion reports.

use homelab_core::ccpm::{
    CcpmResult, Choice as _, CompletionReportCreate, CompletionReview, TaskCreate, TaskFilter,
    TaskPatch, TaskPriority, TaskSort, TaskStatus, TaskStatusUpdate,
};

use super::Asked;
use super::answer::Reply;
use super::operations::{CURSOR, Kind, LIMIT, Operation, Verb, may, run};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation::get(
        "listTasks",
        "/api/tasks",
        ("ccpm_list_tasks", "ccpm:task:read"),
        "TaskPage",
        run!(list),
    )
    .with_query(&[
        LIMIT,
        CURSOR,
        may("sprint_id", Kind::Text),
        may(
            "status",
            Kind::Choices {
                of: TaskStatus::NAMES,
            },
        ),
        may("assignee", Kind::Text),
        may(
            "priority",
            Kind::Choice {
                of: TaskPriority::NAMES,
            },
        ),
        may("label", Kind::Text),
        may("q", Kind::Text),
        may("ready", Kind::Flag),
        may(
            "sort",
            Kind::Choice {
                of: TaskSort::NAMES,
            },
        ),
    ])
    .untrusted(),
    Operation::change(
        ("createTask", Verb::Post),
        "/api/tasks",
        ("ccpm_create_task", "ccpm:task:create"),
        (Some("TaskCreate"), "Task"),
        run!(create),
    )
    .creating(),
    Operation::get(
        "getTask",
        "/api/tasks/{id}",
        ("ccpm_get_task", "ccpm:task:read"),
        "Task",
        run!(show),
    )
    .untrusted(),
    Operation::change(
        ("updateTask", Verb::Patch),
        "/api/tasks/{id}",
        ("ccpm_update_task", "ccpm:task:update"),
        (Some("TaskPatch"), "Task"),
        run!(update),
    )
    .versioned()
    .untrusted(),
    Operation::change(
        ("setTaskStatus", Verb::Put),
        "/api/tasks/{id}/status",
        ("ccpm_update_task_status", "ccpm:task:status"),
        (Some("TaskStatusUpdate"), "Task"),
        run!(set_status),
    )
    .untrusted(),
    Operation::get(
        "listTaskEvents",
        "/api/tasks/{id}/events",
        ("ccpm_list_task_events", "ccpm:task:read"),
        "TaskEventPage",
        run!(events),
    )
    .with_query(&[LIMIT, CURSOR])
    .untrusted(),
    Operation::change(
        ("submitCompletionReport", Verb::Post),
        "/api/tasks/{id}/completion-report",
        ("ccpm_submit_completion_report", "ccpm:report:submit"),
        (Some("CompletionReportCreate"), "CompletionReport"),
        run!(submit_report),
    )
    .creating(),
    Operation::get(
        "listCompletionReports",
        "/api/tasks/{id}/completion-report",
        ("ccpm_list_completion_reports", "ccpm:report:read"),
        "CompletionReportPage",
        run!(reports),
    )
    .with_query(&[LIMIT, CURSOR])
    .untrusted(),
    Operation::change(
        ("reviewCompletionReport", Verb::Post),
        "/api/tasks/{id}/completion-report/{report_id}/review",
        ("ccpm_review_report", "ccpm:report:review"),
        (Some("CompletionReview"), "CompletionReport"),
        run!(review),
    )
    .untrusted(),
];

async fn list(asked: Asked) -> CcpmResult<Reply> {
    let filter: TaskFilter = asked.input.filter()?;
    let page = asked.input.page()?;
    let tasks = asked.service.list_tasks(&asked.call, &filter, &page);
    Reply::read(&tasks.await?)
}

async fn create(mut asked: Asked) -> CcpmResult<Reply> {
    let new: TaskCreate = asked.input.body()?;
    let done = asked.service.create_task(&asked.call, new).await?;
    Ok(Reply::done(&done)?.versioned())
}

async fn show(asked: Asked) -> CcpmResult<Reply> {
    let task = asked.service.task(&asked.call, asked.input.path("id"));
    Ok(Reply::read(&task.await?)?.versioned())
}

async fn update(mut asked: Asked) -> CcpmResult<Reply> {
    let patch: TaskPatch = asked.input.body()?;
    let (id, version) = (asked.input.path("id"), asked.input.if_match);
    let done = asked.service.update_task(&asked.call, id, patch, version);
    Ok(Reply::done(&done.await?)?.versioned())
}

async fn set_status(mut asked: Asked) -> CcpmResult<Reply> {
    let to: TaskStatusUpdate = asked.input.body()?;
    let id = asked.input.path("id");
    let done = asked.service.set_task_status(&asked.call, id, to);
    Ok(Reply::done(&done.await?)?.versioned())
}

async fn events(asked: Asked) -> CcpmResult<Reply> {
    let page = asked.input.page()?;
    let id = asked.input.path("id");
    let events = asked.service.list_task_events(&asked.call, id, &page);
    Reply::read(&events.await?)
}

async fn submit_report(mut asked: Asked) -> CcpmResult<Reply> {
    let new: CompletionReportCreate = asked.input.body()?;
    let id = asked.input.path("id");
    let done = asked.service.submit_completion_report(&asked.call, id, new);
    Reply::done(&done.await?)
}

async fn reports(asked: Asked) -> CcpmResult<Reply> {
    let page = asked.input.page()?;
    let id = asked.input.path("id");
    let reports = asked
        .service
        .list_completion_reports(&asked.call, id, &page);
    Reply::read(&reports.await?)
}

async fn review(mut asked: Asked) -> CcpmResult<Reply> {
    let review: CompletionReview = asked.input.body()?;
    let (task, report) = (asked.input.path("id"), asked.input.path("report_id"));
    let done = asked
        .service
        .review_completion_report(&asked.call, task, report, review);
    Reply::done(&done.await?)
}

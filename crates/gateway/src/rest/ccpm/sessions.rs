//! Session reports, their contexts, and what an agent needs to go on.

use homelab_core::ccpm::{
    CcpmResult, Choice as _, ContextFilter, ContextItemCreate, ContextType, SessionComplete,
    SessionFilter, SessionReportCreate, SessionStatus,
};

use super::Asked;
use super::answer::Reply;
use super::operations::{CURSOR, Kind, LIMIT, Operation, Verb, may, must, run};

/// Context items of a resume unless asked otherwise.
const MAX_ITEMS: u32 = 50;

pub(super) static OPERATIONS: &[Operation] = &[
    Operation::get(
        "listSessionReports",
        "/api/v1/session-reports",
        ("ccpm_list_sessions", "ccpm:session:read"),
        "SessionReportPage",
        run!(list),
    )
    .with_query(&[
        LIMIT,
        CURSOR,
        may("agent_id", Kind::Text),
        may(
            "status",
            Kind::Choice {
                of: SessionStatus::NAMES,
            },
        ),
        may("since", Kind::Time),
    ])
    .untrusted(),
    Operation::change(
        ("createSessionReport", Verb::Post),
        "/api/v1/session-reports",
        ("ccpm_create_session", "ccpm:session:write"),
        (Some("SessionReportCreate"), "SessionReport"),
        run!(create),
    )
    .creating(),
    Operation::get(
        "getResumeContext",
        "/api/v1/session-reports/resume",
        ("ccpm_get_resume_context", "ccpm:session:read"),
        "ResumeContext",
        run!(resume),
    )
    .with_query(&[
        must("agent_id", Kind::Text),
        may("max_items", Kind::Count { most: 200 }),
    ])
    .untrusted(),
    Operation::get(
        "getSessionReport",
        "/api/v1/session-reports/{id}",
        ("ccpm_get_session", "ccpm:session:read"),
        "SessionReport",
        run!(show),
    )
    .untrusted(),
    Operation::get(
        "listSessionContexts",
        "/api/v1/session-reports/{id}/contexts",
        ("ccpm_list_session_contexts", "ccpm:session:read"),
        "ContextItemPage",
        run!(contexts),
    )
    .with_query(&[
        LIMIT,
        CURSOR,
        may(
            "context_type",
            Kind::Choice {
                of: ContextType::NAMES,
            },
        ),
    ])
    .untrusted(),
    Operation::change(
        ("logSessionContext", Verb::Post),
        "/api/v1/session-reports/{id}/contexts",
        ("ccpm_log_session_context", "ccpm:session:write"),
        (Some("ContextItemCreate"), "ContextItem"),
        run!(log),
    )
    .creating(),
    Operation::change(
        ("completeSession", Verb::Post),
        "/api/v1/session-reports/{id}/complete",
        ("ccpm_complete_session", "ccpm:session:write"),
        (Some("SessionComplete"), "SessionReport"),
        run!(complete),
    ),
];

async fn list(asked: Asked) -> CcpmResult<Reply> {
    let filter: SessionFilter = asked.input.filter()?;
    let page = asked.input.page()?;
    let sessions = asked
        .service
        .list_session_reports(&asked.call, &filter, &page);
    Reply::read(&sessions.await?)
}

async fn create(mut asked: Asked) -> CcpmResult<Reply> {
    let new: SessionReportCreate = asked.input.body()?;
    let done = asked.service.create_session_report(&asked.call, new);
    Reply::done(&done.await?)
}

async fn resume(asked: Asked) -> CcpmResult<Reply> {
    let agent = asked.input.text("agent_id")?;
    let most = asked.input.count("max_items").unwrap_or(MAX_ITEMS);
    let resume = asked.service.resume_context(&asked.call, agent, most);
    Reply::read(&resume.await?)
}

async fn show(asked: Asked) -> CcpmResult<Reply> {
    let session = asked
        .service
        .session_report(&asked.call, asked.input.path("id"));
    Reply::read(&session.await?)
}

async fn contexts(asked: Asked) -> CcpmResult<Reply> {
    let filter: ContextFilter = asked.input.filter()?;
    let page = asked.input.page()?;
    let id = asked.input.path("id");
    let contexts = asked
        .service
        .list_session_contexts(&asked.call, id, &filter, &page);
    Reply::read(&contexts.await?)
}

async fn log(mut asked: Asked) -> CcpmResult<Reply> {
    let new: ContextItemCreate = asked.input.body()?;
    let id = asked.input.path("id");
    let done = asked.service.log_session_context(&asked.call, id, new);
    Reply::done(&done.await?)
}

async fn complete(mut asked: Asked) -> CcpmResult<Reply> {
    let with: SessionComplete = asked.input.body()?;
    let id = asked.input.path("id");
    let done = asked.service.complete_session(&asked.call, id, with);
    Reply::done(&done.await?)
}

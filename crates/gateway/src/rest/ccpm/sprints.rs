//! Sprints.

use homelab_core::ccpm::{
    CcpmCode, CcpmError, CcpmResult, Choice as _, SprintCreate, SprintFilter, SprintPatch,
    SprintStatus,
};

use super::Asked;
use super::answer::Reply;
use super::operations::{CURSOR, Kind, LIMIT, Operation, Verb, may, run};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation::get(
        "listSprints",
        "/api/sprints",
        ("ccpm_list_sprints", "ccpm:sprint:read"),
        "SprintPage",
        run!(list),
    )
    .with_query(&[
        LIMIT,
        CURSOR,
        may(
            "status",
            Kind::Choice {
                of: SprintStatus::NAMES,
            },
        ),
    ])
    .untrusted(),
    Operation::change(
        ("createSprint", Verb::Post),
        "/api/sprints",
        ("ccpm_create_sprint", "ccpm:sprint:write"),
        (Some("SprintCreate"), "Sprint"),
        run!(create),
    )
    .creating(),
    Operation::get(
        "getActiveSprint",
        "/api/sprints/active",
        ("ccpm_get_active_sprint", "ccpm:sprint:read"),
        "Sprint",
        run!(active),
    )
    .untrusted(),
    Operation::get(
        "getSprint",
        "/api/sprints/{id}",
        ("ccpm_get_sprint", "ccpm:sprint:read"),
        "Sprint",
        run!(show),
    )
    .untrusted(),
    Operation::change(
        ("updateSprint", Verb::Patch),
        "/api/sprints/{id}",
        ("ccpm_update_sprint", "ccpm:sprint:write"),
        (Some("SprintPatch"), "Sprint"),
        run!(update),
    )
    .versioned(),
];

async fn list(asked: Asked) -> CcpmResult<Reply> {
    let filter: SprintFilter = asked.input.filter()?;
    let page = asked.input.page()?;
    let sprints = asked.service.list_sprints(&asked.call, &filter, &page);
    Reply::read(&sprints.await?)
}

async fn create(mut asked: Asked) -> CcpmResult<Reply> {
    let new: SprintCreate = asked.input.body()?;
    let done = asked.service.create_sprint(&asked.call, new).await?;
    Ok(Reply::done(&done)?.versioned())
}

async fn active(asked: Asked) -> CcpmResult<Reply> {
    let active = asked.service.active_sprint(&asked.call).await?;
    let active = active.ok_or_else(|| {
        CcpmError::new(CcpmCode::NotFound, "no sprint is active").hint("begin one")
    })?;
    Ok(Reply::read(&active)?.versioned())
}

async fn show(asked: Asked) -> CcpmResult<Reply> {
    let sprint = asked.service.sprint(&asked.call, asked.input.path("id"));
    Ok(Reply::read(&sprint.await?)?.versioned())
}

async fn update(mut asked: Asked) -> CcpmResult<Reply> {
    let patch: SprintPatch = asked.input.body()?;
    let (id, version) = (asked.input.path("id"), asked.input.if_match);
    let done = asked.service.update_sprint(&asked.call, id, patch, version);
    Ok(Reply::done(&done.await?)?.versioned())
}

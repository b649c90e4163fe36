//! Agents, their inboxes, and whether the service works.

use homelab_core::ccpm::{
    AgentCreate, AgentFilter, AgentKind, AgentPatch, AgentStatus, CcpmResult, Choice as _,
    InboxFilter, MessagePriority,
};

use super::Asked;
use super::answer::Reply;
use super::operations::{CURSOR, Kind, LIMIT, Operation, Verb, may, run};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation::get(
        "getHealth",
        "/api/health",
        ("ccpm_health", "ccpm:service:read"),
        "Health",
        run!(health),
    ),
    Operation::get(
        "listAgents",
        "/api/v1/agents",
        ("ccpm_list_agents", "ccpm:agent:read"),
        "AgentPage",
        run!(list),
    )
    .with_query(&[
        LIMIT,
        CURSOR,
        may(
            "status",
            Kind::Choice {
                of: AgentStatus::NAMES,
            },
        ),
        may(
            "type",
            Kind::Choice {
                of: AgentKind::NAMES,
            },
        ),
        may("name", Kind::Text),
    ])
    .untrusted(),
    Operation::change(
        ("registerAgent", Verb::Post),
        "/api/v1/agents",
        ("ccpm_register_agent", "ccpm:agent:register"),
        (Some("AgentCreate"), "Agent"),
        run!(register),
    )
    .creating(),
    Operation::get(
        "getAgent",
        "/api/v1/agents/{id}",
        ("ccpm_get_agent", "ccpm:agent:read"),
        "Agent",
        run!(show),
    )
    .untrusted(),
    Operation::change(
        ("updateAgent", Verb::Patch),
        "/api/v1/agents/{id}",
        ("ccpm_update_agent", "ccpm:agent:update"),
        (Some("AgentPatch"), "Agent"),
        run!(update),
    )
    .versioned(),
    Operation::change(
        ("heartbeat", Verb::Post),
        "/api/v1/agents/{id}/heartbeat",
        ("ccpm_heartbeat", "ccpm:agent:heartbeat"),
        (None, "Agent"),
        run!(heartbeat),
    ),
    Operation::get(
        "getInbox",
        "/api/v1/agents/{id}/inbox",
        ("ccpm_check_inbox", "ccpm:message:read"),
        "MessagePage",
        run!(inbox),
    )
    .with_query(&[
        LIMIT,
        CURSOR,
        may("include_read", Kind::Flag),
        may("include_completed", Kind::Flag),
        may(
            "priority",
            Kind::Choice {
                of: MessagePriority::NAMES,
            },
        ),
        may("since", Kind::Time),
        may("mark_read", Kind::Flag),
    ])
    .untrusted(),
];

async fn health(asked: Asked) -> CcpmResult<Reply> {
    let health = asked.service.health().await?;
    Ok(Reply::read(&health)?.degraded(health.status != "ok"))
}

async fn list(asked: Asked) -> CcpmResult<Reply> {
    let filter: AgentFilter = asked.input.filter()?;
    let page = asked.input.page()?;
    let agents = asked.service.list_agents(&asked.call, &filter, &page);
    Reply::read(&agents.await?)
}

async fn register(mut asked: Asked) -> CcpmResult<Reply> {
    let new: AgentCreate = asked.input.body()?;
    let done = asked.service.register_agent(&asked.call, new).await?;
    Ok(Reply::done(&done)?.versioned())
}

async fn show(asked: Asked) -> CcpmResult<Reply> {
    let agent = asked.service.agent(&asked.call, asked.input.path("id"));
    Ok(Reply::read(&agent.await?)?.versioned())
}

async fn update(mut asked: Asked) -> CcpmResult<Reply> {
    let patch: AgentPatch = asked.input.body()?;
    let (id, version) = (asked.input.path("id"), asked.input.if_match);
    let done = asked.service.update_agent(&asked.call, id, patch, version);
    Ok(Reply::done(&done.await?)?.versioned())
}

async fn heartbeat(asked: Asked) -> CcpmResult<Reply> {
    let done = asked.service.heartbeat(&asked.call, asked.input.path("id"));
    Ok(Reply::done(&done.await?)?.versioned())
}

async fn inbox(asked: Asked) -> CcpmResult<Reply> {
    let filter: InboxFilter = asked.input.filter()?;
    let page = asked.input.page()?;
    let id = asked.input.path("id");
    let messages = asked.service.inbox(&asked.call, id, &filter, &page);
    Reply::read(&messages.await?)
}

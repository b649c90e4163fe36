//! From what callers write to what it means: agents by id, name or tag, tasks by id or key.

use homelab_core::ccpm::rules::fold_name;
use homelab_core::ccpm::{
    Agent, AgentId, AgentStatus, CcpmCode, CcpmError, CcpmResult, Sprint, SprintId, Task, TaskId,
};
use homelab_core::store::{CcpmRows, Numbered};

use crate::api::Actor;
use crate::check::cut;

/// Names like the one that was asked for.
const CANDIDATES: usize = 5;

/// Most edits between a name and a candidate.
const FARTHEST: usize = 4;

/// The agent that acts.
pub(crate) async fn acting(rows: &mut dyn CcpmRows, actor: &Actor) -> CcpmResult<Agent> {
    let Some(id) = &actor.agent else {
        return Err(no_agent());
    };
    rows.agent(id).await?.ok_or_else(|| {
        CcpmError::new(
            CcpmCode::Forbidden,
            format!("the agent `{id}` of this token is not registered"),
        )
        .hint("register it, or name another one in `X-Agent-Id`")
    })
}

fn no_agent() -> CcpmError {
    CcpmError::new(CcpmCode::Forbidden, "no agent acts in this request")
        .hint("bind the token to an agent, or name one in `X-Agent-Id`")
}

/// The agent that a text names: `me`, an id, a name in any case, or a tag that only one has.
pub(crate) async fn agent(rows: &mut dyn CcpmRows, actor: &Actor, text: &str) -> CcpmResult<Agent> {
    if text.trim().eq_ignore_ascii_case("me") {
        return acting(rows, actor).await;
    }
    match find(rows, text).await? {
        Some(agent) => Ok(agent),
        None => Err(unknown(rows, text).await?),
    }
}

/// The same without `me`; nothing if there is none.
pub(crate) async fn find(rows: &mut dyn CcpmRows, text: &str) -> CcpmResult<Option<Agent>> {
    if let Some(id) = AgentId::parse(text) {
        return Ok(rows.agent(&id).await?);
    }
    if let Some(agent) = rows.agent_named(&fold_name(text)).await? {
        return Ok(Some(agent));
    }
    let mut tagged = rows.agents_tagged(text.trim()).await?;
    if tagged.len() > 1 {
        let names: Vec<_> = tagged.iter().map(|agent| &agent.name).collect();
        let shown = cut(text, 64);
        return Err(CcpmError::new(
            CcpmCode::AgentAmbiguous,
            format!("several agents have the tag `{shown}`"),
        )
        .hint("use the name")
        .detail("candidates", names));
    }
    Ok(tagged.pop())
}

/// The error for a name that nobody has.
pub(crate) async fn unknown(rows: &mut dyn CcpmRows, text: &str) -> CcpmResult<CcpmError> {
    let candidates = candidates(rows, text).await?;
    let shown = cut(text, 64);
    let error = CcpmError::new(
        CcpmCode::AgentNotFound,
        format!("there is no agent `{shown}`"),
    );
    let error = if candidates.is_empty() {
        error.hint("list the agents to see their names")
    } else {
        error.hint(format!("did you mean `{}`", candidates.join("`, `")))
    };
    Ok(error.detail("candidates", candidates))
}

/// Names like this one, the most like it first.
async fn candidates(rows: &mut dyn CcpmRows, text: &str) -> CcpmResult<Vec<String>> {
    let wanted = fold_name(&cut(text, 64));
    let mut names: Vec<(usize, String)> = rows
        .agent_names()
        .await?
        .into_iter()
        .map(|name| (strsim::osa_distance(&wanted, &fold_name(&name)), name))
        .filter(|(distance, _)| *distance <= FARTHEST)
        .collect();
    names.sort();
    Ok(names
        .into_iter()
        .take(CANDIDATES)
        .map(|(_, name)| name)
        .collect())
}

/// The agent, if it receives anything.
pub(crate) fn receiving(agent: Agent) -> CcpmResult<Agent> {
    if agent.status == AgentStatus::Disabled {
        let name = &agent.name;
        return Err(CcpmError::new(
            CcpmCode::AgentInactive,
            format!("the agent `{name}` is disabled and receives nothing"),
        )
        .hint("choose another one, or have it enabled")
        .detail("inactive", [name]));
    }
    Ok(agent)
}

/// Whether somebody may do this for an agent: the agent itself and administrators.
pub(crate) fn own(actor: &Actor, agent: &AgentId) -> CcpmResult<()> {
    if actor.is_admin || actor.agent.as_ref() == Some(agent) {
        return Ok(());
    }
    Err(
        CcpmError::new(CcpmCode::Forbidden, "this belongs to another agent")
            .hint("use `me`, or ask for the scope `ccpm:admin`"),
    )
}

/// The task that a text names: an id, or a key in any case.
pub(crate) async fn task(rows: &mut dyn CcpmRows, text: &str) -> CcpmResult<Numbered<Task>> {
    let found = match TaskId::parse(text) {
        Some(id) => rows.task(&id).await?,
        None => rows.task_keyed(&text.trim().to_ascii_uppercase()).await?,
    };
    found.ok_or_else(|| {
        CcpmError::not_found("task", &cut(text, 64)).hint("list the tasks to see their keys")
    })
}

/// The sprint that a text names: an id, or `active`.
pub(crate) async fn sprint(rows: &mut dyn CcpmRows, text: &str) -> CcpmResult<Sprint> {
    if text.trim().eq_ignore_ascii_case("active") {
        return rows.active_sprint().await?.ok_or_else(|| {
            CcpmError::new(CcpmCode::NotFound, "no sprint is active").hint("start one")
        });
    }
    let found = match SprintId::parse(text) {
        Some(id) => rows.sprint(&id).await?,
        None => None,
    };
    found.ok_or_else(|| {
        CcpmError::not_found("sprint", &cut(text, 64)).hint("list the sprints to see their ids")
    })
}

//! Agents.

use homelab_core::ccpm::rules::{check_agent_name, fold_name};
use homelab_core::ccpm::{
    Agent, AgentCreate, AgentFilter, AgentId, AgentPatch, AgentStatus, CcpmCode, CcpmError,
    CcpmResult, Choice as _, Listing, Paging,
};
use homelab_core::clock::Micros;
use homelab_core::store::{AgentQuery, Numbered};

use crate::api::{Call, Done};
use crate::service::Service;
use crate::work::begin;
use crate::{check, resolve};

/// What its cursors are called.
const LIST: &str = "agents";

impl Service {
    /// An agent as it stands now.
    fn stands(&self, mut agent: Agent, now: Micros) -> Agent {
        let seen = agent.last_seen_at.unwrap_or(agent.created_at);
        if agent.status == AgentStatus::Active && seen < now.earlier(self.settings().offline_after)
        {
            agent.status = AgentStatus::Offline;
        }
        agent
    }

    pub(crate) async fn agents_listed(
        &self,
        filter: &AgentFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Agent>> {
        let limit = page.rows()?;
        let after = page.after::<1>(LIST)?.map(|[number]| number);
        let status = filter.status.map(|one| one.known("status")).transpose()?;
        let kind = filter.kind.map(|one| one.known("type")).transpose()?;
        let now = self.now();
        let mut rows = self.reading().await?;
        if let Some(name) = &filter.name {
            let found = rows.agent_named(&fold_name(name)).await?;
            let found = found
                .map(|agent| self.stands(agent, now))
                .filter(|agent| status.is_none_or(|status| agent.status == status))
                .filter(|agent| kind.is_none_or(|kind| agent.kind == kind));
            return Ok(Listing::whole(found.into_iter().collect()));
        }
        let query = AgentQuery {
            status,
            kind,
            offline_before: now.earlier(self.settings().offline_after),
            after,
            limit: limit + 1,
        };
        let found = rows.agents(&query).await?;
        let page = Listing::from_rows(found, limit, LIST, |row| [row.number]);
        Ok(page.map(|Numbered { value, .. }| self.stands(value, now)))
    }

    pub(crate) async fn agent_registered(
        &self,
        call: &Call,
        new: AgentCreate,
    ) -> CcpmResult<Done<Agent>> {
        check_agent_name(&new.name)?;
        let kind = new.kind.known("type")?;
        check_about(new.tag.as_deref(), new.description.as_deref())?;
        check::list("capabilities", &new.capabilities, 50, 64)?;
        check::metadata(&new.metadata)?;
        let id = new
            .id
            .as_ref()
            .map(|id| check::id("id", id.as_str(), AgentId::parse))
            .transpose()?;
        let mut work = begin!(self, call, "register_agent", "", &new);
        if let Some(known) = work.rows.agent_named(&fold_name(&new.name)).await? {
            let is_same = known.kind == kind && id.is_none_or(|id| id == known.id);
            if !is_same {
                return Err(taken("name", &new.name));
            }
            let known = self.stands(known, work.now);
            return work.finish(Done::changed(known)).await;
        }
        if let Some(id) = &id
            && work.rows.agent(id).await?.is_some()
        {
            return Err(taken("id", id.as_str()));
        }
        let agent = Agent {
            id: id.unwrap_or_else(|| AgentId::new(self.id())),
            name: new.name,
            tag: new.tag,
            kind,
            status: AgentStatus::Active,
            description: new.description,
            capabilities: new.capabilities,
            unread_count: None,
            last_seen_at: None,
            created_at: work.now,
            updated_at: work.now,
            version: 1,
            metadata: new.metadata,
        };
        work.save_agent(&agent).await?;
        work.finish(Done::created(agent)).await
    }

    pub(crate) async fn agent_read(&self, call: &Call, agent: &str) -> CcpmResult<Agent> {
        let now = self.now();
        let mut rows = self.reading().await?;
        let mut agent = resolve::agent(&mut *rows, &call.actor, agent).await?;
        agent.unread_count = Some(rows.unread(&agent.id, now).await?);
        Ok(self.stands(agent, now))
    }

    pub(crate) async fn agent_updated(
        &self,
        call: &Call,
        agent: &str,
        patch: AgentPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Agent>> {
        let status = patch.status.map(|one| one.known("status")).transpose()?;
        check_about(patch.tag.as_deref(), patch.description.as_deref())?;
        if let Some(capabilities) = &patch.capabilities {
            check::list("capabilities", capabilities, 50, 64)?;
        }
        if let Some(metadata) = &patch.metadata {
            check::metadata(metadata)?;
        }
        let mut work = begin!(self, call, "update_agent", agent, &(&patch, if_match));
        let before = resolve::agent(&mut *work.rows, &call.actor, agent).await?;
        resolve::own(&call.actor, &before.id)?;
        check::version(before.version, &[if_match])?;
        let mut after = before.clone();
        after.status = status.unwrap_or(after.status);
        after.description = patch.description.or(after.description);
        after.capabilities = patch.capabilities.unwrap_or(after.capabilities);
        after.tag = patch.tag.or(after.tag);
        after.metadata = patch.metadata.unwrap_or(after.metadata);
        if after != before {
            after.version += 1;
            after.updated_at = work.now;
            work.save_agent(&after).await?;
        }
        let after = self.stands(after, work.now);
        work.finish(Done::changed(after)).await
    }

    pub(crate) async fn agent_seen(&self, call: &Call, agent: &str) -> CcpmResult<Done<Agent>> {
        let mut work = begin!(self, call, "heartbeat", agent, &());
        let mut agent = resolve::agent(&mut *work.rows, &call.actor, agent).await?;
        resolve::own(&call.actor, &agent.id)?;
        let mut agent = resolve::receiving({
            agent.last_seen_at = Some(work.now);
            agent
        })?;
        if agent.status == AgentStatus::Offline {
            agent.status = AgentStatus::Active;
        }
        // No new version: a change that somebody else prepares must not fail by it.
        work.save_agent(&agent).await?;
        agent.unread_count = Some(work.rows.unread(&agent.id, work.now).await?);
        work.finish(Done::changed(agent)).await
    }
}

fn check_about(tag: Option<&str>, description: Option<&str>) -> CcpmResult<()> {
    check::optional("tag", tag, 32)?;
    check::optional("description", description, 500)
}

fn taken(field: &str, value: &str) -> CcpmError {
    CcpmError::new(
        CcpmCode::Conflict,
        format!("another agent has the {field} `{value}`"),
    )
    .hint("choose another one, or register with the type and id that it has")
    .detail("field", field)
}

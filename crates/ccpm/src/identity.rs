//! Which agent a caller is, and what it may do beyond its own.

use std::collections::BTreeMap;

use homelab_core::call::Principal;
use homelab_core::ccpm::{Agent, CcpmCode, CcpmError, CcpmResult};
use homelab_core::policy::{Role, Scope};

use crate::Actor;

/// The kind of server, in permission names, listings and audit rows.
pub const KIND: &str = "ccpm";
/// Who has it may do everything for every agent; role admin has it unless its patterns take it away.
pub const ADMIN: &str = "ccpm:admin";
/// Who has it may send to `@all`; roles that write have it unless their patterns take it away.
pub const BROADCAST: &str = "ccpm:message:broadcast";

/// Which agent each caller is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    agents: BTreeMap<String, String>,
    others: Option<String>,
}

impl Identities {
    /// `agents` names the agent (name or id) of callers by their name; `others` is who everybody
    /// else is, if not the agent of their own name.
    pub fn new(agents: BTreeMap<String, String>, others: Option<String>) -> Self {
        Self { agents, others }
    }

    /// Name or id of the agent that a caller is, whether or not it is registered.
    pub fn agent_of<'a>(&'a self, principal: &'a Principal) -> &'a str {
        let named = self.agents.get(&principal.name).or(self.others.as_ref());
        named.map_or(principal.name.as_str(), String::as_str)
    }

    /// Whether a registered agent is really the one that the caller is: look-ups also match tags,
    /// which agents give themselves.
    fn is(&self, principal: &Principal, agent: &Agent) -> bool {
        let own = self.agent_of(principal);
        agent.name.eq_ignore_ascii_case(own)
            || (own != principal.name && agent.id.as_str().eq_ignore_ascii_case(own))
    }

    /// The caller with its own agent, if that is registered.
    pub fn actor(&self, principal: &Principal, own: Option<&Agent>) -> Actor {
        let own = own.filter(|agent| self.is(principal, agent));
        Actor {
            agent: own.map(|agent| agent.id.clone()),
            principal: principal.name.clone(),
            is_admin: may_do_everything(principal),
            may_broadcast: may_broadcast(principal),
        }
    }

    /// The caller as the agent that it asks to be: its own one, or, for who may do everything, any.
    /// Whoever is somebody else has only that one's rights.
    ///
    /// # Errors
    /// `forbidden` if it may not.
    pub fn acting_as(
        &self,
        principal: &Principal,
        own: Option<&Agent>,
        wanted: &Agent,
    ) -> CcpmResult<Actor> {
        let actor = self.actor(principal, own);
        if actor.agent.as_ref() == Some(&wanted.id) {
            return Ok(actor);
        }
        if !actor.is_admin {
            return Err(other_agent(&wanted.name));
        }
        Ok(Actor {
            agent: Some(wanted.id.clone()),
            // What others did with the same key must not be taken for what this agent did.
            principal: format!("{}/{}", principal.name, wanted.id),
            is_admin: false,
            may_broadcast: actor.may_broadcast,
        })
    }
}

/// Nobody acts or reads as another.
pub fn other_agent(name: &str) -> CcpmError {
    CcpmError::new(
        CcpmCode::Forbidden,
        format!("`{name}` is another agent than yours"),
    )
    .hint("act as your own agent; only administrators act for others")
    .detail("reason", "other_agent")
}

fn may_do_everything(principal: &Principal) -> bool {
    principal.role == Role::Admin
        && principal.scope.is_none_or(|scope| scope == Scope::Admin)
        && principal.grants.permit(&[ADMIN])
}

fn may_broadcast(principal: &Principal) -> bool {
    principal.role >= Role::Operator
        && principal.scope.is_none_or(|scope| scope >= Scope::Write)
        && principal.grants.permit(&[BROADCAST])
}

#[cfg(test)]
mod tests {
    use homelab_core::call::CredentialKind;
    use homelab_core::policy::{Grants, Pattern};
    use serde_json::json;

    use super::*;

    fn agent(id: &str, name: &str) -> Agent {
        serde_json::from_value(json!({ "id": id, "name": name, "type": "other", "status": "idle" }))
            .unwrap()
    }

    fn principal(name: &str, role: Role) -> Principal {
        Principal::new(name, "key-1", CredentialKind::Agent, role)
    }

    #[test]
    fn a_caller_is_the_agent_of_its_name_unless_another_is_named() {
        let named = Identities::new([("ci".to_owned(), "builder".to_owned())].into(), None);
        let (ci, other) = (
            principal("ci", Role::Operator),
            principal("scout", Role::Operator),
        );

        assert_eq!(named.agent_of(&ci), "builder");
        assert_eq!(named.agent_of(&other), "scout");
        let all = Identities::new(BTreeMap::new(), Some("me-too".to_owned()));
        assert_eq!(all.agent_of(&other), "me-too");
    }

    #[test]
    fn an_agent_that_only_has_the_callers_name_as_its_tag_is_not_its_own() {
        let identities = Identities::default();
        let caller = principal("scout", Role::Operator);

        let tagged = identities.actor(&caller, Some(&agent("a-1", "mallory")));
        let own = identities.actor(&caller, Some(&agent("a-2", "Scout")));

        assert_eq!(tagged.agent, None);
        assert_eq!(own.agent.unwrap().as_str(), "a-2");
    }

    #[test]
    fn only_administrators_act_for_others_and_then_with_the_others_rights() {
        let identities = Identities::default();
        let other = agent("a-9", "other");

        let refused = identities.acting_as(&principal("x", Role::Operator), None, &other);
        let admin = identities.acting_as(&principal("x", Role::Admin), None, &other);

        assert_eq!(refused.unwrap_err().code(), CcpmCode::Forbidden);
        let admin = admin.unwrap();
        assert_eq!(
            (admin.is_admin, admin.agent.unwrap().as_str()),
            (false, "a-9")
        );
    }

    #[test]
    fn patterns_take_rights_away() {
        let mut caller = principal("x", Role::Admin);
        caller.grants = Grants {
            allow: Vec::new(),
            deny: vec![Pattern::new("ccpm:admin"), Pattern::new("*:broadcast")],
        };

        let actor = Identities::default().actor(&caller, None);

        assert_eq!((actor.is_admin, actor.may_broadcast), (false, false));
        let viewer = Identities::default().actor(&principal("v", Role::Viewer), None);
        assert_eq!((viewer.is_admin, viewer.may_broadcast), (false, false));
    }
}

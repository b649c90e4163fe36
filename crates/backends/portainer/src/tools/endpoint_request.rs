//! What is asked of an environment, and whether it makes sense.

use homelab_core::error::{ToolError, ToolResult};
use homelab_upstream::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Portainer;
use crate::types::Endpoint;

/// What to do with which environment.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManageEndpoints {
    /// What to do.
    pub(super) action: Action,
    /// Its name or id; all but `list` and `create` need it.
    #[schemars(length(min = 1, max = 100))]
    pub(super) endpoint: Option<String>,
    /// Its name, for `create` and `update`.
    #[schemars(length(min = 1, max = 100))]
    pub(super) name: Option<String>,
    /// What it is, for `create`.
    #[serde(rename = "type")]
    pub(super) kind: Option<CreationType>,
    /// Where Portainer reaches it, for `create` and `update`: `tcp://192.0.2.10:9001` for an agent,
    /// `tcp://192.0.2.10:2376` for an engine's API.
    #[schemars(length(min = 1, max = 300))]
    pub(super) url: Option<String>,
    /// Host under which its published ports are reached, for `create` and `update`.
    #[schemars(length(min = 1, max = 300))]
    pub(super) public_url: Option<String>,
    /// Id of its group, for `create` and `update`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) group_id: Option<u64>,
    /// Ids of its tags, for `create` and `update`.
    #[schemars(length(max = 50), inner(range(min = 1, max = 1_000_000)))]
    pub(super) tag_ids: Option<Vec<u64>>,
    /// Most rows of `list`; default 25.
    #[schemars(range(min = 1, max = 200))]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page of `list` before.
    #[schemars(length(max = 400))]
    pub(super) cursor: Option<String>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// All of them.
    List,
    /// One.
    Get,
    /// Add it.
    Create,
    /// Change how it is called, reached and grouped.
    Update,
    /// Look at it anew, so that what `get_resource_usage` shows is fresh.
    Snapshot,
    /// Remove it from Portainer; what runs there goes on.
    Delete,
}

/// What an environment is that is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CreationType {
    /// The engine that Portainer itself runs on, by its socket.
    LocalDocker,
    /// An engine whose API listens on a port, with TLS that is not verified.
    DockerApi,
    /// Portainer's agent on a Docker host or Kubernetes cluster.
    Agent,
    /// An edge agent that calls in by itself.
    Edge,
    /// The cluster that Portainer itself runs in.
    LocalKubernetes,
}

impl ManageEndpoints {
    /// Refuses what is missing, surplus or not of its form.
    pub(super) fn check(&self) -> ToolResult<()> {
        use Action::{Create, List, Update};
        let given: [(&str, bool, &[Action]); 8] = [
            ("name", self.name.is_some(), &[Create, Update]),
            ("type", self.kind.is_some(), &[Create]),
            ("url", self.url.is_some(), &[Create, Update]),
            ("public_url", self.public_url.is_some(), &[Create, Update]),
            ("group_id", self.group_id.is_some(), &[Create, Update]),
            ("tag_ids", self.tag_ids.is_some(), &[Create, Update]),
            ("limit", self.limit.is_some(), &[List]),
            ("cursor", self.cursor.is_some(), &[List]),
        ];
        for (field, is_given, actions) in given {
            if is_given && !actions.contains(&self.action) {
                let message = format!("this action does not take `{field}`");
                return Err(ToolError::invalid(field, message));
            }
        }
        let needs = !matches!(self.action, List | Create);
        if needs && self.endpoint.is_none() {
            return Err(ToolError::invalid(
                "endpoint",
                "this action needs an `endpoint`",
            ));
        }
        if !needs && self.endpoint.is_some() {
            let message = "this action does not take `endpoint`";
            return Err(ToolError::invalid("endpoint", message));
        }
        if let Some(url) = &self.url {
            check_url(url)?;
        }
        if self.action == Create {
            self.check_new()?;
        }
        Ok(())
    }

    fn check_new(&self) -> ToolResult<()> {
        if self.name.is_none() {
            return Err(ToolError::invalid(
                "name",
                "a new environment needs a `name`",
            ));
        }
        let Some(kind) = self.kind else {
            return Err(ToolError::invalid(
                "type",
                "a new environment needs a `type`",
            ));
        };
        let local = matches!(
            kind,
            CreationType::LocalDocker | CreationType::LocalKubernetes
        );
        match (local, &self.url) {
            (true, Some(_)) => {
                let message = "one that Portainer itself runs on has no `url`";
                Err(ToolError::invalid("url", message))
            }
            (false, None) => {
                let hint = if kind == CreationType::Edge {
                    "the address at which its agent finds Portainer: `https://portainer.example.test:9443`"
                } else {
                    "such as `tcp://192.0.2.10:9001` for an agent"
                };
                Err(ToolError::invalid("url", "this type needs a `url`").hint(hint))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn found(&self, portainer: &Portainer) -> ToolResult<Endpoint> {
        portainer.find_endpoint(self.endpoint.as_deref()).await
    }

    /// The form that adds it.
    pub(super) fn form(&self) -> Vec<(&'static str, String)> {
        let (number, tls) = match self.kind {
            Some(CreationType::DockerApi) => (1, true),
            Some(CreationType::Agent) => (2, true),
            Some(CreationType::Edge) => (4, false),
            Some(CreationType::LocalKubernetes) => (5, false),
            Some(CreationType::LocalDocker) | None => (1, false),
        };
        let mut form = vec![
            ("Name", self.name.clone().unwrap_or_default()),
            ("EndpointCreationType", number.to_string()),
        ];
        if let Some(url) = &self.url {
            form.push(("URL", url.clone()));
        }
        if let Some(url) = &self.public_url {
            form.push(("PublicURL", url.clone()));
        }
        if tls {
            // An agent makes itself a certificate at each start: the key that both share protects.
            for name in ["TLS", "TLSSkipVerify", "TLSSkipClientVerify"] {
                form.push((name, "true".to_owned()));
            }
        }
        if let Some(group) = self.group_id {
            form.push(("GroupID", group.to_string()));
        }
        if let Some(tags) = &self.tag_ids {
            form.push(("TagIds", json!(tags).to_string()));
        }
        form
    }

    /// What `update` would change: the API's name, the argument's, from and to.
    pub(super) fn changes(
        &self,
        now: &Endpoint,
    ) -> Vec<(&'static str, &'static str, Value, Value)> {
        let text = |value: &Option<String>| value.as_ref().map(|text| json!(text));
        [
            ("Name", "name", json!(now.name), text(&self.name)),
            ("URL", "url", json!(now.url), text(&self.url)),
            (
                "PublicURL",
                "public_url",
                json!(now.public_url),
                text(&self.public_url),
            ),
            (
                "GroupID",
                "group_id",
                json!(now.group_id),
                self.group_id.map(|id| json!(id)),
            ),
            (
                "TagIDs",
                "tag_ids",
                json!(now.tag_ids),
                self.tag_ids.as_ref().map(|ids| json!(ids)),
            ),
        ]
        .into_iter()
        .filter_map(|(key, argument, from, to)| Some((key, argument, from, to?)))
        .filter(|(_, _, from, to)| from != to)
        .collect()
    }
}

fn check_url(text: &str) -> ToolResult<()> {
    let wrong = |message: String| {
        Err(ToolError::invalid("url", message)
            .hint("write it like `tcp://192.0.2.10:9001`, or `https://…` for an edge agent"))
    };
    let Ok(url) = Url::parse(text) else {
        return wrong(format!("`{}` is not an address", text.escape_debug()));
    };
    if !matches!(url.scheme(), "tcp" | "http" | "https") || url.host_str().is_none() {
        return wrong(format!(
            "`{}` is not reached by tcp, http or https",
            text.escape_debug()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("the address holds a user or password".to_owned());
    }
    Ok(())
}

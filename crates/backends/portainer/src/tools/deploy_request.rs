//! What a deployment asks for, and the requests that Portainer takes for it.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::Secret;
use homelab_upstream::{Method, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::types::{Pair, Stack};
use crate::words::StackType;

/// The stack that is wanted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeployStack {
    /// Its name: small letters, digits, `-` and `_`, beginning with a letter or digit.
    #[schemars(length(min = 1, max = 60), regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub(super) name: String,
    /// Name or id of its environment; default the only one there is.
    #[schemars(length(min = 1, max = 100))]
    pub(super) endpoint: Option<String>,
    /// Whether it must be new, must be there, or either.
    #[serde(default)]
    pub(super) mode: Mode,
    /// What a new one is deployed on; default `compose`.
    #[serde(rename = "type")]
    pub(super) kind: Option<StackType>,
    /// Compose file or Kubernetes manifests as text. Of one that is there, default its present file;
    /// a new one needs this or `git`.
    #[schemars(length(min = 1, max = 262_144))]
    pub(super) stack_file: Option<String>,
    /// Repository that its file comes from, instead of `stack_file`. For one that was deployed from
    /// git, only `reference` and credentials may be given, to deploy it anew.
    pub(super) git: Option<GitSource>,
    /// Variables to set; others that the stack has keep their values.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub(super) env: Vec<Variable>,
    /// Names of variables to remove.
    #[serde(default)]
    #[schemars(length(max = 200), inner(length(min = 1, max = 200)))]
    pub(super) remove_env: Vec<String>,
    /// Remove services that are no longer in the file (swarm).
    #[serde(default)]
    pub(super) prune: bool,
    /// Pull images again even if they are there.
    #[serde(default)]
    pub(super) pull_images: bool,
    /// Namespace of a new Kubernetes stack.
    #[schemars(length(min = 1, max = 63))]
    pub(super) namespace: Option<String>,
    /// Seconds to wait for the deployment; default the setting `deploy_timeout_s`.
    #[schemars(range(min = 1, max = 900))]
    pub(super) wait_s: Option<u32>,
}

/// Whether a stack must be there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Create it, or update it if it is there.
    #[default]
    Auto,
    /// It must not be there.
    Create,
    /// It must be there.
    Update,
}

/// A variable.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// Its name.
    #[schemars(length(min = 1, max = 200))]
    pub(super) name: String,
    /// Its value.
    #[schemars(length(max = 10_000))]
    pub(super) value: Secret,
}

/// A git repository.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GitSource {
    /// Address of the repository, without user and password.
    #[schemars(length(min = 1, max = 500))]
    pub(super) url: Option<String>,
    /// Branch or tag, such as `refs/heads/main`.
    #[schemars(length(min = 1, max = 200))]
    pub(super) reference: Option<String>,
    /// Path of the file in the repository; default `docker-compose.yml`.
    #[schemars(length(min = 1, max = 300))]
    pub(super) compose_file: Option<String>,
    /// User, for a repository that is not public.
    #[schemars(length(min = 1, max = 200))]
    pub(super) username: Option<String>,
    /// Password or token of that user.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) password: Option<Secret>,
    /// Do not verify the certificate of the repository's server.
    #[serde(default)]
    pub(super) tls_skip_verify: bool,
}

impl DeployStack {
    /// Refuses what no stack can be made of, before anything is asked.
    ///
    /// # Errors
    /// `invalid_argument` that names the argument.
    pub(super) fn check(&self) -> ToolResult<()> {
        let plain = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '_')
        };
        if !self.name.chars().all(plain) || self.name.starts_with(['-', '_']) {
            let message = format!(
                "`{}` cannot be the name of a stack",
                self.name.escape_debug()
            );
            return Err(ToolError::invalid("name", message)
                .hint("small letters, digits, `-` and `_`, beginning with a letter or digit"));
        }
        if self.stack_file.is_some() && self.git.is_some() {
            let message = "both `stack_file` and `git` are given";
            return Err(ToolError::invalid("git", message).hint("keep one of the two"));
        }
        for (index, variable) in self.env.iter().enumerate() {
            if variable.name.contains(['=', '\0', '\n']) {
                let message = format!(
                    "`{}` cannot be the name of a variable",
                    variable.name.escape_debug()
                );
                return Err(ToolError::invalid(format!("env[{index}].name"), message));
            }
            if self.remove_env.contains(&variable.name) {
                let message = format!("`{}` is set and removed", variable.name);
                return Err(ToolError::invalid("remove_env", message));
            }
        }
        if let Some(url) = self.git.as_ref().and_then(|git| git.url.as_ref()) {
            let login = url
                .split_once("://")
                .is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@'));
            if login {
                let message = "the address holds a user or password";
                return Err(ToolError::invalid("git.url", message)
                    .hint("give them as `username` and `password`"));
            }
        }
        if let Some(git) = &self.git
            && git.username.is_some() != git.password.is_some()
        {
            let message = "`username` and `password` go together";
            return Err(ToolError::invalid("git.password", message));
        }
        Ok(())
    }

    /// The variables of the stack afterwards: Portainer replaces them as a whole.
    pub(super) fn merged(&self, now: &[Pair]) -> Vec<Pair> {
        let mut all: Vec<Pair> = now.to_vec();
        all.retain(|pair| !self.remove_env.contains(&pair.name));
        for variable in &self.env {
            let value = variable.value.expose().to_owned();
            match all.iter_mut().find(|pair| pair.name == variable.name) {
                Some(pair) => pair.value = value,
                None => all.push(Pair {
                    name: variable.name.clone(),
                    value,
                }),
            }
        }
        all
    }

    /// The request that makes a new stack of a text.
    pub(super) fn create(
        &self,
        kind: StackType,
        endpoint: u64,
        file: &str,
        swarm: Option<&str>,
    ) -> Request {
        let env = self.merged(&[]);
        let (template, body) = match kind {
            StackType::Compose => (
                "/stacks/create/standalone/string",
                json!({ "Name": self.name, "StackFileContent": file, "Env": env }),
            ),
            StackType::Swarm => (
                "/stacks/create/swarm/string",
                json!({ "Name": self.name, "StackFileContent": file, "Env": env, "SwarmID": swarm }),
            ),
            StackType::Kubernetes => (
                "/stacks/create/kubernetes/string",
                json!({
                    "StackName": self.name, "StackFileContent": file, "ComposeFormat": false,
                    "Namespace": self.namespace.as_deref().unwrap_or("default"),
                }),
            ),
        };
        self.post("create_stack", template, endpoint, &body)
    }

    /// The request that makes a new stack of a repository.
    pub(super) fn create_from_git(
        &self,
        kind: StackType,
        endpoint: u64,
        git: &GitSource,
        swarm: Option<&str>,
    ) -> Request {
        let file = git.compose_file.as_deref().unwrap_or("docker-compose.yml");
        let mut body = json!({
            "RepositoryURL": git.url,
            "RepositoryAuthentication": git.password.is_some(),
            "TLSSkipVerify": git.tls_skip_verify,
        });
        if let Some(reference) = &git.reference {
            body["RepositoryReferenceName"] = json!(reference);
        }
        if let (Some(user), Some(password)) = (&git.username, &git.password) {
            body["RepositoryUsername"] = json!(user);
            body["RepositoryPassword"] = json!(password.expose());
        }
        let template = match kind {
            StackType::Kubernetes => {
                body["StackName"] = json!(self.name);
                body["ManifestFile"] = json!(file);
                body["ComposeFormat"] = json!(false);
                body["Namespace"] = json!(self.namespace.as_deref().unwrap_or("default"));
                "/stacks/create/kubernetes/repository"
            }
            StackType::Compose | StackType::Swarm => {
                body["Name"] = json!(self.name);
                body["ComposeFile"] = json!(file);
                body["Env"] = json!(self.merged(&[]));
                if kind == StackType::Swarm {
                    body["SwarmID"] = json!(swarm);
                    "/stacks/create/swarm/repository"
                } else {
                    "/stacks/create/standalone/repository"
                }
            }
        };
        self.post("create_stack", template, endpoint, &body)
    }

    fn post(
        &self,
        operation: &'static str,
        template: &'static str,
        endpoint: u64,
        body: &Value,
    ) -> Request {
        let request = Request::post(operation, template, &[]).query("endpointId", endpoint);
        self.hidden(request.json(body))
    }

    /// The request that changes one that was made of a text.
    pub(super) fn update(&self, stack: &Stack, file: &str) -> Request {
        let request = Request::new("update_stack", Method::PUT, "/stacks/{}", &[&stack.id])
            .query("endpointId", stack.endpoint_id);
        let body = json!({
            "StackFileContent": file,
            "Env": self.merged(&stack.env),
            "Prune": self.prune,
            "RepullImageAndRedeploy": self.pull_images,
            // Its name before 2.36.
            "PullImage": self.pull_images,
        });
        self.hidden(request.json(&body))
    }

    /// The request that deploys one from its repository anew.
    pub(super) fn redeploy(&self, stack: &Stack) -> Request {
        let template = "/stacks/{}/git/redeploy";
        let request = Request::new("redeploy_stack", Method::PUT, template, &[&stack.id])
            .query("endpointId", stack.endpoint_id);
        let mut body = json!({
            "Env": self.merged(&stack.env),
            "Prune": self.prune,
            "RepullImageAndRedeploy": self.pull_images,
            "PullImage": self.pull_images,
        });
        if let Some(git) = &stack.git {
            body["RepositoryReferenceName"] = json!(git.reference_name);
        }
        if let Some(git) = &self.git {
            if let Some(reference) = &git.reference {
                body["RepositoryReferenceName"] = json!(reference);
            }
            if let (Some(user), Some(password)) = (&git.username, &git.password) {
                body["RepositoryAuthentication"] = json!(true);
                body["RepositoryUsername"] = json!(user);
                body["RepositoryPassword"] = json!(password.expose());
            }
        }
        self.hidden(request.json(&body))
    }

    /// Takes what is secret in it out of errors.
    fn hidden(&self, request: Request) -> Request {
        let password = self.git.as_ref().and_then(|git| git.password.as_ref());
        let values = self.env.iter().map(|variable| &variable.value);
        password
            .into_iter()
            .chain(values)
            .fold(request, Request::hide)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn args(value: &Value) -> DeployStack {
        let mut all = json!({ "name": "blog" });
        for (key, value) in value.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[rstest]
    #[case(json!({ "name": "Blog" }), "name")]
    #[case(json!({ "name": "-blog" }), "name")]
    #[case(json!({ "stack_file": "x", "git": { "url": "https://x/y" } }), "git")]
    #[case(json!({ "git": { "url": "https://u:p@x/y" } }), "git.url")]
    #[case(json!({ "git": { "url": "https://x/y", "username": "u" } }), "git.password")]
    #[case(json!({ "env": [{ "name": "a=b", "value": "c" }] }), "env[0].name")]
    #[case(json!({ "env": [{ "name": "a", "value": "c" }], "remove_env": ["a"] }), "remove_env")]
    fn what_is_wrong_is_named(#[case] value: Value, #[case] field: &str) {
        let error = args(&value).check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn variables_that_are_not_named_keep_their_values() {
        let pair = |name: &str, value: &str| Pair {
            name: name.into(),
            value: value.into(),
        };
        let wanted = args(
            &json!({ "env": [{ "name": "B", "value": "2" }, { "name": "D", "value": "4" }], "remove_env": ["C"] }),
        );

        let merged = wanted.merged(&[pair("A", "1"), pair("B", "x"), pair("C", "3")]);

        assert_eq!(merged, [pair("A", "1"), pair("B", "2"), pair("D", "4")]);
    }

    #[test]
    fn values_are_not_printed() {
        let wanted = args(&json!({ "env": [{ "name": "B", "value": "tell-nobody" }] }));

        assert!(!format!("{wanted:?}").contains("tell-nobody"));
    }
}

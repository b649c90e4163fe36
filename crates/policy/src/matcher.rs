//! Which calls a rule, window, limit or budget is about.

use homelab_core::policy::{Pattern, Role, Sight};
use homelab_core::tool::{Effect, ToolSpec};

use crate::catalogue::{Catalogue, Known};
use crate::config::Matchers;
use crate::problem::{Problems, did_you_mean};

/// Compiled matchers; an empty one matches everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matcher {
    principals: Vec<Pattern>,
    roles: Vec<Role>,
    servers: Vec<Pattern>,
    tools: Vec<Pattern>,
    instances: Vec<Pattern>,
    effects: Vec<Effect>,
}

impl Matcher {
    /// Takes the matchers over, noting whatever they name that does not exist.
    pub(crate) fn compile(
        config: &Matchers<'_>,
        path: &str,
        catalogue: &Catalogue,
        problems: &mut Problems,
    ) -> Self {
        let before = problems.0.len();
        for (index, pattern) in config.principals.iter().enumerate() {
            if pattern.as_str().is_empty() {
                let at = format!("{path}.principals[{index}]");
                problems.add(&at, "an empty name matches nobody", None);
            }
        }
        let roles = roles(config.roles, path, problems);
        let instances: Vec<&str> = names(&catalogue.instances);
        let servers: Vec<&str> = catalogue
            .kinds
            .iter()
            .map(String::as_str)
            .chain(instances.iter().copied())
            .collect();
        unknown(
            config.servers,
            &format!("{path}.servers"),
            "server",
            &servers,
            problems,
        );
        unknown(
            config.instances,
            &format!("{path}.instances"),
            "instance",
            &instances,
            problems,
        );
        unknown_tools(config.tools, path, catalogue, problems);
        let matcher = Self {
            principals: config.principals.to_vec(),
            roles,
            servers: config.servers.to_vec(),
            tools: config.tools.to_vec(),
            instances: config.instances.to_vec(),
            effects: config.effects.to_vec(),
        };
        // Each name is known, and all together still may fit no tool.
        if problems.0.len() == before && matcher.tools_of(catalogue).next().is_none() {
            let hint = "its `servers`, `tools`, `instances` and `effects` exclude each other";
            problems.add(path, "matches no tool", Some(hint.to_owned()));
        }
        matcher
    }

    /// The same, about changes alone unless effects are named.
    pub(crate) fn of_changes(mut self) -> Self {
        if self.effects.is_empty() {
            self.effects = vec![Effect::Write, Effect::Destructive, Effect::Critical];
        }
        self
    }

    /// The tools it is about.
    pub(crate) fn tools_of<'a>(
        &'a self,
        catalogue: &'a Catalogue,
    ) -> impl Iterator<Item = &'a Known> {
        catalogue
            .tools
            .iter()
            .filter(|tool| self.is_about(tool, catalogue))
    }

    /// Whether it can match a call of this tool at all.
    pub(crate) fn is_about(&self, tool: &Known, catalogue: &Catalogue) -> bool {
        let mut instances = catalogue.instances_of(&tool.kind);
        let of_server = self.servers.is_empty()
            || any(&self.servers, &tool.kind)
            || catalogue
                .instances_of(&tool.kind)
                .any(|name| any(&self.servers, name));
        of_server
            && (self.instances.is_empty() || instances.any(|name| any(&self.instances, name)))
            && self.fits_tool(&tool.spec, &tool.aggregated)
    }

    /// Whether the tool's name fits, and an effect that a call of it may have.
    pub(crate) fn fits_tool(&self, spec: &ToolSpec, aggregated: &str) -> bool {
        (self.effects.is_empty() || self.effects.iter().any(|one| spec.may_be(*one)))
            && (self.tools.is_empty() || self.tools.iter().any(|one| fits(one, spec, aggregated)))
    }

    /// Whether caller, instance and the call's own effect fit; the tool was looked up by the index.
    pub(crate) fn fits_caller(&self, sight: &Sight<'_>) -> bool {
        let principal = sight.principal;
        (self.effects.is_empty() || self.effects.contains(&sight.spec.effect))
            && (self.roles.is_empty() || self.roles.contains(&principal.role))
            && (self.principals.is_empty() || any(&self.principals, &principal.name))
            && (self.servers.is_empty()
                || any(&self.servers, sight.kind)
                || any(&self.servers, sight.instance))
            && (self.instances.is_empty() || any(&self.instances, sight.instance))
    }

    /// The callers by name, if it names each of them.
    pub(crate) fn exact_principals(&self) -> Option<Vec<&str>> {
        let exact = |pattern: &Pattern| !pattern.as_str().contains('*');
        let named = !self.principals.is_empty() && self.principals.iter().all(exact);
        named.then(|| self.principals.iter().map(Pattern::as_str).collect())
    }

    /// What it matches, in a few words for listings.
    pub(crate) fn describe(&self) -> String {
        let list = |name: &str, patterns: &[Pattern]| {
            let texts: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
            (!texts.is_empty()).then(|| format!("{name} {}", texts.join(", ")))
        };
        let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        let effects: Vec<&str> = self.effects.iter().map(|one| one.as_str()).collect();
        let parts: Vec<String> = [
            list("principals", &self.principals),
            (!roles.is_empty()).then(|| format!("roles {}", roles.join(", "))),
            list("servers", &self.servers),
            list("tools", &self.tools),
            list("instances", &self.instances),
            (!effects.is_empty()).then(|| format!("effects {}", effects.join(", "))),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() {
            "every call".to_owned()
        } else {
            parts.join("; ")
        }
    }
}

/// Whether any pattern matches.
pub(crate) fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

fn fits(pattern: &Pattern, spec: &ToolSpec, aggregated: &str) -> bool {
    pattern.matches(spec.name) || pattern.matches(aggregated) || pattern.matches(spec.permission)
}

fn names(instances: &[(String, String)]) -> Vec<&str> {
    instances.iter().map(|(name, _)| name.as_str()).collect()
}

fn roles(config: &[String], path: &str, problems: &mut Problems) -> Vec<Role> {
    let mut roles = Vec::new();
    for (index, text) in config.iter().enumerate() {
        match text.parse() {
            Ok(role) => roles.push(role),
            Err(_) => problems.add(
                &format!("{path}.roles[{index}]"),
                format_args!("there is no role `{text}`"),
                did_you_mean(text, ["viewer", "operator", "admin"]),
            ),
        }
    }
    roles
}

fn unknown(patterns: &[Pattern], path: &str, what: &str, known: &[&str], problems: &mut Problems) {
    for (index, pattern) in patterns.iter().enumerate() {
        if !known.iter().any(|name| pattern.matches(name)) {
            let text = pattern.as_str();
            problems.add(
                &format!("{path}[{index}]"),
                format_args!("there is no {what} `{text}`"),
                did_you_mean(text, known.iter().copied()),
            );
        }
    }
}

fn unknown_tools(patterns: &[Pattern], path: &str, catalogue: &Catalogue, problems: &mut Problems) {
    for (index, pattern) in patterns.iter().enumerate() {
        let known = |tool: &Known| fits(pattern, &tool.spec, &tool.aggregated);
        if catalogue.tools.iter().any(known) {
            continue;
        }
        let text = pattern.as_str();
        let names = catalogue.tools.iter().flat_map(|tool| {
            [
                tool.aggregated.as_str(),
                tool.spec.name,
                tool.spec.permission,
            ]
        });
        problems.add(
            &format!("{path}.tools[{index}]"),
            format_args!("no tool or permission is called `{text}`"),
            did_you_mean(text, names)
                .or_else(|| Some("see `homelab-mcp tools list --all`".to_owned())),
        );
    }
}

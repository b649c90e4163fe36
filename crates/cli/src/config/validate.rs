//! Settings that are well-formed one by one but make no sense together.

use std::net::SocketAddr;

use homelab_backend::Kind;
use homelab_core::error::ToolError;
use homelab_core::redact::Redactor;
use serde_json::Value;

use super::check::kind_of;
use super::problem::Problem;
use super::sections::Config;
use super::tree::Tree;
use crate::policy;

/// What makes the configuration unusable as a whole.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let server = &config.server;
    if server.listen.is_empty() {
        let problem = Problem::new("server.listen", "`server.listen` names no address");
        problems.push(problem.hint("the default is `[\"127.0.0.1:8080\"]`"));
    }
    let base = &server.base_path;
    if !base.is_empty() && (!base.starts_with('/') || base.ends_with('/')) {
        let text =
            format!("`server.base_path` must start with `/` and not end with it, not `{base}`");
        problems.push(Problem::new("server.base_path", text));
    }
    let tls = &server.tls;
    if tls.cert_file.is_some() != tls.key_file.is_some() {
        let text = "`server.tls` needs both `cert_file` and `key_file`";
        problems.push(Problem::new("server.tls", text));
    } else if tls.client_ca_file.is_some() && tls.cert_file.is_none() {
        let text = "`server.tls.client_ca_file` needs `cert_file` and `key_file` too";
        problems.push(Problem::new("server.tls.client_ca_file", text));
    }
    let database = &config.database;
    let chosen: Vec<&str> = [
        ("url", database.url.is_some()),
        ("host", database.host.is_some()),
        ("file", database.file.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, set)| set.then_some(key))
    .collect();
    if let [first, second, ..] = chosen.as_slice() {
        let text = format!("`database.{first}` and `database.{second}` name different databases");
        problems.push(Problem::new(format!("database.{second}"), text).hint("keep one of them"));
    }
    if let Err(error) = config.ssh.check() {
        problems.push(ssh_problem(&error));
    }
    if let Err(problem) = crate::serve::auth::methods(config, &Redactor::default()) {
        problems.push(problem);
    }
    if let Err(error) = crate::logging::filter(&config.log.level) {
        let text = format!("`log.level` is not a list of filters: {error}");
        let hint = "use `error`, `warn`, `info`, `debug`, `trace`, or `info,homelab_gateway=debug`";
        problems.push(Problem::new("log.level", text).hint(hint));
    }
    problems
}

fn ssh_problem(error: &ToolError) -> Problem {
    let envelope = error.envelope();
    let key = format!("ssh.{}", envelope.field.as_deref().unwrap_or_default());
    let mut problem = Problem::new(key, envelope.message.clone());
    problem.hint.clone_from(&envelope.hint);
    problem
}

/// Refuses to let everybody on the network in.
pub(crate) fn refuse_open_listener(config: &Config) -> Result<(), Problem> {
    let open: Vec<&SocketAddr> = config
        .server
        .listen
        .iter()
        .filter(|address| !address.ip().to_canonical().is_loopback())
        .collect();
    match open.first() {
        Some(address) if !config.auth.enabled => Err(Problem::new(
            "auth.enabled",
            format!(
                "listening on {address} without authentication would let everybody who can reach it control the lab"
            ),
        )
        .hint("set `auth.enabled = true`, or listen on 127.0.0.1")),
        _ => Ok(()),
    }
}

/// What is wrong with the rules: they are checked against the tools that are compiled in.
pub(crate) fn policy_problems(config: &Config) -> Vec<Problem> {
    let Err(found) = policy::compile(config) else {
        return Vec::new();
    };
    let problem = |one: homelab_policy::Problem| {
        let mut problem = Problem::new(one.path, one.message);
        problem.hint = one.hint;
        problem
    };
    found.into_iter().map(problem).collect()
}

/// What each server says about its own table. Not fatal: a server that cannot be used answers
/// with what is wrong, and the others work.
pub(crate) fn server_problems(tree: &Tree, config: &Config, kinds: &[Kind]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (instance, section) in &config.servers {
        let table = Value::Object(section.clone());
        let Some(kind) = kinds
            .iter()
            .find(|kind| kind.name == kind_of(instance, &table))
        else {
            continue;
        };
        let Err(error) = kind.check(crate::servers::own_settings(section)) else {
            continue;
        };
        let envelope = error.envelope();
        let key = match &envelope.field {
            Some(field) if !field.is_empty() => format!("servers.{instance}.{field}"),
            _ => format!("servers.{instance}"),
        };
        let origin = tree.origin(&key).cloned();
        let text = format!("`servers.{instance}`: {}", envelope.message);
        let mut problem = Problem::new(key, text).at(origin);
        problem.hint.clone_from(&envelope.hint);
        problems.push(problem);
    }
    problems
}

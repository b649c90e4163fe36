//! `policy test`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use homelab_core::call::{CredentialKind, Principal, Transport};
use homelab_core::clock::Micros;
use homelab_core::policy::{Decision, Question, Role, Sight};
use homelab_core::server::{Server, aggregated_name};
use homelab_core::tool::{Target, ToolInfo, ToolSpec};
use homelab_gateway::pipeline::normalise;
use homelab_policy::Explanation;
use serde_json::{Value, json};

use crate::commands::tools::read_arguments;
use crate::commands::with_services_or_demo;
use crate::config::{Config, nearest};
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::servers;
use crate::services::Services;
use crate::session::Session;

/// Longest wait for a server to say what a call would touch.
const TARGETS_WITHIN: Duration = Duration::from_secs(10);

/// Options of `policy test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp policy test --as alice --tool homelab_delete_device --args '{\"name\":\"nas\"}'
  homelab-mcp policy test --as ci --role operator --tool homelab_list_devices --at 2026-03-02T23:30:00Z

Exit codes: 0 it would be allowed; 3 it would wait for a confirmation or an approval; 1 it would be
denied; 2 the question makes no sense.")]
pub(crate) struct Args {
    /// Who calls: the name of a key, or any name together with `--role`.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// The caller's role; of a key, its own.
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// The tool, by its name at `/mcp` or its bare name.
    #[arg(long, value_name = "TOOL")]
    tool: String,
    /// Which of several instances.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Arguments as a JSON object; `@FILE` reads a file, `-` standard input.
    #[arg(long = "args", value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// The time to decide for, such as `2026-03-02T23:30:00Z`; otherwise now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// The tool that is asked about.
struct Asked {
    kind: &'static str,
    info: ToolInfo,
    aggregated: String,
    instance: String,
}

/// Runs it.
pub(super) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let arguments = read_arguments(&args.arguments, &session.environment.directory)?;
    let at = args.at.as_deref().map(time).transpose()?;
    with_services_or_demo(session, async |services, loaded| {
        let asked = find(&args, &loaded.config)?;
        let mut arguments = Value::Object(arguments.clone());
        normalise(&asked.info, &mut arguments)?;
        let principal = principal(&args, services, &loaded.config).await?;
        let names = [
            asked.info.spec.name.to_owned(),
            asked.aggregated.clone(),
            asked.info.spec.permission.to_owned(),
            format!("{}:{}", asked.kind, asked.info.spec.name),
            format!("{}:{}", asked.instance, asked.info.spec.name),
        ];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let is_granted = principal.grants.permit(&names);
        let spec = with_own_effect(services, &asked, &arguments);
        let targets = targets(services, &asked, &arguments, &session.output).await?;
        let question = Question {
            sight: Sight {
                principal: &principal,
                spec: &spec,
                aggregated: &asked.aggregated,
                kind: asked.kind,
                instance: &asked.instance,
            },
            transport: Transport::Http,
            arguments: &arguments,
            targets: &targets,
        };
        let mut explanation = services.policy.explain(&question, at).await;
        if !is_granted {
            explanation.decision = Decision::Deny;
            explanation.by = "key_patterns";
            explanation.rule = None;
            explanation.reason = Some("the key's own patterns leave the tool out".to_owned());
        }
        show(&session.output, &asked, &principal, &targets, &explanation)?;
        if let Some(tool) = stands_for(services, &asked, &arguments) {
            session.output.warn(format!(
                "the call does what `{tool}` does: the stricter decision of both holds, so ask about that tool too"
            ))?;
        }
        Ok(match explanation.decision {
            Decision::Allow => Exit::Ok,
            Decision::Confirm | Decision::Approve => Exit::Held,
            Decision::Deny => Exit::Failed,
        })
    })
    .await
}

fn time(text: &str) -> Result<Micros> {
    Micros::from_rfc3339(text).ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a time"))
            .hint("write it like 2026-03-02T23:30:00Z or 2026-03-02T23:30:00+01:00")
            .into()
    })
}

fn find(args: &Args, config: &Config) -> Result<Asked> {
    let mut names = Vec::new();
    let mut found = Vec::new();
    for kind in servers::kinds() {
        for info in kind.catalogue() {
            let aggregated = aggregated_name(kind.name, &info.spec);
            if aggregated == args.tool || info.spec.name == args.tool {
                found.push((kind.name, info, aggregated.clone()));
            }
            names.push(aggregated);
        }
    }
    // A name at `/mcp` is one tool's alone, a bare one may be several kinds'.
    if found
        .iter()
        .any(|(.., aggregated)| *aggregated == args.tool)
    {
        found.retain(|(.., aggregated)| *aggregated == args.tool);
    }
    let several: Vec<&str> = found.iter().map(|(.., name)| name.as_str()).collect();
    if several.len() > 1 {
        let text = format!("several servers have a tool `{}`", args.tool);
        let hint = format!("name one of {}", several.join(", "));
        return Err(Failure::usage(text).hint(hint).into());
    }
    let Some((kind, info, aggregated)) = found.pop() else {
        let failure = Failure::usage(format!("there is no tool `{}`", args.tool));
        return Err(
            match nearest(&args.tool, names.iter().map(String::as_str)) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("see `homelab-mcp tools list --all`"),
            }
            .into(),
        );
    };
    let instance = instance(args, config, kind)?;
    Ok(Asked {
        kind,
        info,
        aggregated,
        instance,
    })
}

fn instance(args: &Args, config: &Config, kind: &str) -> Result<String> {
    let instances: Vec<String> = servers::instances(config)
        .into_iter()
        .filter(|instance| instance.kind.name == kind)
        .map(|instance| instance.name)
        .collect();
    match (&args.instance, instances.as_slice()) {
        (Some(name), _) if instances.contains(name) => Ok(name.clone()),
        (Some(name), _) => {
            let text = format!("there is no instance `{name}` of `{kind}`");
            let hint = format!("there is {}", instances.join(", "));
            Err(Failure::usage(text).hint(hint).into())
        }
        (None, []) => Ok(kind.to_owned()),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Failure::usage(format!("there are several `{kind}`"))
            .hint(format!("say `--instance`: {}", instances.join(", ")))
            .into()),
    }
}

async fn principal(args: &Args, services: &Services, config: &Config) -> Result<Principal> {
    let keys = services.stores.keys.list().await?;
    let key = keys
        .into_iter()
        .find(|key| key.name == args.name && key.revoked_at.is_none());
    if let Some(key) = key {
        let role = args.role.unwrap_or(key.role);
        let mut principal = Principal::new(key.name, key.id, key.kind, role);
        principal.grants = key.grants;
        return Ok(principal);
    }
    let local = match args.name.split_once(':') {
        Some(("stdio", _)) => Some(config.local.stdio_role),
        Some(("cli", _)) => Some(config.local.cli_role),
        _ => None,
    };
    let kind = match local {
        Some(_) => CredentialKind::Local,
        None => CredentialKind::Agent,
    };
    let role = args.role.or(local).ok_or_else(|| {
        Failure::usage(format!("there is no key `{}`", args.name))
            .hint("say `--role viewer`, `operator` or `admin`; `homelab-mcp keys list` lists keys")
    })?;
    let name = args.name.clone();
    Ok(Principal::new(name.clone(), name, kind, role))
}

/// The server that would be asked, and the tool's number there.
fn opened(services: &Services, asked: &Asked) -> Option<(Arc<dyn Server>, usize)> {
    let server = Arc::clone(services.registry.load().instance(&asked.instance)?);
    let name = asked.info.spec.name;
    let mut tools = server.tools().iter();
    let index = tools.position(|info| info.spec.name == name)?;
    Some((server, index))
}

/// The tool as this call sees it: its arguments may make it milder.
fn with_own_effect(services: &Services, asked: &Asked, arguments: &Value) -> ToolSpec {
    let spec = asked.info.spec;
    let effect =
        opened(services, asked).and_then(|(server, index)| server.effect(index, arguments.clone()));
    spec.with_effect(effect.unwrap_or(spec.effect))
}

/// The tool whose work the call does by another way.
fn stands_for(services: &Services, asked: &Asked, arguments: &Value) -> Option<&'static str> {
    let (server, index) = opened(services, asked)?;
    let other = server.stands_for(index, arguments.clone())?;
    server.tools().get(other).map(|info| info.spec.name)
}

/// What the call would touch, as its server says.
async fn targets(
    services: &Services,
    asked: &Asked,
    arguments: &Value,
    output: &Output,
) -> Result<Vec<Target>> {
    let Some((server, index)) = opened(services, asked) else {
        return Ok(Vec::new());
    };
    let Some(finding) = server.targets(index, arguments.clone()) else {
        return Ok(Vec::new());
    };
    match tokio::time::timeout(TARGETS_WITHIN, finding).await {
        Ok(Ok(targets)) => Ok(targets),
        Ok(Err(error)) => {
            let message = &error.envelope().message;
            output.warn(format!(
                "what it would touch cannot be found out: {message}"
            ))?;
            Ok(Vec::new())
        }
        Err(_) => {
            output.warn("what it would touch cannot be found out: the server does not answer")?;
            Ok(Vec::new())
        }
    }
}

fn show(
    output: &Output,
    asked: &Asked,
    principal: &Principal,
    targets: &[Target],
    explanation: &Explanation,
) -> Result<()> {
    if output.is_json() {
        let mut shown = serde_json::to_value(explanation)?;
        shown["principal"] = json!(principal.name);
        shown["role"] = json!(principal.role);
        shown["tool"] = json!(asked.aggregated);
        shown["instance"] = json!(asked.instance);
        shown["targets"] = json!(targets);
        return output.json(&shown);
    }
    let mark = match explanation.decision {
        Decision::Allow => Mark::Good,
        Decision::Confirm | Decision::Approve => Mark::Strong,
        Decision::Deny => Mark::Bad,
    };
    let made_by = match (explanation.by, &explanation.rule) {
        ("role_default", _) => format!("the default of the role {}", principal.role),
        ("rule", Some(name)) => format!("rule `{name}`"),
        ("policy_error", Some(name)) => format!("rule `{name}`, which fails"),
        ("window", Some(name)) => format!("window `{name}`"),
        ("protected", Some(name)) => format!("`{name}`"),
        (by, _) => by.replace('_', " "),
    };
    let text = format!("{} by {made_by}", explanation.decision.as_str());
    output.line(output.mark(mark, &text))?;
    if let Some(reason) = &explanation.reason {
        output.line(format!("  {reason}"))?;
    }
    if explanation.decision == Decision::Approve && explanation.approvers > 1 {
        output.line(format!("  {} people have to agree", explanation.approvers))?;
    }
    if let Some(seconds) = explanation.expires_after_s {
        output.line(format!("  it waits {seconds} s for that"))?;
    }
    output.line(format!(
        "\n{} calls {} at {}, {}; the role's default is {}",
        principal.name,
        asked.aggregated,
        asked.instance,
        explanation.at,
        explanation.role_default.as_str()
    ))?;
    for target in targets {
        let name = target.name.as_deref().unwrap_or_default();
        output.line(format!("touches {} `{}` {name}", target.kind, target.id))?;
    }
    details(output, explanation)
}

fn details(output: &Output, explanation: &Explanation) -> Result<()> {
    if !explanation.rules.is_empty() {
        let rows = explanation
            .rules
            .iter()
            .map(|rule| {
                let matches = match rule.matches {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "fails",
                };
                vec![
                    rule.name.to_string(),
                    rule.decision.as_str().to_owned(),
                    matches.to_owned(),
                    rule.when.clone().unwrap_or_default(),
                ]
            })
            .collect();
        output.line("")?;
        output.table(&["RULE", "DECISION", "MATCHES", "WHEN"], rows)?;
    }
    for bound in &explanation.bounds {
        let name = bound.name.as_deref().unwrap_or(bound.kind);
        let reason = bound.reason.as_deref().unwrap_or_default();
        let decision = bound.decision.as_str();
        output.line(format!("bound `{name}`: at least {decision}: {reason}"))?;
    }
    for limit in &explanation.limits {
        output.line(format!(
            "limit `{}`: {} calls in {} s, counted in the serving process",
            limit.name, limit.rate, limit.per_s
        ))?;
    }
    for budget in &explanation.budgets {
        let used = budget
            .used
            .map_or_else(|| "?".to_owned(), |used| used.to_string());
        output.line(format!(
            "budget `{}`: {used} of {} used in {} s",
            budget.name, budget.most, budget.window_s
        ))?;
    }
    Ok(())
}

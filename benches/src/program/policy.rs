//! What 1,000 rules cost: one decision beside the role's default, and as a part of a read call.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use homelab_core::call::{CredentialKind, Principal, Transport};
use homelab_core::clock::SystemClock;
use homelab_core::policy::{Decide, Question, Role, RoleDefaults, Sight};
use homelab_core::server::aggregated_name;
use homelab_policy::{Catalogue, Engine, MemoryBudgets, RuleSet};
use homelab_testkit::{Proc, command, free_port};
use serde_json::{Value, json};

use super::compare::{TOOL, calls, verdict};
use super::lab::{Lab, device_name, start};
use super::load::measure;
use crate::say;

/// Decisions that are timed.
const DECISIONS: u32 = 200_000;
/// Connections at a time.
const CONNECTIONS: usize = 16;
/// Pairs of measurements; the machine's other load falls on both of a pair alike.
const ROUNDS: usize = 3;
/// Most CPU of a read call with rules, as a multiple of one without.
const MOST: f64 = 1.15;

/// As a large household may have them: mostly about single callers, some about servers and tools, and
/// a few that match every read, one of them with a condition if `asks`.
fn rules(number: usize, asks: bool) -> Value {
    let rule = |place: usize| {
        let name = format!("rule {place}");
        match place % 10 {
            0 => {
                json!({ "name": name, "decision": "confirm", "tools": ["homelab_delete_*"], "roles": ["operator"] })
            }
            1 => {
                json!({ "name": name, "decision": "deny", "effects": ["write"], "principals": ["guest-*"] })
            }
            2 => {
                json!({ "name": name, "decision": "approve", "tools": ["homelab_delete_device"], "when": format!("args.name == 'device-{place}'") })
            }
            3 if place == 3 => json!({ "name": name, "decision": "allow", "effects": ["read"] }),
            _ => {
                json!({ "name": name, "decision": "deny", "principals": [format!("user-{place}")] })
            }
        }
    };
    let mut rules: Vec<Value> = (0..number).map(rule).collect();
    if asks {
        let when = "has(args.name) && args.name == 'the-safe' && hour < 6";
        rules.push(json!({ "name": "asks", "decision": "deny", "tools": [TOOL], "when": when }));
    }
    Value::Array(rules)
}

fn engine(catalogue: &Catalogue, rules: &Value) -> anyhow::Result<(Engine, Duration)> {
    let config = serde_json::from_value(json!({ "time_zone": "UTC", "rules": rules }))?;
    let started = Instant::now();
    let compiled = RuleSet::compile(&config, catalogue).map_err(|found| anyhow!("{found:#?}"))?;
    let took = started.elapsed();
    let budgets = Arc::new(MemoryBudgets::default());
    Ok((Engine::new(compiled, budgets, Arc::new(SystemClock)), took))
}

/// Time of one decision, and of the work to make the rules ready.
pub(crate) fn decisions() -> anyhow::Result<()> {
    let kind = homelab_backend_homelab::kind();
    let tools = kind.catalogue();
    let mut catalogue = Catalogue::default();
    catalogue.add_kind(kind.name, &tools);
    catalogue.add_instance(kind.name, kind.name);
    let info = tools
        .iter()
        .find(|info| info.spec.name == TOOL)
        .context("the tool")?;
    let aggregated = aggregated_name(kind.name, &info.spec);
    let principal = Principal::new("agent", "key", CredentialKind::Agent, Role::Operator);
    let arguments = json!({ "name": device_name(7) });
    let question = Question {
        sight: Sight {
            principal: &principal,
            spec: &info.spec,
            aggregated: &aggregated,
            kind: kind.name,
            instance: kind.name,
        },
        transport: Transport::Http,
        arguments: &arguments,
        targets: &[],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let time = |policy: &dyn Decide| {
        runtime.block_on(async {
            let started = Instant::now();
            for _ in 0..DECISIONS {
                black_box(policy.decide(black_box(&question)).await)?;
            }
            anyhow::Ok(started.elapsed() / DECISIONS)
        })
    };

    say("\nOne decision on a read:\n\n| rules | made ready in | decision |\n|---|---|---|")?;
    say(&format!(
        "| the role's default | – | {:?} |",
        time(&RoleDefaults)?
    ))?;
    for (number, asks) in [(0, false), (10, false), (1_000, false), (1_000, true)] {
        let (engine, took) = engine(&catalogue, &rules(number, asks))?;
        let condition = if asks {
            ", one of them with a condition on this tool"
        } else {
            ""
        };
        let decision = time(&engine)?;
        say(&format!(
            "| {number}{condition} | {took:.1?} | {decision:?} |"
        ))?;
    }
    Ok(())
}

/// CPU of a read call of the whole program with rules and audit, as a multiple of without either, and
/// of without rules.
pub(crate) fn report(lab: &Lab, seconds: u64) -> anyhow::Result<()> {
    decisions()?;
    say("\nCPU of a read call with 1,000 rules and audit, as a multiple of the same call:\n")?;
    for (asks, what) in [
        (false, "no condition on the tool"),
        (true, "a condition on the tool"),
    ] {
        let (plain, plain_port) = lab.serve_alike(None)?;
        let (ruled, ruled_port) = lab.serve_alike(Some(&rules(1_000, asks)))?;
        let (neither, neither_port) = serve_unaudited(lab)?;
        let (mut of_neither, mut of_plain) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let without = cpu_of_a_call(lab, &neither, neither_port, seconds)?;
            let audited = cpu_of_a_call(lab, &plain, plain_port, seconds)?;
            let with = cpu_of_a_call(lab, &ruled, ruled_port, seconds)?;
            of_neither.push(with / without);
            of_plain.push(with / audited);
        }
        let (of_neither, of_plain) = (median(of_neither)?, median(of_plain)?);
        let mark = verdict(of_neither < MOST);
        say(&format!(
            "- {what}: {of_neither:.3} {mark} (budget {MOST}) of one with neither, {of_plain:.3} of \
             one with audit alone"
        ))?;
    }
    Ok(())
}

fn median(mut ratios: Vec<f64>) -> anyhow::Result<f64> {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().context("a ratio")
}

fn serve_unaudited(lab: &Lab) -> anyhow::Result<(Proc, u16)> {
    let port = free_port()?;
    let mut command = command(std::env::current_exe()?);
    command
        .args(["unaudited", "--port", &port.to_string(), "--database"])
        .arg(lab.database());
    start(&mut command, port)
}

/// In clock ticks.
fn cpu_of_a_call(lab: &Lab, server: &Proc, port: u16, seconds: u64) -> anyhow::Result<f64> {
    let before = ticks(server)?;
    let figures = measure(port, calls(Some(&lab.key)), CONNECTIONS, seconds)?;
    let used = ticks(server)? - before;
    let seconds = Duration::from_secs(seconds).as_secs_f64();
    Ok(used / (figures.per_second * seconds))
}

/// CPU that a process has used, user and system.
fn ticks(process: &Proc) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    // The name before the bracket may hold blanks.
    let (_, rest) = stat.rsplit_once(") ").context("a name in brackets")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |place: usize| -> anyhow::Result<f64> {
        Ok(fields.get(place).context("a field of stat")?.parse()?)
    };
    Ok(field(11)? + field(12)?)
}

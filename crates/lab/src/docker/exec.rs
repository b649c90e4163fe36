//! Commands in a container: a handful, enough to be looked at.

use serde_json::{Value, json};

use super::entry::Call;
use super::logs::frame;
use super::reply::{Answer, Failure, Reply, empty, json_of};
use super::state::{Engine, Phase};

#[derive(Debug, Clone)]
pub(crate) struct Exec {
    container: String,
    command: Vec<String>,
    tty: bool,
    /// Whether each stream is wanted.
    out: bool,
    err: bool,
    /// How it ended; `None` before it was started.
    exit: Option<i64>,
}

/// `POST /containers/{id}/exec`.
pub(super) fn create(engine: &mut Engine, call: &Call) -> Answer {
    let container = engine.container(call.id())?;
    match container.phase {
        Phase::Running => {}
        Phase::Paused => {
            let text = format!(
                "Container {} is paused, unpause the container before exec",
                container.id
            );
            return Err(Failure::new(409, text));
        }
        _ => return Err(engine.not_running(call)?),
    }
    let command = super::create::texts(call.body.get("Cmd"));
    if command.is_empty() {
        return Err(Failure::new(400, "No exec command specified").outside_the_contract());
    }
    let flag = |name: &str| {
        call.body
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    };
    let exec = Exec {
        container: container.id.clone(),
        command,
        tty: flag("Tty"),
        out: flag("AttachStdout"),
        err: flag("AttachStderr"),
        exit: None,
    };
    let id = engine.id("exec");
    engine.execs.insert(id.clone(), exec);
    Ok(Reply::Json(201, json!({ "Id": id })))
}

fn missing(call: &Call) -> Failure {
    Failure::new(404, format!("No such exec instance: {}", call.id()))
}

/// `POST /exec/{id}/start`.
pub(super) fn start(engine: &mut Engine, call: &Call) -> Answer {
    let exec = engine
        .execs
        .get(call.id())
        .cloned()
        .ok_or_else(|| missing(call))?;
    if exec.exit.is_some() {
        let text = format!("exec command {} has already run", call.id());
        return Err(Failure::new(409, text));
    }
    let name = engine.container(&exec.container)?.name.clone();
    let words: Vec<&str> = exec.command.iter().map(String::as_str).collect();
    let (exit, out, err) = run(&name, &words);
    if let Some(exec) = engine.execs.get_mut(call.id()) {
        exec.exit = Some(exit);
    }
    if call
        .body
        .get("Detach")
        .and_then(Value::as_bool)
        .unwrap_or(false)
    {
        return empty(200);
    }
    let mut bytes = Vec::new();
    for (wanted, stream, text) in [(exec.out, 1, &out), (exec.err, 2, &err)] {
        if wanted && !text.is_empty() {
            if exec.tty {
                bytes.extend(text.as_bytes());
            } else {
                bytes.extend(frame(stream, text.as_bytes()));
            }
        }
    }
    let kind = if exec.tty || engine.version.minor() < 42 {
        "application/vnd.docker.raw-stream"
    } else {
        "application/vnd.docker.multiplexed-stream"
    };
    Ok(Reply::Raw(kind, bytes))
}

/// Exit code and both streams.
fn run(container: &str, words: &[&str]) -> (i64, String, String) {
    match words {
        ["echo", rest @ ..] => (0, format!("{}\n", rest.join(" ")), String::new()),
        ["hostname"] => (0, format!("{container}\n"), String::new()),
        ["true"] | [] => (0, String::new(), String::new()),
        ["false"] => (1, String::new(), String::new()),
        ["sh" | "/bin/sh", "-c", script] => {
            let words: Vec<&str> = script.split_whitespace().collect();
            match words.as_slice() {
                ["exit", code] => (
                    code.parse().unwrap_or(2),
                    String::new(),
                    "stopped on purpose\n".to_owned(),
                ),
                ["sh" | "/bin/sh", ..] | [] => {
                    (127, String::new(), format!("sh: {script}: not found\n"))
                }
                words => run(container, words),
            }
        }
        [name, ..] => {
            let text = format!(
                "OCI runtime exec failed: exec failed: unable to start container process: exec: \"{name}\": executable file not found in $PATH: unknown\n"
            );
            (127, text, String::new())
        }
    }
}

/// `GET /exec/{id}/json`.
pub(super) fn inspect(engine: &mut Engine, call: &Call) -> Answer {
    let exec = engine.execs.get(call.id()).ok_or_else(|| missing(call))?;
    json_of(json!({
        "ID": call.id(),
        "ContainerID": exec.container,
        "Running": false,
        "ExitCode": exec.exit,
        "ProcessConfig": {
            "tty": exec.tty,
            "entrypoint": exec.command.first(),
            "arguments": exec.command.get(1..).unwrap_or_default(),
        },
        "Pid": if exec.exit.is_some() { 4343 } else { 0 },
    }))
}

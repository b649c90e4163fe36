//! The guest agent.

use serde_json::{Value, json};

use super::Guest;
use super::status::mac_of;
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, Failure, data};
use crate::proxmox::state::State;

/// Largest input of a command.
const MAX_INPUT: usize = 64 * 1024;

/// A process in a guest.
#[derive(Debug, Clone)]
pub(in crate::proxmox) struct Process {
    /// Looks at it until it is over.
    left: u32,
    exit: i64,
    out: String,
    err: String,
}

fn answering(state: &mut State, call: &Call) -> Result<Guest, Failure> {
    let guest = state.guest_now(call)?;
    if !guest.running {
        return Err(Failure::died(format!("VM {} is not running", guest.vmid)));
    }
    if !guest.config.contains_key("agent") {
        return Err(Failure::died("No QEMU guest agent configured"));
    }
    if !guest.agent {
        return Err(Failure::died("QEMU guest agent is not running"));
    }
    Ok(guest)
}

/// `POST …/agent/ping`.
pub(in crate::proxmox) fn ping(state: &mut State, call: &Call) -> Answer {
    answering(state, call)?;
    data(json!({ "result": {} }))
}

/// `GET …/agent/get-osinfo`.
pub(in crate::proxmox) fn os(state: &mut State, call: &Call) -> Answer {
    answering(state, call)?;
    data(json!({ "result": {
        "id": "debian",
        "name": "Debian GNU/Linux",
        "pretty-name": "Debian GNU/Linux 13 (trixie)",
        "version": "13 (trixie)",
        "version-id": "13",
        "kernel-release": "6.12.48+deb13-amd64",
        "machine": "x86_64",
    } }))
}

/// `GET …/agent/network-get-interfaces`.
pub(in crate::proxmox) fn interfaces(state: &mut State, call: &Call) -> Answer {
    let guest = answering(state, call)?;
    let address = |text: &String| {
        let (ip, prefix) = text.split_once('/').unwrap_or((text, "24"));
        let kind = if ip.contains(':') { "ipv6" } else { "ipv4" };
        let prefix: u64 = prefix.parse().unwrap_or(24);
        json!({ "ip-address": ip, "ip-address-type": kind, "prefix": prefix })
    };
    let addresses: Vec<Value> = guest.addresses.iter().map(address).collect();
    data(json!({ "result": [
        {
            "name": "lo",
            "hardware-address": "00:00:00:00:00:00",
            "ip-addresses": [
                { "ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8 },
                { "ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128 },
            ],
        },
        { "name": "eth0", "hardware-address": mac_of(&guest), "ip-addresses": addresses },
    ] }))
}

/// `POST …/agent/exec`: a handful of commands, enough to be looked at.
pub(in crate::proxmox) fn exec(state: &mut State, call: &Call) -> Answer {
    let guest = answering(state, call)?;
    let command = call.args.get("command").and_then(Value::as_array);
    let words: Vec<&str> = command
        .map(|words| words.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let input = call.text("input-data").unwrap_or_default();
    if input.len() > MAX_INPUT {
        let text = format!("value may only be {MAX_INPUT} characters long");
        return Err(Failure::parameter("input-data", text).outside_the_contract());
    }
    let process = run(&guest, &words, input)?;
    state.serial += 1;
    let pid = 1000 + state.serial;
    let guest = state.guest(call)?;
    guest.processes.insert(pid, process);
    data(json!({ "pid": pid }))
}

fn run(guest: &Guest, words: &[&str], input: &str) -> Result<Process, Failure> {
    let done = |exit: i64, out: String, err: &str| Process {
        left: 1,
        exit,
        out,
        err: err.to_owned(),
    };
    Ok(match words {
        ["echo", rest @ ..] => done(0, format!("{}\n", rest.join(" ")), ""),
        ["cat"] => done(0, input.to_owned(), ""),
        ["hostname"] => done(0, format!("{}\n", guest.name()), ""),
        ["true"] => done(0, String::new(), ""),
        ["false"] => done(1, String::new(), ""),
        ["sleep", seconds] => Process {
            left: seconds.parse().unwrap_or(1),
            ..done(0, String::new(), "")
        },
        ["sh" | "/bin/sh" | "bash", "-c", script] => shell(guest, script, input)?,
        [name, ..] => {
            let text = format!(
                "Agent error: Guest agent command failed, error was 'Failed to execute child process “{name}” (No such file or directory)'"
            );
            return Err(Failure::died(text));
        }
        [] => {
            return Err(Failure::parameter(
                "command",
                "property is missing and it is not optional",
            ));
        }
    })
}

/// `exit N`, or one of the commands above.
fn shell(guest: &Guest, script: &str, input: &str) -> Result<Process, Failure> {
    let words: Vec<&str> = script.split_whitespace().collect();
    match words.as_slice() {
        ["exit", code] => Ok(Process {
            left: 1,
            exit: code.parse().unwrap_or(2),
            out: String::new(),
            err: "stopped on purpose\n".to_owned(),
        }),
        ["sh" | "/bin/sh" | "bash", ..] | [] => Ok(Process {
            left: 1,
            exit: 127,
            out: String::new(),
            err: format!("sh: 1: {script}: not found\n"),
        }),
        words => run(guest, words, input).or_else(|_| {
            Ok(Process {
                left: 1,
                exit: 127,
                out: String::new(),
                err: format!("sh: 1: {}: not found\n", words[0]),
            })
        }),
    }
}

/// `GET …/agent/exec-status`; what is over is forgotten once it was told.
pub(in crate::proxmox) fn exec_status(state: &mut State, call: &Call) -> Answer {
    answering(state, call)?;
    let pid = call.integer("pid").and_then(|pid| u64::try_from(pid).ok());
    let pid = pid.unwrap_or_default();
    let guest = state.guest(call)?;
    let Some(process) = guest.processes.get_mut(&pid) else {
        let text = format!("Agent error: PID {pid} does not exist");
        return Err(Failure::died(text));
    };
    if process.left > 0 {
        process.left -= 1;
        return data(json!({ "exited": 0 }));
    }
    let mut answer = json!({ "exited": 1, "exitcode": process.exit });
    if !process.out.is_empty() {
        answer["out-data"] = json!(process.out);
    }
    if !process.err.is_empty() {
        answer["err-data"] = json!(process.err);
    }
    guest.processes.remove(&pid);
    data(answer)
}

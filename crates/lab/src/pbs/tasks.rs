//! Tasks. Their names have one field more than Proxmox VE's.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, data, nothing};
use super::state::{JobKind, LastRun, State};
use crate::worker::{Outcome, Pace};

/// The node that every call names.
const NODE: &str = "localhost";

const DEFAULT_ROWS: usize = 50;

/// The work, done when the task ends, for the task of this name: its log, or why it failed.
pub(super) type Work = Box<dyn FnOnce(&mut State, &str) -> Result<Vec<String>, String> + Send>;

pub(super) struct Task {
    pub(super) upid: String,
    pub(super) kind: &'static str,
    id: String,
    user: String,
    pid: u64,
    pstart: u64,
    start: i64,
    end: Option<(i64, String)>,
    log: Vec<String>,
    pace: Pace,
    outcome: Outcome,
    work: Option<Work>,
    /// The job whose last run this is.
    job: Option<(JobKind, String)>,
}

impl State {
    /// Starts a task; its name.
    pub(super) fn start(
        &mut self,
        who: &str,
        kind: &'static str,
        id: &str,
        job: Option<(JobKind, String)>,
        work: Work,
    ) -> String {
        self.serial += 1;
        let pid = 0x1000 + self.serial;
        let pstart = 0x00A0_0000 + self.serial;
        let start = self.now();
        let escaped = escaped(id);
        let upid = format!(
            "UPID:{NODE}:{pid:08X}:{pstart:08X}:{:08X}:{start:08X}:{kind}:{escaped}:{who}:",
            self.serial
        );
        let outcome = if self.outcomes.is_empty() {
            Outcome::Ok
        } else {
            self.outcomes.remove(0)
        };
        self.tasks.push(Task {
            upid: upid.clone(),
            kind,
            id: id.to_owned(),
            user: who.to_owned(),
            pid,
            pstart,
            start,
            end: None,
            log: vec![format!("starting task {upid}")],
            pace: self.pace,
            outcome,
            work: Some(work),
            job,
        });
        if self.pace == Pace::Polls(0) {
            self.finish(self.tasks.len() - 1);
        }
        upid
    }

    /// Ends the tasks whose time is up.
    pub(super) fn settle(&mut self) {
        let now = self.now();
        let over = |task: &Task| match task.pace {
            Pace::Seconds(seconds) => task.end.is_none() && task.start + seconds <= now,
            Pace::Polls(_) => false,
        };
        while let Some(index) = self.tasks.iter().position(over) {
            self.finish(index);
        }
    }

    /// Ends every task that still runs.
    pub(super) fn finish_all(&mut self) {
        while let Some(index) = self.tasks.iter().position(|task| task.end.is_none()) {
            self.finish(index);
        }
    }

    fn finish(&mut self, index: usize) {
        let now = self.now();
        let work = self.tasks[index].work.take();
        let upid = self.tasks[index].upid.clone();
        let outcome = self.tasks[index].outcome.clone();
        let done = match (&outcome, work) {
            (Outcome::Ok | Outcome::Warnings(_), Some(work)) => work(self, &upid),
            (Outcome::Error(text), _) => Err(text.clone()),
            _ => Ok(Vec::new()),
        };
        let task = &mut self.tasks[index];
        let exit = match (done, outcome) {
            (Err(text), _) => {
                task.log.push(format!("TASK ERROR: {text}"));
                text
            }
            (Ok(_), Outcome::Died) => "unknown".to_owned(),
            (Ok(lines), Outcome::Warnings(count)) => {
                task.log.extend(lines);
                task.log.push(format!("TASK WARNINGS: {count}"));
                format!("WARNINGS: {count}")
            }
            (Ok(lines), _) => {
                task.log.extend(lines);
                task.log.push("TASK OK".to_owned());
                "OK".to_owned()
            }
        };
        task.end = Some((now, exit.clone()));
        if let Some(key) = task.job.clone()
            && let Some(job) = self.jobs.get_mut(&key)
        {
            job.last = Some(LastRun {
                upid,
                end: now,
                state: exit,
            });
        }
    }

    fn task(&self, call: &Call, privilege: &str) -> Result<usize, Failure> {
        let upid = call.path.get("upid");
        let Some(index) = self.tasks.iter().position(|task| task.upid == upid) else {
            return Err(Failure::bad("no such task"));
        };
        let own = self.tasks[index].user == call.who;
        if own || self.rights.has(&call.who, "/system/tasks", privilege) {
            Ok(index)
        } else {
            Err(Failure::forbidden())
        }
    }
}

/// An id as names of units have it: colons must not stand in a task's name.
fn escaped(id: &str) -> String {
    let one = |c: char| match c {
        '/' => "-".to_owned(),
        c if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') => c.to_string(),
        c => format!("\\x{:02x}", u32::from(c)),
    };
    id.chars().map(one).collect()
}

/// `GET /nodes/{node}/tasks/{upid}/status`.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    let index = state.task(call, "Sys.Audit")?;
    match &mut state.tasks[index] {
        Task {
            end: None,
            pace: Pace::Polls(left @ 1..),
            ..
        } => *left -= 1,
        Task {
            end: None,
            pace: Pace::Polls(0),
            ..
        } => state.finish(index),
        Task { .. } => {}
    }
    let task = &state.tasks[index];
    let (user, token) = match task.user.split_once('!') {
        Some((user, token)) => (user, Some(token)),
        None => (task.user.as_str(), None),
    };
    let mut row = json!({
        "upid": task.upid,
        "node": NODE,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.start,
        "type": task.kind,
        "id": task.id,
        "user": user,
        "status": if task.end.is_some() { "stopped" } else { "running" },
    });
    if let Some(token) = token {
        row["tokenid"] = json!(token);
    }
    if let Some((_, exit)) = &task.end {
        row["exitstatus"] = json!(exit);
    }
    data(row)
}

/// `GET /nodes/{node}/tasks/{upid}/log`.
pub(super) fn log(state: &mut State, call: &Call) -> Answer {
    let index = state.task(call, "Sys.Audit")?;
    let task = &state.tasks[index];
    let (start, limit) = window(call);
    let lines: Vec<Value> = task
        .log
        .iter()
        .zip(1_usize..)
        .skip(start)
        .take(limit)
        .map(|(text, n)| json!({ "n": n, "t": text }))
        .collect();
    Ok(Reply {
        data: lines.into(),
        total: Some(task.log.len()),
        active: call
            .flag("test-status")
            .filter(|asked| *asked)
            .map(|_| task.end.is_none()),
    })
}

/// `DELETE /nodes/{node}/tasks/{upid}`.
pub(super) fn stop(state: &mut State, call: &Call) -> Answer {
    let index = state.task(call, "Sys.Modify")?;
    if state.tasks[index].end.is_none() {
        state.tasks[index].outcome = Outcome::Error("abort requested - aborting task".to_owned());
        state.finish(index);
    }
    nothing()
}

fn window(call: &Call) -> (usize, usize) {
    let number = |name| call.integer(name).and_then(|n| usize::try_from(n).ok());
    let limit = match number("limit") {
        None => DEFAULT_ROWS,
        Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    (number("start").unwrap_or(0), limit)
}

/// `GET /nodes/{node}/tasks`.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let audits = state.rights.has(&call.who, "/system/tasks", "Sys.Audit");
    let statuses: Vec<&str> = call
        .args
        .get("statusfilter")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let fits = |task: &&Task| {
        let exit = task.end.as_ref().map_or("", |(_, exit)| exit.as_str());
        let class = class_of(exit);
        let of_store = |store: &str| task.id == store || task.id.starts_with(&format!("{store}:"));
        (audits || task.user == call.who)
            && (call.flag("running") != Some(true) || task.end.is_none())
            && (call.flag("errors") != Some(true) || matches!(class, "error" | "unknown"))
            && (statuses.is_empty() || statuses.contains(&class))
            && call
                .text("typefilter")
                .is_none_or(|kind| task.kind.contains(kind))
            && call
                .text("userfilter")
                .is_none_or(|user| task.user.contains(user))
            && call.text("store").is_none_or(of_store)
            && call
                .integer("since")
                .is_none_or(|since| task.start >= since)
            && call
                .integer("until")
                .is_none_or(|until| task.start <= until)
    };
    let row = |task: &Task| {
        let mut row = json!({
            "upid": task.upid,
            "node": NODE,
            "pid": task.pid,
            "pstart": task.pstart,
            "starttime": task.start,
            "worker_type": task.kind,
            "worker_id": task.id,
            "user": task.user,
        });
        if let Some((end, exit)) = &task.end {
            row["endtime"] = json!(end);
            row["status"] = json!(exit);
        }
        row
    };
    let found: Vec<Value> = state.tasks.iter().rev().filter(fits).map(row).collect();
    let (start, limit) = window(call);
    let total = found.len();
    let page: Vec<Value> = found.into_iter().skip(start).take(limit).collect();
    Ok(Reply {
        data: page.into(),
        total: Some(total),
        active: None,
    })
}

fn class_of(exit: &str) -> &'static str {
    match exit {
        "OK" => "ok",
        "unknown" => "unknown",
        "" => "running",
        exit if exit.starts_with("WARNINGS") => "warning",
        _ => "error",
    }
}

//! Tasks: what a changing call starts, and how it ends.

use serde_json::{Value, json};

use super::access::ROOT;
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, data, nothing};
use super::state::State;
use crate::worker::{Outcome, Pace};

/// Lines of a log where nobody asks for another count.
const DEFAULT_LINES: usize = 50;

/// The work, done when the task ends.
pub(super) type Work = Box<dyn FnOnce(&mut State) -> Result<Vec<String>, String> + Send>;

pub(super) struct Task {
    pub(super) upid: String,
    pub(super) node: String,
    pub(super) kind: &'static str,
    id: String,
    /// User or token.
    user: String,
    pid: u64,
    pstart: u64,
    start: i64,
    end: Option<(i64, String)>,
    log: Vec<String>,
    pace: Pace,
    outcome: Outcome,
    work: Option<Work>,
    /// The guest whose lock ends with it.
    locks: Option<u32>,
}

/// What a task is about.
pub(super) struct Job<'a> {
    pub(super) call: &'a Call,
    pub(super) node: &'a str,
    pub(super) kind: &'static str,
    pub(super) id: String,
    /// A guest, and the lock it has for as long as the task runs.
    pub(super) lock: Option<(u32, &'static str)>,
}

impl State {
    /// Starts a task; the answer is its UPID.
    #[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
    pub(super) fn start(&mut self, job: Job<'_>, work: Work) -> Answer {
        self.serial += 1;
        let pid = 0x1000 + self.serial;
        let pstart = 0x00A0_0000 + self.serial * 0x111;
        let start = self.now();
        let who = &job.call.who;
        let id = job.id.replace(':', "\\x3a");
        let upid = format!(
            "UPID:{}:{pid:08X}:{pstart:08X}:{start:08X}:{}:{id}:{who}:",
            job.node, job.kind
        );
        if let Some((vmid, lock)) = job.lock
            && let Some(guest) = self.guests.get_mut(&vmid)
        {
            guest.lock = Some(lock.to_owned());
        }
        let outcome = if self.outcomes.is_empty() {
            Outcome::Ok
        } else {
            self.outcomes.remove(0)
        };
        self.tasks.push(Task {
            upid: upid.clone(),
            node: job.node.to_owned(),
            kind: job.kind,
            id: job.id,
            user: who.clone(),
            pid,
            pstart,
            start,
            end: None,
            log: vec![format!("INFO: starting task {upid}")],
            pace: self.pace,
            outcome,
            work: Some(work),
            locks: job.lock.map(|(vmid, _)| vmid),
        });
        if self.pace == Pace::Polls(0) {
            self.finish(self.tasks.len() - 1);
        }
        Ok(upid.into())
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
        let outcome = self.tasks[index].outcome.clone();
        if let Some(vmid) = self.tasks[index].locks
            && let Some(guest) = self.guests.get_mut(&vmid)
        {
            guest.lock = None;
        }
        let done = match &outcome {
            Outcome::Ok | Outcome::Warnings(_) => work.map_or(Ok(Vec::new()), |work| work(self)),
            Outcome::Error(text) => Err(text.clone()),
            Outcome::Died => Ok(Vec::new()),
        };
        let task = &mut self.tasks[index];
        let exit = match (done, outcome) {
            (Err(text), _) => {
                task.log.push(format!("TASK ERROR: {text}"));
                text
            }
            (Ok(_), Outcome::Died) => "unexpected status".to_owned(),
            (Ok(lines), Outcome::Warnings(count)) => {
                task.log.extend(lines);
                let notes = (1..=count).map(|n| format!("WARN: note {n}"));
                task.log.extend(notes);
                task.log.push(format!("TASK WARNINGS: {count}"));
                format!("WARNINGS: {count}")
            }
            (Ok(lines), _) => {
                task.log.extend(lines);
                task.log.push("TASK OK".to_owned());
                "OK".to_owned()
            }
        };
        task.end = Some((now, exit));
    }

    /// The task of the call's path, if the caller may have it.
    fn task(&self, call: &Call, privilege: &'static str) -> Result<usize, Failure> {
        let upid = call.path.get("upid");
        if !upid.starts_with("UPID:") || upid.split(':').count() != 9 {
            let text = format!("unable to parse worker upid '{upid}'");
            return Err(Failure::died(text).outside_the_contract());
        }
        let known = |task: &Task| task.upid == upid && task.node == call.node();
        let Some(index) = self.tasks.iter().position(known) else {
            return Err(Failure::died(format!("no such task '{upid}'")));
        };
        if self.tasks[index].user != call.who {
            let on = format!("/nodes/{}", call.node());
            self.access.need_any(&call.who, &on, &[privilege])?;
        }
        Ok(index)
    }
}

impl Task {
    fn row(&self) -> Value {
        let (user, token) = match self.user.split_once('!') {
            Some((user, token)) => (user, Some(token)),
            None => (self.user.as_str(), None),
        };
        let mut row = json!({
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.start,
            "type": self.kind,
            "id": self.id,
            "user": user,
        });
        if let Some(token) = token {
            row["tokenid"] = json!(token);
        }
        if let Some((end, exit)) = &self.end {
            row["endtime"] = json!(end);
            row["status"] = json!(exit);
        }
        row
    }

    fn failed(&self) -> bool {
        let failed = |exit: &str| exit != "OK" && !exit.starts_with("WARNINGS");
        self.end.as_ref().is_some_and(|(_, exit)| failed(exit))
    }
}

/// `GET /nodes/{node}/tasks/{upid}/status`.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    let index = state.task(call, "Sys.Audit")?;
    match &mut state.tasks[index] {
        Task { end: Some(_), .. } => {}
        Task {
            pace: Pace::Polls(left @ 1..),
            ..
        } => *left -= 1,
        Task {
            pace: Pace::Polls(0),
            ..
        } => state.finish(index),
        Task { .. } => {}
    }
    let task = &state.tasks[index];
    let mut row = task.row();
    let status = if task.end.is_some() {
        "stopped"
    } else {
        "running"
    };
    if let Some(exit) = row.get_mut("status").map(Value::take) {
        row["exitstatus"] = exit;
    }
    row["status"] = json!(status);
    if let Some(map) = row.as_object_mut() {
        map.remove("endtime");
    }
    data(row)
}

/// `GET /nodes/{node}/tasks/{upid}/log`.
pub(super) fn log(state: &mut State, call: &Call) -> Answer {
    let index = state.task(call, "Sys.Audit")?;
    let log = &state.tasks[index].log;
    let (start, limit) = window(call, DEFAULT_LINES);
    let lines: Vec<Value> = log
        .iter()
        .zip(1_usize..)
        .skip(start)
        .take(limit)
        .map(|(text, n)| json!({ "n": n, "t": text }))
        .collect();
    Ok(Reply {
        data: lines.into(),
        total: Some(log.len()),
    })
}

/// `DELETE /nodes/{node}/tasks/{upid}`.
pub(super) fn stop(state: &mut State, call: &Call) -> Answer {
    let index = state.task(call, "Sys.Modify")?;
    if state.tasks[index].end.is_none() {
        state.tasks[index].outcome = Outcome::Error("interrupted by signal".to_owned());
        state.finish(index);
    }
    nothing()
}

/// First entry and number of entries; a limit of zero is none.
fn window(call: &Call, usual: usize) -> (usize, usize) {
    let number = |name| call.integer(name).and_then(|n| usize::try_from(n).ok());
    let limit = match number("limit") {
        None => usual,
        Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    (number("start").unwrap_or(0), limit)
}

/// `GET /nodes/{node}/tasks`: the finished ones, unless asked for others.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let source = call.text("source").unwrap_or("archive");
    let vmid = call.integer("vmid").map(|vmid| vmid.to_string());
    let audits = {
        let on = format!("/nodes/{}", call.node());
        state.access.has(&call.who, &on, "Sys.Audit")
    };
    let fits = |task: &&Task| {
        let running = task.end.is_none();
        let status = task.end.as_ref().map_or("", |(_, exit)| exit.as_str());
        task.node == call.node()
            && (audits || task.user == call.who)
            && match source {
                "active" => running,
                "archive" => !running,
                _ => true,
            }
            && (!call.is_set("errors") || task.failed())
            && call.text("typefilter").is_none_or(|kind| task.kind == kind)
            && call
                .text("userfilter")
                .is_none_or(|user| task.user.contains(user))
            && vmid.as_ref().is_none_or(|vmid| task.id == *vmid)
            && call
                .integer("since")
                .is_none_or(|since| task.start >= since)
            && call
                .integer("until")
                .is_none_or(|until| task.start <= until)
            && call
                .text("statusfilter")
                .is_none_or(|filter| wanted(status, filter))
    };
    let (start, limit) = window(call, DEFAULT_LINES);
    let found: Vec<Value> = state
        .tasks
        .iter()
        .rev()
        .filter(fits)
        .map(Task::row)
        .collect();
    let total = found.len();
    let page: Vec<Value> = found.into_iter().skip(start).take(limit).collect();
    Ok(Reply {
        data: page.into(),
        total: Some(total),
    })
}

fn wanted(status: &str, filter: &str) -> bool {
    let kind = match status {
        "OK" => "ok",
        status if status.starts_with("WARNINGS") => "warning",
        "" | "unexpected status" => "unknown",
        _ => "error",
    };
    filter.split([',', ';', ' ']).any(|one| one == kind)
}

/// `GET /cluster/tasks`: the newest of all nodes.
pub(super) fn cluster(state: &mut State, call: &Call) -> Answer {
    let seen = |task: &&Task| {
        let on = format!("/nodes/{}", task.node);
        call.who == ROOT || task.user == call.who || state.access.has(&call.who, &on, "Sys.Audit")
    };
    let newest = state.tasks.iter().rev().filter(seen).take(25);
    data(newest.map(Task::row).collect())
}

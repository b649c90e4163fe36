//! Scheduled jobs: verification, pruning, synchronisation.

use serde_json::{Map, Value, json};

use super::Release;
use super::entry::Call;
use super::maintenance::{Verification, prune_work};
use super::reply::{Answer, Failure, data, nothing};
use super::state::{Job, JobKind, State, object};
use super::sync::Synchronisation;

impl JobKind {
    fn of(call: &Call) -> Self {
        if call.pattern.contains("/verify") {
            Self::Verify
        } else if call.pattern.contains("/prune") {
            Self::Prune
        } else {
            Self::Sync
        }
    }

    fn task(self) -> &'static str {
        match self {
            Self::Verify => "verificationjob",
            Self::Prune => "prunejob",
            Self::Sync => "syncjob",
        }
    }

    /// What one needs to run or change it.
    fn privilege(self) -> &'static str {
        match self {
            Self::Verify => "Datastore.Verify",
            Self::Prune => "Datastore.Modify",
            Self::Sync => "Datastore.Backup",
        }
    }
}

fn text<'a>(settings: &'a Map<String, Value>, name: &str) -> &'a str {
    settings
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

impl Job {
    fn row(&self, id: &str) -> Value {
        let mut row = Value::Object(self.settings.clone());
        row["id"] = json!(id);
        row
    }

    fn status(&self, id: &str, now: i64) -> Value {
        let mut row = self.row(id);
        if self.settings.contains_key("schedule") {
            row["next-run"] = json!(now.div_euclid(86_400) * 86_400 + 86_400);
        }
        if let Some(last) = &self.last {
            row["last-run-state"] = json!(last.state);
            row["last-run-endtime"] = json!(last.end);
            row["last-run-upid"] = json!(last.upid);
        }
        row
    }

    fn direction(&self) -> &str {
        match text(&self.settings, "sync-direction") {
            "" => "pull",
            direction => direction,
        }
    }
}

impl State {
    /// Jobs of a kind that somebody may see, and the call wants.
    fn jobs_for<'a>(&'a self, call: &'a Call) -> impl Iterator<Item = (&'a String, &'a Job)> {
        let kind = JobKind::of(call);
        let direction = call.text("sync-direction").unwrap_or("pull");
        self.jobs
            .iter()
            .filter(move |((of, _), _)| *of == kind)
            .map(|((_, id), job)| (id, job))
            .filter(move |(_, job)| {
                let store = text(&job.settings, "store");
                let path = object(store, "");
                // Without being asked for, jobs that push do not show.
                let directed =
                    kind != JobKind::Sync || direction == "all" || job.direction() == direction;
                directed
                    && call.text("store").is_none_or(|wanted| wanted == store)
                    && self
                        .rights
                        .has_any(&call.who, &path, &["Datastore.Audit", kind.privilege()])
            })
    }

    fn job(&self, call: &Call) -> Result<&Job, Failure> {
        let id = call.path.get("id");
        let found = self.jobs.get(&(JobKind::of(call), id.to_owned()));
        found.ok_or_else(|| Failure::new(404, format!("no such job '{id}'")))
    }

    fn may_change_job(&self, call: &Call, store: &str) -> Result<(), Failure> {
        let privilege = JobKind::of(call).privilege();
        if self.rights.has(&call.who, &object(store, ""), privilege) {
            Ok(())
        } else {
            Err(Failure::forbidden())
        }
    }
}

/// `GET /admin/{verify,prune,sync}`: with when they ran and will run.
pub(super) fn statuses(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    data(
        state
            .jobs_for(call)
            .map(|(id, job)| job.status(id, now))
            .collect(),
    )
}

/// `GET /config/{verify,prune,sync}`.
pub(super) fn all(state: &mut State, call: &Call) -> Answer {
    data(state.jobs_for(call).map(|(id, job)| job.row(id)).collect())
}

/// `GET /config/{verify,prune,sync}/{id}`.
pub(super) fn one(state: &mut State, call: &Call) -> Answer {
    data(state.job(call)?.row(call.path.get("id")))
}

/// `POST /config/{verify,prune,sync}`.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let kind = JobKind::of(call);
    let mut settings = call.args.clone();
    settings.remove("id");
    let store = text(&settings, "store").to_owned();
    state.store_named(&store)?;
    state.may_change_job(call, &store)?;
    if kind == JobKind::Sync {
        let remote = text(&settings, "remote");
        if !remote.is_empty() && !state.remotes.contains_key(remote) {
            return Err(Failure::bad(format!("no such remote '{remote}'")));
        }
        let pushes = text(&settings, "sync-direction") == "push";
        if pushes && state.release < Release::V3_4 {
            return Err(Failure::parameter(
                "sync-direction",
                "schema does not allow additional properties.",
            ));
        }
    }
    let id = call.text("id").unwrap_or_default().to_owned();
    let key = (kind, id.clone());
    if state.jobs.contains_key(&key) {
        return Err(Failure::parameter(
            "id",
            &format!("job '{id}' already exists."),
        ));
    }
    state.jobs.insert(
        key,
        Job {
            settings,
            last: None,
        },
    );
    nothing()
}

/// `PUT /config/{verify,prune,sync}/{id}`.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let store = text(&state.job(call)?.settings, "store").to_owned();
    state.may_change_job(call, &store)?;
    let key = (JobKind::of(call), call.path.get("id").to_owned());
    if let Some(job) = state.jobs.get_mut(&key) {
        for (name, value) in &call.args {
            match (name.as_str(), value) {
                ("delete", Value::Array(names)) => {
                    for name in names.iter().filter_map(Value::as_str) {
                        job.settings.remove(name);
                    }
                }
                ("digest", _) => {}
                _ => {
                    job.settings.insert(name.clone(), value.clone());
                }
            }
        }
    }
    nothing()
}

/// `DELETE /config/{verify,prune,sync}/{id}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let store = text(&state.job(call)?.settings, "store").to_owned();
    state.may_change_job(call, &store)?;
    state
        .jobs
        .remove(&(JobKind::of(call), call.path.get("id").to_owned()));
    nothing()
}

/// `POST /admin/{verify,prune,sync}/{id}/run`: 3 does not say which task it is.
pub(super) fn run(state: &mut State, call: &Call) -> Answer {
    let kind = JobKind::of(call);
    let settings = state.job(call)?.settings.clone();
    let store = text(&settings, "store");
    state.may_change_job(call, store)?;
    let id = call.path.get("id").to_owned();
    let work = match kind {
        JobKind::Verify => Verification::read(store, &settings).work(),
        JobKind::Prune => prune_work(store, &settings),
        JobKind::Sync => {
            let pushes = text(&settings, "sync-direction") == "push";
            Synchronisation::read(&settings, pushes).work()
        }
    };
    let worker = format!("{store}:{id}");
    let upid = state.start(&call.who, kind.task(), &worker, Some((kind, id)), work);
    if state.release >= Release::V4_1 {
        data(json!(upid))
    } else {
        nothing()
    }
}

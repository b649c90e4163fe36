//! A service on a database of each engine for one test, with some agents.

use std::sync::Arc;

use homelab_ccpm::{Actor, Call, Ccpm as _, Parts, Service, Settings};
use homelab_core::ccpm::{
    Agent, AgentCreate, AgentKind, CcpmError, CcpmResult, Message, MessageCreate, Metadata, Paging,
    Recipients, Sprint, SprintCreate, Task, TaskCreate, TaskStatus, TaskStatusUpdate,
};
use homelab_core::clock::{ManualClock, Micros, OsEntropy};
use homelab_core::secret::Secret;
use homelab_store::{Database, Target};
use homelab_testkit::Postgres;
use tempfile::TempDir;

/// Which engine a story is told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// The first page.
pub(crate) static FIRST: Paging = Paging {
    limit: None,
    cursor: None,
};

/// When every test begins.
pub(crate) const START: Micros = Micros(1_750_000_000_000_000);

/// A service with three agents: `planner`, `builder` and `watcher`.
pub(crate) struct Lab {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) target: Target,
    pub(crate) planner: Call,
    pub(crate) builder: Call,
    pub(crate) watcher: Call,
    pub(crate) admin: Call,
    _folder: TempDir,
}

impl Lab {
    /// Nothing where PostgreSQL is asked for and not installed; the test is skipped then.
    pub(crate) async fn open(engine: Engine) -> Option<Self> {
        Self::with(engine, Settings::default()).await
    }

    pub(crate) async fn with(engine: Engine, settings: Settings) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let target = match engine {
            Engine::Sqlite => Target::Sqlite {
                path: folder.path().join("homelab.db"),
            },
            Engine::Postgres => Target::Postgres {
                url: Secret::new(Postgres::shared()?.fresh_database().unwrap()),
            },
        };
        let clock = Arc::new(ManualClock::at(START));
        let service = serve(&target, &clock, settings).await;
        let admin = Call::by(Actor {
            agent: None,
            principal: "owner".into(),
            is_admin: true,
            may_broadcast: true,
        });
        let mut lab = Self {
            service,
            clock,
            target,
            planner: Call::default(),
            builder: Call::default(),
            watcher: Call::default(),
            admin,
            _folder: folder,
        };
        lab.planner = lab.register("planner", AgentKind::Orchestrator).await;
        lab.builder = lab.register("Builder", AgentKind::Developer).await;
        lab.watcher = lab.register("watcher", AgentKind::Monitoring).await;
        Some(lab)
    }

    /// The same database as another process has it.
    pub(crate) async fn another_process(&self) -> Arc<Service> {
        serve(&self.target, &self.clock, Settings::default()).await
    }

    /// Registers an agent; the call of whoever acts for it.
    pub(crate) async fn register(&self, name: &str, kind: AgentKind) -> Call {
        let done = self
            .service
            .register_agent(&self.admin, newcomer(name, kind))
            .await
            .unwrap();
        Call::by(Actor {
            agent: Some(done.value.id),
            principal: format!("key of {name}"),
            is_admin: false,
            may_broadcast: false,
        })
    }

    pub(crate) async fn agent(&self, name: &str) -> Agent {
        self.service.agent(&self.admin, name).await.unwrap()
    }

    pub(crate) async fn send(&self, from: &Call, to: &str, subject: &str) -> Message {
        let sent = self.service.send_message(from, letter(to, subject)).await;
        sent.unwrap().value.data.remove(0)
    }

    /// A task that `planner` asks for.
    pub(crate) async fn task(&self, title: &str) -> Task {
        self.planned(TaskCreate {
            title: title.into(),
            ..TaskCreate::default()
        })
        .await
    }

    pub(crate) async fn planned(&self, new: TaskCreate) -> Task {
        self.service
            .create_task(&self.planner, new)
            .await
            .unwrap()
            .value
    }

    /// A task that `builder` is at.
    pub(crate) async fn begun(&self, title: &str) -> Task {
        let task = self
            .planned(TaskCreate {
                title: title.into(),
                assignee: Some("builder".into()),
                ..TaskCreate::default()
            })
            .await;
        self.go(&self.builder, &task, TaskStatus::InProgress)
            .await
            .unwrap()
    }

    pub(crate) async fn go(&self, by: &Call, task: &Task, to: TaskStatus) -> CcpmResult<Task> {
        self.go_because(by, task, to, "because").await
    }

    pub(crate) async fn go_because(
        &self,
        by: &Call,
        task: &Task,
        to: TaskStatus,
        reason: &str,
    ) -> CcpmResult<Task> {
        let update = TaskStatusUpdate {
            status: to,
            reason: Some(reason.into()).filter(|reason: &String| !reason.is_empty()),
            expected_version: None,
        };
        let done = self
            .service
            .set_task_status(by, task.id.as_str(), update)
            .await;
        done.map(|done| done.value)
    }

    pub(crate) async fn sprint(&self, name: &str) -> Sprint {
        let new = SprintCreate {
            name: name.into(),
            ..SprintCreate::default()
        };
        let done = self.service.create_sprint(&self.planner, new).await;
        done.unwrap().value
    }
}

async fn serve(target: &Target, clock: &Arc<ManualClock>, settings: Settings) -> Arc<Service> {
    let database = Database::open(target, clock.clone(), Arc::new(OsEntropy))
        .await
        .unwrap();
    let stores = database.stores();
    Arc::new(Service::new(Parts {
        store: stores.ccpm,
        signals: stores.signals,
        audit: None,
        clock: clock.clone(),
        entropy: Arc::new(OsEntropy),
        settings,
        version: "1.2.3".into(),
    }))
}

pub(crate) fn newcomer(name: &str, kind: AgentKind) -> AgentCreate {
    AgentCreate {
        id: None,
        name: name.into(),
        tag: None,
        kind,
        description: None,
        capabilities: Vec::new(),
        metadata: Metadata::new(),
    }
}

pub(crate) fn letter(to: &str, subject: &str) -> MessageCreate {
    MessageCreate {
        to: Recipients::One(to.into()),
        subject: subject.into(),
        body: format!("about {subject}"),
        kind: None,
        priority: None,
        requires_response: false,
        reply_to_id: None,
        task_id: None,
        expires_at: None,
        metadata: Metadata::new(),
    }
}

/// Code, status and the named detail of an error.
pub(crate) fn told<'e>(error: &'e CcpmError, detail: &str) -> (String, u16, &'e serde_json::Value) {
    let value = error
        .details()
        .get(detail)
        .unwrap_or(&serde_json::Value::Null);
    (error.code().to_string(), error.status(), value)
}

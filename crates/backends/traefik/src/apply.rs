//! Makes a change of one of our files and waits until Traefik serves it; what it does not serve is
//! taken back.

use homelab_core::error::{Code, ToolError, ToolResult};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

use crate::client::Traefik;
use crate::fields;
use crate::files::{Expected, sha256};
use crate::managed::{Kind, Object};
use crate::protocol::Protocol;
use crate::types::{Server, qualified};

/// Traefik read a change and does not serve it.
const REFUSED: &str = "config_refused";

/// A version of one of our files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) content: Vec<u8>,
    pub(crate) document: Value,
}

impl Version {
    /// SHA-256 of the file: names this very version.
    pub(crate) fn sha256(&self) -> String {
        sha256(&self.content)
    }
}

/// What a file is to hold from now on.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) object: Object,
    /// What was decided on; something else there now is a conflict.
    pub(crate) from: Option<Version>,
    /// Absent: the file goes.
    pub(crate) to: Option<Value>,
}

/// What Traefik makes of a change.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Served,
    /// It took it and says that it does not work.
    Refused(Vec<String>),
    NotYet(String),
}

impl Traefik {
    /// What our file of this object holds; `None` if there is none.
    pub(crate) async fn current(&self, object: &Object) -> ToolResult<Option<Version>> {
        self.version_of(object, &object.file()).await
    }

    /// The version before the current one.
    pub(crate) async fn previous(&self, object: &Object) -> ToolResult<Option<Version>> {
        self.version_of(object, &object.previous_file()).await
    }

    async fn version_of(&self, object: &Object, file: &str) -> ToolResult<Option<Version>> {
        let Some(content) = self.files()?.read(file).await? else {
            return Ok(None);
        };
        let document = object.read(&content)?;
        Ok(Some(Version { content, document }))
    }

    /// Refuses what cannot be changed by files.
    ///
    /// # Errors
    /// `upstream_rejected` with reason `not_supported` before version 3.
    pub(crate) async fn writable(&self) -> ToolResult<()> {
        self.files()?;
        // It may have been updated since it was asked.
        if self.version().await?.is_changed() || self.fresh_version().await?.is_changed() {
            return Ok(());
        }
        let version = self.version().await?;
        let message = format!(
            "Traefik {} has another syntax of rules; only 3 and newer are changed",
            version.number
        );
        Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("not_supported")
            .hint("update Traefik to 3"))
    }

    /// Makes the change, waits until it is served, and takes it back otherwise; to its end, even
    /// if the caller goes away.
    ///
    /// # Errors
    /// `upstream_rejected` with reason `config_refused` or `not_served`, after which all is as it
    /// was; `conflict` if it cannot be made.
    pub(crate) async fn apply(&self, change: Change) -> ToolResult<()> {
        self.writable().await?;
        let traefik = self.clone();
        tokio::spawn(async move { traefik.apply_now(change).await })
            .await
            .map_err(|_| ToolError::internal("the task that changed a file ended early"))?
    }

    async fn apply_now(&self, change: Change) -> ToolResult<()> {
        let _one_at_a_time = self.changing.lock().await;
        let (object, files) = (&change.object, self.files()?);
        let now = self.current(object).await?;
        if now.as_ref().map(|now| &now.content) != change.from.as_ref().map(|from| &from.content) {
            let message = format!("`{}` was changed meanwhile", object.file());
            return Err(ToolError::new(Code::Conflict, message)
                .reason("file_changed")
                .hint("look at it again and decide with what is there now"));
        }
        let names = change.to.as_ref().map(names_in).unwrap_or_default();
        self.refuse_broken(object, &names).await?;
        let text = change
            .to
            .as_ref()
            .map(|to| object.compose(to))
            .transpose()?;

        let kept = files.read(&object.previous_file()).await?;
        if let Some(now) = &now {
            let expected = Expected::of(kept.as_deref());
            files
                .write(&object.previous_file(), now.content.clone(), expected)
                .await?;
        }
        let before = now.as_ref().map(|now| now.content.clone());
        let file = object.file();
        let text = text.as_deref().map(str::as_bytes);
        let made = match self.put(&file, before.as_deref(), text).await {
            Ok(()) => self.wait(&change).await,
            Err(error) => Err(error),
        };
        let Err(error) = made else {
            return Ok(());
        };
        // As it was, as far as nobody else has put something there meanwhile.
        let back = async {
            let written = files.read(&file).await?;
            self.put(&file, written.as_deref(), before.as_deref())
                .await?;
            let previous = files.read(&object.previous_file()).await?;
            self.put(
                &object.previous_file(),
                previous.as_deref(),
                kept.as_deref(),
            )
            .await
        };
        match back.await {
            Ok(()) => {
                // What Traefik read and refused, it shows until it reads what was there before.
                if error.envelope().reason.as_deref() == Some(REFUSED) {
                    let before = Change {
                        to: now.map(|now| now.document),
                        from: None,
                        object: object.clone(),
                    };
                    self.wait(&before).await.unwrap_or_default();
                }
                Err(error)
            }
            Err(second) => {
                let mut envelope = error.envelope().clone();
                envelope.message = format!(
                    "{}; and it could not be taken back: {}",
                    envelope.message,
                    second.envelope().message
                );
                envelope.reason = Some("not_taken_back".into());
                envelope.hint = Some(format!("look at `{}`", files.place(&file)));
                Err(envelope.into())
            }
        }
    }

    /// Puts this content in the place of that one.
    async fn put(&self, file: &str, from: Option<&[u8]>, to: Option<&[u8]>) -> ToolResult<()> {
        let files = self.files()?;
        match (from, to) {
            (from, to) if from == to => Ok(()),
            (from, Some(to)) => files.write(file, to.to_vec(), Expected::of(from)).await,
            (Some(from), None) => files.remove(file, sha256(from)).await,
            (None, None) => Ok(()),
        }
    }

    async fn wait(&self, change: &Change) -> ToolResult<()> {
        let limit = Duration::from_secs(self.config.apply_timeout_s);
        let poll = Duration::from_millis(self.config.apply_poll_ms);
        let deadline = Instant::now() + limit;
        loop {
            let seen = match self.look(change).await {
                Ok(seen) => seen,
                Err(error) => Seen::NotYet(error.envelope().message.clone()),
            };
            let missing = match seen {
                Seen::Served => return Ok(()),
                Seen::Refused(errors) => return Err(refused(&change.object, &errors)),
                Seen::NotYet(missing) => missing,
            };
            if Instant::now() + poll > deadline {
                return Err(self.not_served(change, &missing));
            }
            sleep(poll).await;
        }
    }

    async fn look(&self, change: &Change) -> ToolResult<Seen> {
        let name = change.object.name.qualified();
        match (change.object.kind, &change.to) {
            (Kind::Router, Some(document)) => self.look_at_router(&change.object, document).await,
            (Kind::Middleware, Some(document)) => {
                let short = change.object.name.as_str();
                self.look_at_middleware(&name, &document["http"]["middlewares"][short])
                    .await
            }
            (Kind::Router, None) => {
                let found = self.router(Protocol::Http, &name).await?;
                Ok(gone(found.is_none()))
            }
            (Kind::Middleware, None) => Ok(gone(self.middleware(&name).await?.is_none())),
        }
    }

    async fn look_at_router(&self, object: &Object, document: &Value) -> ToolResult<Seen> {
        let (short, name) = (object.name.as_str(), object.name.qualified());
        let wanted = &document["http"]["routers"][short];
        let Some(found) = self.router(Protocol::Http, &name).await? else {
            return Ok(Seen::NotYet(format!("there is no router `{name}` yet")));
        };
        let text = |key: &str| wanted[key].as_str().unwrap_or_default();
        let list = |key: &str| -> Vec<&str> {
            let items = wanted[key].as_array().into_iter().flatten();
            items.filter_map(Value::as_str).collect()
        };
        let middlewares: Vec<String> = list("middlewares")
            .into_iter()
            .map(|name| qualified(name, "file"))
            .collect();
        let resolver = wanted["tls"]["certResolver"].as_str();
        let tls = found.tls.as_ref();
        let same = [
            found.rule == text("rule"),
            found.qualified_service() == qualified(text("service"), "file"),
            list("entryPoints").is_empty() || found.entry_points == list("entryPoints"),
            found.middlewares == middlewares,
            wanted["priority"].is_null()
                || found.priority_text() == Some(wanted["priority"].to_string()),
            // An entry point may add TLS of its own.
            wanted["tls"].is_null() || tls.is_some(),
            resolver.is_none() || tls.and_then(|tls| tls.cert_resolver.as_deref()) == resolver,
        ];
        if same.contains(&false) {
            return Ok(Seen::NotYet(format!(
                "router `{name}` is still the old one"
            )));
        }
        if found.status == "disabled" {
            return Ok(Seen::Refused(found.error));
        }
        let wanted = &document["http"]["services"][short];
        if wanted.is_null() {
            return Ok(Seen::Served);
        }
        let Some(service) = self.service(Protocol::Http, &name).await? else {
            return Ok(Seen::NotYet(format!("there is no service `{name}` yet")));
        };
        let shown = service.load_balancer.unwrap_or_default();
        let wanted = &wanted["loadBalancer"];
        let urls: Vec<&str> = shown.servers.iter().map(Server::place).collect();
        let wanted_urls = wanted["servers"].as_array().into_iter().flatten();
        let wanted_urls: Vec<&str> = wanted_urls.filter_map(|one| one["url"].as_str()).collect();
        let check = shown.health_check.unwrap_or(Value::Null);
        let same = [
            urls == wanted_urls,
            wanted["healthCheck"].is_null() == check.is_null()
                && fields::shows("HealthCheck", &wanted["healthCheck"], &check),
            shown.pass_host_header == wanted["passHostHeader"].as_bool()
                || wanted["passHostHeader"].is_null(),
        ];
        if same.contains(&false) {
            return Ok(Seen::NotYet(format!(
                "service `{name}` is still the old one"
            )));
        }
        if service.status == "disabled" {
            return Ok(Seen::Refused(service.error));
        }
        Ok(Seen::Served)
    }

    async fn look_at_middleware(&self, name: &str, wanted: &Value) -> ToolResult<Seen> {
        let Some(found) = self.middleware(name).await? else {
            return Ok(Seen::NotYet(format!("there is no middleware `{name}` yet")));
        };
        if !fields::shows("Middleware", wanted, &Value::Object(found.rest)) {
            return Ok(Seen::NotYet(format!(
                "middleware `{name}` is still the old one"
            )));
        }
        if found.status == "disabled" {
            return Ok(Seen::Refused(found.error));
        }
        Ok(Seen::Served)
    }

    fn not_served(&self, change: &Change, missing: &str) -> ToolError {
        let section = &self.who.section;
        let message = format!(
            "Traefik did not serve the {} within {} s ({missing}); the change was taken back",
            change.object.described(),
            self.config.apply_timeout_s,
        );
        ToolError::new(Code::UpstreamRejected, message)
            .reason("not_served")
            .hint(format!(
                "is `{section}.directory` the very `directory` of the file provider, with `watch: true`, and does Traefik's log show an error of it? A long `providersThrottleDuration` needs a longer `{section}.apply_timeout_s`"
            ))
    }
}

fn gone(is_gone: bool) -> Seen {
    if is_gone {
        Seen::Served
    } else {
        Seen::NotYet("it is still there".to_owned())
    }
}

fn refused(object: &Object, errors: &[String]) -> ToolError {
    let errors: Vec<String> = errors
        .iter()
        .take(5)
        .map(|error| {
            homelab_core::render::printable(error)
                .chars()
                .take(300)
                .collect()
        })
        .collect();
    let message = format!(
        "Traefik does not serve the {}: {}; the change was taken back",
        object.described(),
        errors.join("; ")
    );
    ToolError::new(Code::UpstreamRejected, message)
        .reason(REFUSED)
        .hint("correct what Traefik names, and call again")
}

/// What a document of ours defines, as `directory` names it.
fn names_in(document: &Value) -> Vec<String> {
    let sections = document["http"].as_object().into_iter().flatten();
    let names = sections.flat_map(|(sort, objects)| {
        let objects = objects.as_object().into_iter().flatten();
        objects.map(move |(name, _)| format!("http.{sort}.{name}"))
    });
    names.collect()
}

//! Replaces a container by one of a newer image with the same settings, and goes back if that fails.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::updates::made_from;
use super::wait::{Until, until};
use super::{OneContainer, create, lifecycle, transfer};
use crate::client::{Docker, Engine};
use crate::reference::{Reference, is_id};
use crate::resolve;
use crate::types::Summary;

mod likeness;

use likeness::Likeness;

/// A container without a health check must still run after this long.
const SETTLING: Duration = Duration::from_secs(3);
/// How long a health check is waited for unless asked otherwise.
const DEFAULT_SECONDS: u32 = 60;

/// Which container, and from which image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecreateContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Another image or tag than it was made from; an id means an image that is here.
    #[schemars(length(min = 1, max = 512))]
    image: Option<String>,
    /// Fetch the image first; default true.
    pull: Option<bool>,
    /// Seconds until its health check must have succeeded; default 60.
    #[schemars(range(min = 1, max = 600))]
    wait_s: Option<u32>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

impl RecreateContainer {
    fn one(&self) -> OneContainer {
        OneContainer {
            container: self.container.clone(),
            host: self.host.clone(),
        }
    }

    /// The image to make it from: what was asked for, or what it was made from.
    async fn image(&self, engine: &Engine, container: &Summary) -> ToolResult<String> {
        match &self.image {
            Some(image) => Ok(image.clone()),
            None => made_from(engine, container).await,
        }
    }
}

/// A container that took another's place.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Recreated {
    /// Name, the same as before.
    name: String,
    /// Id of the new container.
    id: String,
    /// Id of the container that is gone.
    previous_id: String,
    /// Image it is made from now.
    image: String,
    /// Whether that is another image than before.
    image_changed: bool,
    /// Id of the image that it was made from before, to go back to.
    previous_image_id: String,
    /// State now.
    state: String,
    /// What its health check says.
    health: Option<String>,
}

/// Update a container: fetch its image, make it anew with the same settings, volumes and networks, and wait until it is well. If that fails, the old one is put back.
#[tool(
    destructive,
    open_world,
    permission = "docker:container:create",
    title = "Recreate (update) a container",
    timeout = 2700,
    preview = preview_recreate,
    targets = recreate_targets,
    inverse = undo_recreate,
    untrusted("name", "image")
)]
pub(crate) async fn recreate_container(
    docker: &Docker,
    args: RecreateContainer,
    ctx: &CallContext,
) -> ToolResult<Recreated> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let image = args.image(engine, &container).await?;
    if args.pull.unwrap_or(true) && !is_id(&image) {
        let name = transfer::pullable(&image)?;
        transfer::pull(docker, engine, &name, None, Some(ctx)).await?;
    }
    let swap = Swap::prepare(
        engine,
        &container,
        &image,
        args.wait_s.unwrap_or(DEFAULT_SECONDS),
    )
    .await?;
    // From here on it goes to its end, even if nobody waits for it any more: half way there would be no
    // container of this name.
    let done = tokio::spawn(async move { swap.run().await });
    done.await
        .map_err(|_| ToolError::internal("replacing the container was aborted"))?
}

/// One container on its way to be replaced.
struct Swap {
    engine: Arc<Engine>,
    name: String,
    old: Summary,
    image: String,
    likeness: Likeness,
    patience: Duration,
}

impl Swap {
    async fn prepare(
        engine: &Arc<Engine>,
        old: &Summary,
        image: &str,
        seconds: u32,
    ) -> ToolResult<Self> {
        let raw = engine.inspect_raw(&old.id).await?;
        if raw["HostConfig"]["AutoRemove"] == true {
            let text = format!(
                "the container `{}` removes itself when it is stopped",
                old.name()
            );
            return Err(ToolError::new(Code::Conflict, text)
                .reason("auto_remove")
                .hint("it could not be put back; make it with `create_container`"));
        }
        // There must be one before the old one is touched.
        resolve::image(engine, image).await?;
        let image_before = engine.image_config(&old.image_id).await?;
        Ok(Self {
            engine: Arc::clone(engine),
            name: old.name().to_owned(),
            likeness: Likeness::of(&raw, &image_before, image),
            old: old.clone(),
            image: image.to_owned(),
            patience: Duration::from_secs(seconds.into()),
        })
    }

    async fn run(self) -> ToolResult<Recreated> {
        let aside = format!("{}-old-{}", self.name, resolve::short(&self.old.id));
        self.engine.rename(&self.old.id, &aside).await?;
        match self.replace().await {
            Ok((id, state, health)) => {
                // Its volumes are the new one's now.
                if let Err(error) = self.engine.remove(&self.old.id, true, false).await {
                    let text = format!(
                        "the new container runs, but the old one, `{aside}`, could not be removed"
                    );
                    let cause = ToolError::from(error).envelope().message.clone();
                    return Err(ToolError::new(Code::Conflict, format!("{text}: {cause}"))
                        .reason("old_container_left")
                        .hint(format!("call `remove_container` for `{aside}`")));
                }
                let now = self.engine.inspect(&id).await?;
                Ok(Recreated {
                    image_changed: now.image != self.old.image_id,
                    name: self.name,
                    id,
                    previous_id: self.old.id,
                    image: self.image,
                    previous_image_id: self.old.image_id,
                    state,
                    health,
                })
            }
            Err((made, error)) => Err(self.back(made, &error, &aside).await),
        }
    }

    /// Makes the new one and waits until it is well; with an error comes the id of what was made.
    async fn replace(
        &self,
    ) -> Result<(String, String, Option<String>), (Option<String>, ToolError)> {
        let engine = &self.engine;
        let runs = self.old.is_running();
        if runs {
            engine
                .stop(&self.old.id, None, None)
                .await
                .map_err(|error| (None, error.into()))?;
        }
        let body = self.likeness.body.clone();
        let made = create::create(engine, Some(&self.name), None, body)
            .await
            .map_err(|error| (None, error))?;
        let fail = |error: ToolError| (Some(made.id.clone()), error);
        for (network, endpoint) in &self.likeness.further {
            engine
                .connect(network, &made.id, endpoint.clone())
                .await
                .map_err(|error| fail(error.into()))?;
        }
        if !runs {
            return Ok((made.id, "created".to_owned(), None));
        }
        engine
            .start(&made.id)
            .await
            .map_err(|error| fail(error.into()))?;
        self.settle(&made.id)
            .await
            .map_err(fail)
            .map(|(state, health)| (made.id.clone(), state, health))
    }

    /// Waits until it is well, or still runs after a while.
    async fn settle(&self, id: &str) -> ToolResult<(String, Option<String>)> {
        let engine = &self.engine;
        let checked = engine
            .inspect(id)
            .await?
            .state
            .health
            .is_some_and(|health| health.status != "none");
        let (well, state) = if checked {
            until(
                engine,
                id,
                Until::Healthy,
                Instant::now() + self.patience,
                None,
            )
            .await?
        } else {
            let (stopped, state) =
                until(engine, id, Until::Stopped, Instant::now() + SETTLING, None).await?;
            (!stopped, state)
        };
        let state = state.unwrap_or_default();
        let health = state.health.as_ref().map(|health| health.status.clone());
        // Some programs do their work and end well.
        if well || !checked && state.status == "exited" && state.exit_code == 0 {
            return Ok((state.status, health));
        }
        let text = match health {
            Some(health) if state.running => {
                format!("it is `{health}` after {} seconds", self.patience.as_secs())
            }
            _ => format!("it ended with exit code {}", state.exit_code),
        };
        Err(ToolError::new(Code::UpstreamRejected, text))
    }

    /// Puts the old container back; returns the error to answer with.
    async fn back(&self, made: Option<String>, error: &ToolError, aside: &str) -> ToolError {
        let engine = &self.engine;
        let restored = async {
            if let Some(made) = made {
                engine.remove(&made, true, false).await?;
            }
            engine.rename(&self.old.id, &self.name).await?;
            if self.old.is_running() {
                engine.start(&self.old.id).await?;
            }
            Ok::<_, crate::client::error::ApiError>(())
        };
        let why = &error.envelope().message;
        match restored.await {
            Ok(()) => ToolError::new(
                Code::UpstreamRejected,
                format!(
                    "the new container of `{}` did not come up ({why}); the old one is back",
                    self.name
                ),
            )
            .reason("recreate_rolled_back")
            .hint("nothing has changed; look at what is new in the image, then try again"),
            Err(second) => {
                let second = ToolError::from(second);
                ToolError::new(
                    Code::UpstreamRejected,
                    format!(
                        "the new container of `{}` did not come up ({why}), and the old one could not be put back ({})",
                        self.name,
                        second.envelope().message
                    ),
                )
                .reason("recreate_stuck")
                .hint(format!("the old container is `{aside}` or `{}`: rename and start it", self.name))
            }
        }
    }
}

async fn preview_recreate(docker: &Docker, args: &RecreateContainer) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let image = &args.image(engine, &container).await?;
    let raw = engine.inspect_raw(&container.id).await?;
    let likeness = Likeness::of(
        &raw,
        &engine.image_config(&container.image_id).await?,
        image,
    );
    let mut impact = Vec::new();
    if container.is_running() {
        impact.push("is stopped and started: a short interruption".to_owned());
    }
    impact.push("loses what it has written outside of its mounts, and its logs".to_owned());
    for name in &likeness.kept_volumes {
        impact.push(format!("keeps the volume `{name}`"));
    }
    if args.pull.unwrap_or(true)
        && let Ok(name) = Reference::parse(image)
        && !is_id(image)
    {
        impact.push(format!("fetches `{}` first", name.complete()));
    }
    Ok(Preview {
        summary: format!(
            "make the container `{}` anew from `{image}` on `{}`",
            container.name(),
            engine.name
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn recreate_targets(docker: &Docker, args: &RecreateContainer) -> ToolResult<Vec<Target>> {
    lifecycle::one_target(docker, &args.one()).await
}

/// The image it was made from, by its id: that stays here as long as nobody prunes it.
async fn undo_recreate(docker: &Docker, args: &RecreateContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    Ok(Some(Inverse {
        tool: "recreate_container".to_owned(),
        arguments: json!({
            "container": container.name(), "image": container.image_id, "pull": false, "host": engine.name,
        }),
    }))
}

impl Engine {
    /// What an image says about containers made from it.
    async fn image_config(&self, id: &str) -> ToolResult<Value> {
        match self.image_raw(id).await {
            Ok(mut image) => Ok(image["Config"].take()),
            // The image can be gone by name and by id, while its container still runs.
            Err(error) if error.status() == Some(404) => Ok(Value::Null),
            Err(error) => Err(error.into()),
        }
    }
}

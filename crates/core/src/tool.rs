//! What a tool is: one function, its specification, its typed arguments and result, its hooks.
//!
//! # Adding a tool
//! 1. Write an async function over the backend with a doc comment; its first paragraph is the
//!    description that every model reads, so keep it to one or two sentences.
//! 2. Put [`tool`](crate::tool) above it: effect, permission, and what deviates from the defaults.
//! 3. Add its name to the backend's `tools![…]` list.
//!
//! Schemas, documentation, permissions and metrics follow from that.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use homelab_macros::tool;

use crate::BoxFuture;
use crate::call::CallContext;
use crate::error::{ToolError, ToolResult};
use crate::json::{self, Misfit};
use crate::schema::{self, Schema};

/// What a call does to the world, in rising order of danger.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Changes something that is easily changed back.
    Write,
    /// Loses data or interrupts a service.
    Destructive,
    /// May take down the lab or lock its owner out.
    Critical,
}

impl Effect {
    /// The effect as it is written in listings and audit rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
            Self::Critical => "critical",
        }
    }
}

/// Everything that is known about a tool without a backend.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent marks, set one by one by the attribute"
)]
pub struct ToolSpec {
    /// Bare name, unique within its server.
    pub name: &'static str,
    /// Name at `/mcp` where it is not derived from kind and name.
    pub aggregated: Option<&'static str>,
    /// Short human title.
    pub title: &'static str,
    /// What the model reads: one or two sentences.
    pub description: &'static str,
    /// `<kind>:<resource>:<verb>`.
    pub permission: &'static str,
    /// What a call does; the gravest that it may do where `varies`.
    pub effect: Effect,
    /// Its arguments decide what a call does, down to [`Effect::Read`]; see [`Tool::effect`].
    pub varies: bool,
    /// Its result holds secrets: needs a role that may read them, and is never called read-only.
    pub secret: bool,
    /// Repeating the call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Reaches out of our own records, to hosts or services.
    pub open_world: bool,
    /// Longest run time; the pipeline ends the call then.
    pub timeout: Duration,
    /// Result fields (JSON paths, `*` for any index) whose text outsiders can write.
    pub untrusted: &'static [&'static str],
    /// Argument fields that are never logged or audited.
    pub sensitive_args: &'static [&'static str],
    /// Result fields that reach the caller alone and are never stored.
    pub sensitive_output: &'static [&'static str],
}

impl ToolSpec {
    const fn new(
        effect: Effect,
        name: &'static str,
        title: &'static str,
        description: &'static str,
        permission: &'static str,
    ) -> Self {
        Self {
            name,
            aggregated: None,
            title,
            description,
            permission,
            effect,
            varies: false,
            secret: false,
            idempotent: matches!(effect, Effect::Read),
            open_world: false,
            timeout: Duration::from_secs(30),
            untrusted: &[],
            sensitive_args: &[],
            sensitive_output: &[],
        }
    }

    /// A tool that changes nothing; 30 s.
    pub const fn read(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        permission: &'static str,
    ) -> Self {
        Self::new(Effect::Read, name, title, description, permission)
    }

    /// A tool whose change is easily undone; 30 s.
    pub const fn write(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        permission: &'static str,
    ) -> Self {
        Self::new(Effect::Write, name, title, description, permission)
    }

    /// A tool that loses data or interrupts a service; 30 s.
    pub const fn destructive(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        permission: &'static str,
    ) -> Self {
        Self::new(Effect::Destructive, name, title, description, permission)
    }

    /// A tool that may take down the lab or lock its owner out; 30 s.
    pub const fn critical(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        permission: &'static str,
    ) -> Self {
        Self::new(Effect::Critical, name, title, description, permission)
    }

    /// The tool as a call of this effect sees it: milder than the tool's own only where it `varies`.
    #[must_use]
    pub const fn with_effect(mut self, effect: Effect) -> Self {
        if self.varies && (effect as u8) < self.effect as u8 {
            self.effect = effect;
        }
        self
    }

    /// Whether a call may have this effect.
    pub fn may_be(&self, effect: Effect) -> bool {
        effect == self.effect || self.varies && effect < self.effect
    }

    /// The four MCP hints; all are always stated, because the defaults assume the worst.
    pub const fn annotations(&self) -> Annotations {
        Annotations {
            read_only: matches!(self.effect, Effect::Read) && !self.secret,
            destructive: matches!(self.effect, Effect::Destructive | Effect::Critical),
            idempotent: self.idempotent,
            open_world: self.open_world,
        }
    }
}

/// MCP tool annotations (specification, `ToolAnnotations`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the protocol has four independent hints"
)]
pub struct Annotations {
    /// Changes nothing and reveals no secret.
    #[serde(rename = "readOnlyHint")]
    pub read_only: bool,
    /// May lose data or interrupt a service.
    #[serde(rename = "destructiveHint")]
    pub destructive: bool,
    /// Repeating it changes nothing more.
    #[serde(rename = "idempotentHint")]
    pub idempotent: bool,
    /// Talks to more than our own records.
    #[serde(rename = "openWorldHint")]
    pub open_world: bool,
}

/// A tool's specification with its two schemas; cheap to clone.
#[derive(Debug, Clone)]
pub struct ToolInfo {
    /// The specification.
    pub spec: ToolSpec,
    /// JSON Schema (2020-12) of the arguments; always `type: object`.
    pub input_schema: Schema,
    /// JSON Schema of the structured result; always `type: object`.
    pub output_schema: Schema,
}

/// No arguments.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArgs {}

/// What ran, and what the tool's read-back found to differ from what was asked.
#[derive(Debug, Clone)]
pub struct Ran<T> {
    /// The result.
    pub output: T,
    /// Fields that did not take; not empty means the call failed.
    pub mismatches: Vec<Mismatch>,
}

/// A field that did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The argument's name.
    pub field: &'static str,
    /// What was asked for.
    pub wanted: String,
    /// What was found afterwards.
    pub found: String,
}

/// What a call would do, shown before it is approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Preview {
    /// One sentence naming what will be touched.
    pub summary: String,
    /// Fields that would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What else is affected, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impact: Vec<String>,
}

/// One field of a [`Preview`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Field name.
    pub field: String,
    /// Value now; absent when the thing does not exist yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Value afterwards; absent when it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// An object that a call will touch, resolved, for rules about protected objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it is: `device`, `service`, `guest`, `zone`, …
    pub kind: String,
    /// Its id upstream.
    pub id: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its tags or labels.
    pub tags: Vec<String>,
}

/// The call that undoes a call, computed from the state before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inverse {
    /// Bare tool name on the same server and instance.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
}

/// One tool over the backend `B`; implemented by the `#[tool]` attribute.
pub trait Tool<B>: 'static {
    /// The specification.
    const SPEC: ToolSpec;
    /// Typed arguments; unknown fields are refused.
    type Args: DeserializeOwned + JsonSchema + Send + Sync;
    /// Typed result.
    type Output: Serialize + JsonSchema + Send + Sync;
    /// Whether [`Tool::effect`] is written.
    const HAS_EFFECT: bool = false;
    /// Whether [`Tool::stands_for`] is written.
    const HAS_STANDS_FOR: bool = false;
    /// Whether [`Tool::preview`] is written.
    const HAS_PREVIEW: bool = false;
    /// Whether [`Tool::targets`] is written.
    const HAS_TARGETS: bool = false;
    /// Whether [`Tool::inverse`] is written.
    const HAS_INVERSE: bool = false;

    /// Runs the tool and reads back what it changed.
    fn run(
        backend: &B,
        args: Self::Args,
        ctx: &CallContext,
    ) -> impl Future<Output = ToolResult<Ran<Self::Output>>> + Send;

    /// What a call with these arguments does, where that is milder than the specification says: a
    /// dry run, a command that only looks. No I/O; in doubt, the specification's own effect.
    fn effect(_backend: &B, _args: &Self::Args) -> Effect {
        Self::SPEC.effect
    }

    /// Bare name of the tool whose work a call with these arguments does by another way: the call
    /// then needs what that tool needs, and does at least what that tool does. No I/O.
    fn stands_for(_backend: &B, _args: &Self::Args) -> Option<&'static str> {
        None
    }

    /// What the call would do.
    fn preview(
        _backend: &B,
        _args: Self::Args,
    ) -> impl Future<Output = ToolResult<Preview>> + Send {
        async { Err(ToolError::internal("this tool has no preview")) }
    }

    /// The objects it will touch.
    fn targets(
        _backend: &B,
        _args: Self::Args,
    ) -> impl Future<Output = ToolResult<Vec<Target>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// The call that would undo it, from the state before it ran.
    fn inverse(
        _backend: &B,
        _args: Self::Args,
    ) -> impl Future<Output = ToolResult<Option<Inverse>>> + Send {
        async { Ok(None) }
    }
}

type Erased<B, T> = for<'a> fn(&'a B, Value) -> BoxFuture<'a, ToolResult<T>>;
type ErasedRun<B> =
    for<'a> fn(&'a B, Value, &'a CallContext) -> BoxFuture<'a, ToolResult<Ran<Value>>>;

/// A tool with its types erased; made by [`tools!`](crate::tools).
pub struct ToolDef<B> {
    /// Specification and schemas.
    pub info: ToolInfo,
    run: ErasedRun<B>,
    effect: Option<fn(&B, Value) -> Effect>,
    stands_for: Option<fn(&B, Value) -> Option<&'static str>>,
    preview: Option<Erased<B, Preview>>,
    targets: Option<Erased<B, Vec<Target>>>,
    inverse: Option<Erased<B, Option<Inverse>>>,
    _backend: PhantomData<fn(&B)>,
}

impl<B: Sync + 'static> ToolDef<B> {
    /// Erases `T`.
    pub fn of<T: Tool<B>>() -> Self {
        Self {
            info: ToolInfo {
                spec: T::SPEC,
                input_schema: Schema::of_input::<T::Args>(),
                output_schema: Schema::of_output::<T::Output>(),
            },
            run: |backend, args, ctx| {
                Box::pin(async move {
                    let ran = T::run(backend, parse(args)?, ctx).await?;
                    let output = serde_json::to_value(&ran.output)
                        .map_err(|_| ToolError::internal("the result could not be serialised"))?;
                    Ok(Ran {
                        output: schema::without_nulls(output),
                        mismatches: ran.mismatches,
                    })
                })
            },
            // Arguments that do not parse will be refused; until then they are the worst.
            effect: T::HAS_EFFECT.then_some(|backend, args| {
                parse(args).map_or(T::SPEC.effect, |args| T::effect(backend, &args))
            }),
            stands_for: T::HAS_STANDS_FOR.then_some(|backend, args| {
                let args = parse(args).ok()?;
                T::stands_for(backend, &args)
            }),
            preview: T::HAS_PREVIEW.then_some(|backend, args| {
                Box::pin(async move { T::preview(backend, parse(args)?).await })
            }),
            targets: T::HAS_TARGETS.then_some(|backend, args| {
                Box::pin(async move { T::targets(backend, parse(args)?).await })
            }),
            inverse: T::HAS_INVERSE.then_some(|backend, args| {
                Box::pin(async move { T::inverse(backend, parse(args)?).await })
            }),
            _backend: PhantomData,
        }
    }

    /// Runs it on normalised arguments; `null` members are left out of the result.
    pub fn run<'a>(
        &self,
        backend: &'a B,
        args: Value,
        ctx: &'a CallContext,
    ) -> BoxFuture<'a, ToolResult<Ran<Value>>> {
        (self.run)(backend, args, ctx)
    }

    /// What a call with these arguments does; `None` where that does not depend on them.
    pub fn effect(&self, backend: &B, args: Value) -> Option<Effect> {
        self.effect.map(|effect| effect(backend, args))
    }

    /// Bare name of the tool whose work a call with these arguments does by another way.
    pub fn stands_for(&self, backend: &B, args: Value) -> Option<&'static str> {
        self.stands_for
            .and_then(|stands_for| stands_for(backend, args))
    }

    /// Its preview, where it has one.
    pub fn preview<'a>(
        &self,
        backend: &'a B,
        args: Value,
    ) -> Option<BoxFuture<'a, ToolResult<Preview>>> {
        self.preview.map(|preview| preview(backend, args))
    }

    /// Its targets; none where it names none.
    pub fn targets<'a>(
        &self,
        backend: &'a B,
        args: Value,
    ) -> Option<BoxFuture<'a, ToolResult<Vec<Target>>>> {
        self.targets.map(|targets| targets(backend, args))
    }

    /// Its inverse, where it has one.
    pub fn inverse<'a>(
        &self,
        backend: &'a B,
        args: Value,
    ) -> Option<BoxFuture<'a, ToolResult<Option<Inverse>>>> {
        self.inverse.map(|inverse| inverse(backend, args))
    }
}

/// The pipeline has validated the arguments against the schema already; what serde still refuses
/// is a value that its type's own parser refuses, such as an address, or a schema and a type that
/// disagree. Either way the error names the argument.
fn parse<T: DeserializeOwned>(args: Value) -> ToolResult<T> {
    json::from_value(args).map_err(|error| refused(&error))
}

fn refused(error: &Misfit) -> ToolError {
    let problem = error.problem();
    let field = match error.path() {
        // A missing or unknown member is reported on the object that should hold it.
        "" => problem.split('`').nth(1).unwrap_or("arguments").to_owned(),
        path => path.to_owned(),
    };
    ToolError::invalid(field, problem)
}

/// Lists tools: `tools![list_vms, stop_vm]` is a `Vec<ToolDef<B>>`.
#[macro_export]
macro_rules! tools {
    ($($tool:path),* $(,)?) => { vec![$($crate::tool::ToolDef::of::<$tool>()),*] };
}

//! `call_api`: calls one operation of the upstream's own API.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::redact::names_a_secret;
use homelab_core::secret::Secret;
use homelab_core::tool::{Change, Effect, Preview, Ran, Target, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::book::{Described, Row};
use super::driven::{Description, admitted};
use super::model::{Operation, Verb};
use super::path::Segment;
use super::place::With;
use super::rules::Standing;
use super::{ApiCall, WholeApi, check, path, search};

/// Longest run time of both tools.
pub(super) const LIMIT: Duration = Duration::from_secs(90);
/// Rows of a list that are answered unless asked otherwise.
const ROWS: u32 = 50;

/// What to call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallApi {
    /// Method of the operation.
    pub method: Verb,
    /// Its path, as `search_api` shows it: variables stay in braces and are given in `params`, or
    /// their values are written here, percent-encoded.
    #[schemars(length(min = 1, max = 1000))]
    pub path: String,
    /// Parameters by name; a JSON body as `body`, where the operation has one.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    pub params: Map<String, Value>,
    /// Where the answer is a list: most rows of it; 50.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// Where the answer is a list: how many rows to leave out; 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub offset: Option<u32>,
}

/// What a parameter may be is the operation's business; the schema of each is checked later.
fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "additionalProperties": {}, "maxProperties": 200 })
}

/// What the upstream answered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Called {
    /// The operation that was called, such as `GET /nodes/{node}/dns`.
    pub operation: String,
    /// Status of the answer.
    pub status: u16,
    /// What it says; absent where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Rows of the list in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Pass this as `offset` for the rows that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// Id of the task that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The tool `call_api`.
#[expect(non_camel_case_types, reason = "it bears the tool's name in `tools!`")]
pub enum call_api {}

impl<B: WholeApi> Tool<B> for call_api {
    const SPEC: ToolSpec = {
        let mut spec = ToolSpec::critical(
            "call_api",
            "Call the API",
            "Calls one operation of this server's own HTTP API that `search_api` found. What a tool \
             covers keeps that tool's rules; other changes need a confirmation.",
            B::CALL,
        );
        spec.varies = true;
        spec.timeout = LIMIT;
        spec.open_world = true;
        spec.untrusted = &["data"];
        // By name besides what the redactor finds: neither these nor their digest are kept.
        spec.sensitive_args = &[
            "params.password",
            "params.secret",
            "params.token",
            "params.key",
            "params.otp",
        ];
        spec
    };
    type Args = With<CallApi, B::Place>;
    type Output = Called;
    const HAS_EFFECT: bool = true;
    const HAS_STANDS_FOR: bool = true;
    const HAS_PREVIEW: bool = true;
    const HAS_TARGETS: bool = true;

    async fn run(backend: &B, args: Self::Args, _ctx: &CallContext) -> ToolResult<Ran<Called>> {
        let With { own, place } = args;
        let (operation, call) = resolved(backend, &place, &own).await?;
        learn_secrets(backend, &place, &own.params)?;
        let answer = backend.send(&place, &call).await?;
        let mut output = Called {
            operation: format!("{} {}", operation.method, operation.path),
            status: answer.status,
            data: answer.data,
            total: None,
            next_offset: None,
            hint: answer
                .task
                .as_ref()
                .map(|_| "`get_task_status` follows the task".to_owned()),
            task: answer.task,
        };
        page(&mut output, &own);
        Ok(Ran {
            output,
            mismatches: Vec::new(),
        })
    }

    fn effect(_backend: &B, args: &Self::Args) -> Effect {
        match standing::<B>(&args.own) {
            Ok(Standing::Open { effect, .. }) => effect,
            // It will be refused; nobody needs to be asked before.
            Ok(Standing::Withheld(_)) if args.own.method == Verb::Get => Effect::Read,
            Ok(Standing::Withheld(_)) => Effect::Destructive,
            Err(_) => Effect::Critical,
        }
    }

    fn stands_for(_backend: &B, args: &Self::Args) -> Option<&'static str> {
        match standing::<B>(&args.own) {
            Ok(Standing::Open { tool, .. }) => tool,
            _ => None,
        }
    }

    async fn preview(backend: &B, args: Self::Args) -> ToolResult<Preview> {
        let With { own, place } = args;
        let (operation, call) = resolved(backend, &place, &own).await?;
        let path = call.segments.join("/");
        let changes = call
            .query
            .iter()
            .chain(&call.arguments)
            .chain(
                call.body
                    .as_ref()
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten(),
            )
            .map(|(name, value)| Change {
                field: name.clone(),
                from: None,
                to: Some(check::plain(value)),
            });
        Ok(Preview {
            summary: format!("{} /{path}: {}", operation.method, operation.summary),
            changes: changes.collect(),
            impact: vec!["it cannot be undone from here".to_owned()],
        })
    }

    async fn targets(backend: &B, args: Self::Args) -> ToolResult<Vec<Target>> {
        // Everything is checked here already, so that nobody is asked about a call that fails.
        let (_, call) = resolved(backend, &args.place, &args.own).await?;
        backend.targets(&args.place, &call).await
    }
}

/// The path with all values, and the parameters without those that it names.
pub(super) fn written<B: WholeApi>(args: &CallApi) -> ToolResult<(Vec<Segment>, Vec<String>)> {
    let written = path::parse(&args.path, B::RULES.base)?;
    let filled = path::filled(&written, &args.params, B::RULES.slashes)?;
    Ok((written, filled))
}

pub(super) fn standing<B: WholeApi>(args: &CallApi) -> ToolResult<Standing> {
    let (written, filled) = written::<B>(args)?;
    let params = without_named(&args.params, &written);
    Ok(B::RULES.judge(args.method, &filled, &params))
}

pub(super) fn without_named(
    params: &Map<String, Value>,
    written: &[Segment],
) -> Map<String, Value> {
    let in_path = |name: &String| written.contains(&Segment::Named(name.clone()));
    params
        .iter()
        .filter(|(name, _)| !in_path(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The description of the upstream's API.
pub(super) async fn described<B: WholeApi>(
    backend: &B,
    place: &B::Place,
) -> ToolResult<Arc<Described>> {
    let book = backend.book(place)?;
    let version = backend.version(place).await?;
    let document = backend.document(place, &version);
    book.of_version(&version, B::RULES.base, document).await
}

/// What each tool of the backend does at most.
pub(super) fn effects<'a, B: WholeApi>(
    backend: &'a B,
    place: &B::Place,
) -> ToolResult<&'a HashMap<&'static str, Effect>> {
    let of_tools = || {
        let tools = B::tools();
        let effects = tools.iter().map(|tool| &tool.info.spec);
        effects.map(|spec| (spec.name, spec.effect)).collect()
    };
    Ok(backend.book(place)?.effects.get_or_init(of_tools))
}

/// The operation and the checked call. What is refused is refused before anything is asked.
async fn resolved<B: WholeApi>(
    backend: &B,
    place: &B::Place,
    args: &CallApi,
) -> ToolResult<(Operation, ApiCall)> {
    admitted::<B>(args)?;
    let description = Description::<B>::of(backend, place).await?;
    description.resolve(args).await
}

/// The operation that is meant: of several that fit, the one with most literal segments.
pub(super) fn row<'a>(
    described: &'a Described,
    method: Verb,
    written: &[Segment],
    path: &str,
) -> ToolResult<&'a Row> {
    let mut fitting: Vec<(usize, &Row)> = described
        .rows
        .iter()
        .filter_map(|row| Some((path::fit(&row.path, written)?, row)))
        .collect();
    fitting.sort_by_key(|(literal, _)| Reverse(*literal));
    // A literal path takes a request even where it has another method.
    let most = fitting.first().map(|(literal, _)| *literal);
    let mut here = fitting
        .iter()
        .filter(|(literal, _)| Some(*literal) == most)
        .map(|(_, row)| *row);
    if let Some(found) = here.clone().find(|row| row.method == method) {
        return Ok(found);
    }
    let error = ToolError::invalid("path", format!("there is no operation `{method} {path}`"))
        .reason("operation_unknown");
    if let Some(first) = here.next() {
        let methods: Vec<&str> = std::iter::once(first)
            .chain(here)
            .map(|row| row.method.as_str())
            .collect();
        return Err(error.hint(format!("`{}` has {}", first.path, methods.join(", "))));
    }
    let near = search::search(described.rows.iter(), path, Some(method));
    let hint = match near.first() {
        Some(row) => format!(
            "did you mean `{} {}`? `search_api` finds others",
            row.method, row.path
        ),
        None => "`search_api` finds what there is".to_owned(),
    };
    let partial = "; only what the tools of this server know is at hand";
    Err(error.hint(if described.is_partial {
        format!("{hint}{partial}")
    } else {
        hint
    }))
}

/// The operation named `METHOD /path`, and the path as it was written.
pub(super) fn named<'a>(
    described: &'a Described,
    text: &str,
    method: Option<Verb>,
) -> ToolResult<(&'a Row, Vec<Segment>)> {
    let text = text.trim();
    let (verb, path) = match text.split_once(char::is_whitespace) {
        Some((verb, path)) => (Verb::parse(verb), path.trim()),
        None => (method, text),
    };
    let Some(verb) = verb else {
        return Err(ToolError::invalid("operation", "the method is missing")
            .reason("operation_unknown")
            .hint("write it before the path, such as `GET /version`"));
    };
    let written = path::parse(path, "")?;
    let row = row(described, verb, &written, path).map_err(|error| error.field("operation"))?;
    Ok((row, written))
}

/// What goes out as a secret must not come back in an error.
fn learn_secrets<B: WholeApi>(
    backend: &B,
    place: &B::Place,
    params: &Map<String, Value>,
) -> ToolResult<()> {
    let mut found = Vec::new();
    secrets(params, &mut found);
    backend.book(place)?.redactor.learn_all(&found);
    Ok(())
}

fn secrets(members: &Map<String, Value>, found: &mut Vec<Secret>) {
    for (name, value) in members {
        match value {
            Value::String(text) if names_a_secret(name) => found.push(Secret::new(text.clone())),
            Value::Object(members) => secrets(members, found),
            _ => {}
        }
    }
}

/// Keeps one page of a list.
fn page(output: &mut Called, args: &CallApi) {
    let Some(Value::Array(rows)) = &mut output.data else {
        return;
    };
    let total = rows.len();
    let start = args.offset.unwrap_or(0) as usize;
    let end = start.saturating_add(args.limit.unwrap_or(ROWS) as usize);
    rows.truncate(end);
    rows.drain(..start.min(rows.len()));
    output.total = Some(total as u64);
    output.next_offset = (end < total).then_some(end as u64);
}

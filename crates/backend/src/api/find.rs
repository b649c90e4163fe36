//! `search_api`: finds operations of the upstream's own API.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::page::{Page, PageRequest};
use homelab_core::tool::{Effect, Ran, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::book::{Described, Row};
use super::model::{Operation, Parameter, Verb, clipped};
use super::place::With;
use super::rules::Standing;
use super::{WholeApi, call, path, search};

/// An operation with more parameters than this is shown without the descriptions of optional ones.
const MANY: usize = 30;
/// Longest description of a parameter where all are shown, characters.
const SHORT: usize = 140;

/// What to look for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchApi {
    /// Words of the path or the summary, such as `firewall rules`; with `operation`, words of the
    /// parameters to show in full.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub query: Option<String>,
    /// One operation to show with its parameters, such as `POST /nodes/{node}/qemu`.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub operation: Option<String>,
    /// Operations of this method alone.
    #[serde(default)]
    pub method: Option<Verb>,
    /// Most operations to list; 25.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub cursor: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SearchResult {
    /// Operations, the best first.
    pub items: Vec<Found>,
    /// How many there are in all.
    pub total: u64,
    /// Pass this as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The operation that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Detail>,
    /// Version of the upstream that the description goes with.
    pub version: String,
    /// Why this is not everything, where the upstream's own description is not at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// One operation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Found {
    /// Its method.
    pub method: Verb,
    /// Its path; give the variables in braces in `params`, or write their values.
    pub path: String,
    /// What it does.
    pub summary: String,
    /// What a call does at least; absent where `call_api` refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// The tool of this server that does it better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'static str>,
}

/// One operation with its parameters.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Detail {
    /// Its method.
    pub method: Verb,
    /// Its path.
    pub path: String,
    /// What it does.
    pub summary: String,
    /// What a call does at least; absent where `call_api` refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Why `call_api` refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<&'static str>,
    /// The tool of this server that does it better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'static str>,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The tool `search_api`.
#[expect(non_camel_case_types, reason = "it bears the tool's name in `tools!`")]
pub enum search_api {}

impl<B: WholeApi> Tool<B> for search_api {
    const SPEC: ToolSpec = {
        let mut spec = ToolSpec::read(
            "search_api",
            "Search the API",
            "Finds operations of this server's own HTTP API for which there is no tool, and shows the \
             parameters of one; `call_api` calls them.",
            B::SEARCH,
        );
        // The first call may fetch a description of many megabytes.
        spec.timeout = call::LIMIT;
        spec.open_world = true;
        spec
    };
    type Args = With<SearchApi, B::Place>;
    type Output = SearchResult;

    async fn run(
        backend: &B,
        args: Self::Args,
        _ctx: &CallContext,
    ) -> ToolResult<Ran<SearchResult>> {
        let With { own, place } = args;
        let described = call::described(backend, &place).await?;
        let output = match &own.operation {
            Some(operation) => one(backend, &place, &described, operation, &own).await?,
            None => list(backend, &place, &described, &own)?,
        };
        Ok(Ran {
            output,
            mismatches: Vec::new(),
        })
    }
}

fn result(described: &Described) -> SearchResult {
    SearchResult {
        items: Vec::new(),
        total: 0,
        next_cursor: None,
        operation: None,
        version: described.version.clone(),
        note: described.is_partial.then_some(
            "the upstream's own description is not at hand: only what the tools of this server know is here",
        ),
    }
}

fn list<B: WholeApi>(
    backend: &B,
    place: &B::Place,
    described: &Described,
    args: &SearchApi,
) -> ToolResult<SearchResult> {
    let request = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let query = args.query.as_deref().unwrap_or_default();
    let narrowed = narrowed::<B>(described);
    let rows = described.rows.iter().chain(&narrowed);
    let rows = search::search(rows, query, args.method);
    let total = rows.len() as u64;
    // Where the page before ended: the order is the same each time.
    let start = match request.after.as_deref() {
        None => 0,
        Some(after) => after.parse::<usize>().map_or(0, |at| at + 1),
    };
    let page: Vec<(usize, &Row)> = rows
        .into_iter()
        .enumerate()
        .skip(start)
        .take(request.limit as usize + 1)
        .collect();
    let page = Page::from_rows(page, &request, total, |(at, _)| at.to_string());
    let found = page.items.iter().map(|(_, row)| found(backend, place, row));
    Ok(SearchResult {
        items: found.collect(),
        total,
        next_cursor: page.next_cursor,
        ..result(described)
    })
}

/// Operations of which the rules let some values of a variable pass, with each of these: by itself such
/// an operation is refused.
fn narrowed<B: WholeApi>(described: &Described) -> Vec<Row> {
    let covers = B::RULES.covers.iter();
    let covers = covers.map(|cover| (cover.method, cover.path));
    let reads = B::RULES.reads.iter().map(|path| (Verb::Get, *path));
    let mut rows: Vec<Row> = Vec::new();
    for (method, pattern) in covers.chain(reads) {
        let of_method = || described.rows.iter().filter(|row| row.method == method);
        if of_method().any(|row| path::alike(pattern, &row.path)) {
            continue;
        }
        for row in of_method() {
            if let Some(path) = path::narrowed(pattern, &row.path) {
                let mut row = row.clone();
                row.path = path;
                row.choices.clear();
                rows.push(row);
            }
        }
    }
    rows
}

fn found<B: WholeApi>(backend: &B, place: &B::Place, row: &Row) -> Found {
    let template: Vec<String> = path::segments(&row.path).map(str::to_owned).collect();
    let (effect, tool, _) = standing(backend, place, row.method, &template);
    Found {
        method: row.method,
        path: row.path.clone(),
        summary: row.summary.clone(),
        effect,
        tool,
    }
}

type Told = (Option<Effect>, Option<&'static str>, Option<&'static str>);

/// What a call without parameters may do, which tool covers it, and why it is refused.
fn standing<B: WholeApi>(backend: &B, place: &B::Place, method: Verb, template: &[String]) -> Told {
    let tool = B::RULES
        .cover(method, template, &Map::new())
        .map(|cover| cover.tool);
    match B::RULES.judge(method, template, &Map::new()) {
        Standing::Withheld(advice) => (None, tool, Some(advice)),
        Standing::Open { effect, tool } => {
            let of_tool = tool.and_then(|tool| call::effects(backend, place).ok()?.get(tool));
            let effect = of_tool.map_or(effect, |of_tool| effect.max(*of_tool));
            (Some(effect), tool, None)
        }
    }
}

async fn one<B: WholeApi>(
    backend: &B,
    place: &B::Place,
    described: &std::sync::Arc<Described>,
    operation: &str,
    args: &SearchApi,
) -> ToolResult<SearchResult> {
    let (row, written) = call::named(described, operation, args.method)?;
    // A value that is written may be what the rules look at.
    let template: Vec<String> = written.iter().map(ToString::to_string).collect();
    let (effect, tool, withheld) = standing(backend, place, row.method, &template);
    let operation = described.operation(row).await?;
    let (parameters, note) = shown(&operation, args.query.as_deref());
    let detail = Detail {
        method: operation.method,
        path: operation.path,
        summary: operation.summary,
        effect,
        withheld,
        tool,
        parameters,
        note,
    };
    Ok(SearchResult {
        operation: Some(detail),
        total: 1,
        ..result(described)
    })
}

/// The parameters as a model needs them: those that have to be given first.
fn shown(operation: &Operation, query: Option<&str>) -> (Vec<Parameter>, Option<String>) {
    let mut parameters = operation.parameters.clone();
    parameters.sort_by_key(|parameter| !parameter.required);
    let all = parameters.len();
    let words: Vec<String> = query
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    if !words.is_empty() {
        parameters.retain(|parameter| {
            let text = format!("{} {}", parameter.name, parameter.schema).to_lowercase();
            words.iter().any(|word| text.contains(word))
        });
        let note = format!("{} of {all} parameters", parameters.len());
        return (parameters, Some(note));
    }
    for parameter in &mut parameters {
        let Value::Object(schema) = &mut parameter.schema else {
            continue;
        };
        if all > MANY && !parameter.required {
            for keyword in ["description", "syntax", "pattern", "default"] {
                schema.shift_remove(keyword);
            }
        } else if let Some(text) = schema.get("description").and_then(Value::as_str) {
            let text = clipped(text, SHORT);
            schema.insert("description".into(), text.into());
        }
    }
    let note = (all > MANY).then(|| {
        "optional parameters are shown without their descriptions: give `query` to see some in full"
            .to_owned()
    });
    (parameters, note)
}

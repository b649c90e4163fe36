//! What a request says: headers, path, query and body, each by the operation's own table. What is not
//! in there is an error that names it, because a misspelt name must not be a silent default.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use homelab_core::ccpm::{CcpmCode, CcpmError, CcpmResult, Paging};
use homelab_core::json;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, HeaderName};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::operations::{Kind, Operation};
use crate::transport::body::{self, Unread};

/// Largest body, bytes.
pub(super) const MAX_BODY: usize = 256 * 1024;

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static AGENT_ID: HeaderName = HeaderName::from_static("x-agent-id");

/// One request, taken apart.
#[derive(Debug, Default)]
pub(super) struct Input {
    path: Vec<(String, String)>,
    query: Map<String, Value>,
    body: Option<Value>,
    /// `X-Agent-Id`.
    pub(super) agent: Option<String>,
    /// `Idempotency-Key`.
    pub(super) idempotency_key: Option<String>,
    /// The version in `If-Match`.
    pub(super) if_match: Option<i64>,
}

impl Input {
    pub(super) async fn read(
        operation: &Operation,
        parameters: Result<RawPathParams, RawPathParamsRejection>,
        request: Request,
    ) -> CcpmResult<Self> {
        let parameters = parameters
            .map_err(|_| CcpmError::new(CcpmCode::BadRequest, "the path is not UTF-8"))?;
        let path = parameters
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (parts, content) = request.into_parts();
        let headers = &parts.headers;
        let query = query(operation, parts.uri.query().unwrap_or_default())?;
        let is_change = operation.is_change();
        Ok(Self {
            path,
            query,
            agent: text(headers, &AGENT_ID)?,
            idempotency_key: text(headers, &IDEMPOTENCY_KEY)?.filter(|_| is_change),
            if_match: version(headers)?,
            body: match operation.body {
                Some(_) => Some(json(headers, content).await?),
                None => None,
            },
        })
    }

    /// What rules and records see.
    pub(super) fn arguments(&self, operation: &Operation) -> Value {
        let mut all = match &self.body {
            Some(Value::Object(members)) => members.clone(),
            _ => Map::new(),
        };
        all.extend(self.query.clone());
        for (name, value) in &self.path {
            all.insert(name.clone(), value.clone().into());
        }
        if let Some(agent) = self.agent.as_ref().filter(|_| operation.is_change()) {
            all.insert("x_agent_id".to_owned(), agent.clone().into());
        }
        Value::Object(all)
    }

    /// A parameter of the path.
    pub(super) fn path(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// A number in the query.
    pub(super) fn count(&self, name: &str) -> Option<u32> {
        let number = self.query.get(name)?.as_u64()?;
        u32::try_from(number).ok()
    }

    /// A text in the query that must be there.
    pub(super) fn text(&self, name: &str) -> CcpmResult<&str> {
        let text = self.query.get(name).and_then(Value::as_str);
        text.ok_or_else(|| CcpmError::invalid(name, format!("`{name}` is missing in the query")))
    }

    /// Which page.
    pub(super) fn page(&self) -> CcpmResult<Paging> {
        self.part(|name| matches!(name, "limit" | "cursor"))
    }

    /// Which rows.
    pub(super) fn filter<F: DeserializeOwned>(&self) -> CcpmResult<F> {
        self.part(|name| !matches!(name, "limit" | "cursor"))
    }

    fn part<F: DeserializeOwned>(&self, keep: impl Fn(&str) -> bool) -> CcpmResult<F> {
        let members = self
            .query
            .iter()
            .filter(|(name, _)| keep(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        parse(Value::Object(members))
    }

    /// The body as its type.
    pub(super) fn body<B: DeserializeOwned>(&mut self) -> CcpmResult<B> {
        parse(self.body.take().unwrap_or(Value::Null))
    }
}

fn query(operation: &Operation, text: &str) -> CcpmResult<Map<String, Value>> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let Some(kind) = operation.query.iter().find(|known| known.name == name) else {
            let shown: String = name.chars().take(64).collect();
            let known: Vec<&str> = operation.query.iter().map(|known| known.name).collect();
            let hint = if known.is_empty() {
                "this path takes no query".to_owned()
            } else {
                format!("known are {}", known.join(", "))
            };
            return Err(CcpmError::invalid(
                &shown,
                format!("there is no query parameter `{shown}`"),
            )
            .hint(hint));
        };
        let value = typed(kind.name, kind.kind, &value)?;
        if members.insert(kind.name.to_owned(), value).is_some() {
            let name = kind.name;
            return Err(CcpmError::invalid(name, format!("`{name}` is there twice")));
        }
    }
    Ok(members)
}

fn typed(name: &str, kind: Kind, text: &str) -> CcpmResult<Value> {
    let wrong = |expected: &str| {
        let shown: String = text.chars().take(64).collect();
        CcpmError::invalid(name, format!("`{name}` is `{shown}`, not {expected}"))
    };
    match kind {
        Kind::Flag => match text {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err(wrong("`true` or `false`")),
        },
        Kind::Count { most } => match text.parse::<u32>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number.into()),
            _ => Err(wrong(&format!("a whole number from 1 to {most}"))),
        },
        Kind::Text | Kind::Id | Kind::Time | Kind::Choices { .. } | Kind::Choice { .. } => {
            Ok(text.into())
        }
    }
}

async fn json(headers: &HeaderMap, content: axum::body::Body) -> CcpmResult<Value> {
    let kind = text(headers, &CONTENT_TYPE)?.unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(CcpmError::new(
            CcpmCode::UnsupportedMediaType,
            "the body is not said to be JSON",
        )
        .hint("send it with `Content-Type: application/json`"));
    }
    let body = body::read(content, MAX_BODY)
        .await
        .map_err(|unread| match unread {
            Unread::TooLarge(limit) => CcpmError::new(
                CcpmCode::PayloadTooLarge,
                format!("the body is larger than {limit} bytes"),
            ),
            Unread::TooSlow => {
                CcpmError::new(CcpmCode::BadRequest, "the body did not come in time")
            }
            Unread::Broken => CcpmError::new(CcpmCode::BadRequest, "the body could not be read"),
        })?;
    let value = serde_json::from_slice(&body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        CcpmError::new(
            CcpmCode::BadRequest,
            format!("the body is no JSON from line {line} column {column} on"),
        )
    })?;
    match value {
        value @ Value::Object(_) => Ok(value),
        _ => Err(CcpmError::new(
            CcpmCode::BadRequest,
            "the body is no JSON object",
        )),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> CcpmResult<Option<String>> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    match (first.map(|value| value.to_str()), second) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text.to_owned())),
        _ => Err(CcpmError::new(
            CcpmCode::BadRequest,
            format!("the header `{name}` is no text, or there twice"),
        )
        .detail("field", name.as_str())),
    }
}

/// `"3"`; `*` is any version.
fn version(headers: &HeaderMap) -> CcpmResult<Option<i64>> {
    let Some(tag) = text(headers, &IF_MATCH)? else {
        return Ok(None);
    };
    let tag = tag.trim();
    if tag == "*" {
        return Ok(None);
    }
    let number = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let number = number.and_then(|number| number.parse().ok());
    number.map(Some).ok_or_else(|| {
        CcpmError::new(CcpmCode::BadRequest, "`If-Match` holds no version")
            .hint("send the `ETag` of the record unchanged, such as `\"3\"`")
            .detail("field", "If-Match")
    })
}

/// The value as its type; an error names the member at fault.
fn parse<T: DeserializeOwned>(value: Value) -> CcpmResult<T> {
    json::from_value(value).map_err(|error| {
        let problem = error.problem();
        // A missing or unknown member is reported on the object that should hold it.
        let named = problem.split('`').nth(1).unwrap_or("body");
        let field = match error.path() {
            "" => named.to_owned(),
            path if problem.starts_with("unknown field") && !path.ends_with(named) => {
                format!("{path}.{named}")
            }
            path => path.to_owned(),
        };
        CcpmError::invalid(&field, problem)
    })
}

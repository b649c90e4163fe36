//! What is checked before anything is kept.

use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{About, MAX_ABOUT, MAX_CONTENT, MAX_LABEL, MAX_METADATA, Scope};
use homelab_core::redact::{MARK, names_a_secret};
use serde_json::{Map, Value};

use crate::errors;
use crate::owners::Caller;
use crate::secrets::{OnSecret, mask, scan};
use crate::service::MemoryService;
use crate::text::{Identity, exact_tokens, hash, normalise, one_line};

/// Longest time to live, days.
pub(crate) const MAX_TTL_DAYS: u32 = 36_500;

/// A text that may be kept.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) content: String,
    pub(crate) hash: String,
    pub(crate) exact: Vec<String>,
    pub(crate) identity: Identity,
    /// Kinds of secrets that were taken out.
    pub(crate) masked: Vec<String>,
}

impl Prepared {
    /// # Errors
    /// `invalid_argument` on `field`: nothing left, too long, or a secret that is not to be masked.
    pub(crate) fn new(field: &str, text: &str, on_secret: OnSecret) -> ToolResult<Self> {
        // What is far too long is not worth looking at.
        if text.len() > 4 * MAX_CONTENT {
            return Err(too_large(field));
        }
        let mut content = normalise(text);
        let found = scan(&content);
        let mut masked = Vec::new();
        if let Some(first) = found.first() {
            if on_secret == OnSecret::Refuse {
                return Err(errors::secret(field, first.kind));
            }
            content = mask(&content, &found);
            for one in &found {
                if !masked.iter().any(|kind| kind == one.kind) {
                    masked.push(one.kind.to_owned());
                }
            }
        }
        if content.is_empty() {
            return Err(ToolError::invalid(field, "there is no text to keep")
                .reason("memory_empty")
                .hint("say in a sentence what is to be known later"));
        }
        if content.len() > MAX_CONTENT {
            return Err(too_large(field));
        }
        Ok(Self {
            hash: hash(&content),
            exact: exact_tokens(&content),
            identity: Identity::of(&content),
            content,
            masked,
        })
    }
}

fn too_large(field: &str) -> ToolError {
    let most = MAX_CONTENT / 1024;
    ToolError::invalid(field, format!("one memory has at most {most} KiB of text"))
        .reason("memory_too_large")
        .hint("keep one statement in each memory, and long texts where they belong with a memory of where that is")
}

/// A label, trimmed; absent if nothing is left.
///
/// # Errors
/// `invalid_argument` on `field` if it is too long or holds a secret.
pub(crate) fn label(field: &str, text: Option<&str>) -> ToolResult<Option<String>> {
    let Some(text) = text.map(|text| one_line(&normalise(text))) else {
        return Ok(None);
    };
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() > MAX_LABEL {
        let message = format!("`{field}` has at most {MAX_LABEL} characters");
        return Err(ToolError::invalid(field, message));
    }
    match scan(&text).first() {
        Some(found) => Err(errors::secret(field, found.kind)),
        None => Ok(Some(text)),
    }
}

/// Things that a memory is about: trimmed, each once.
///
/// # Errors
/// `invalid_argument` if there are too many, or one lacks its kind or name.
pub(crate) fn about(things: Vec<About>) -> ToolResult<Vec<About>> {
    let mut kept: Vec<About> = Vec::new();
    for (index, thing) in things.into_iter().enumerate() {
        let part = |name: &str, text: &str| {
            let field = format!("about[{index}].{name}");
            label(&field, Some(text))?
                .ok_or_else(|| ToolError::invalid(field, format!("`{name}` is missing")))
        };
        let thing = About {
            kind: part("kind", &thing.kind)?.to_lowercase(),
            name: part("name", &thing.name)?,
        };
        if !kept.contains(&thing) {
            kept.push(thing);
        }
    }
    if kept.len() > MAX_ABOUT {
        let message = format!("a memory is about at most {MAX_ABOUT} things");
        return Err(ToolError::invalid("about", message));
    }
    Ok(kept)
}

/// What comes with a memory, with `category` and `source` taken out of the metadata, where mem0's clients put them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    pub(crate) category: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) masked: Vec<String>,
}

impl Extras {
    /// What is given apart from the metadata counts more.
    ///
    /// # Errors
    /// `invalid_argument` on what is too long, too large or holds a secret.
    pub(crate) fn new(
        category: Option<&str>,
        source: Option<&str>,
        mut metadata: Map<String, Value>,
        on_secret: OnSecret,
    ) -> ToolResult<Self> {
        let mut lift = |name: &str, given: Option<&str>| {
            let inner = match metadata.get(name) {
                Some(Value::String(_)) => metadata.remove(name),
                _ => None,
            };
            match given {
                Some(given) => label(name, Some(given)),
                None => label(
                    &format!("metadata.{name}"),
                    inner.as_ref().and_then(Value::as_str),
                ),
            }
        };
        let category = lift("category", category)?.map(|text| text.to_lowercase());
        let source = lift("source", source)?;
        let mut masked = Vec::new();
        for (name, value) in &mut metadata {
            let path = format!("metadata.{name}");
            clean(&path, name, value, on_secret, &mut masked)?;
        }
        let bytes = serde_json::to_vec(&metadata).map_or(usize::MAX, |json| json.len());
        if bytes > MAX_METADATA {
            let most = MAX_METADATA / 1024;
            return Err(ToolError::invalid(
                "metadata",
                format!("metadata has at most {most} KiB as JSON"),
            )
            .reason("memory_too_large"));
        }
        Ok(Self {
            category,
            source,
            metadata,
            masked,
        })
    }
}

/// Refuses or masks secrets in a value of the metadata, at any depth.
fn clean(
    path: &str,
    name: &str,
    value: &mut Value,
    on_secret: OnSecret,
    masked: &mut Vec<String>,
) -> ToolResult<()> {
    match value {
        Value::String(text) => {
            // The store keeps no NUL, and nobody needs other control characters here.
            text.retain(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'));
            let found = scan(text);
            let kind = match found.first() {
                Some(found) => found.kind,
                None if names_a_secret(name) && !text.is_empty() && text != MARK => {
                    "a secret by its name"
                }
                None => return Ok(()),
            };
            if on_secret == OnSecret::Refuse {
                return Err(errors::secret(path, kind));
            }
            *text = if found.is_empty() {
                MARK.to_owned()
            } else {
                mask(text, &found)
            };
            masked.push(kind.to_owned());
            Ok(())
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                clean(&format!("{path}[{index}]"), name, item, on_secret, masked)?;
            }
            Ok(())
        }
        Value::Object(members) => {
            for (name, member) in members {
                clean(&format!("{path}.{name}"), name, member, on_secret, masked)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl MemoryService {
    /// Whose a new memory is: the caller's owner, whatever the arguments say.
    pub(crate) fn scope(
        caller: &Caller,
        user_id: Option<&str>,
        agent_id: Option<&str>,
        run_id: Option<&str>,
    ) -> ToolResult<Scope> {
        Ok(Scope {
            owner: caller.owner.clone(),
            user_id: label("user_id", user_id)?.unwrap_or_else(|| caller.name.clone()),
            agent_id: label("agent_id", agent_id)?,
            run_id: label("run_id", run_id)?,
        })
    }

    /// When a memory of this category stops being told; `ttl_days = 0` is never.
    pub(crate) fn expiry(
        &self,
        category: &str,
        ttl_days: Option<u32>,
        expires_at: Option<Micros>,
    ) -> ToolResult<Option<Micros>> {
        if ttl_days.is_some_and(|days| days > MAX_TTL_DAYS) {
            let message = format!("`ttl_days` is at most {MAX_TTL_DAYS}");
            return Err(ToolError::invalid("ttl_days", message));
        }
        let now = self.now();
        Ok(match (expires_at, ttl_days) {
            (Some(at), _) => Some(at),
            (None, Some(0)) => None,
            (None, Some(days)) => Some(now.later(Duration::from_hours(u64::from(days) * 24))),
            (None, None) => (category == "state").then(|| now.later(self.settings().state_ttl)),
        })
    }
}

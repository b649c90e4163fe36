//! What agents remember of a thing, for a caller who may read memories.

use homelab_core::call::CallContext;
use homelab_core::clock::Micros;
use homelab_core::memory::{About, KIND};
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Homelab;

/// The tool that shows the same.
const SHOWN_BY: &str = "search_memories";
/// Most memories that are told of.
const MOST: usize = 5;
/// Most things that are asked about.
const THINGS: usize = 50;
/// Most characters of each.
const LONGEST: usize = 160;

/// A memory about the thing.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Remembered {
    /// Pass this as `memory_id` to `get_memory` for all of it.
    memory_id: String,
    category: String,
    /// How it begins.
    text: String,
    /// Since when it holds.
    #[schemars(with = "String")]
    since: Micros,
}

impl Homelab {
    /// The newest memories about these things. A memory that cannot be read is not worth failing for.
    pub(crate) async fn remembered(
        &self,
        ctx: &CallContext,
        mut things: Vec<About>,
    ) -> Vec<Remembered> {
        let service = self.memory.as_ref().and_then(|current| current.service());
        let Some(service) = service else {
            return Vec::new();
        };
        things.truncate(THINGS);
        if things.is_empty() || !self.facts.shows(ctx, KIND, SHOWN_BY).await {
            return Vec::new();
        }
        let request = Some(ctx.request_id.as_str());
        let caller = service.owners().caller(&ctx.principal.name, request);
        let most = u32::try_from(MOST).unwrap_or(u32::MAX);
        match service.about(&caller, &things, most).await {
            Ok(found) => found
                .into_iter()
                .map(|memory| Remembered {
                    since: memory.valid_from.unwrap_or(memory.created_at),
                    memory_id: memory.id,
                    category: memory.category,
                    text: beginning(&memory.content),
                })
                .collect(),
            Err(error) => {
                tracing::debug!(%error, "memories about a thing were not read");
                Vec::new()
            }
        }
    }
}

/// A thing as memories name it.
pub(crate) fn about(kind: &str, name: &str) -> About {
    About {
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn beginning(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None if line.len() < text.len() => format!("{line} …"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_beginning() {
        assert_eq!(beginning("short"), "short");
        assert_eq!(beginning("one\ntwo"), "one …");
        assert_eq!(
            beginning(&"ü".repeat(200)),
            format!("{}…", "ü".repeat(LONGEST))
        );
    }
}

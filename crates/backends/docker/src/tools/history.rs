//! How an image came to be, layer by layer.

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::redact::MARK;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::paging::page;
use crate::types::{HistoryItem, filled};
use crate::{resolve, secrets, times};

/// Characters of an instruction that are shown.
const LONGEST: usize = 400;

/// Of which image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetHistory {
    /// Name with its tag, or id.
    #[schemars(length(min = 1, max = 512))]
    image: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 100))]
    cursor: Option<String>,
}

/// A layer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LayerRow {
    /// Number of the instruction; 1 is the first that was carried out.
    step: usize,
    /// What made it, at most 400 characters; values of secrets are hidden.
    created_by: String,
    /// When.
    #[schemars(with = "Option<String>")]
    created: Option<Micros>,
    /// Bytes that it adds; 0 where it only describes.
    size_bytes: i64,
    /// Names of the image as it was then, where it has any.
    tags: Vec<String>,
    comment: Option<String>,
}

/// The layers of an image, the last one first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ImageHistory {
    /// Beginning of the image's id.
    id: String,
    #[serde(flatten)]
    page: Page<LayerRow>,
    /// Bytes of all layers together.
    size_bytes: i64,
}

/// Show how an image was built: the instruction behind each layer, its size and age, the last one first.
#[tool(
    read,
    open_world,
    permission = "docker:image:read",
    title = "Get image history",
    untrusted("items.created_by", "items.comment", "items.tags")
)]
pub(crate) async fn get_image_history(
    docker: &Docker,
    args: GetHistory,
) -> ToolResult<ImageHistory> {
    let engine = docker.engine(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    let layers = engine.history(&image.id).await?;
    let steps = layers.len();
    let size_bytes = layers.iter().map(|layer| layer.size).sum();
    let rows = layers
        .into_iter()
        .enumerate()
        .map(|(index, layer)| row(steps - index, layer))
        .collect();
    Ok(ImageHistory {
        id: resolve::short(&image.id),
        page: page(
            rows,
            args.limit,
            args.cursor.as_deref(),
            |row: &LayerRow| format!("{:06}", steps - row.step),
        )?,
        size_bytes,
    })
}

fn row(step: usize, layer: HistoryItem) -> LayerRow {
    let mut created_by = instruction(&layer.created_by);
    if let Some((end, _)) = created_by.char_indices().nth(LONGEST) {
        created_by.truncate(end);
        created_by.push('…');
    }
    LayerRow {
        step,
        created_by,
        created: times::from_seconds(layer.created),
        size_bytes: layer.size,
        tags: layer.tags,
        comment: filled(&layer.comment),
    }
}

/// An instruction as it may be shown. Build arguments and variables stand in it with their values,
/// which may have spaces: after a secret, everything up to the next name is hidden.
fn instruction(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let sets = words.iter().any(|word| word == "ENV" || word == "ARG");
    let shown = secrets::command(&words);
    let mut hiding = false;
    let mut line: Vec<String> = Vec::new();
    for (word, shown) in words.iter().zip(shown) {
        let named = word.split_once('=').is_some_and(|(name, _)| {
            let letters = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            !name.is_empty() && name.chars().all(letters)
        });
        let hidden = shown.contains(MARK) && *word != shown;
        let value = word.split_once('=').map_or("", |(_, value)| value);
        if hiding && !named {
            hiding = sets || !word.ends_with(['"', '\'']);
            if line.last().is_none_or(|last| last != MARK) {
                line.push(MARK.to_owned());
            }
            continue;
        }
        let opens =
            value.starts_with(['"', '\'']) && !(value.len() > 1 && value.ends_with(['"', '\'']));
        hiding = hidden && named && (sets || opens);
        line.push(shown);
    }
    line.join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("COPY . /app # buildkit", "COPY . /app # buildkit")]
    #[case("ENV PATH=/usr/bin LANG=C", "ENV PATH=/usr/bin LANG=C")]
    #[case(
        "/bin/sh -c #(nop)  ENV DB_PASSWORD=tell",
        "/bin/sh -c #(nop) ENV DB_PASSWORD=***REDACTED***"
    )]
    #[case(
        "ENV DB_PASSWORD=tell nobody LANG=C",
        "ENV DB_PASSWORD=***REDACTED*** ***REDACTED*** LANG=C"
    )]
    #[case("ARG TOKEN=tell", "ARG TOKEN=***REDACTED***")]
    #[case(
        "RUN |1 TOKEN=tell /bin/sh -c make",
        "RUN |1 TOKEN=***REDACTED*** /bin/sh -c make"
    )]
    #[case(
        "RUN |1 TOKEN=\"tell nobody now\" /bin/sh -c make",
        "RUN |1 TOKEN=***REDACTED*** ***REDACTED*** /bin/sh -c make"
    )]
    #[case(
        "RUN curl https://u:tell@host.example/x",
        "RUN curl https://u:***REDACTED***@host.example/x"
    )]
    fn an_instruction_is_shown_without_secrets(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(instruction(text), shown);
    }

    #[test]
    fn a_long_instruction_is_cut() {
        let layer = HistoryItem {
            created_by: "é".repeat(1000),
            ..HistoryItem::default()
        };

        assert_eq!(row(1, layer).created_by.chars().count(), LONGEST + 1);
    }
}

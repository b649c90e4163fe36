//! What all endpoints that make vectors have in common: prefixes, names, and the check of what comes back.

use std::sync::OnceLock;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::Purpose;
use sha2::{Digest as _, Sha256};

use super::endpoint::unusable;
use crate::config::EmbeddingConfig;

/// Most numbers of a vector.
const MOST_DIMENSIONS: usize = 4096;
/// Sub-code of every error about an answer that holds no usable vectors.
const UNUSABLE: &str = "embedding_unusable";

/// Models that were trained with something before each text, by how their names begin: before a
/// memory, before a search. Source: the models' own cards.
const PREFIXES: &[(&str, &str, &str)] = &[
    ("nomic-embed-text", "search_document: ", "search_query: "),
    (
        "mxbai-embed-large",
        "",
        "Represent this sentence for searching relevant passages: ",
    ),
    ("snowflake-arctic-embed2", "", "query: "),
    (
        "snowflake-arctic-embed",
        "",
        "Represent this sentence for searching relevant passages: ",
    ),
    ("multilingual-e5", "passage: ", "query: "),
    ("e5-", "passage: ", "query: "),
    (
        "embeddinggemma",
        "title: none | text: ",
        "task: search result | query: ",
    ),
    (
        "qwen3-embedding",
        "",
        "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
    ),
];

/// How texts are dressed for a model, and what its vectors are stored under.
pub(super) struct Dress {
    name: String,
    document: String,
    query: String,
    dimensions: Option<u32>,
    /// Numbers of a vector, once one was seen.
    seen: OnceLock<usize>,
}

impl Dress {
    pub(super) fn new(provider: &str, model: &str, config: &EmbeddingConfig) -> Self {
        let base = model.rsplit('/').next().unwrap_or(model).to_lowercase();
        let known = PREFIXES.iter().find(|(name, _, _)| base.starts_with(name));
        let default = known.map_or(("", ""), |(_, document, query)| (*document, *query));
        let given = |given: &Option<String>, default: &str| {
            given.clone().unwrap_or_else(|| default.to_owned())
        };
        let document = given(&config.document_prefix, default.0);
        let query = given(&config.query_prefix, default.1);
        let mut name = format!("{provider}/{model}");
        if let Some(dimensions) = config.dimensions {
            name = format!("{name}@{dimensions}");
        }
        // Another prefix makes other vectors, which must not be compared with the old ones.
        if document != default.0 {
            let digest = hex::encode(Sha256::digest(document.as_bytes()));
            name = format!("{name}+{}", digest.get(..8).unwrap_or_default());
        }
        Self {
            name,
            document,
            query,
            dimensions: config.dimensions,
            seen: OnceLock::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The texts as the model wants them.
    pub(super) fn dressed(&self, texts: &[&str], purpose: Purpose) -> Vec<String> {
        let prefix = match purpose {
            Purpose::Document => &self.document,
            Purpose::Query => &self.query,
        };
        texts.iter().map(|text| format!("{prefix}{text}")).collect()
    }

    /// The vectors of `texts` texts, checked and brought to length 1.
    ///
    /// # Errors
    /// `upstream_rejected` with reason `embedding_unusable`.
    pub(super) fn checked(
        &self,
        texts: usize,
        vectors: Vec<Vec<f32>>,
    ) -> ToolResult<Vec<Vec<f32>>> {
        if vectors.len() != texts {
            let message = format!(
                "the embedding endpoint answered {} vectors for {texts} texts",
                vectors.len()
            );
            return Err(unusable(UNUSABLE, message).hint(HINT));
        }
        vectors.into_iter().map(|one| self.unit(one)).collect()
    }

    fn unit(&self, mut vector: Vec<f32>) -> ToolResult<Vec<f32>> {
        let length = vector.len();
        if length == 0 || length > MOST_DIMENSIONS {
            let message = format!("the embedding endpoint answered vectors of {length} numbers");
            return Err(unusable(UNUSABLE, message)
                .hint(format!("use a model with at most {MOST_DIMENSIONS}")));
        }
        let wanted = match self.dimensions {
            Some(wanted) => wanted as usize,
            None => *self.seen.get_or_init(|| length),
        };
        if length != wanted {
            return Err(self.other_dimensions(length, wanted));
        }
        let sum: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
        if !sum.is_finite() {
            let message = "the embedding endpoint answered a vector that holds no numbers";
            return Err(unusable(UNUSABLE, message).hint(HINT));
        }
        if sum > 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a factor of single precision is all that a vector of it can use"
            )]
            let factor = sum.sqrt().recip() as f32;
            for x in &mut vector {
                *x *= factor;
            }
        }
        Ok(vector)
    }

    fn other_dimensions(&self, found: usize, wanted: usize) -> ToolError {
        let message = format!(
            "the embedding endpoint answered vectors of {found} numbers, not {wanted}, for `{}`",
            self.name
        );
        unusable(UNUSABLE, message).hint(if self.dimensions.is_some() {
            "the model may not let `embedding.dimensions` choose: leave it out"
        } else {
            "another model answers under this name now: restart, then run `homelab-mcp memory reindex`"
        })
    }
}

const HINT: &str = "check `embedding.model`: it must be an embedding model";

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn dress(model: &str, config: &EmbeddingConfig) -> Dress {
        Dress::new("ollama", model, config)
    }

    #[rstest]
    #[case("nomic-embed-text:v1.5", "search_query: x", "search_document: x")]
    #[case("intfloat/multilingual-e5-small", "query: x", "passage: x")]
    #[case("all-minilm", "x", "x")]
    fn a_text_is_dressed_as_its_model_was_trained(
        #[case] model: &str,
        #[case] query: &str,
        #[case] document: &str,
    ) {
        let dress = dress(model, &EmbeddingConfig::default());

        assert_eq!(dress.dressed(&["x"], Purpose::Query), [query]);
        assert_eq!(dress.dressed(&["x"], Purpose::Document), [document]);
        assert_eq!(dress.name(), format!("ollama/{model}"));
    }

    #[test]
    fn whatever_changes_the_numbers_changes_the_name() {
        let own = |dimensions, prefix: Option<&str>| {
            let config = EmbeddingConfig {
                dimensions,
                document_prefix: prefix.map(str::to_owned),
                ..EmbeddingConfig::default()
            };
            dress("m", &config).name().to_owned()
        };

        assert_eq!(own(None, None), "ollama/m");
        assert_eq!(own(Some(256), None), "ollama/m@256");
        assert_eq!(own(None, Some("")), "ollama/m");
        assert_ne!(own(None, Some("a ")), own(None, Some("b ")));
    }

    #[test]
    fn vectors_come_back_with_length_one() {
        let dress = dress("m", &EmbeddingConfig::default());

        let vectors = dress.checked(2, vec![vec![3.0, 4.0], vec![0.0, 0.0]]);

        assert_eq!(vectors.unwrap(), [[0.6, 0.8], [0.0, 0.0]]);
    }

    #[rstest]
    #[case::too_few(vec![vec![1.0, 0.0]])]
    #[case::too_many(vec![vec![1.0]; 3])]
    #[case::empty(vec![vec![], vec![]])]
    #[case::different(vec![vec![1.0, 0.0], vec![1.0]])]
    #[case::infinite(vec![vec![f32::INFINITY, 0.0], vec![1.0, 0.0]])]
    #[case::overlong(vec![vec![1.0; 4097], vec![1.0; 4097]])]
    fn what_are_no_vectors_of_the_texts_is_refused(#[case] vectors: Vec<Vec<f32>>) {
        let dress = dress("m", &EmbeddingConfig::default());

        let error = dress.checked(2, vectors).unwrap_err();

        assert_eq!(error.envelope().reason.as_deref(), Some(UNUSABLE));
    }

    #[test]
    fn a_model_that_changes_its_dimensions_is_not_mixed_with_itself() {
        let dress = dress("m", &EmbeddingConfig::default());
        dress.checked(1, vec![vec![1.0, 0.0]]).unwrap();

        let error = dress.checked(1, vec![vec![1.0, 0.0, 0.0]]).unwrap_err();

        assert_eq!(error.envelope().reason.as_deref(), Some(UNUSABLE));
    }
}

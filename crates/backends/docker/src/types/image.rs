//! Images, and their way from and to registries.

use serde::Deserialize;

use super::{Texts, nullable};

/// An image in a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ImageSummary {
    pub(crate) id: String,
    pub(crate) parent_id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) repo_digests: Vec<String>,
    pub(crate) created: i64,
    pub(crate) size: i64,
    pub(crate) shared_size: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Texts,
}

impl ImageSummary {
    /// Its names, without the place holder of images that have none.
    pub(crate) fn tags(&self) -> Vec<String> {
        let named = |tag: &&String| !tag.starts_with("<none>");
        self.repo_tags.iter().filter(named).cloned().collect()
    }
}

/// An image in full.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ImageInspect {
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) repo_digests: Vec<String>,
    pub(crate) size: i64,
    pub(crate) architecture: String,
    pub(crate) os: String,
}

/// A layer of an image, and what made it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct HistoryItem {
    pub(crate) created: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) created_by: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) tags: Vec<String>,
    pub(crate) size: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) comment: String,
}

/// What removing an image did: a name less, or a layer less.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ImageRemoved {
    pub(crate) untagged: Option<String>,
    pub(crate) deleted: Option<String>,
}

/// What pruning did. Each endpoint fills in its own list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Pruned {
    #[serde(deserialize_with = "nullable")]
    pub(crate) containers_deleted: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) networks_deleted: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) images_deleted: Vec<ImageRemoved>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) caches_deleted: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) space_reclaimed: u64,
}

/// A line about a transfer. An error comes inside an answer that began with 200.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TransferLine {
    pub(crate) status: String,
    pub(crate) id: String,
    #[serde(rename = "progressDetail", deserialize_with = "nullable")]
    pub(crate) progress: TransferProgress,
    pub(crate) error: Option<String>,
    pub(crate) aux: Option<TransferEnd>,
}

/// How far a layer is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TransferProgress {
    pub(crate) current: Option<u64>,
    pub(crate) total: Option<u64>,
}

/// What was transferred.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct TransferEnd {
    pub(crate) digest: String,
}

/// What a registry says about a name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Distribution {
    pub(crate) descriptor: Descriptor,
}

/// A digest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Descriptor {
    pub(crate) digest: String,
}

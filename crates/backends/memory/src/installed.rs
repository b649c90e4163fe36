//! all-MiniLM-L6-v2 in this process, from the data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::memory::{Embedder, Purpose};
use homelab_memory::embed::minilm::{MODEL, MiniLm, Weights};
use tokio::sync::OnceCell;

/// Where models are installed; put among what servers share where the program is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelsDir(pub PathBuf);

/// The installed model.
///
/// # Errors
/// `not_configured` with reason `model_not_installed`.
pub(crate) fn minilm(place: Option<&ModelsDir>) -> ToolResult<Arc<dyn Embedder>> {
    match place {
        Some(ModelsDir(dir)) if MODEL.is_installed(dir) => Ok(Arc::new(Installed {
            dir: dir.clone(),
            model: OnceCell::new(),
        })),
        _ => Err(missing()),
    }
}

fn missing() -> ToolError {
    ToolError::new(Code::NotConfigured, "the model `minilm` is not installed")
        .reason("model_not_installed")
        .field("embedding.provider")
        .hint("run `homelab-mcp models pull minilm`, or set `embedding.provider` to `builtin`")
}

/// Loaded when it is first asked: it takes a moment and 45 MB, which a command that needs no vectors is spared.
struct Installed {
    dir: PathBuf,
    model: OnceCell<MiniLm>,
}

impl Installed {
    async fn model(&self) -> ToolResult<&MiniLm> {
        let load = || async {
            let dir = self.dir.clone();
            let loaded = tokio::task::spawn_blocking(move || load(&dir)).await;
            loaded.map_err(|_| ToolError::internal("loading the embedding model stopped"))?
        };
        self.model.get_or_try_init(load).await
    }
}

fn load(dir: &Path) -> ToolResult<MiniLm> {
    let weights = Weights::open(dir);
    weights.and_then(MiniLm::load).map_err(|error| {
        tracing::error!(%error, "the embedding model cannot be used");
        ToolError::new(Code::NotConfigured, "the model `minilm` cannot be used")
            .reason("model_not_installed")
            .hint("run `homelab-mcp models pull minilm` again")
    })
}

#[async_trait]
impl Embedder for Installed {
    fn model(&self) -> &str {
        MiniLm::MODEL
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[&str], purpose: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        self.model().await?.embed(texts, purpose).await
    }
}

//! A service on a database for one test.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use homelab_core::clock::{ManualClock, Micros, SeededEntropy};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::memory::{Embedder, LanguageModel, Prompt, Purpose};
use homelab_core::store::Memories;
use homelab_memory::text::{stem, words};
use homelab_memory::{
    AddAnswer, Caller, Found, MemoryService, NewEntry, Owners, Parts, SearchAnswer, SearchRequest,
    Settings, Written,
};
use homelab_store::{Database, Target};
use serde_json::Value;
use tempfile::TempDir;

/// When every test begins: 2025-06-15T15:06:40Z.
pub(crate) const START: Micros = Micros(1_750_000_000_000_000);

/// Which models there are.
#[derive(Default)]
pub(crate) struct Models {
    pub(crate) embedder: Option<Arc<Toy>>,
    pub(crate) older: Vec<Arc<Toy>>,
    pub(crate) llm: Option<Arc<Told>>,
}

pub(crate) struct Lab {
    pub(crate) service: MemoryService,
    pub(crate) store: Arc<dyn Memories>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) claude: Caller,
    pub(crate) _folder: TempDir,
}

impl Lab {
    /// With an embedder and without a language model.
    pub(crate) async fn open() -> Self {
        let models = Models {
            embedder: Some(Toy::new("toy@1")),
            ..Models::default()
        };
        Self::with(models, Settings::default()).await
    }

    pub(crate) async fn with(models: Models, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let target = Target::Sqlite {
            path: folder.path().join("homelab.db"),
        };
        let entropy = Arc::new(SeededEntropy::new(7));
        let database = Database::open(&target, clock.clone(), entropy.clone())
            .await
            .unwrap();
        let store = database.stores().memories;
        let service = service(&store, &clock, models, settings);
        let claude = service.owners().caller("claude", Some("request-1"));
        Self {
            service,
            store,
            clock,
            claude,
            _folder: folder,
        }
    }

    /// The same database with other models, as after a change of the configuration.
    pub(crate) fn again(&self, models: Models) -> MemoryService {
        service(&self.store, &self.clock, models, Settings::default())
    }

    /// Adds a text; everything else as it is by default. A second passes first.
    pub(crate) async fn tell(&self, text: &str) -> Written {
        self.clock.advance_seconds(1);
        only(self.add(entry(text)).await.unwrap())
    }

    pub(crate) async fn add(&self, entry: NewEntry) -> ToolResult<AddAnswer> {
        self.service.add(&self.claude, entry).await
    }

    pub(crate) async fn search(&self, query: &str) -> SearchAnswer {
        let request = SearchRequest {
            query: query.into(),
            explain: true,
            ..SearchRequest::default()
        };
        self.service.search(&self.claude, &request).await.unwrap()
    }

    /// The texts that are found, best first.
    pub(crate) async fn found(&self, query: &str) -> Vec<String> {
        texts(self.search(query).await.results)
    }
}

fn service(
    store: &Arc<dyn Memories>,
    clock: &Arc<ManualClock>,
    models: Models,
    settings: Settings,
) -> MemoryService {
    MemoryService::new(Parts {
        store: store.clone(),
        embedder: models.embedder.map(|one| one as Arc<dyn Embedder>),
        older: models
            .older
            .into_iter()
            .map(|one| one as Arc<dyn Embedder>)
            .collect(),
        llm: models.llm.map(|one| one as Arc<dyn LanguageModel>),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(11)),
        settings,
    })
}

pub(crate) fn entry(text: &str) -> NewEntry {
    NewEntry {
        content: Some(text.into()),
        ..NewEntry::default()
    }
}

pub(crate) fn only(mut answer: AddAnswer) -> Written {
    assert_eq!(answer.results.len(), 1, "{answer:?}");
    answer.results.remove(0)
}

pub(crate) fn texts(found: Vec<Found>) -> Vec<String> {
    found.into_iter().map(|one| one.memory.content).collect()
}

pub(crate) fn owners(groups: &[(&str, &[&str])]) -> Owners {
    let groups = groups.iter().map(|(name, members)| {
        let members = members.iter().map(|one| (*one).to_owned()).collect();
        ((*name).to_owned(), members)
    });
    Owners::new(&groups.collect()).unwrap()
}

/// Field and reason of an error.
pub(crate) fn blamed(error: &ToolError) -> (Option<&str>, Option<&str>) {
    let envelope = error.envelope();
    (envelope.field.as_deref(), envelope.reason.as_deref())
}

const DIMENSIONS: usize = 256;

/// Vectors of a text's stems: each adds one to a dimension. A few synonyms are one.
pub(crate) struct Toy {
    name: String,
    pub(crate) is_down: AtomicBool,
    /// How many texts it has seen.
    pub(crate) seen: AtomicUsize,
}

impl Toy {
    pub(crate) fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            is_down: AtomicBool::new(false),
            seen: AtomicUsize::new(0),
        })
    }

    pub(crate) fn go_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }
}

#[async_trait]
impl Embedder for Toy {
    fn model(&self) -> &str {
        &self.name
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[&str], _: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        self.seen.fetch_add(texts.len(), Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(ToolError::new(
                Code::UpstreamUnreachable,
                "the model is down",
            ));
        }
        if texts.iter().any(|text| text.contains("indigestible")) {
            return Err(ToolError::new(
                Code::UpstreamRejected,
                "this text is too much",
            ));
        }
        Ok(texts.iter().map(|text| vector(text)).collect())
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut values = vec![0.0_f32; DIMENSIONS];
    for word in words(text) {
        let word = match stem(&word) {
            "larder" | "pantry" => "kitchen",
            other => other,
        }
        .to_owned();
        // FNV-1a.
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let place = usize::try_from(hash % DIMENSIONS as u64).unwrap();
        values[place] += 1.0;
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in &mut values {
            *value /= length;
        }
    }
    values
}

/// A language model that answers what it was told to, and keeps what it was asked.
#[derive(Default)]
pub(crate) struct Told {
    answers: Mutex<VecDeque<ToolResult<Value>>>,
    pub(crate) asked: Mutex<Vec<Prompt>>,
}

impl Told {
    pub(crate) fn new(answers: impl IntoIterator<Item = ToolResult<Value>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
        })
    }

    pub(crate) fn asked(&self) -> Vec<Prompt> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl LanguageModel for Told {
    fn model(&self) -> &'static str {
        "told"
    }

    async fn answer(&self, prompt: &Prompt) -> ToolResult<Value> {
        self.asked.lock().unwrap().push(prompt.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        answer.expect("the model is asked once more than it has answers")
    }
}

pub(crate) fn down() -> ToolError {
    ToolError::new(Code::UpstreamUnreachable, "the model is down")
}

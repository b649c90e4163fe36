//! What a call needs to know about the registry, worked out once for each generation of it.
//!
//! A call looks one name up in a map and gets everything by reference count: instances, compiled
//! argument rules, metric handles and the listing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use arc_swap::{ArcSwap, Guard};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::schema::Schema;
use homelab_core::server::{Endpoint, ListedTool, Registry, Server, aggregated_name};
use homelab_core::tool::{ToolInfo, ToolSpec};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::listing::{self, Extras};
use super::validate::Rules;
use crate::metrics::{Metrics, ServerMetrics, ToolMetrics};

/// One instance, with what limits and measures it.
pub(super) struct Instance {
    pub(super) name: Arc<str>,
    pub(super) server: Arc<dyn Server>,
    pub(super) permits: Semaphore,
    pub(super) metrics: ServerMetrics,
}

impl Instance {
    fn new(server: &Arc<dyn Server>, metrics: &Arc<Metrics>) -> Arc<Self> {
        let name: Arc<str> = server.instance().into();
        Arc::new(Self {
            server: Arc::clone(server),
            permits: Semaphore::new(server.concurrency().clamp(1, Semaphore::MAX_PERMITS)),
            metrics: metrics.server(&name),
            name,
        })
    }
}

/// One tool of one kind.
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) info: ToolInfo,
    pub(super) aggregated: String,
    /// `<kind>:<bare>`, one of the names that a key's patterns may use.
    pub(super) of_kind: String,
    is_paged: OnceLock<bool>,
    rules: OnceLock<Option<Rules>>,
    output: OnceLock<Option<jsonschema::Validator>>,
}

impl Entry {
    fn new(kind: &'static str, info: ToolInfo) -> Self {
        Self {
            kind,
            aggregated: aggregated_name(kind, &info.spec),
            of_kind: format!("{kind}:{}", info.spec.name),
            info,
            is_paged: OnceLock::new(),
            rules: OnceLock::new(),
            output: OnceLock::new(),
        }
    }

    pub(super) fn spec(&self) -> &ToolSpec {
        &self.info.spec
    }

    /// Whether it answers in pages whose size the caller can set.
    pub(super) fn is_paged(&self) -> bool {
        let has = |schema, member| {
            listing::properties(schema).is_some_and(|properties| properties.contains_key(member))
        };
        *self.is_paged.get_or_init(|| {
            has(&self.info.input_schema, "limit")
                && has(&self.info.output_schema, "items")
                && has(&self.info.output_schema, "next_cursor")
        })
    }

    /// The rules for its arguments, compiled on first use.
    ///
    /// # Errors
    /// `internal` if its schema does not compile, which the shape tests of each backend exclude.
    pub(super) fn rules(&self) -> ToolResult<&Rules> {
        self.rules
            .get_or_init(|| {
                Rules::compile(&self.info)
                    .inspect_err(|error| {
                        tracing::error!(tool.name = self.aggregated, %error, "its input schema does not compile");
                    })
                    .ok()
            })
            .as_ref()
            .ok_or_else(|| ToolError::internal("this tool's input schema does not compile"))
    }

    /// Whether a result that was cut still fits the output schema.
    pub(super) fn accepts_output(&self, output: &Value) -> bool {
        self.output
            .get_or_init(|| {
                jsonschema::options()
                    .offline()
                    .build(&Value::Object((*self.info.output_schema).clone()))
                    .ok()
            })
            .as_ref()
            .is_some_and(|validator| validator.is_valid(output))
    }
}

/// A tool at an instance.
pub(super) struct Place {
    pub(super) instance: Arc<Instance>,
    /// Its number there.
    pub(super) index: usize,
    /// `<instance>:<bare>`, one of the names that a key's patterns may use.
    pub(super) qualified: String,
    pub(super) calls: ToolMetrics,
}

/// A tool as one endpoint offers it.
pub(super) struct Offer {
    pub(super) entry: Arc<Entry>,
    pub(super) places: Vec<Arc<Place>>,
    extras: Arc<LazyExtras>,
    pub(super) listed: ListedTool,
}

/// The tools of one endpoint, in the order of the listing.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) offers: Vec<Arc<Offer>>,
    /// By listed name.
    by_name: HashMap<String, usize>,
    /// By the names that are not listed here but can be called where only one tool has them.
    by_other_name: HashMap<String, Vec<usize>>,
}

impl Scope {
    fn add(&mut self, offer: Offer, other_name: &str) {
        let index = self.offers.len();
        self.by_name.insert(offer.listed.name.clone(), index);
        if other_name != offer.listed.name {
            self.by_other_name
                .entry(other_name.to_owned())
                .or_default()
                .push(index);
        }
        self.offers.push(Arc::new(offer));
    }

    /// The tools that go by this name: the one that is listed under it, else all that have it as
    /// their other name.
    pub(super) fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<Offer>> {
        let listed = self.by_name.get(name).map(std::slice::from_ref);
        let indexes = listed.or_else(|| self.by_other_name.get(name).map(Vec::as_slice));
        indexes
            .unwrap_or_default()
            .iter()
            .map(|index| &self.offers[*index])
    }
}

/// One generation of the registry.
pub(super) struct Catalogue {
    registry: Arc<Registry>,
    all: Scope,
    servers: HashMap<String, Scope>,
    instances: Vec<Arc<str>>,
}

impl Catalogue {
    fn build(
        registry: Arc<Registry>,
        everywhere: Option<&Arc<dyn Server>>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let mut kinds: BTreeMap<&'static str, Vec<Arc<Instance>>> = BTreeMap::new();
        for server in registry.servers() {
            let instance = Instance::new(server, metrics);
            kinds.entry(server.kind()).or_default().push(instance);
        }
        let mut all = Scope::default();
        let mut servers: HashMap<String, Scope> = HashMap::new();
        for (kind, instances) in &kinds {
            // All instances of a kind have the kind's tools.
            let Some(first) = instances.first() else {
                continue;
            };
            for info in first.server.tools() {
                let entry = Arc::new(Entry::new(kind, info.clone()));
                let places = places(&entry, instances, metrics);
                let name = free_name(&all, &entry);
                all.add(Offer::new(&entry, places.clone(), name), info.spec.name);
                for place in &places {
                    let scope = servers.entry(place.instance.name.to_string()).or_default();
                    let offer = Offer::new(&entry, vec![Arc::clone(place)], info.spec.name.into());
                    scope.add(offer, &entry.aggregated);
                }
                if !instances.iter().any(|one| &*one.name == *kind) {
                    let scope = servers.entry((*kind).to_owned()).or_default();
                    scope.add(
                        Offer::new(&entry, places, info.spec.name.into()),
                        &entry.aggregated,
                    );
                }
            }
        }
        if let Some(server) = everywhere {
            add_everywhere(server, &mut all, &mut servers, metrics);
        }
        Self {
            all,
            servers,
            instances: kinds
                .into_values()
                .flatten()
                .map(|one| Arc::clone(&one.name))
                .collect(),
            registry,
        }
    }

    /// What an endpoint offers; `None` if there is no such endpoint.
    pub(super) fn scope(&self, endpoint: &Endpoint) -> Option<&Scope> {
        match endpoint {
            Endpoint::All => Some(&self.all),
            Endpoint::Server(name) => self.servers.get(&**name),
        }
    }

    /// The servers, by name.
    pub(super) fn servers(&self) -> impl Iterator<Item = &Arc<dyn Server>> {
        self.registry.servers()
    }

    /// Names of all instances, and of the kinds that no instance is named after.
    pub(super) fn server_names(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    fn tool_names(&self) -> HashSet<Arc<str>> {
        let names = self.all.offers.iter().flat_map(|offer| {
            [
                &*offer.listed.name,
                offer.entry.spec().name,
                &*offer.entry.aggregated,
            ]
        });
        names.map(Arc::from).collect()
    }
}

/// Every endpoint gets this server's tools, under their names at `/mcp`, last in the listing.
fn add_everywhere(
    server: &Arc<dyn Server>,
    all: &mut Scope,
    servers: &mut HashMap<String, Scope>,
    metrics: &Arc<Metrics>,
) {
    let instances = [Instance::new(server, metrics)];
    for info in server.tools() {
        let entry = Arc::new(Entry::new(server.kind(), info.clone()));
        let places = places(&entry, &instances, metrics);
        for scope in std::iter::once(&mut *all).chain(servers.values_mut()) {
            // A server's own tool of that name goes first; the other stays at `/mcp`.
            if !scope.by_name.contains_key(&entry.aggregated) {
                let name = entry.aggregated.clone();
                scope.add(Offer::new(&entry, places.clone(), name), info.spec.name);
            }
        }
    }
}

fn places(entry: &Entry, instances: &[Arc<Instance>], metrics: &Metrics) -> Vec<Arc<Place>> {
    let bare = entry.spec().name;
    let place = |instance: &Arc<Instance>| {
        let tools = instance.server.tools();
        Some(Arc::new(Place {
            index: tools.iter().position(|info| info.spec.name == bare)?,
            qualified: format!("{}:{bare}", instance.name),
            calls: metrics.tool(&instance.name, bare),
            instance: Arc::clone(instance),
        }))
    };
    instances.iter().filter_map(place).collect()
}

/// The tool's name at `/mcp`. Two kinds that claim the same one are a fault of a backend, found by
/// the test over all names; should it happen, both stay callable.
fn free_name(all: &Scope, entry: &Entry) -> String {
    if !all.by_name.contains_key(&entry.aggregated) {
        return entry.aggregated.clone();
    }
    tracing::error!(
        tool.name = entry.aggregated,
        server.kind = entry.kind,
        "two tools have this name"
    );
    format!("{}_{}", entry.kind, entry.spec().name)
}

/// Read from the input schema when a call or a listing first asks.
type LazyExtras = LazyLock<Extras, Box<dyn FnOnce() -> Extras + Send>>;

impl Offer {
    fn new(entry: &Arc<Entry>, places: Vec<Arc<Place>>, name: String) -> Self {
        let instances: Arc<[Arc<str>]> = places
            .iter()
            .map(|place| Arc::clone(&place.instance.name))
            .collect();
        let extras: Arc<LazyExtras> = Arc::new(LazyLock::new({
            let (entry, several) = (Arc::clone(entry), instances.len() > 1);
            Box::new(move || Extras::of(&entry.info, several))
        }));
        let mut info = entry.info.clone();
        if listing::fans_out(&info, &instances) {
            let one = info.output_schema.clone();
            info.output_schema = Schema::lazy(move || listing::fan_out_schema(&one));
        }
        let input_schema = Schema::lazy({
            let (entry, extras) = (Arc::clone(entry), Arc::clone(&extras));
            move || listing::input_schema(&entry.info, **extras, &instances)
        });
        Self {
            listed: ListedTool {
                kind: entry.kind,
                name,
                input_schema,
                info,
            },
            entry: Arc::clone(entry),
            places,
            extras,
        }
    }

    /// Which of its arguments are the pipeline's.
    pub(super) fn extras(&self) -> Extras {
        **self.extras
    }
}

/// The catalogue of the registry as it is now.
pub(super) struct Catalogues {
    registry: Arc<ArcSwap<Registry>>,
    everywhere: Option<Arc<dyn Server>>,
    metrics: Arc<Metrics>,
    current: ArcSwap<Catalogue>,
    building: Mutex<()>,
}

impl Catalogues {
    pub(super) fn new(
        registry: Arc<ArcSwap<Registry>>,
        everywhere: Option<Arc<dyn Server>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let first = Catalogue::build(registry.load_full(), everywhere.as_ref(), &metrics);
        metrics.set_known(first.tool_names(), &[]);
        Self {
            registry,
            everywhere,
            metrics,
            current: ArcSwap::from_pointee(first),
            building: Mutex::new(()),
        }
    }

    /// Two loads without a lock, unless the registry was replaced. Do not hold it across an await.
    pub(super) fn current(&self) -> Guard<Arc<Catalogue>> {
        let current = self.current.load();
        let registry = self.registry.load();
        // The catalogue keeps its registry alive, so no other can have its address.
        if Arc::ptr_eq(&current.registry, &registry) {
            return current;
        }
        drop((current, registry));
        self.rebuild();
        self.current.load()
    }

    fn rebuild(&self) {
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = self.registry.load_full();
        let before = self.current.load_full();
        if Arc::ptr_eq(&before.registry, &registry) {
            return;
        }
        let after = Catalogue::build(registry, self.everywhere.as_ref(), &self.metrics);
        let gone: Vec<_> = before
            .instances
            .iter()
            .filter(|name| !after.instances.contains(name))
            .cloned()
            .collect();
        self.metrics.set_known(after.tool_names(), &gone);
        self.current.store(Arc::new(after));
    }
}

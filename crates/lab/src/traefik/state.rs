//! What the proxy holds: what each provider gave it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::files::Files;

/// What a router is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Requests.
    Http,
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Releases that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// The old syntax of rules.
    V2_11,
    /// Without `/api/certificates`.
    V3_3,
    /// The present one.
    V3_7,
}

impl Protocol {
    pub(super) const ALL: [Self; 3] = [Self::Http, Self::Tcp, Self::Udp];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Routers, services and middlewares by full name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Objects {
    pub(super) routers: BTreeMap<String, Value>,
    pub(super) services: BTreeMap<String, Value>,
    pub(super) middlewares: BTreeMap<String, Value>,
}

impl Objects {
    pub(super) fn extend(&mut self, other: &Self) {
        let both = |mine: &mut BTreeMap<String, Value>, theirs: &BTreeMap<String, Value>| {
            mine.extend(
                theirs
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        };
        both(&mut self.routers, &other.routers);
        both(&mut self.services, &other.services);
        both(&mut self.middlewares, &other.middlewares);
    }
}

pub(super) struct State {
    pub(super) release: Release,
    pub(super) login: Option<(String, String)>,
    given: BTreeMap<Protocol, Objects>,
    pub(super) certificates: Vec<Value>,
    /// Servers that do not answer.
    pub(super) down: Vec<String>,
    pub(super) files: Files,
}

/// Entry points, and whether a router without any listens there.
pub(super) const ENTRY_POINTS: [(&str, &str, bool); 3] = [
    ("traefik", ":8080", false),
    ("web", ":80", true),
    ("websecure", ":443", true),
];

impl State {
    pub(super) fn new() -> Self {
        let mut state = Self {
            release: Release::V3_7,
            login: None,
            given: BTreeMap::new(),
            certificates: Vec::new(),
            down: Vec::new(),
            files: Files::default(),
        };
        let http = state.given(Protocol::Http);
        for (name, path, priority) in [
            ("api", "/api", 9_223_372_036_854_775_806_u64),
            ("ping", "/ping", 9_223_372_036_854_775_807),
        ] {
            let full = format!("{name}@internal");
            http.routers.insert(
                full.clone(),
                json!({
                    "entryPoints": ["traefik"],
                    "service": full,
                    "rule": format!("PathPrefix(`{path}`)"),
                    "ruleSyntax": "default",
                    "priority": priority,
                }),
            );
            http.services.insert(full, json!({}));
        }
        http.services.insert("noop@internal".to_owned(), json!({}));
        state
    }

    pub(super) fn given(&mut self, protocol: Protocol) -> &mut Objects {
        self.given.entry(protocol).or_default()
    }

    /// Everything of a protocol, of all providers.
    pub(super) fn objects(&self, protocol: Protocol) -> Objects {
        let mut all = self.given.get(&protocol).cloned().unwrap_or_default();
        if let Some(of_files) = self.files.objects.get(&protocol) {
            all.extend(of_files);
        }
        all
    }

    pub(super) fn entry_points() -> Vec<Value> {
        let row = |(name, address, _): &(&str, &str, bool)| {
            json!({
                "address": address,
                "transport": {
                    "lifeCycle": { "graceTimeOut": "10s" },
                    "respondingTimeouts": { "readTimeout": "1m0s", "idleTimeout": "3m0s" },
                },
                "forwardedHeaders": {},
                "http": { "sanitizePath": true, "maxHeaderBytes": 1_048_576 },
                "http2": { "maxConcurrentStreams": 250 },
                "udp": { "timeout": "3s" },
                "name": name,
            })
        };
        ENTRY_POINTS.iter().map(row).collect()
    }
}

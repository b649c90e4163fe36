//! The file provider: a directory of YAML files, of which one broken one spoils all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::state::{Objects, Protocol};

const ROUTER: &[&str] = &[
    "entryPoints",
    "middlewares",
    "service",
    "rule",
    "parentRefs",
    "ruleSyntax",
    "priority",
    "tls",
    "observability",
];
const HTTP_SERVICE: &[&str] = &[
    "middlewares",
    "loadBalancer",
    "highestRandomWeight",
    "weighted",
    "mirroring",
    "failover",
];
const STREAM_SERVICE: &[&str] = &["loadBalancer", "weighted"];
const HTTP_MIDDLEWARE: &[&str] = &[
    "addPrefix",
    "stripPrefix",
    "stripPrefixRegex",
    "replacePath",
    "replacePathRegex",
    "chain",
    "ipWhiteList",
    "ipAllowList",
    "headers",
    "encodedCharacters",
    "errors",
    "rateLimit",
    "redirectRegex",
    "redirectScheme",
    "basicAuth",
    "digestAuth",
    "forwardAuth",
    "inFlightReq",
    "buffering",
    "circuitBreaker",
    "compress",
    "passTLSClientCert",
    "retry",
    "contentType",
    "grpcWeb",
    "plugin",
];
const TCP_MIDDLEWARE: &[&str] = &["inFlightConn", "ipWhiteList", "ipAllowList"];

/// The files as the proxy last took them over.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) directory: Option<PathBuf>,
    pub(super) objects: BTreeMap<Protocol, Objects>,
    pub(super) error: Option<String>,
    /// Requests that a change is not seen for.
    pub(super) delay: usize,
    waiting: Option<(BTreeMap<Protocol, Objects>, usize)>,
}

impl Files {
    /// Begins with nothing, and reads what is there now.
    pub(super) fn restart(&mut self) {
        self.objects.clear();
        self.waiting = None;
        if let Ok(objects) = self.read() {
            self.objects = objects;
        }
    }

    /// Looks at the directory, as before every request.
    pub(super) fn look(&mut self) {
        let Ok(objects) = self.read() else {
            // The last good state stays, and nothing but the log says why.
            return;
        };
        if objects == self.objects {
            self.waiting = None;
            return;
        }
        let left = match self.waiting.take() {
            Some((known, left)) if known == objects => left,
            _ => self.delay,
        };
        match left.checked_sub(1) {
            Some(left) => self.waiting = Some((objects, left)),
            None => self.objects = objects,
        }
    }

    fn read(&mut self) -> Result<BTreeMap<Protocol, Objects>, ()> {
        let Some(directory) = &self.directory else {
            return Ok(BTreeMap::new());
        };
        match read_all(directory) {
            Ok(objects) => {
                self.error = None;
                Ok(objects)
            }
            Err(error) => {
                self.error = Some(error);
                Err(())
            }
        }
    }
}

fn read_all(directory: &Path) -> Result<BTreeMap<Protocol, Objects>, String> {
    let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    let is_ours = |path: &&PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("yml" | "yaml"))
    };
    let mut all = BTreeMap::new();
    for path in paths.iter().filter(is_ours) {
        let wrong = |error: String| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        if text.contains("{{") {
            return Err(wrong("template: function or value not defined".to_owned()));
        }
        read_one(&text, &mut all).map_err(wrong)?;
    }
    Ok(all)
}

fn read_one(text: &str, all: &mut BTreeMap<Protocol, Objects>) -> Result<(), String> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let root: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    for (name, section) in object(&root, "configuration")? {
        let protocol = match name.as_str() {
            "http" => Protocol::Http,
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "tls" => continue,
            other => return Err(format!("field not found, node: {other}")),
        };
        let objects = all.entry(protocol).or_default();
        for (kind, members) in object(section, name)? {
            let (fields, into): (&[&str], _) = match (kind.as_str(), protocol) {
                ("routers", _) => (ROUTER, &mut objects.routers),
                ("services", Protocol::Http) => (HTTP_SERVICE, &mut objects.services),
                ("services", _) => (STREAM_SERVICE, &mut objects.services),
                ("middlewares", Protocol::Http) => (HTTP_MIDDLEWARE, &mut objects.middlewares),
                ("middlewares", Protocol::Tcp) => (TCP_MIDDLEWARE, &mut objects.middlewares),
                ("serversTransports" | "models", Protocol::Http | Protocol::Tcp) => {
                    object(members, kind)?;
                    continue;
                }
                (other, _) => return Err(format!("field not found, node: {other}")),
            };
            for (member, value) in object(members, kind)? {
                for field in object(value, member)?.keys() {
                    if !fields.contains(&field.as_str()) {
                        return Err(format!("field not found, node: {field}"));
                    }
                }
                into.insert(format!("{member}@file"), value.clone());
            }
        }
    }
    Ok(())
}

/// The members of an object, which must have some.
fn object<'a>(value: &'a Value, name: &str) -> Result<&'a serde_json::Map<String, Value>, String> {
    match value.as_object() {
        Some(members) if !members.is_empty() => Ok(members),
        _ => Err(format!(
            "{name} cannot be a standalone element (type *dynamic.Configuration)"
        )),
    }
}

//! A server that plays Traefik, and the server under test.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use homelab_backend_traefik::kind;
use homelab_harness::{Bench, clock_at};
use homelab_lab::traefik::{Protocol, Traefik};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use homelab_harness::{column, context, env, field, hint, reason, run, says};

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-12-01T00:00:00Z";

pub(crate) struct World {
    pub(crate) traefik: Traefik,
    pub(crate) bench: Bench,
    pub(crate) directory: PathBuf,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
    _folder: TempDir,
}

impl World {
    /// A proxy with a container behind it, and an empty directory that it watches.
    pub(crate) async fn lab() -> Self {
        Self::configured(json!({})).await
    }

    /// The same with settings besides address and directory; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        let traefik = Traefik::start().await.expect("a loopback port");
        let router = json!({
            "entryPoints": ["websecure"], "service": "blog", "rule": "Host(`blog.lab.example`)",
            "middlewares": ["auth@docker"], "tls": { "certResolver": "lab" },
        });
        traefik.add_router(Protocol::Http, "blog@docker", router);
        let service = json!({ "loadBalancer": {
            "servers": [{ "url": "http://192.0.2.40:2368" }, { "url": "http://192.0.2.41:2368" }],
            "healthCheck": { "path": "/", "interval": "30s", "timeout": "5s" },
        } });
        traefik.add_service(Protocol::Http, "blog@docker", service);
        let auth = json!({ "basicAuth": { "users": ["ops:$2y$05$tell-nobody"] } });
        traefik.add_middleware(Protocol::Http, "auth@docker", auth);
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("dynamic");
        std::fs::create_dir(&directory).expect("a directory");
        traefik.watch(&directory);
        let settings = settings_of(&traefik.url(), &directory, &settings);
        Self {
            bench: Bench::open(kind(), settings, clock_at(TODAY)).await,
            traefik,
            directory,
            lenient: false,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.traefik.url(), &self.directory, settings);
        self.bench.reopen_with(settings);
    }

    /// Writes a file as somebody else would.
    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).expect("a written file");
    }

    /// The text of a file.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.directory.join(name)).ok()
    }

    /// The files that are there, our lock aside.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).expect("a directory");
        let names = entries.map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        });
        let mut names: Vec<String> = names.filter(|name| name != ".homelab-mcp.lock").collect();
        names.sort();
        names
    }

    /// Names of the tools that are not listed, as far as the version is known.
    pub(crate) fn lacking(&self) -> Vec<&str> {
        let tools = self.server.tools().iter().enumerate();
        let lacking = tools.filter(|(index, _)| self.server.lacks(*index));
        lacking.map(|(_, info)| info.spec.name).collect()
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.traefik.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Address and directory, unless the settings say otherwise. Changes are looked at often.
fn settings_of(url: &str, directory: &Path, settings: &Value) -> Value {
    let mut all =
        json!({ "url": url, "directory": directory, "apply_poll_ms": 10, "apply_timeout_s": 1 });
    for (key, value) in settings.as_object().expect("a section") {
        if value.is_null() {
            all.as_object_mut().expect("a section").remove(key);
        } else {
            all[key] = value.clone();
        }
    }
    all
}

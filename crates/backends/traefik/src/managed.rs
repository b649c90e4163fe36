//! The files that are ours: one for each router and middleware, known by their first two lines.

use homelab_core::error::{Code, ToolError, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::{self, Reading};
use crate::files::sha256;
use crate::ids::Name;
use crate::yaml;

/// Begins the first line.
const OWNER: &str = "# Managed by homelab-mcp";
/// Begins the second line.
const DIGEST: &str = "# sha256: ";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// An HTTP router with its service.
    Router,
    /// An HTTP middleware.
    Middleware,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Middleware => "middleware",
        }
    }
}

/// One of our files by what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) name: Name,
}

impl Object {
    pub(crate) fn router(name: &Name) -> Self {
        Self {
            kind: Kind::Router,
            name: name.clone(),
        }
    }

    pub(crate) fn middleware(name: &Name) -> Self {
        Self {
            kind: Kind::Middleware,
            name: name.clone(),
        }
    }

    /// Its file.
    pub(crate) fn file(&self) -> String {
        format!("hl-{}-{}.yml", self.kind.as_str(), self.name)
    }

    /// The file with its previous version, which Traefik does not read.
    pub(crate) fn previous_file(&self) -> String {
        format!("{}.previous", self.file())
    }

    /// `router `app``, for people.
    pub(crate) fn described(&self) -> String {
        format!("{} `{}`", self.kind.as_str(), self.name)
    }

    /// The text of its file.
    ///
    /// # Errors
    /// `internal` if what was written does not read back the same, which must not reach Traefik.
    pub(crate) fn compose(&self, document: &Value) -> ToolResult<String> {
        if let Err(misfit) = fields::check(document, Reading::Own) {
            return Err(ToolError::invalid(
                misfit.path.clone(),
                format!("Traefik would refuse `{}`: {}", misfit.path, misfit.message),
            ));
        }
        let body = yaml::write(document);
        let back: Result<Value, _> = serde_saphyr::from_str(&body);
        if back.ok().as_ref() != Some(document) {
            return Err(ToolError::internal(
                "what would be written does not read back the same",
            ));
        }
        let (kind, name) = (self.kind.as_str(), &self.name);
        let digest = sha256(body.as_bytes());
        Ok(format!(
            "{OWNER} ({kind} {name}). Edit it by other names only: what is changed here by hand is not overwritten.\n{DIGEST}{digest}\n{body}"
        ))
    }

    /// What one of our files holds.
    ///
    /// # Errors
    /// `conflict` with reason `not_managed` if it is not ours, `config_drifted` if somebody changed
    /// it.
    pub(crate) fn read(&self, content: &[u8]) -> ToolResult<Value> {
        let file = self.file();
        let Some(body) = body_of(content) else {
            return Err(ToolError::new(
                Code::Conflict,
                format!("`{file}` was not written by this program"),
            )
            .reason("not_managed")
            .hint("choose another name, or move that file away"));
        };
        let drifted = || {
            ToolError::new(
                Code::Conflict,
                format!("somebody changed `{file}` by hand"),
            )
            .reason("config_drifted")
            .hint("move what was changed into a file of another name and remove this one; it is not overwritten")
        };
        let (digest, body) = body;
        if sha256(body.as_bytes()) != digest {
            return Err(drifted());
        }
        serde_saphyr::from_str(body).map_err(|_| drifted())
    }
}

/// Digest and rest of a file of ours.
fn body_of(content: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(content).ok()?;
    let (first, rest) = text.split_once('\n')?;
    let (second, body) = rest.split_once('\n')?;
    (first.starts_with(OWNER)).then_some(())?;
    Some((second.strip_prefix(DIGEST)?.trim(), body))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        Object::router(&"app".parse().unwrap())
    }

    fn document() -> Value {
        json!({ "http": { "routers": { "app": { "rule": "Host(`a.test`)", "service": "x@docker" } } } })
    }

    fn reason(error: &ToolError) -> &str {
        error.envelope().reason.as_deref().unwrap()
    }

    #[test]
    fn what_was_written_is_known_again() {
        let text = object().compose(&document()).unwrap();

        assert!(text.starts_with(OWNER));
        assert_eq!(object().read(text.as_bytes()).unwrap(), document());
    }

    #[test]
    fn a_file_changed_by_hand_or_by_others_is_not_ours() {
        let text = object()
            .compose(&document())
            .unwrap()
            .replace("a.test", "b.test");

        assert_eq!(
            reason(&object().read(text.as_bytes()).unwrap_err()),
            "config_drifted"
        );
        for other in ["http: {}\n", "", "# Managed by homelab-mcp\n", "\u{fffd}"] {
            let error = object().read(other.as_bytes()).unwrap_err();
            assert_eq!(reason(&error), "not_managed");
        }
    }

    #[test]
    fn what_traefik_would_refuse_is_not_composed() {
        let error = object()
            .compose(&json!({ "http": { "router": {} } }))
            .unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("http.router"));
    }

    #[test]
    fn files_bear_the_names_of_what_they_hold() {
        assert_eq!(object().file(), "hl-router-app.yml");
        assert_eq!(object().previous_file(), "hl-router-app.yml.previous");
    }
}

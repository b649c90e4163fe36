//! Sites: the official API knows them by UUID, the old one by a short name, people by a title.

use std::fmt;
use std::sync::Arc;

use homelab_core::error::{ToolError, ToolResult};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::api::Feature;
use crate::call::Call;
use crate::client::Unifi;
use crate::types::{LegacySite, SiteRow};

/// A site as somebody names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteName(String);

impl SiteName {
    pub(crate) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for SiteName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SiteName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for SiteName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SiteName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }
}

/// A site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// Where the official API is there.
    pub(crate) uuid: Option<String>,
    /// The short name.
    pub(crate) name: String,
    pub(crate) title: String,
}

impl Site {
    fn is(&self, wanted: &str) -> bool {
        self.uuid
            .as_ref()
            .is_some_and(|uuid| uuid.eq_ignore_ascii_case(wanted))
            || self.name.eq_ignore_ascii_case(wanted)
            || self.title.to_lowercase() == wanted.to_lowercase()
    }

    /// Its id in the official API; empty where there is none, which is asked first.
    pub(crate) fn id(&self) -> &str {
        self.uuid.as_deref().unwrap_or_default()
    }
}

impl Unifi {
    /// The site of a call, or the configured one.
    ///
    /// # Errors
    /// `site_not_found`, besides those of the request.
    pub(crate) async fn site(&self, wanted: Option<&SiteName>) -> ToolResult<Arc<Site>> {
        let named = wanted.map(ToString::to_string);
        let wanted = named.as_deref().unwrap_or(&self.config.site).trim();
        let mut known = self.sites.lock().await;
        if let Some(site) = known.iter().find(|site| site.is(wanted)) {
            return Ok(Arc::clone(site));
        }
        *known = self.read_sites().await?.into_iter().map(Arc::new).collect();
        if let Some(site) = known.iter().find(|site| site.is(wanted)) {
            return Ok(Arc::clone(site));
        }
        let names: Vec<String> = known
            .iter()
            .map(|site| format!("`{}` ({})", site.name, site.title))
            .collect();
        let field = match named {
            Some(_) => "site".to_owned(),
            None => format!("{}.site", self.api.who.section),
        };
        Err(ToolError::not_found(format!(
            "`{}` has no site `{wanted}`",
            self.api.who.instance
        ))
        .reason("site_not_found")
        .field(field)
        .hint(format!("our credentials see {}", names.join(", "))))
    }

    async fn read_sites(&self) -> ToolResult<Vec<Site>> {
        if self.api.has(Feature::Basics).await? {
            let rows: Vec<SiteRow> = self.api.all("sites", "/integration/v1/sites", &[]).await?;
            let site = |row: SiteRow| Site {
                uuid: Some(row.id),
                title: row.name,
                name: row.internal_reference,
            };
            return Ok(rows.into_iter().map(site).collect());
        }
        let rows: Vec<LegacySite> = self
            .api
            .rows(&Call::get("sites", "/api/self/sites", &[]))
            .await?;
        let site = |row: LegacySite| Site {
            uuid: None,
            title: row.desc.unwrap_or_else(|| row.name.clone()),
            name: row.name,
        };
        Ok(rows.into_iter().map(site).collect())
    }
}

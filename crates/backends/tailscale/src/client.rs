//! One tailnet as the tools see it: one method for each endpoint that several of them read.

use homelab_backend::Env;
use homelab_backend::api::Book;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_upstream::{StatusCode, header};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::api::Api;
use crate::call::{Call, HUJSON};
use crate::config::{Config, Flavor};
use crate::ids::DeviceRef;
use crate::types::{Device, Devices, KeyRow, Keys, Routes, Settings};

/// One instance of the server.
pub(crate) struct Tailscale {
    pub(crate) api: Api,
    pub(crate) tailnet: String,
    /// Whether any certificate is accepted.
    pub(crate) insecure: bool,
    /// Held from reading a device's routes until they are written, which replaces all of them.
    pub(crate) routes_lock: Mutex<()>,
    /// The whole API.
    pub(crate) book: Book,
}

/// The policy as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// With its comments.
    pub(crate) text: String,
    /// As the server writes it, in quotes.
    pub(crate) etag: String,
}

impl Policy {
    /// What `if_match` may be instead of the tag, for the undoing of a change: the tag of a text is
    /// not known before it is written.
    pub(crate) fn digest(text: &str) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())))
    }
}

impl Tailscale {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        Ok(Self {
            api: Api::new(instance, config, env)?,
            tailnet: config.tailnet.trim().to_owned(),
            insecure: config.tls.insecure,
            routes_lock: Mutex::default(),
            book: Book::new(instance, env),
        })
    }

    pub(crate) fn now(&self) -> Micros {
        self.api.env.clock.now()
    }

    pub(crate) fn is_headscale(&self) -> bool {
        self.api.flavor == Flavor::Headscale
    }

    /// `GET /tailnet/{tailnet}/devices`; routes and the like only with all fields.
    pub(crate) async fn devices(&self, all_fields: bool) -> ToolResult<Vec<Device>> {
        let call = Call::get("devices", "/tailnet/{}/devices", &[&self.tailnet])
            .scope("devices:core:read");
        let call = if all_fields {
            call.with("fields", "all")
        } else {
            call
        };
        Ok(self.api.data::<Devices>(&call).await?.devices)
    }

    /// `GET /device/{id}` with all fields.
    pub(crate) async fn device_by_id(&self, id: &str) -> ToolResult<Option<Device>> {
        let call = Call::get("device", "/device/{}", &[&id])
            .with("fields", "all")
            .scope("devices:core:read");
        match self.api.data(&call).await {
            Ok(device) => Ok(Some(device)),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The device that a caller names, with all fields.
    ///
    /// # Errors
    /// `device_not_found`, or `ambiguous_device` if several have the name.
    pub(crate) async fn device(&self, which: &DeviceRef) -> ToolResult<Device> {
        let name = which.as_ref();
        if is_id(name)
            && let Some(device) = self.device_by_id(name).await?
        {
            return Ok(device);
        }
        let found: Vec<Device> = self
            .devices(true)
            .await?
            .into_iter()
            .filter(|device| is_called(device, name))
            .collect();
        match <[Device; 1]>::try_from(found) {
            Ok([device]) => Ok(device),
            Err(none) if none.is_empty() => Err(ToolError::not_found(format!(
                "no device `{name}` in the tailnet"
            ))
            .reason("device_not_found")
            .field("device_id")
            .hint("call `list_tailscale_devices`")),
            Err(several) => {
                let ids: Vec<String> = several
                    .iter()
                    .map(|device| format!("`{}` ({})", device.key(), device.name))
                    .collect();
                Err(ToolError::new(
                    Code::Conflict,
                    format!("several devices are called `{name}`"),
                )
                .reason("ambiguous_device")
                .field("device_id")
                .hint(format!("name one by its node id: {}", ids.join(", "))))
            }
        }
    }

    /// `GET /device/{id}/routes`.
    pub(crate) async fn routes(&self, id: &str) -> ToolResult<Routes> {
        let call =
            Call::get("device_routes", "/device/{}/routes", &[&id]).scope("devices:routes:read");
        self.api.data(&call).await
    }

    /// `POST /device/{id}/{what}` with one field, which replaces what was there.
    pub(crate) async fn set_device(
        &self,
        id: &str,
        what: &'static str,
        field: &str,
        value: &serde_json::Value,
    ) -> ToolResult<()> {
        self.api.done(&set_call(id, what, field, value)).await
    }

    /// `GET /tailnet/{tailnet}/acl` with its comments.
    pub(crate) async fn policy(&self) -> ToolResult<Policy> {
        let call = Call::get("policy", "/tailnet/{}/acl", &[&self.tailnet])
            .accept(HUJSON)
            .scope("policy_file:read");
        let response = self.api.send(&call).await?;
        let etag = response
            .headers
            .get(header::ETAG)
            .and_then(|tag| tag.to_str().ok());
        match (etag, response.truncated) {
            (Some(etag), false) => Ok(Policy {
                text: response.text().into_owned(),
                etag: etag.to_owned(),
            }),
            // Without a tag, nothing would guard what others write.
            _ => Err(ToolError::from(
                response.rejected("the policy came without its `ETag`"),
            )),
        }
    }

    /// `GET /tailnet/{tailnet}/settings`.
    pub(crate) async fn settings(&self) -> ToolResult<Settings> {
        let call = Call::get("settings", "/tailnet/{}/settings", &[&self.tailnet])
            .scope("feature_settings:read");
        self.api.data(&call).await
    }

    /// The same, where nothing depends on it: `None` if it cannot be read.
    pub(crate) async fn settings_if_allowed(&self) -> Option<Settings> {
        self.settings().await.ok()
    }

    /// `GET /tailnet/{tailnet}/keys`: of all kinds and users that our credentials see.
    pub(crate) async fn keys(&self) -> ToolResult<Vec<KeyRow>> {
        let call = Call::get("keys", "/tailnet/{}/keys", &[&self.tailnet])
            .with("all", true)
            .scope("auth_keys:read");
        Ok(self.api.data::<Keys>(&call).await?.keys)
    }

    /// `GET /tailnet/{tailnet}/keys/{id}`.
    pub(crate) async fn key(&self, id: &str) -> ToolResult<KeyRow> {
        let call =
            Call::get("key", "/tailnet/{}/keys/{}", &[&self.tailnet, &id]).scope("auth_keys:read");
        self.api.data(&call).await
    }
}

/// The call of [`Tailscale::set_device`].
pub(crate) fn set_call(
    id: &str,
    what: &'static str,
    field: &str,
    value: &serde_json::Value,
) -> Call {
    let (operation, template, scope) = match what {
        "authorized" => ("device_authorize", "/device/{}/authorized", "devices:core"),
        "tags" => ("device_tags", "/device/{}/tags", "devices:core"),
        "name" => ("device_name", "/device/{}/name", "devices:core"),
        "routes" => ("device_routes_set", "/device/{}/routes", "devices:routes"),
        _ => ("device_key", "/device/{}/key", "devices:core"),
    };
    Call::post(operation, template, &[&id])
        .json(json!({ field: value }))
        .scope(scope)
        .idempotent()
}

/// Whether a text may be a device's id: `n…CNTRL`, or digits.
fn is_id(text: &str) -> bool {
    let digits = text.bytes().all(|letter| letter.is_ascii_digit());
    let node = text.starts_with('n')
        && text.ends_with("CNTRL")
        && text.bytes().all(|letter| letter.is_ascii_alphanumeric());
    digits || node
}

fn is_called(device: &Device, name: &str) -> bool {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    device.node_id == name
        || device.id == name
        || same(&device.name)
        || same(&device.hostname)
        || same(device.short_name())
        || device.addresses.iter().any(|address| same(address))
}

/// The status of an answer that says a call does not exist.
pub(crate) fn is_missing(error: &ToolError) -> bool {
    error.envelope().upstream_status == Some(StatusCode::NOT_FOUND.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_many_names() {
        let device = Device {
            node_id: "n1CNTRL".into(),
            id: "42".into(),
            name: "nas.tailnet.ts.net".into(),
            hostname: "NAS-main".into(),
            addresses: vec!["100.64.0.1".into()],
            ..Device::default()
        };

        for name in [
            "n1CNTRL",
            "42",
            "nas",
            "NAS.tailnet.ts.net",
            "nas-main",
            "100.64.0.1",
        ] {
            assert!(is_called(&device, name), "{name}");
        }
        assert!(!is_called(&device, "na"));
    }

    #[test]
    fn setting_a_field_replaces_it() {
        let call = set_call("n1CNTRL", "routes", "routes", &json!(["192.0.2.0/24"]));

        assert_eq!(
            call.line(),
            r#"POST /device/n1CNTRL/routes {"routes":["192.0.2.0/24"]}"#
        );
        assert_eq!(call.scope, "devices:routes");
    }
}

//! Letting guests of the hotspot in without a voucher. Only the official API, since release 9.1.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Feature;
use crate::call::Call;
use crate::client::Unifi;
use crate::people::ClientItem;
use crate::site::{Site, SiteName};
use crate::types::GuestAction;

/// Whom to let in, and how far.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizeGuest {
    /// MAC address, name, IP address or id of a connected guest.
    #[schemars(length(min = 1, max = 128))]
    client: String,
    /// Minutes until it has to sign in again; default the site's own.
    #[schemars(range(min = 1, max = 1_000_000))]
    minutes: Option<u32>,
    /// Megabytes that it may move in all.
    #[schemars(range(min = 1, max = 1_048_576))]
    data_limit_mb: Option<u32>,
    /// Kilobits per second towards it.
    #[schemars(range(min = 2, max = 100_000))]
    down_kbps: Option<u32>,
    /// Kilobits per second from it.
    #[schemars(range(min = 2, max = 100_000))]
    up_kbps: Option<u32>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// Whose access ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnauthorizeGuest {
    /// MAC address, name, IP address or id of a connected guest.
    #[schemars(length(min = 1, max = 128))]
    client: String,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A guest after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuestAccess {
    /// What the guest is called.
    name: String,
    mac: Option<String>,
    /// Whether it is let in, as read afterwards.
    authorized: Option<bool>,
    /// When its access ends.
    expires_at: Option<String>,
}

/// Let a connected guest of the hotspot in without a voucher, for a while and within limits.
#[tool(
    write,
    open_world,
    permission = "unifi:guest:authorize",
    timeout = 90,
    untrusted("name"),
    preview = preview_authorize,
    targets = authorize_targets,
    inverse = undo_authorize,
    read_back = check_authorize
)]
pub(crate) async fn authorize_guest(
    unifi: &Unifi,
    args: AuthorizeGuest,
) -> ToolResult<GuestAccess> {
    let body = args.body();
    unifi.guest(&args.client, args.site.as_ref(), body).await
}

/// End the access of a guest of the hotspot: it has to sign in again.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "unifi:guest:authorize",
    timeout = 90,
    untrusted("name"),
    preview = preview_unauthorize,
    targets = unauthorize_targets,
    read_back = check_unauthorize
)]
pub(crate) async fn unauthorize_guest(
    unifi: &Unifi,
    args: UnauthorizeGuest,
) -> ToolResult<GuestAccess> {
    let body = json!({ "action": "UNAUTHORIZE_GUEST_ACCESS" });
    unifi.guest(&args.client, args.site.as_ref(), body).await
}

impl AuthorizeGuest {
    fn body(&self) -> Value {
        let mut body = json!({ "action": "AUTHORIZE_GUEST_ACCESS" });
        for (name, value) in [
            ("timeLimitMinutes", self.minutes),
            ("dataUsageLimitMBytes", self.data_limit_mb),
            ("rxRateLimitKbps", self.down_kbps),
            ("txRateLimitKbps", self.up_kbps),
        ] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        body
    }
}

impl Unifi {
    async fn guest(
        &self,
        wanted: &str,
        site: Option<&SiteName>,
        body: Value,
    ) -> ToolResult<GuestAccess> {
        let site = self.site(site).await?;
        let client = self.connected_guest(&site, wanted).await?;
        let id = client.id.as_deref().unwrap_or_default();
        let template = "/integration/v1/sites/{}/clients/{}/actions";
        let call = Call::post("guest_action", template, &[&site.id(), &id], body);
        let done: GuestAction = self.api.json(&call).await?;
        let now = self.official_clients(&site).await?;
        let now = now.into_iter().find(|row| row.id == id);
        Ok(GuestAccess {
            name: client.label(),
            authorized: now.and_then(|row| row.access.authorized),
            expires_at: done
                .granted_authorization
                .and_then(|grant| grant.expires_at),
            mac: client.mac,
        })
    }

    /// A client that is connected, by its id in the official API.
    async fn connected_guest(&self, site: &Site, wanted: &str) -> ToolResult<ClientItem> {
        if !self.api.has(Feature::Guests).await? {
            let who = &self.api.who;
            let message = format!("`{}` cannot let guests in by itself", who.instance);
            return Err(ToolError::new(Code::UpstreamRejected, message)
                .reason("not_supported")
                .hint(format!(
                    "it needs Network 9.1 or newer and `{}.api_key`; a voucher works everywhere",
                    who.section
                )));
        }
        let client = self.client_named(site, wanted).await?.client;
        if !client.connected {
            let message = format!("`{}` is not connected", client.label());
            return Err(ToolError::new(Code::Conflict, message)
                .reason("client_offline")
                .field("client")
                .hint("a guest is let in once it waits at the portal"));
        }
        Ok(client)
    }
}

async fn preview(
    unifi: &Unifi,
    wanted: &str,
    site: Option<&SiteName>,
    to: bool,
) -> ToolResult<Preview> {
    let site = unifi.site(site).await?;
    let client = unifi.connected_guest(&site, wanted).await?;
    let does = if to { "let in" } else { "end the access of" };
    Ok(Preview {
        summary: format!("{does} the guest `{}`", client.label()),
        changes: vec![Change {
            field: "authorized".to_owned(),
            from: client.authorized.map(|authorized| authorized.to_string()),
            to: Some(to.to_string()),
        }],
        impact: Vec::new(),
    })
}

async fn preview_authorize(unifi: &Unifi, args: &AuthorizeGuest) -> ToolResult<Preview> {
    preview(unifi, &args.client, args.site.as_ref(), true).await
}

async fn preview_unauthorize(unifi: &Unifi, args: &UnauthorizeGuest) -> ToolResult<Preview> {
    preview(unifi, &args.client, args.site.as_ref(), false).await
}

async fn targets(unifi: &Unifi, wanted: &str, site: Option<&SiteName>) -> ToolResult<Vec<Target>> {
    let site = unifi.site(site).await?;
    let client = unifi.client_named(&site, wanted).await?.client;
    let id = client.mac.as_ref().or(client.id.as_ref());
    Ok(vec![Target {
        kind: "client".to_owned(),
        id: id.cloned().unwrap_or_default(),
        name: client.name.clone(),
        tags: client.network.iter().cloned().collect(),
    }])
}

async fn authorize_targets(unifi: &Unifi, args: &AuthorizeGuest) -> ToolResult<Vec<Target>> {
    targets(unifi, &args.client, args.site.as_ref()).await
}

async fn unauthorize_targets(unifi: &Unifi, args: &UnauthorizeGuest) -> ToolResult<Vec<Target>> {
    targets(unifi, &args.client, args.site.as_ref()).await
}

/// Nothing where it was let in before: its former limits are not known.
async fn undo_authorize(unifi: &Unifi, args: &AuthorizeGuest) -> ToolResult<Option<Inverse>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let client = unifi.connected_guest(&site, &args.client).await?;
    if client.authorized == Some(true) {
        return Ok(None);
    }
    let client = client.mac.or(client.id);
    Ok(Some(Inverse {
        tool: "unauthorize_guest".to_owned(),
        arguments: match &args.site {
            Some(site) => json!({ "client": client, "site": site }),
            None => json!({ "client": client }),
        },
    }))
}

fn took(done: &GuestAccess, wanted: bool) -> Vec<Mismatch> {
    let is = done.authorized.unwrap_or(!wanted);
    let mismatch = (is != wanted).then(|| Mismatch {
        field: "authorized",
        wanted: wanted.to_string(),
        found: is.to_string(),
    });
    mismatch.into_iter().collect()
}

async fn check_authorize(
    _unifi: &Unifi,
    _args: &AuthorizeGuest,
    done: &GuestAccess,
) -> ToolResult<Vec<Mismatch>> {
    Ok(took(done, true))
}

async fn check_unauthorize(
    _unifi: &Unifi,
    _args: &UnauthorizeGuest,
    done: &GuestAccess,
) -> ToolResult<Vec<Mismatch>> {
    Ok(took(done, false))
}

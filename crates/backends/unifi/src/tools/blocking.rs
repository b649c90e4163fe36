//! Keeping clients out, letting them in again, and making them reconnect. Only the old API can.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Source;
use crate::call::Call;
use crate::client::Unifi;
use crate::people::ClientItem;
use crate::site::{Site, SiteName};

/// Which client to block.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockClient {
    /// MAC address, name, IP address or id.
    #[schemars(length(min = 1, max = 128))]
    client: String,
    /// Why, for the audit; the console does not keep it.
    #[expect(dead_code, reason = "it is for whoever reads the audit")]
    #[schemars(length(max = 300))]
    reason: Option<String>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// Which client.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneClient {
    /// MAC address, name, IP address or id.
    #[schemars(length(min = 1, max = 128))]
    client: String,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A client after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClientChanged {
    /// As read afterwards.
    client: ClientItem,
    /// The API that did it.
    api: Source,
}

/// Keep a client out of the network. It is disconnected at once and cannot come back until
/// `unblock_client`.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "unifi:client:block",
    timeout = 90,
    untrusted("client.name", "client.hostname"),
    preview = preview_block,
    targets = block_targets,
    inverse = undo_block,
    read_back = check_block
)]
pub(crate) async fn block_client(
    unifi: &Unifi,
    args: BlockClient,
    ctx: &CallContext,
) -> ToolResult<ClientChanged> {
    let site = unifi.site(args.site.as_ref()).await?;
    let client = unifi.client_named(&site, &args.client).await?.client;
    let mac = mac_of(&client)?;
    unifi
        .may_be_blocked(&site, &client, mac, ctx.peer.as_deref())
        .await?;
    if client.blocked != Some(true) {
        unifi
            .api
            .done(&command(&site, "block-sta", mac).idempotent())
            .await?;
    }
    unifi.changed(&site, mac).await
}

/// Let a blocked client connect again.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "unifi:client:block",
    timeout = 90,
    untrusted("client.name", "client.hostname"),
    preview = preview_unblock,
    targets = client_targets,
    inverse = undo_unblock,
    read_back = check_unblock
)]
pub(crate) async fn unblock_client(unifi: &Unifi, args: OneClient) -> ToolResult<ClientChanged> {
    let site = unifi.site(args.site.as_ref()).await?;
    let client = unifi.client_named(&site, &args.client).await?.client;
    let mac = mac_of(&client)?;
    if client.blocked != Some(false) {
        unifi
            .api
            .done(&command(&site, "unblock-sta", mac).idempotent())
            .await?;
    }
    unifi.changed(&site, mac).await
}

/// Disconnect a client for a moment so that it connects anew, perhaps to a nearer access point.
#[tool(
    destructive,
    open_world,
    permission = "unifi:client:reconnect",
    timeout = 90,
    untrusted("client.name", "client.hostname"),
    preview = preview_reconnect,
    targets = client_targets
)]
pub(crate) async fn reconnect_client(unifi: &Unifi, args: OneClient) -> ToolResult<ClientChanged> {
    let site = unifi.site(args.site.as_ref()).await?;
    let client = unifi.client_named(&site, &args.client).await?.client;
    let mac = mac_of(&client)?;
    if !client.connected {
        let message = format!("`{}` is not connected", client.label());
        return Err(ToolError::new(Code::Conflict, message)
            .reason("client_offline")
            .field("client")
            .hint("there is nothing to disconnect; see `last_seen` in `get_client`"));
    }
    unifi.api.done(&command(&site, "kick-sta", mac)).await?;
    unifi.changed(&site, mac).await
}

/// `cmd/stamgr`.
fn command(site: &Site, cmd: &str, mac: &str) -> Call {
    let body = json!({ "cmd": cmd, "mac": mac });
    Call::post(
        "client_command",
        "/api/s/{}/cmd/stamgr",
        &[&site.name],
        body,
    )
}

fn mac_of(client: &ClientItem) -> ToolResult<&str> {
    client.mac.as_deref().ok_or_else(|| {
        let message = format!(
            "`{}` has no MAC address: it comes through a VPN",
            client.label()
        );
        ToolError::invalid("client", message)
            .reason("no_mac")
            .hint("take its access away at the VPN server")
    })
}

impl Unifi {
    /// Refuses to block what would cut the network, or us, off.
    async fn may_be_blocked(
        &self,
        site: &Site,
        client: &ClientItem,
        mac: &str,
        peer: Option<&str>,
    ) -> ToolResult<()> {
        let refuse = |why: &str, hint: &str| {
            let message = format!("`{}` is not blocked: {why}", client.label());
            Err(ToolError::new(Code::Conflict, message)
                .reason("protected_client")
                .field("client")
                .hint(hint))
        };
        if self
            .never_block
            .iter()
            .any(|never| never.to_string() == mac)
        {
            let hint = format!("it stands in `{}.never_block`", self.api.who.section);
            return refuse("the configuration forbids it", &hint);
        }
        let is_peer =
            |ip: &str| peer.is_some_and(|peer| peer == ip || peer.starts_with(&format!("{ip}:")));
        if client.ip.as_deref().is_some_and(is_peer) {
            return refuse("this call comes from it", "block it from another machine");
        }
        let devices = self.devices(site).await?.items().rows;
        if let Some(device) = devices.iter().find(|device| device.mac == mac) {
            let why = format!("it is a UniFi {}", device.kind.noun());
            return refuse(&why, "a device of the network itself cannot be blocked");
        }
        Ok(())
    }

    /// A client as it is after a change, told by the API that made it.
    async fn changed(&self, site: &Site, mac: &str) -> ToolResult<ClientChanged> {
        let all = self.everyone(site).await?;
        let client = all.into_iter().find(|one| one.mac.as_deref() == Some(mac));
        let client = client.ok_or_else(|| {
            ToolError::not_found(format!("`{mac}` is gone after the change"))
                .reason("client_not_found")
                .field("client")
        })?;
        Ok(ClientChanged {
            client,
            api: Source::Legacy,
        })
    }
}

impl From<&BlockClient> for OneClient {
    fn from(args: &BlockClient) -> Self {
        Self {
            client: args.client.clone(),
            site: args.site.clone(),
        }
    }
}

async fn found(unifi: &Unifi, args: &OneClient) -> ToolResult<ClientItem> {
    let site = unifi.site(args.site.as_ref()).await?;
    Ok(unifi.client_named(&site, &args.client).await?.client)
}

fn change(client: &ClientItem, to: bool) -> Vec<Change> {
    vec![Change {
        field: "blocked".to_owned(),
        from: client.blocked.map(|blocked| blocked.to_string()),
        to: Some(to.to_string()),
    }]
}

async fn preview_block(unifi: &Unifi, args: &BlockClient) -> ToolResult<Preview> {
    let client = found(unifi, &args.into()).await?;
    let mac = mac_of(&client)?;
    let site = unifi.site(args.site.as_ref()).await?;
    unifi.may_be_blocked(&site, &client, mac, None).await?;
    let mut impact = Vec::new();
    if client.connected {
        impact.push("it is connected now, and loses its connection at once".to_owned());
    }
    impact.push("a client that changes its MAC address is not kept out".to_owned());
    Ok(Preview {
        summary: format!("block `{}` ({mac})", client.label()),
        changes: change(&client, true),
        impact,
    })
}

async fn preview_unblock(unifi: &Unifi, args: &OneClient) -> ToolResult<Preview> {
    let client = found(unifi, args).await?;
    Ok(Preview {
        summary: format!("let `{}` connect again", client.label()),
        changes: change(&client, false),
        impact: Vec::new(),
    })
}

async fn preview_reconnect(unifi: &Unifi, args: &OneClient) -> ToolResult<Preview> {
    let client = found(unifi, args).await?;
    Ok(Preview {
        summary: format!("disconnect `{}` for a moment", client.label()),
        changes: Vec::new(),
        impact: vec!["its connections break; most devices come back within seconds".to_owned()],
    })
}

async fn client_targets(unifi: &Unifi, args: &OneClient) -> ToolResult<Vec<Target>> {
    let client = found(unifi, args).await?;
    Ok(vec![Target {
        kind: "client".to_owned(),
        id: mac_of(&client)?.to_owned(),
        name: client.name.clone(),
        tags: client.network.iter().cloned().collect(),
    }])
}

async fn block_targets(unifi: &Unifi, args: &BlockClient) -> ToolResult<Vec<Target>> {
    client_targets(unifi, &args.into()).await
}

async fn undo(unifi: &Unifi, args: &OneClient, wanted: bool) -> ToolResult<Option<Inverse>> {
    let client = found(unifi, args).await?;
    let mac = mac_of(&client)?.to_owned();
    if client.blocked == Some(wanted) {
        return Ok(None);
    }
    let tool = if wanted {
        "unblock_client"
    } else {
        "block_client"
    };
    Ok(Some(Inverse {
        tool: tool.to_owned(),
        arguments: match &args.site {
            Some(site) => json!({ "client": mac, "site": site }),
            None => json!({ "client": mac }),
        },
    }))
}

async fn undo_block(unifi: &Unifi, args: &BlockClient) -> ToolResult<Option<Inverse>> {
    undo(unifi, &args.into(), true).await
}

async fn undo_unblock(unifi: &Unifi, args: &OneClient) -> ToolResult<Option<Inverse>> {
    undo(unifi, args, false).await
}

fn is_blocked(done: &ClientChanged, wanted: bool) -> Vec<Mismatch> {
    let is = done.client.blocked.unwrap_or(false);
    let mismatch = (is != wanted).then(|| Mismatch {
        field: "blocked",
        wanted: wanted.to_string(),
        found: is.to_string(),
    });
    mismatch.into_iter().collect()
}

async fn check_block(
    _unifi: &Unifi,
    _args: &BlockClient,
    done: &ClientChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(is_blocked(done, true))
}

async fn check_unblock(
    _unifi: &Unifi,
    _args: &OneClient,
    done: &ClientChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(is_blocked(done, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_client_by_its_mac_address() {
        let site = Site {
            uuid: None,
            name: "default".to_owned(),
            title: "Default".to_owned(),
        };

        assert_eq!(
            command(&site, "block-sta", "00:00:5e:00:53:01").line(),
            r#"POST /api/s/default/cmd/stamgr {"cmd":"block-sta","mac":"00:00:5e:00:53:01"}"#
        );
    }
}

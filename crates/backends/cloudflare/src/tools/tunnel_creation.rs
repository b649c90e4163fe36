//! New tunnels.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::tunnels::TunnelItem;
use crate::client::Cloudflare;
use crate::ids::{RecordName, ZoneArg};

/// The tunnel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTunnel {
    /// Its name, unique in the account.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// A host name that leads to `service`; its DNS record is made too.
    hostname: Option<RecordName>,
    /// Where requests for `hostname` go, such as `http://192.0.2.80:3000`.
    #[schemars(length(min = 3, max = 500))]
    service: Option<String>,
}

/// A new tunnel.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TunnelCreated {
    tunnel: TunnelItem,
    /// The host name that leads to it.
    hostname: Option<String>,
    /// Steps after its creation that failed, with what to do about them.
    problems: Vec<String>,
    /// How to run it.
    next: String,
}

impl CreateTunnel {
    fn check(&self) -> ToolResult<()> {
        let field = match (&self.hostname, &self.service) {
            (Some(_), None) => "service",
            (None, Some(_)) => "hostname",
            _ => return Ok(()),
        };
        let text = "`hostname` and `service` belong together";
        Err(ToolError::invalid(field, text))
    }
}

/// Create a Cloudflare tunnel that is configured at Cloudflare; with `hostname` and `service` also its
/// first public host name with the DNS record. Run it with the token of `get_tunnel_token`.
#[tool(
    write,
    open_world,
    permission = "cloudflare:tunnel:create",
    title = "Create a Cloudflare tunnel",
    timeout = 90,
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create
)]
pub(crate) async fn create_cloudflare_tunnel(
    cloudflare: &Cloudflare,
    args: CreateTunnel,
) -> ToolResult<TunnelCreated> {
    args.check()?;
    // What is wrong with the host name is found before there is a tunnel.
    let place = match &args.hostname {
        None => None,
        Some(name) => Some((cloudflare.zone(Some(&zone_of(name)?)).await?, name)),
    };
    let account = cloudflare.account().await?;
    let tunnel = cloudflare
        .create_tunnel(&account, &args.name, "cloudflare")
        .await?;
    let mut problems = Vec::new();
    let mut hostname = None;
    if let (Some((zone, name)), Some(service)) = (place, &args.service) {
        let whole = name.within(&zone.name);
        let rules = json!([
            { "hostname": whole, "service": service },
            { "service": "http_status:404" },
        ]);
        let config = Map::from_iter([("ingress".to_owned(), rules)]);
        let configured = cloudflare.put_tunnel_config(&account, &tunnel.id, &config);
        if let Err(error) = configured.await {
            problems.push(format!(
                "it has no host name yet, try `update_tunnel_config`: {error}"
            ));
        }
        let record = Map::from_iter([
            ("type".to_owned(), json!("CNAME")),
            ("name".to_owned(), json!(whole)),
            (
                "content".to_owned(),
                json!(format!("{}.cfargotunnel.com", tunnel.id)),
            ),
            ("ttl".to_owned(), json!(1)),
            ("proxied".to_owned(), json!(true)),
        ]);
        if let Err(error) = cloudflare.create_record(&zone.id, record).await {
            problems.push(format!(
                "`{whole}` does not lead to it yet, try `create_dns_record`: {error}"
            ));
        }
        hostname = Some(whole);
    }
    Ok(TunnelCreated {
        next: format!(
            "`cloudflared tunnel run --token TOKEN` with the token of `get_tunnel_token` for `{}`",
            tunnel.name
        ),
        tunnel: TunnelItem::from(&tunnel),
        hostname,
        problems,
    })
}

fn zone_of(name: &RecordName) -> ToolResult<ZoneArg> {
    let whole = || {
        ToolError::invalid(
            "hostname",
            "give the whole host name, such as `git.example.com`",
        )
    };
    name.as_str().parse().map_err(|_| whole())
}

async fn preview_create(cloudflare: &Cloudflare, args: &CreateTunnel) -> ToolResult<Preview> {
    args.check()?;
    let mut impact = Vec::new();
    if let (Some(name), Some(service)) = (&args.hostname, &args.service) {
        let zone = cloudflare.zone(Some(&zone_of(name)?)).await?;
        let whole = name.within(&zone.name);
        impact.push(format!(
            "`{whole}` leads everybody to `{service}`, once it runs"
        ));
        for record in cloudflare.named(&zone, name, None).await? {
            impact.push(format!("the record `{}` is in the way", record.described()));
        }
    }
    Ok(Preview {
        summary: format!("create the tunnel `{}`", args.name),
        changes: Vec::new(),
        impact,
    })
}

async fn create_targets(cloudflare: &Cloudflare, args: &CreateTunnel) -> ToolResult<Vec<Target>> {
    let mut targets = vec![Target {
        kind: "tunnel".to_owned(),
        id: args.name.clone(),
        name: Some(args.name.clone()),
        tags: Vec::new(),
    }];
    if let Some(name) = &args.hostname {
        targets.push(cloudflare.zone(Some(&zone_of(name)?)).await?.target());
    }
    Ok(targets)
}

/// A tunnel of this name that is there makes the call fail, and is not ours to delete.
async fn undo_create(cloudflare: &Cloudflare, args: &CreateTunnel) -> ToolResult<Option<Inverse>> {
    let account = cloudflare.account().await?;
    let filters = [
        ("name", args.name.clone()),
        ("is_deleted", "false".to_owned()),
    ];
    let free = cloudflare.tunnels(&account, &filters).await?.is_empty();
    Ok((free && args.hostname.is_none()).then(|| Inverse {
        tool: "delete_cloudflare_tunnel".to_owned(),
        arguments: json!({ "tunnel": args.name }),
    }))
}

//! Tunnels, their connections and configurations, and the networks behind them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::entry::Call;
use super::paging::page;
use super::reply::{Answer, Failure, result};
use super::state::State;
use crate::calendar::rfc3339;
use crate::hash::short_hex;

pub(super) struct Tunnel {
    pub(super) id: String,
    account: String,
    name: String,
    source: String,
    secret: String,
    created: i64,
    pub(super) deleted: Option<i64>,
    active_since: Option<i64>,
    inactive_since: Option<i64>,
    /// Connectors: id, address, since when.
    clients: Vec<(String, String, i64)>,
    pub(super) version: u64,
    pub(super) config: Value,
}

pub(super) struct Route {
    id: String,
    account: String,
    tunnel: String,
    network: String,
    comment: String,
    created: i64,
}

const CLIENT_VERSION: &str = "2026.10.1";

/// Where the four connections of a connector end.
const COLOS: [&str; 4] = ["fra03", "ams01", "fra11", "ams07"];

impl Tunnel {
    fn status(&self) -> &'static str {
        match (self.clients.is_empty(), self.active_since) {
            (false, _) => "healthy",
            (true, Some(_)) => "down",
            (true, None) => "inactive",
        }
    }

    fn connections(client: &(String, String, i64)) -> Vec<Value> {
        let (id, origin, since) = client;
        let connection = |colo: &&str| {
            let hash = short_hex(format!("{id}/{colo}").as_bytes(), 12);
            let uuid = format!("1bedc50d-42b3-473c-b108-{hash}");
            json!({
                "id": uuid,
                "uuid": uuid,
                "client_id": id,
                "client_version": CLIENT_VERSION,
                "colo_name": colo,
                "origin_ip": origin,
                "opened_at": rfc3339(*since),
                "is_pending_reconnect": false,
            })
        };
        COLOS.iter().map(connection).collect()
    }

    fn row(&self) -> Value {
        let time = |time: Option<i64>| time.map(rfc3339);
        let connections: Vec<Value> = self.clients.iter().flat_map(Self::connections).collect();
        json!({
            "id": self.id,
            "account_tag": self.account,
            "name": self.name,
            "status": self.status(),
            "tun_type": "cfd_tunnel",
            "config_src": self.source,
            "remote_config": self.source == "cloudflare",
            "created_at": rfc3339(self.created),
            "deleted_at": time(self.deleted),
            "conns_active_at": time(self.active_since),
            "conns_inactive_at": time(self.inactive_since),
            "connections": connections,
            "metadata": {},
        })
    }

    /// What a connector runs with.
    fn token(&self) -> String {
        let parts = json!({ "a": self.account, "t": self.id, "s": self.secret });
        STANDARD.encode(parts.to_string())
    }
}

impl State {
    pub(super) fn add_tunnel(&mut self, account: &str, name: &str, source: &str) -> String {
        let id = self.next_uuid();
        let secret = STANDARD.encode(short_hex(id.as_bytes(), 32));
        self.tunnels.push(Tunnel {
            id: id.clone(),
            account: account.to_owned(),
            name: name.to_owned(),
            source: source.to_owned(),
            secret,
            created: self.now(),
            deleted: None,
            active_since: None,
            inactive_since: None,
            clients: Vec::new(),
            version: 0,
            config: Value::Null,
        });
        id
    }

    pub(super) fn connect(&mut self, tunnel: &str, origin: &str) -> String {
        let (client, now) = (self.next_uuid(), self.now());
        if let Some(tunnel) = self.tunnels.iter_mut().find(|one| one.id == tunnel) {
            tunnel
                .clients
                .push((client.clone(), origin.to_owned(), now));
            tunnel.active_since = Some(now);
            tunnel.inactive_since = None;
        }
        client
    }

    pub(super) fn disconnect(&mut self, tunnel: &str) {
        let now = self.now();
        if let Some(tunnel) = self.tunnels.iter_mut().find(|one| one.id == tunnel) {
            tunnel.clients.clear();
            tunnel.inactive_since = Some(now);
        }
    }

    pub(super) fn add_route(
        &mut self,
        account: &str,
        tunnel: &str,
        network: &str,
        comment: &str,
    ) -> String {
        let id = self.next_uuid();
        self.routes.push(Route {
            id: id.clone(),
            account: account.to_owned(),
            tunnel: tunnel.to_owned(),
            network: network.to_owned(),
            comment: comment.to_owned(),
            created: self.now(),
        });
        id
    }

    /// The tunnel in the path of a call.
    fn tunnel(&mut self, call: &Call) -> Result<&mut Tunnel, Failure> {
        let id = call.path.get("tunnel_id");
        self.tunnels
            .iter_mut()
            .find(|one| one.id == id && one.account == call.account())
            .ok_or_else(gone)
    }

    /// The same, if it was not deleted.
    fn living_tunnel(&mut self, call: &Call) -> Result<&mut Tunnel, Failure> {
        let tunnel = self.tunnel(call)?;
        if tunnel.deleted.is_some() {
            Err(gone())
        } else {
            Ok(tunnel)
        }
    }

    fn free_name(&self, account: &str, name: &str, own: &str) -> Result<(), Failure> {
        let taken = self.tunnels.iter().any(|one| {
            one.account == account && one.name == name && one.deleted.is_none() && one.id != own
        });
        if name.is_empty() {
            return Err(Failure::new(400, 1001, "Tunnel name is required"));
        }
        if taken {
            return Err(Failure::new(
                409,
                1013,
                "You already have a tunnel with this name",
            ));
        }
        Ok(())
    }
}

fn gone() -> Failure {
    Failure::new(404, 1003, "Tunnel not found")
}

/// A secret has 32 bytes at least, in base64.
fn check_secret(call: &Call) -> Result<Option<String>, Failure> {
    let Some(secret) = call.text("tunnel_secret") else {
        return Ok(None);
    };
    let long = STANDARD
        .decode(secret)
        .is_ok_and(|secret| secret.len() >= 32);
    if !long {
        let message = "tunnel_secret must be at least 32 bytes, encoded in base64";
        return Err(Failure::new(400, 1002, message).at("/tunnel_secret"));
    }
    Ok(Some(secret.to_owned()))
}

/// `GET /accounts/{account_id}/cfd_tunnel`: deleted ones too, unless told otherwise.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let deleted = call.query.get("is_deleted").and_then(Value::as_bool);
    let wanted = |one: &&Tunnel| {
        one.account == call.account()
            && deleted.is_none_or(|deleted| one.deleted.is_some() == deleted)
            && call.asked("name").is_none_or(|name| one.name == name)
            && call.asked("uuid").is_none_or(|id| one.id == id)
            && call
                .asked("status")
                .is_none_or(|status| one.status() == status)
            && call
                .asked("include_prefix")
                .is_none_or(|prefix| one.name.starts_with(prefix))
            && call
                .asked("exclude_prefix")
                .is_none_or(|prefix| !one.name.starts_with(prefix))
    };
    let rows: Vec<Value> = state
        .tunnels
        .iter()
        .filter(wanted)
        .map(Tunnel::row)
        .collect();
    page(state, call, rows, 20)
}

/// `POST /accounts/{account_id}/cfd_tunnel`: the answer holds the tunnel's secret.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let name = call.text("name").unwrap_or_default();
    state.free_name(call.account(), name, "")?;
    let secret = check_secret(call)?;
    let source = call.text("config_src").unwrap_or("local");
    let id = state.add_tunnel(call.account(), name, source);
    let tunnel = state
        .tunnels
        .iter_mut()
        .find(|one| one.id == id)
        .ok_or_else(gone)?;
    if let Some(secret) = secret {
        tunnel.secret = secret;
    }
    let mut row = tunnel.row();
    row["credentials_file"] = json!({
        "AccountTag": tunnel.account,
        "TunnelID": tunnel.id,
        "TunnelName": tunnel.name,
        "TunnelSecret": tunnel.secret,
    });
    row["token"] = json!(tunnel.token());
    result(row)
}

/// `GET /accounts/{account_id}/cfd_tunnel/{tunnel_id}`: a deleted one too.
pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    result(state.tunnel(call)?.row())
}

/// `PATCH /accounts/{account_id}/cfd_tunnel/{tunnel_id}`.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let secret = check_secret(call)?;
    if let Some(name) = call.text("name") {
        state.free_name(call.account(), name, call.path.get("tunnel_id"))?;
    }
    let tunnel = state.living_tunnel(call)?;
    if let Some(name) = call.text("name") {
        name.clone_into(&mut tunnel.name);
    }
    if let Some(secret) = secret {
        tunnel.secret = secret;
    }
    result(tunnel.row())
}

/// `DELETE /accounts/{account_id}/cfd_tunnel/{tunnel_id}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let tunnel = state.living_tunnel(call)?;
    if !tunnel.clients.is_empty() {
        let message = "Cannot delete tunnel because it has active connections";
        return Err(Failure::new(400, 1022, message));
    }
    tunnel.deleted = Some(now);
    let row = tunnel.row();
    let id = call.path.get("tunnel_id");
    state.routes.retain(|route| route.tunnel != id);
    result(row)
}

/// `GET …/connections`: by connector.
pub(super) fn connections(state: &mut State, call: &Call) -> Answer {
    let tunnel = state.tunnel(call)?;
    let client = |client: &(String, String, i64)| {
        json!({
            "id": client.0,
            "version": CLIENT_VERSION,
            "arch": "linux_amd64",
            "features": ["ha-origin"],
            "run_at": rfc3339(client.2),
            "config_version": tunnel.version,
            "conns": Tunnel::connections(client),
        })
    };
    result(tunnel.clients.iter().map(client).collect())
}

/// `DELETE …/connections`: of one connector, or of all.
pub(super) fn clean_up(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let client = call.asked("client_id").map(str::to_owned);
    let tunnel = state.living_tunnel(call)?;
    tunnel
        .clients
        .retain(|(id, ..)| client.as_ref().is_some_and(|client| client != id));
    if tunnel.clients.is_empty() && tunnel.active_since.is_some() {
        tunnel.inactive_since = Some(now);
    }
    result(json!({}))
}

fn configuration_row(tunnel: &Tunnel) -> Value {
    json!({
        "tunnel_id": tunnel.id,
        "account_id": tunnel.account,
        "version": tunnel.version,
        "config": tunnel.config,
        "source": tunnel.source,
        "created_at": rfc3339(tunnel.created),
    })
}

/// `GET …/configurations`: nothing, in version 0, before there is one.
pub(super) fn configuration(state: &mut State, call: &Call) -> Answer {
    result(configuration_row(state.tunnel(call)?))
}

/// `PUT …/configurations`: all of it.
pub(super) fn configure(state: &mut State, call: &Call) -> Answer {
    let tunnel = state.living_tunnel(call)?;
    if tunnel.source != "cloudflare" {
        let message = "Tunnel is configured locally: its configuration cannot be set here";
        return Err(Failure::new(400, 1056, message));
    }
    let config = call.body.get("config").cloned().unwrap_or_default();
    check_config(&config)?;
    tunnel.config = config;
    tunnel.version += 1;
    result(configuration_row(tunnel))
}

fn check_config(config: &Value) -> Result<(), Failure> {
    let bad = |why: &str, at: String| {
        let failure = Failure::new(400, 1056, format!("Bad Configuration: {why}"));
        failure.at(&format!("/config{at}"))
    };
    for name in config.as_object().into_iter().flat_map(Map::keys) {
        if !["ingress", "originRequest", "warp-routing"].contains(&name.as_str()) {
            return Err(bad("unknown field", format!("/{name}")).outside_the_contract());
        }
    }
    let rules = config["ingress"]
        .as_array()
        .filter(|rules| !rules.is_empty());
    let rules = rules.ok_or_else(|| bad("no ingress rules", "/ingress".to_owned()))?;
    for (index, rule) in rules.iter().enumerate() {
        let at = |name: &str| format!("/ingress/{index}{name}");
        for name in rule.as_object().into_iter().flat_map(Map::keys) {
            if !["hostname", "path", "service", "originRequest"].contains(&name.as_str()) {
                return Err(bad("unknown field", at(&format!("/{name}"))).outside_the_contract());
            }
        }
        let service = rule["service"].as_str().unwrap_or_default();
        let named = ["hello_world", "bastion", "socks-proxy"].contains(&service);
        let schemed = [
            "http_status:",
            "http://",
            "https://",
            "tcp://",
            "ssh://",
            "rdp://",
            "smb://",
        ]
        .iter()
        .chain(&["unix:", "unix+tls:"])
        .any(|scheme| service.starts_with(scheme));
        if !named && !schemed {
            return Err(bad("service is invalid", at("/service")));
        }
        let matches_all = ["hostname", "path"].iter().all(|name| {
            rule[name]
                .as_str()
                .is_none_or(|text| text.is_empty() || text == "*")
        });
        let last = index + 1 == rules.len();
        if last && !matches_all {
            let why = "The last ingress rule must match all URLs (i.e. it should not have a hostname \
                       or path filter)";
            return Err(bad(why, at("")));
        }
        if !last && matches_all {
            return Err(bad("Only the last ingress rule may match all URLs", at("")));
        }
    }
    Ok(())
}

/// `GET …/token`: what a connector runs with.
pub(super) fn token(state: &mut State, call: &Call) -> Answer {
    result(json!(state.living_tunnel(call)?.token()))
}

/// `GET /accounts/{account_id}/teamnet/routes`.
pub(super) fn routes(state: &mut State, call: &Call) -> Answer {
    if call.query.get("is_deleted") == Some(&json!(true)) {
        return page(state, call, Vec::new(), 20);
    }
    let wanted = |one: &&Route| {
        one.account == call.account()
            && call.asked("tunnel_id").is_none_or(|id| one.tunnel == id)
            && call
                .asked("comment")
                .is_none_or(|comment| one.comment == comment)
    };
    let row = |route: &Route| {
        let tunnel = state.tunnels.iter().find(|one| one.id == route.tunnel);
        json!({
            "id": route.id,
            "network": route.network,
            "tunnel_id": route.tunnel,
            "tunnel_name": tunnel.map(|one| one.name.as_str()),
            "tun_type": "cfd_tunnel",
            "comment": route.comment,
            "created_at": rfc3339(route.created),
            "deleted_at": null,
            "virtual_network_id": "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
            "virtual_network_name": "default",
        })
    };
    let rows: Vec<Value> = state.routes.iter().filter(wanted).map(row).collect();
    page(state, call, rows, 20)
}

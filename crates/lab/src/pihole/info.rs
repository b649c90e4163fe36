//! What it tells of itself and its host.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, deleted, json_of};
use super::state::State;

/// Its release.
const VERSION: &str = "v6.4.1";

/// `GET /info/client`.
pub(super) fn client(_: &mut State, call: &Call) -> Answer {
    let agent = call.agent.as_deref().unwrap_or_default();
    json_of(json!({
        "remote_addr": "127.0.0.1",
        "http_version": "1.1",
        "method": "GET",
        "headers": [{ "name": "User-Agent", "value": agent }],
    }))
}

/// `GET /info/login`.
pub(super) fn login(state: &mut State, _: &Call) -> Answer {
    json_of(json!({ "https_port": 443, "dns": !state.resolver_down }))
}

/// `GET /info/system`.
pub(super) fn system(state: &mut State, _: &Call) -> Answer {
    let memory = json!({
        "ram": { "total": 3_884_000, "free": 2_104_000, "used": 611_000, "available": 3_150_000, "%used": 15.7 },
        "swap": { "total": 102_396, "free": 102_396, "used": 0, "%used": 0.0 },
    });
    json_of(json!({ "system": {
        "uptime": state.now() - state.started + 900_000,
        "memory": memory,
        "procs": 141,
        "cpu": {
            "nprocs": 4,
            "%cpu": 2.5,
            "load": { "raw": [0.08, 0.05, 0.01], "percent": [2.0, 1.25, 0.25] },
        },
        "ftl": { "%mem": 0.9, "%cpu": 0.4 },
    } }))
}

/// `GET /info/database`.
pub(super) fn database(state: &mut State, _: &Call) -> Answer {
    let earliest = state.queries.first().map_or(0.0, |query| query.time);
    let now = state.now();
    json_of(json!({
        "size": 41_205_760,
        "type": "Regular file",
        "mode": "rw-r-----",
        "atime": now,
        "mtime": now,
        "ctime": now,
        "owner": {
            "user": { "uid": 999, "name": "pihole", "info": "" },
            "group": { "gid": 999, "name": "pihole" },
        },
        "queries": state.queries.len(),
        "earliest_timestamp": earliest,
        "queries_disk": state.queries.len(),
        "earliest_timestamp_disk": earliest,
        "sqlite_version": "3.51.0",
    }))
}

/// `GET /info/ftl`.
pub(super) fn ftl(state: &mut State, _: &Call) -> Answer {
    let of = |allow: bool, regex: bool| {
        let rules = || {
            state
                .domains
                .iter()
                .filter(move |rule| rule.allow == allow && rule.regex == regex)
        };
        json!({ "total": rules().count(), "enabled": rules().filter(|rule| rule.enabled).count() })
    };
    let active = state.active_clients();
    json_of(json!({ "ftl": {
        "database": {
            "gravity": state.gravity_size(),
            "groups": state.groups.len(),
            "lists": state.lists.len(),
            "clients": state.clients.len(),
            "domains": { "allowed": of(true, false), "denied": of(false, false) },
            "regex": { "allowed": of(true, true), "denied": of(false, true) },
        },
        "privacy_level": state.settings_number("misc.privacylevel"),
        "query_frequency": state.frequency(),
        "clients": { "total": active, "active": active },
        "pid": 700 + state.restarts,
        "uptime": (state.now() - state.started) * 1000,
        "%mem": 0.9,
        "%cpu": 0.4,
        "allow_destructive": state.settings.flag("webserver.api.allow_destructive"),
        "dnsmasq": {
            "dns_cache_inserted": 812,
            "dns_cache_live_freed": 0,
            "dns_queries_forwarded": 3120,
            "dns_local_answered": 940,
            "dns_unanswered": 2,
        },
    } }))
}

/// `GET /info/host`.
pub(super) fn host(_: &mut State, _: &Call) -> Answer {
    json_of(json!({ "host": {
        "uname": {
            "domainname": "(none)",
            "machine": "aarch64",
            "nodename": "pi-dns",
            "release": "6.12.47+rpt-rpi-v8",
            "sysname": "Linux",
            "version": "#1 SMP PREEMPT",
        },
        "model": "Raspberry Pi 4 Model B Rev 1.4",
        "dmi": {
            "bios": { "vendor": null },
            "board": { "name": null, "vendor": null, "version": null },
            "product": { "name": null, "version": null, "family": null },
            "sys": { "vendor": null },
        },
    } }))
}

/// `GET /info/sensors`.
pub(super) fn sensors(_: &mut State, _: &Call) -> Answer {
    let one = json!({
        "name": "cpu_thermal",
        "path": "hwmon0",
        "source": "hwmon0",
        "temps": [{ "name": null, "value": 48.2, "max": null, "crit": 110.0, "sensor": "temp1" }],
    });
    json_of(
        json!({ "sensors": { "list": [one], "cpu_temp": 48.2, "hot_limit": 60.0, "unit": "C" } }),
    )
}

/// `GET /info/version`.
pub(super) fn version(_: &mut State, _: &Call) -> Answer {
    let part = |version: &str, newest: &str| {
        json!({
            "local": { "branch": "master", "version": version, "hash": "8d1add8d" },
            "remote": { "version": newest, "hash": "8d1add8d" },
        })
    };
    let mut ftl = part(VERSION, VERSION);
    ftl["local"]["date"] = json!("2025-11-27 18:02:19 +0000");
    json_of(json!({ "version": {
        "core": part("v6.3", "v6.3"),
        "web": part("v6.3", "v6.4"),
        "ftl": ftl,
        "docker": { "local": null, "remote": null },
    } }))
}

/// `GET /info/messages`. The text is there twice, as HTML too.
pub(super) fn messages(state: &mut State, _: &Call) -> Answer {
    let rows: Vec<Value> = state
        .messages
        .iter()
        .map(|message| {
            json!({
                "id": message.id,
                "timestamp": message.time,
                "type": message.kind,
                "plain": message.text,
                "html": format!("<code>{}</code>", message.text.replace('<', "&lt;")),
            })
        })
        .collect();
    json_of(json!({ "messages": rows }))
}

/// `GET /info/messages/count`.
pub(super) fn message_count(state: &mut State, _: &Call) -> Answer {
    json_of(json!({ "count": state.messages.len() }))
}

/// `DELETE /info/messages/{message_id}`: one number, or several between commas.
pub(super) fn forget_messages(state: &mut State, call: &Call) -> Answer {
    let ids = call.path.get("message_id").split(',');
    let ids: Vec<u64> = ids.filter_map(|id| id.parse().ok()).collect();
    let before = state.messages.len();
    state.messages.retain(|message| !ids.contains(&message.id));
    deleted(state.messages.len() < before)
}

//! Single settings of a zone. The calls that take all at once are deprecated, and not here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, result};
use super::state::{Plan, State};

pub(super) struct Setting {
    pub(super) value: Value,
    editable: bool,
    modified: Option<String>,
    allowed: Allowed,
}

#[derive(Clone, Copy)]
enum Allowed {
    Words(&'static [&'static str]),
    Seconds(&'static [i64]),
}

const ON_OFF: Allowed = Allowed::Words(&["on", "off"]);
const TTLS: Allowed = Allowed::Seconds(&[
    0, 30, 60, 120, 300, 1200, 1800, 3600, 7200, 10_800, 14_400, 18_000, 28_800, 43_200, 57_600,
    72_000, 86_400, 172_800, 259_200, 345_600, 432_000, 691_200, 1_382_400, 2_073_600, 2_678_400,
    5_356_800, 16_070_400, 31_536_000,
]);

/// Name, first value, what it can be, the least plan that can change it.
type Row = (&'static str, &'static str, Allowed, Plan);

#[rustfmt::skip]
const ROWS: [Row; 23] = [
    ("0rtt", "off", ON_OFF, Plan::Free),
    ("always_online", "off", ON_OFF, Plan::Free),
    ("always_use_https", "off", ON_OFF, Plan::Free),
    ("automatic_https_rewrites", "on", ON_OFF, Plan::Free),
    ("brotli", "on", ON_OFF, Plan::Free),
    ("browser_check", "on", ON_OFF, Plan::Free),
    ("cache_level", "aggressive", Allowed::Words(&["aggressive", "basic", "simplified"]), Plan::Free),
    ("development_mode", "off", ON_OFF, Plan::Free),
    ("early_hints", "off", ON_OFF, Plan::Free),
    ("email_obfuscation", "on", ON_OFF, Plan::Free),
    ("hotlink_protection", "off", ON_OFF, Plan::Free),
    ("http3", "on", ON_OFF, Plan::Free),
    ("ip_geolocation", "on", ON_OFF, Plan::Free),
    ("ipv6", "on", ON_OFF, Plan::Free),
    ("min_tls_version", "1.0", Allowed::Words(&["1.0", "1.1", "1.2", "1.3"]), Plan::Free),
    ("opportunistic_encryption", "on", ON_OFF, Plan::Free),
    ("polish", "off", Allowed::Words(&["off", "lossless", "lossy"]), Plan::Pro),
    ("response_buffering", "off", ON_OFF, Plan::Enterprise),
    ("rocket_loader", "off", ON_OFF, Plan::Free),
    ("security_level", "medium", Allowed::Words(&["off", "essentially_off", "low", "medium", "high", "under_attack"]), Plan::Free),
    ("ssl", "full", Allowed::Words(&["off", "flexible", "full", "strict"]), Plan::Free),
    ("tls_1_3", "on", Allowed::Words(&["on", "off", "zrt"]), Plan::Free),
    ("websockets", "on", ON_OFF, Plan::Free),
];

/// The settings of a new zone.
pub(super) fn initial(plan: Plan) -> BTreeMap<&'static str, Setting> {
    let words = ROWS.iter().map(|(name, value, allowed, least)| {
        let setting = Setting {
            value: json!(value),
            editable: plan >= *least,
            modified: None,
            allowed: *allowed,
        };
        (*name, setting)
    });
    let numbers = [("browser_cache_ttl", 14_400), ("challenge_ttl", 1800)];
    let numbers = numbers.map(|(name, value)| {
        let setting = Setting {
            value: json!(value),
            editable: true,
            modified: None,
            allowed: TTLS,
        };
        (name, setting)
    });
    words.chain(numbers).collect()
}

impl Setting {
    fn row(&self, id: &str) -> Value {
        let mut row = json!({
            "id": id,
            "value": self.value,
            "editable": self.editable,
            "modified_on": self.modified,
        });
        if id == "development_mode" {
            row["time_remaining"] = json!(if self.value == "on" { 10_800 } else { 0 });
        }
        row
    }
}

fn undefined(id: &str) -> Failure {
    Failure::new(400, 1006, format!("Undefined zone setting: {id}"))
}

/// `GET /zones/{zone_id}/settings/{setting_id}`.
pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let id = call.path.get("setting_id");
    let zone = state.zone(call.zone())?;
    let setting = zone.settings.get(id).ok_or_else(|| undefined(id))?;
    result(setting.row(id))
}

/// `PATCH /zones/{zone_id}/settings/{setting_id}`.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let id = call.path.get("setting_id");
    let now = state.now_text();
    let setting = state.zone(call.zone())?.settings.get_mut(id);
    let setting = setting.ok_or_else(|| undefined(id))?;
    if !setting.editable {
        let message = format!("Not allowed to edit setting for {id}");
        return Err(Failure::new(403, 1015, message));
    }
    let value = call.body.get("value").cloned().unwrap_or_default();
    let allowed = match setting.allowed {
        Allowed::Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Allowed::Seconds(known) => value.as_i64().is_some_and(|number| known.contains(&number)),
    };
    if !allowed {
        let message = format!("Invalid value for zone setting {id}");
        return Err(Failure::new(400, 1007, message));
    }
    setting.value = value;
    setting.modified = Some(now);
    result(setting.row(id))
}

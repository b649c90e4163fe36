//! Vouchers, as the old API makes them.

use serde_json::{Value, json};

use super::{needed, only};
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, rows};
use crate::unifi::state::{State, Voucher, object_id};

pub(in crate::unifi) fn vouchers(state: &mut State, call: &Call) -> Answer {
    let made = call.number("create_time");
    let vouchers = call.site(state)?.vouchers.iter();
    let chosen = vouchers.filter(|one| made.is_none_or(|made| one.created == made));
    rows(chosen.map(row).collect())
}

pub(in crate::unifi) fn command(state: &mut State, call: &Call) -> Answer {
    if call.text("cmd") == "delete-voucher" {
        only(call, &["_id"])?;
        let wanted = needed(call, "_id")?;
        let vouchers = &mut call.site(state)?.vouchers;
        let before = vouchers.len();
        vouchers.retain(|one| id(one) != wanted);
        return if vouchers.len() == before {
            Err(Failure::api("api.err.IdInvalid"))
        } else {
            rows(Vec::new())
        };
    }
    only(
        call,
        &[
            "expire",
            "expire_number",
            "expire_unit",
            "n",
            "quota",
            "note",
            "up",
            "down",
            "bytes",
        ],
    )?;
    let minutes = match (call.number("expire_number"), call.number("expire_unit")) {
        (Some(number), Some(unit @ (1 | 60 | 1440))) => Some(number * unit),
        (None, None) => call.number("expire"),
        _ => None,
    };
    let minutes =
        minutes.ok_or_else(|| Failure::api("api.err.InvalidPayload").outside_the_contract())?;
    call.site(state)?;
    for _ in 0..call.number("n").unwrap_or(1) {
        let serial = state.next();
        let voucher = Voucher {
            serial,
            created: call.now,
            name: call.text("note").to_owned(),
            code: State::code_of(serial),
            minutes,
            guests: call.number("quota").unwrap_or(1),
            used: 0,
            activated: None,
            megabytes: call.number("bytes"),
            down_kbps: call.number("down"),
            up_kbps: call.number("up"),
        };
        call.site(state)?.vouchers.push(voucher);
    }
    rows(vec![json!({ "create_time": call.now })])
}

fn id(voucher: &Voucher) -> String {
    object_id("voucher", &voucher.serial.to_string())
}

fn row(voucher: &Voucher) -> Value {
    let mut row = json!({
        "_id": id(voucher),
        "create_time": voucher.created,
        "code": voucher.code,
        "note": voucher.name,
        "duration": voucher.minutes,
        "quota": voucher.guests,
        "used": voucher.used,
        "for_hotspot": true,
        "admin_name": "Admin",
        "status": match (voucher.guests, voucher.used) {
            (1, 0) => "VALID_ONE",
            (1, _) => "USED_ONE",
            _ => "VALID_MULTI",
        },
    });
    for (name, value) in [
        ("qos_usage_quota", voucher.megabytes),
        ("qos_rate_max_down", voucher.down_kbps),
        ("qos_rate_max_up", voucher.up_kbps),
    ] {
        if let Some(value) = value {
            row[name] = json!(value);
            row["qos_overwrite"] = json!(true);
        }
    }
    row
}

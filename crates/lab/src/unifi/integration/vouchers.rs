//! Vouchers for guests.

use serde_json::{Value, json};

use super::set;
use crate::calendar::rfc3339;
use crate::unifi::contract::BY_VOUCHER;
use crate::unifi::entry::Call;
use crate::unifi::filter;
use crate::unifi::reply::{Answer, Failure, created, page, plain};
use crate::unifi::state::{State, Voucher, uuid};

pub(in crate::unifi) fn list(state: &mut State, call: &Call) -> Answer {
    let vouchers = &call.site(state)?.vouchers;
    page(vouchers.iter().map(|one| row(one, call.now)).collect())
}

pub(in crate::unifi) fn one(state: &mut State, call: &Call) -> Answer {
    let vouchers = &call.site(state)?.vouchers;
    let found = vouchers.iter().find(|one| id(one) == call.id());
    let voucher = found.ok_or_else(|| Failure::missing("voucher", call.id()))?;
    plain(row(voucher, call.now))
}

pub(in crate::unifi) fn create(state: &mut State, call: &Call) -> Answer {
    let mut made = Vec::new();
    for _ in 0..call.number("count").unwrap_or(1) {
        let serial = state.next();
        let voucher = Voucher {
            serial,
            created: call.now,
            name: call.text("name").to_owned(),
            code: State::code_of(serial),
            minutes: call.number("timeLimitMinutes").unwrap_or_default(),
            guests: call.number("authorizedGuestLimit").unwrap_or_default(),
            used: 0,
            activated: None,
            megabytes: call.number("dataUsageLimitMBytes"),
            down_kbps: call.number("rxRateLimitKbps"),
            up_kbps: call.number("txRateLimitKbps"),
        };
        made.push(row(&voucher, call.now));
        call.site(state)?.vouchers.push(voucher);
    }
    created(json!({ "vouchers": made }))
}

pub(in crate::unifi) fn delete(state: &mut State, call: &Call) -> Answer {
    let vouchers = &mut call.site(state)?.vouchers;
    let before = vouchers.len();
    vouchers.retain(|one| id(one) != call.id());
    if vouchers.len() == before {
        return Err(Failure::missing("voucher", call.id()));
    }
    plain(json!({ "vouchersDeleted": before - vouchers.len() }))
}

pub(in crate::unifi) fn delete_by(state: &mut State, call: &Call) -> Answer {
    let vouchers = &mut call.site(state)?.vouchers;
    let rows = vouchers.iter().map(|one| row(one, call.now)).collect();
    let chosen = filter::apply(call.text("filter"), BY_VOUCHER, rows).map_err(|wrong| {
        Failure::new(400, "api.request.filter-invalid", wrong).outside_the_contract()
    })?;
    vouchers.retain(|one| !chosen.iter().any(|row| row["id"] == id(one)));
    plain(json!({ "vouchersDeleted": chosen.len() }))
}

fn id(voucher: &Voucher) -> String {
    uuid("voucher", &voucher.serial.to_string())
}

fn row(voucher: &Voucher, now: i64) -> Value {
    let until = voucher.activated.map(|since| since + 60 * voucher.minutes);
    let mut row = json!({
        "id": id(voucher),
        "createdAt": rfc3339(voucher.created),
        "name": voucher.name,
        "code": voucher.code,
        "authorizedGuestCount": voucher.used,
        "expired": until.is_some_and(|until| until <= now),
        "timeLimitMinutes": voucher.minutes,
    });
    set(
        &mut row,
        "authorizedGuestLimit",
        Some(voucher.guests).filter(|guests| *guests > 0),
    );
    set(&mut row, "activatedAt", voucher.activated.map(rfc3339));
    set(&mut row, "expiresAt", until.map(rfc3339));
    set(&mut row, "dataUsageLimitMBytes", voucher.megabytes);
    set(&mut row, "rxRateLimitKbps", voucher.down_kbps);
    set(&mut row, "txRateLimitKbps", voucher.up_kbps);
    row
}

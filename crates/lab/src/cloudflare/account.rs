//! Tokens, accounts, and the addresses of the network itself.

use serde_json::{Value, json};

use super::entry::Call;
use super::paging::page;
use super::reply::{Answer, Failure, Reply, result};
use super::state::State;
use crate::hash::short_hex;

/// `GET /user/tokens/verify`: knows tokens of users alone.
pub(super) fn verify_user(_: &mut State, call: &Call) -> Answer {
    if call.token.account_owned {
        return Err(Failure::new(401, 1000, "Invalid API Token"));
    }
    verify(call)
}

/// `GET /accounts/{account_id}/tokens/verify`: knows tokens of this account alone.
pub(super) fn verify_account(state: &mut State, call: &Call) -> Answer {
    let known = state.accounts.iter().any(|one| one.id == call.account());
    if !known || !call.token.account_owned {
        return Err(Failure::new(401, 1000, "Invalid API Token"));
    }
    verify(call)
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
fn verify(call: &Call) -> Answer {
    let mut token = json!({
        "id": short_hex(call.token.secret.as_bytes(), 32),
        "status": call.token.status,
    });
    if call.token.status == "expired" {
        token["expires_on"] = json!("2026-01-01T00:00:00Z");
    }
    let text = match call.token.status {
        "active" => "This API Token is valid and active",
        "disabled" => "This API Token is disabled",
        _ => "This API Token is expired",
    };
    let message = json!({ "code": 10_000, "message": text, "type": null });
    Ok(Reply::Remarked(token, vec![message]))
}

/// `GET /accounts`.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let created = state.now_text();
    let wanted = |name: &str| call.asked("name").is_none_or(|asked| asked == name);
    let rows: Vec<Value> = state
        .accounts
        .iter()
        .filter(|account| wanted(&account.name))
        .map(|account| {
            json!({
                "id": account.id,
                "name": account.name,
                "type": "standard",
                "settings": { "enforce_twofactor": false },
                "created_on": created,
            })
        })
        .collect();
    page(state, call, rows, 20)
}

/// `GET /ips`: of the ranges for documentation, as everything here.
pub(super) fn ips(_: &mut State, _: &Call) -> Answer {
    result(json!({
        "etag": "38f79d050aa027e3be3865e495dcc9bc",
        "ipv4_cidrs": ["203.0.113.0/24"],
        "ipv6_cidrs": ["2001:db8:cf::/48"],
    }))
}

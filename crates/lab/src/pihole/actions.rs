//! Blocking with its timer, restarts, and what else is done at once.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of, reply_of};
use super::state::State;

/// `GET /dns/blocking`.
pub(super) fn blocking(state: &mut State, _: &Call) -> Answer {
    let now = state.precise_now();
    let status = match (state.resolver_down, state.blocking()) {
        (true, _) => "failed",
        (false, true) => "enabled",
        (false, false) => "disabled",
    };
    json_of(json!({
        "blocking": status,
        "timer": state.timer.map(|(end, _)| end - now),
    }))
}

/// `POST /dns/blocking`. A timer that is no number above zero is as if it were not there.
pub(super) fn set_blocking(state: &mut State, call: &Call) -> Answer {
    if state.resolver_down {
        return Err(Failure::new(
            500,
            "dns_failure",
            "DNS resolver is not running",
        ));
    }
    let body = call.json()?;
    let no_flag = || Failure::new(400, "body_error", "No \"blocking\" boolean in body data");
    let on = body["blocking"].as_bool().ok_or_else(no_flag)?;
    let seconds = body["timer"].as_f64().filter(|seconds| *seconds > 0.0);
    let end = seconds.map(|seconds| state.precise_now() + seconds);
    state.timer = end.map(|end| (end, !on));
    state.settings.set("dns.blocking.active", Value::Bool(on));
    blocking(state, call)
}

impl State {
    fn may_destroy(&self, what: &str) -> Result<(), Failure> {
        if self.settings.flag("webserver.api.allow_destructive") {
            return Ok(());
        }
        let text = format!("{what} is not allowed");
        Err(Failure::forbidden(&text).hint("Check setting webserver.api.allow_destructive"))
    }
}

fn success() -> Answer {
    json_of(json!({ "status": "success" }))
}

/// `POST /action/restartdns`: it answers, then it is gone for a moment.
pub(super) fn restart(state: &mut State, _: &Call) -> Answer {
    state.may_destroy("Restarting DNS")?;
    state.restarting = true;
    success()
}

/// `POST /action/gravity`.
pub(super) fn gravity(_: &mut State, call: &Call) -> Answer {
    reply_of(Reply::Gravity(call.flag("color").unwrap_or(false)))
}

/// `POST /action/flush/logs`.
pub(super) fn flush_logs(state: &mut State, _: &Call) -> Answer {
    state.may_destroy("Flushing the logs")?;
    let yesterday = state.precise_now() - 86_400.0;
    state.queries.retain(|query| query.time < yesterday);
    success()
}

/// `POST /action/flush/network` and, by its old name, `/action/flush/arp`.
pub(super) fn flush_network(state: &mut State, _: &Call) -> Answer {
    state.may_destroy("Flushing the network tables")?;
    state.devices.clear();
    success()
}

//! Logs, in frames unless there is a terminal.

use serde_json::Value;

use super::entry::Call;
use super::reply::{Answer, Failure, Reply};
use super::state::{Container, Engine, Line};
use crate::calendar::rfc3339;

impl Container {
    pub(super) fn has_tty(&self) -> bool {
        self.config
            .get("Tty")
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }
}

/// A frame: the stream, three zero bytes, the length in four bytes, the text.
pub(super) fn frame(stream: u8, text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = vec![stream, 0, 0, 0];
    frame.extend(length);
    frame.extend(text);
    frame
}

/// `GET /containers/{id}/logs`.
pub(super) fn logs(engine: &mut Engine, call: &Call) -> Answer {
    let one = engine.container(call.id())?;
    let (out, err) = (call.is_set("stdout"), call.is_set("stderr"));
    if !out && !err {
        let text = "Bad parameters: you must choose at least one stream";
        return Err(Failure::new(400, text));
    }
    let driver = one
        .host
        .get("LogConfig")
        .and_then(|config| config["Type"].as_str());
    if !matches!(driver, None | Some("json-file" | "local" | "journald")) {
        let text = "configured logging driver does not support reading";
        return Err(Failure::new(501, text));
    }
    let limit = |name: &str| {
        call.query
            .get(name)
            .and_then(Value::as_f64)
            .filter(|time| *time > 0.0)
    };
    let (since, until) = (limit("since"), limit("until"));
    let seconds = |time: i64| i32::try_from(time).map_or(f64::MAX, f64::from);
    let wanted = |line: &&Line| {
        (if line.stream == 2 { err } else { out })
            && since.is_none_or(|since| seconds(line.time) >= since)
            && until.is_none_or(|until| seconds(line.time) <= until)
    };
    let found: Vec<&Line> = one.log.iter().filter(wanted).collect();
    let skip = match call.text("tail") {
        None | Some("all" | "") => 0,
        Some(count) => {
            let count: usize = count.parse().map_err(|_| {
                Failure::new(400, format!("invalid tail: {count}")).outside_the_contract()
            })?;
            found.len().saturating_sub(count)
        }
    };
    let text = |line: &Line| {
        if call.is_set("timestamps") {
            format!(
                "{} {}\n",
                rfc3339(line.time).replace('Z', ".000000000Z"),
                line.text
            )
        } else {
            format!("{}\n", line.text)
        }
    };
    let tty = one.has_tty();
    let pieces = found.into_iter().skip(skip).map(|line| {
        let text = text(line).into_bytes();
        if tty { text } else { frame(line.stream, &text) }
    });
    let mut pieces: Vec<Vec<u8>> = pieces.collect();
    if let Some(size) = engine.log_chunk {
        pieces = pieces
            .concat()
            .chunks(size.max(1))
            .map(<[u8]>::to_vec)
            .collect();
    }
    let kind = if tty || engine.version.minor() < 42 {
        "application/vnd.docker.raw-stream"
    } else {
        "application/vnd.docker.multiplexed-stream"
    };
    Ok(Reply::Pieces(kind, pieces))
}

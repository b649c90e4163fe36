//! Many changes at once, all of them or none.

use serde_json::{Map, Value, json};

use super::{Change, add, change, position};
use crate::cloudflare::contract::{RECORD, RECORD_CHANGES};
use crate::cloudflare::entry::{Call, words};
use crate::cloudflare::reply::{Answer, Failure, result};
use crate::cloudflare::state::{Plan, State};
use crate::contract::{Param, check};

/// Id and fields.
type Entry = (String, Map<String, Value>);

/// The entries of a list, each checked against its table; `id` is taken out where it has to be there.
fn entries(
    call: &Call,
    list: &str,
    fields: &[Param],
    with_id: bool,
) -> Result<Vec<Entry>, Failure> {
    let given = call.body.get(list).and_then(Value::as_array).cloned();
    let mut entries = Vec::new();
    for (index, one) in given.unwrap_or_default().into_iter().enumerate() {
        let outside = |text: String, at: &str| {
            Failure::new(400, 9207, text)
                .at(&format!("/{list}/{index}{at}"))
                .outside_the_contract()
        };
        let Value::Object(mut fields_given) = one else {
            return Err(outside("an object is expected".to_owned(), ""));
        };
        let id = match fields_given.remove("id") {
            Some(Value::String(id)) if with_id => id,
            None if !with_id => String::new(),
            _ => return Err(outside("wrong \"id\"".to_owned(), "/id")),
        };
        if let Some(problem) = check(fields, &fields_given).first() {
            return Err(outside(words(problem), &format!("/{}", problem.name)));
        }
        entries.push((id, fields_given));
    }
    Ok(entries)
}

/// `POST /zones/{zone_id}/dns_records/batch`: deletes, then patches, puts and posts.
pub(in crate::cloudflare) fn batch(state: &mut State, call: &Call) -> Answer {
    let now = state.now_text();
    let deletes = entries(call, "deletes", &[], true)?;
    let patches = entries(call, "patches", RECORD_CHANGES, true)?;
    let puts = entries(call, "puts", RECORD, true)?;
    let posts = entries(call, "posts", RECORD, false)?;
    let ids: Vec<String> = posts.iter().map(|_| state.next_id()).collect();
    let zone = state.zone(call.zone())?;
    let most = if zone.plan == Plan::Free { 200 } else { 3500 };
    let all = deletes.len() + patches.len() + puts.len() + posts.len();
    if all == 0 || all > most {
        let message = format!("A batch has between 1 and {most} changes");
        return Err(Failure::new(400, 9207, message));
    }
    let before = zone.records.clone();
    let mut done = || {
        let mut answer = json!({ "deletes": [], "patches": [], "puts": [], "posts": [] });
        let mut rows = Vec::new();
        for (id, _) in &deletes {
            let at = position(zone, id)?;
            rows.push(Value::Object(zone.records.remove(at)));
        }
        answer["deletes"] = std::mem::take(&mut rows).into();
        for (list, changes, how) in [
            ("patches", &patches, Change::Merge),
            ("puts", &puts, Change::Replace),
        ] {
            for (id, body) in changes {
                rows.push(Value::Object(change(zone, id, &now, body, how)?));
            }
            answer[list] = std::mem::take(&mut rows).into();
        }
        for (id, (_, body)) in ids.iter().zip(&posts) {
            rows.push(Value::Object(add(zone, id, &now, body)?));
        }
        answer["posts"] = rows.into();
        Ok(answer)
    };
    match done() {
        Ok(answer) => result(answer),
        Err(failure) => {
            zone.records = before;
            Err(failure)
        }
    }
}

//! Pages by number.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Reply};
use super::state::State;

/// The page of these rows that a call asks for.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn page(state: &State, call: &Call, rows: Vec<Value>, default: usize) -> Answer {
    let number = |name: &str| {
        let number = call.query.get(name).and_then(Value::as_u64)?;
        usize::try_from(number).ok()
    };
    let page = number("page").unwrap_or(1).max(1);
    let per_page = number("per_page").unwrap_or(default).max(1);
    let total = rows.len();
    let rows: Vec<Value> = rows
        .into_iter()
        .skip((page - 1).saturating_mul(per_page))
        .take(per_page)
        .collect();
    if state.without_paging {
        return Ok(Reply::Page(rows.into(), Value::Null));
    }
    let info = json!({
        "page": page,
        "per_page": per_page,
        "count": rows.len(),
        "total_count": total,
        "total_pages": total.div_ceil(per_page),
    });
    Ok(Reply::Page(rows.into(), info))
}

/// Sorts rows by a field, as text or number.
pub(super) fn sort(rows: &mut [Value], field: &str, direction: Option<&str>) {
    rows.sort_by(|a, b| {
        let (a, b) = (&a[field], &b[field]);
        match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.to_string().cmp(&b.to_string()),
        }
    });
    if direction == Some("desc") {
        rows.reverse();
    }
}

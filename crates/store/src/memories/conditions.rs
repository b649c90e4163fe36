//! Which revisions are meant.

use homelab_core::memory::{MemoryQuery, Visible};
use homelab_core::store::StoreResult;

use super::filter;
use crate::dialect::built::{Built, Engine};

/// Adds the revisions that the rows of `w` lead to by these columns, and begins their conditions.
///
/// Both engines are held to this order. Left to choose, SQLite reads all of the owner's revisions, and so does
/// PostgreSQL until it has gathered statistics, which is a minute after an import: 200 ms at 10,000 memories.
///
/// So there is nothing to plan for the values, and the statement is kept.
pub(super) fn push_led_to(sql: &mut Built, columns: &[&str]) {
    sql.keep();
    let same: Vec<String> = columns
        .iter()
        .map(|column| format!("r.{column} = w.{column}"))
        .collect();
    let same = same.join(" AND ");
    sql.push(&match sql.engine {
        Engine::Sqlite => format!(" CROSS JOIN memory_revisions r WHERE {same}"),
        Engine::Postgres => format!(
            " CROSS JOIN LATERAL (SELECT * FROM memory_revisions r WHERE {same} OFFSET 0) r WHERE TRUE"
        ),
    });
}

/// Adds all conditions, over the alias `r` of `memory_revisions`.
pub(super) fn push(sql: &mut Built, query: &MemoryQuery) -> StoreResult<()> {
    sql.push("r.deleted_at IS NULL");
    if let Visible::Owner(owner) = &query.visible {
        sql.push(" AND r.owner = ").text(owner);
    }
    for (column, label) in [
        (" AND r.user_id = ", &query.user_id),
        (" AND r.agent_id = ", &query.agent_id),
        (" AND r.run_id = ", &query.run_id),
    ] {
        if let Some(label) = label {
            sql.push(column).text(label);
        }
    }
    match query.as_of {
        // The one that took a place closed what was there.
        None => drop(sql.push(" AND r.valid_to IS NULL")),
        Some(moment) => {
            sql.push(" AND r.valid_from <= ")
                .int(moment.0)
                .push(" AND (r.valid_to IS NULL OR r.valid_to > ")
                .int(moment.0)
                .push(")");
        }
    }
    if !query.include_expired {
        sql.push(" AND (r.expires_at IS NULL OR r.expires_at > ")
            .int(query.now.0)
            .push(")");
    }
    if let Some(since) = query.since {
        sql.push(" AND r.created_at >= ").int(since.0);
    }
    if let Some(until) = query.until {
        sql.push(" AND r.created_at < ").int(until.0);
    }
    if let Some(filter) = &query.filter {
        sql.push(" AND ");
        filter::push(sql, filter)?;
    }
    Ok(())
}

/// Whether a text of the query can be bound at all: nothing that is stored holds a NUL.
pub(super) fn finds_nothing(query: &MemoryQuery) -> bool {
    let owner = match &query.visible {
        Visible::Owner(owner) => Some(owner),
        Visible::Everything => None,
    };
    [
        owner,
        query.user_id.as_ref(),
        query.agent_id.as_ref(),
        query.run_id.as_ref(),
    ]
    .into_iter()
    .flatten()
    .any(|text| text.contains('\0'))
}

//! The list of tasks: many filters, and an index for each order.

use homelab_core::ccpm::rules::task_rank;
use homelab_core::ccpm::{AgentId, Choice, SprintId, Task, TaskSort, TaskStatus};
use homelab_core::store::{Numbered, StoreResult, TaskQuery, Wanted};

use super::numbered;
use super::tasks::or_none;
use crate::db::{Arg, Conn};
use crate::text::{contains, flat, tag_pattern};

const ENTITY: &str = "ccpm_tasks";

/// Rows behind sort key and number `$1`, `$2`. `$17` is what the index that leads begins with; the
/// other conditions are looked at row by row, and written so that no other index tempts the engines
/// into reading and sorting everything that it finds.
macro_rules! list {
    ($led_by:literal, $key:literal, $behind:literal, $order:literal) => {
        concat!(
            "SELECT number, body FROM ccpm_tasks t WHERE ",
            $led_by,
            " AND (",
            $key,
            ", number) ",
            $behind,
            " ($1, $2) AND (status || '') IN ($4, $5, $6, $7, $8, $9, $10) \
             AND ($11 = '*' OR (sprint_id || '') = $11) \
             AND ($12 = '*' OR (assignee_id || '') = $12) \
             AND ($13 < 0 OR (rank + 0) = $13) \
             AND ($14 = '' OR labels LIKE $14 ESCAPE '\\') \
             AND ($15 = '' OR search_text LIKE $15 ESCAPE '\\') \
             AND ($16 < 0 OR $16 = CASE WHEN EXISTS (SELECT 1 FROM ccpm_dependencies d \
             JOIN ccpm_tasks o ON o.id = d.depends_on \
             WHERE d.task_id = t.id AND o.status <> 'done') THEN 0 ELSE 1 END) \
             ORDER BY ",
            $key,
            " ",
            $order,
            ", number ",
            $order,
            " LIMIT $3"
        )
    };
}

const BY_RANK: &str = list!("$17 = ''", "rank", ">", "ASC");
const BY_RANK_OF_STATUS: &str = list!("status = $17", "rank", ">", "ASC");
const BY_RANK_OF_SPRINT: &str = list!("sprint_id = $17", "rank", ">", "ASC");
const BY_RANK_OF_ASSIGNEE: &str = list!("assignee_id = $17", "rank", ">", "ASC");
const BY_CHANGE: &str = list!("$17 = ''", "updated_at", "<", "DESC");
const BY_CREATION: &str = list!("$17 = ''", "created_at", "<", "DESC");
const BY_DUE: &str = list!("$17 = ''", "due_at", ">", "ASC");

/// What a column must hold; `*` for anything.
fn column<'a, T>(wanted: &Wanted<'a, T>, id: impl Fn(&'a T) -> &'a str) -> &'a str {
    match *wanted {
        Wanted::Any => "*",
        Wanted::Nothing => or_none(None),
        Wanted::This(one) => id(one),
    }
}

pub(super) async fn list(
    conn: &mut Conn<'_>,
    query: &TaskQuery<'_>,
) -> StoreResult<Vec<Numbered<Task>>> {
    let sprint = column(&query.sprint, SprintId::as_str);
    let assignee = column(&query.assignee, AgentId::as_str);
    match query.sort {
        TaskSort::UpdatedAt => run(conn, query, BY_CHANGE, "").await,
        TaskSort::CreatedAt => run(conn, query, BY_CREATION, "").await,
        TaskSort::DueAt => run(conn, query, BY_DUE, "").await,
        TaskSort::Priority | TaskSort::Foreign(_) => {
            // Somebody's tasks are fewer than nobody's.
            if assignee != "*" && !assignee.is_empty() {
                run(conn, query, BY_RANK_OF_ASSIGNEE, assignee).await
            } else if sprint != "*" && !sprint.is_empty() {
                run(conn, query, BY_RANK_OF_SPRINT, sprint).await
            } else if query.statuses.is_empty() {
                run(conn, query, BY_RANK, "").await
            } else {
                by_status(conn, query).await
            }
        }
    }
}

/// Each status by its own index range, so that what is done, soon most of it, is not read.
async fn by_status(conn: &mut Conn<'_>, query: &TaskQuery<'_>) -> StoreResult<Vec<Numbered<Task>>> {
    let mut found = Vec::new();
    for (place, status) in query.statuses.iter().enumerate() {
        let is_first = query.statuses.iter().position(|other| other == status) == Some(place);
        if is_first {
            found.extend(run(conn, query, BY_RANK_OF_STATUS, status.as_str()).await?);
        }
    }
    found.sort_by_key(|row| (task_rank(row.value.priority), row.number));
    found.truncate(query.limit as usize);
    Ok(found)
}

async fn run(
    conn: &mut Conn<'_>,
    query: &TaskQuery<'_>,
    sql: &'static str,
    led_by: &str,
) -> StoreResult<Vec<Numbered<Task>>> {
    let is_rising = matches!(
        query.sort,
        TaskSort::Priority | TaskSort::DueAt | TaskSort::Foreign(_)
    );
    let first = if is_rising {
        [i64::MIN, i64::MIN]
    } else {
        [i64::MAX, i64::MAX]
    };
    let [key, number] = query.after.unwrap_or(first);
    let label = query.label.map(tag_pattern).unwrap_or_default();
    let text = query
        .text
        .map(|text| contains(&flat(text)))
        .unwrap_or_default();
    let mut args: Vec<Arg<'_>> = vec![key.into(), number.into(), i64::from(query.limit).into()];
    // Any status if none is named; seven places, some of them the same.
    let statuses = if query.statuses.is_empty() {
        TaskStatus::ALL
    } else {
        query.statuses
    };
    args.extend((0..TaskStatus::ALL.len()).map(|place| {
        let status = statuses.get(place).or(statuses.first());
        Arg::from(status.map_or("", Choice::as_str))
    }));
    args.extend([
        Arg::from(column(&query.sprint, SprintId::as_str)),
        Arg::from(column(&query.assignee, AgentId::as_str)),
        query.rank.unwrap_or(-1).into(),
        (&label).into(),
        (&text).into(),
        query.ready.map_or(-1, i64::from).into(),
        led_by.into(),
    ]);
    conn.all(ENTITY, sql, &args, numbered).await
}

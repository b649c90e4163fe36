//! Messages.

use async_trait::async_trait;
use homelab_core::ccpm::rules::message_rank;
use homelab_core::ccpm::{AgentId, Choice, Message, MessageId, MessageStatus, TaskId};
use homelab_core::clock::Micros;
use homelab_core::store::{InboxQuery, MessageQuery, MessageRows, Numbered, StoreResult};

use super::{Rows, body, numbered, read};
use crate::db::{Arg, Conn};
use crate::table::{Table, table};

pub(crate) const TABLE: &Table = &table!(
    "ccpm_messages", order "number",
    text "id", int "number", text "thread_id", text "from_id", text "to_id", text "task_id",
    text "status", int "rank", int "created_at", int "until", text "body",
);

const ENTITY: &str = "ccpm_messages";

const BY_ID: &str = "SELECT body FROM ccpm_messages WHERE id = $1";

/// One status of an inbox behind rank and number `$3`, `$4`. Several statuses are read one by one,
/// so that each comes in the order of the index. The `CASE` keeps the index on `until` out of it.
macro_rules! inbox {
    ($rank:literal) => {
        concat!(
            "SELECT number, body FROM ccpm_messages WHERE to_id = $1 AND status = $2 ",
            $rank,
            " AND (rank, number) > ($3, $4) \
             AND CASE WHEN until > $5 AND created_at >= $6 THEN TRUE ELSE FALSE END \
             ORDER BY rank, number LIMIT $7"
        )
    };
}

const INBOX: &str = inbox!("");
const INBOX_OF_RANK: &str = inbox!("AND rank = $8");

pub(super) const UNREAD: &str = "SELECT COUNT(*) AS unread FROM ccpm_messages \
     WHERE to_id = $1 AND status = 'unread' AND (until + 0) > $2";

/// A list that is led by the index of `$3`; the other conditions are looked at row by row.
macro_rules! list {
    ($led_by:literal, $behind:literal, $order:literal) => {
        concat!(
            "SELECT number, body FROM ccpm_messages WHERE ",
            $led_by,
            " AND number ",
            $behind,
            " $1 AND ($4 = '' OR CASE WHEN status IN ('unread', 'read') AND until <= $5 \
             THEN 'expired' ELSE status END = $4) \
             AND ($6 = '' OR from_id = $6) AND ($7 = '' OR to_id = $7) \
             AND ($8 = '' OR task_id = $8) AND ($9 = '' OR from_id = $9 OR to_id = $9) \
             ORDER BY number ",
            $order,
            " LIMIT $2"
        )
    };
}

const OF_THREAD: &str = list!("thread_id = $3", ">", "ASC");
const OF_TASK: &str = list!("task_id = $3", "<", "DESC");
const OF_SENDER: &str = list!("from_id = $3", "<", "DESC");
const OF_RECIPIENT: &str = list!("to_id = $3", "<", "DESC");
const ANY: &str = list!("$3 = ''", "<", "DESC");

const LAPSED: &str = "SELECT body FROM ccpm_messages \
     WHERE status IN ('unread', 'read') AND until <= $1 LIMIT $2";

const SAVE: &str = "INSERT INTO ccpm_messages \
     (id, number, thread_id, from_id, to_id, task_id, status, rank, created_at, until, body) \
     VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM ccpm_messages), \
     $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     ON CONFLICT (id) DO UPDATE SET thread_id = excluded.thread_id, task_id = excluded.task_id, \
     status = excluded.status, rank = excluded.rank, until = excluded.until, body = excluded.body";

const PURGE: &str = "DELETE FROM ccpm_messages \
     WHERE status IN ('completed', 'expired', 'cancelled') AND until < $1";

/// When an open message runs out, and when another one was dealt with.
fn until(message: &Message) -> i64 {
    let time = match message.status {
        MessageStatus::Unread | MessageStatus::Read => message.expires_at,
        _ => message.completed_at,
    };
    time.map_or(i64::MAX, |time| time.0)
}

#[async_trait]
impl MessageRows for Rows {
    async fn message(&mut self, id: &MessageId) -> StoreResult<Option<Message>> {
        let args = [id.as_str().into()];
        self.conn().one(ENTITY, BY_ID, &args, read).await
    }

    async fn inbox(&mut self, query: &InboxQuery<'_>) -> StoreResult<Vec<Numbered<Message>>> {
        let mut conn = self.conn();
        let mut found = Vec::new();
        for status in query.statuses {
            let (sql, args) = inbox(query, status);
            found.extend(conn.all(ENTITY, sql, &args, numbered::<Message>).await?);
        }
        found.sort_by_key(|row| (message_rank(row.value.priority), row.number));
        found.truncate(query.limit as usize);
        Ok(found)
    }

    async fn messages(&mut self, query: &MessageQuery<'_>) -> StoreResult<Vec<Numbered<Message>>> {
        let mut conn = self.conn();
        let (sql, led_by) = if let Some(thread) = query.thread {
            (OF_THREAD, thread.as_str())
        } else if let Some(task) = query.task {
            (OF_TASK, task.as_str())
        } else if let Some(from) = query.from {
            (OF_SENDER, from.as_str())
        } else if let Some(to) = query.to {
            (OF_RECIPIENT, to.as_str())
        } else if let Some(with) = query.with {
            let mut found = listed(&mut conn, query, OF_SENDER, with.as_str()).await?;
            found.extend(listed(&mut conn, query, OF_RECIPIENT, with.as_str()).await?);
            found.sort_by_key(|row| std::cmp::Reverse(row.number));
            // To oneself: found by both.
            found.dedup_by_key(|row| row.number);
            found.truncate(query.limit as usize);
            return Ok(found);
        } else {
            (ANY, "")
        };
        listed(&mut conn, query, sql, led_by).await
    }

    async fn unread(&mut self, to: &AgentId, now: Micros) -> StoreResult<u64> {
        let args = [to.as_str().into(), now.0.into()];
        let count = self
            .conn()
            .one(ENTITY, UNREAD, &args, |row| row.count("unread"))
            .await?;
        Ok(count.unwrap_or_default())
    }

    async fn lapsed_messages(&mut self, now: Micros, limit: u32) -> StoreResult<Vec<Message>> {
        let args = [now.0.into(), i64::from(limit).into()];
        self.conn().all(ENTITY, LAPSED, &args, read).await
    }

    async fn save_message(&mut self, message: &Message) -> StoreResult<()> {
        let body = body(message)?;
        let args = [
            message.id.as_str().into(),
            message.thread_id.as_str().into(),
            message.from_agent_id.as_str().into(),
            message.to_agent_id.as_str().into(),
            message.task_id.as_ref().map(TaskId::as_str).into(),
            message.status.as_str().into(),
            message_rank(message.priority).into(),
            message.created_at.0.into(),
            until(message).into(),
            (&body).into(),
        ];
        self.conn().run(SAVE, &args).await.map(drop)
    }

    async fn purge_messages(&mut self, before: Micros) -> StoreResult<u64> {
        self.conn().run(PURGE, &[before.0.into()]).await
    }
}

/// The statement for one status of an inbox.
pub(super) fn inbox<'a>(
    query: &InboxQuery<'a>,
    status: &'a MessageStatus,
) -> (&'static str, Vec<Arg<'a>>) {
    let [rank, number] = query.after.unwrap_or([-1, 0]);
    // Only what is open runs out.
    let is_open = matches!(status, MessageStatus::Unread | MessageStatus::Read);
    let mut args: Vec<Arg<'a>> = vec![
        query.to.as_str().into(),
        status.as_str().into(),
        rank.into(),
        number.into(),
        if is_open { query.now.0 } else { i64::MIN }.into(),
        query.since.map_or(i64::MIN, |since| since.0).into(),
        i64::from(query.limit).into(),
    ];
    args.extend(query.rank.map(Arg::from));
    let sql = match query.rank {
        Some(_) => INBOX_OF_RANK,
        None => INBOX,
    };
    (sql, args)
}

async fn listed(
    conn: &mut Conn<'_>,
    query: &MessageQuery<'_>,
    sql: &'static str,
    led_by: &str,
) -> StoreResult<Vec<Numbered<Message>>> {
    let first = if query.thread.is_some() { 0 } else { i64::MAX };
    let id = |id: Option<&AgentId>| id.map_or(String::new(), |id| id.as_str().to_owned());
    let (from, to, with) = (id(query.from), id(query.to), id(query.with));
    let args = [
        query.after.unwrap_or(first).into(),
        i64::from(query.limit).into(),
        led_by.into(),
        query.status.as_ref().map_or("", Choice::as_str).into(),
        query.now.0.into(),
        (&from).into(),
        (&to).into(),
        query.task.map_or("", TaskId::as_str).into(),
        (&with).into(),
    ];
    conn.all(ENTITY, sql, &args, numbered).await
}

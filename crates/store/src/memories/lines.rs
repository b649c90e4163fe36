//! What happened to memories, line by line.

use homelab_core::memory::{Event, Memory, Note};
use homelab_core::store::StoreResult;
use serde_json::{Value, json};

use super::rows;
use crate::db::{Arg, Batch, Conn};

/// One statement's lines are of different memories.
const INSERT: &str = "INSERT INTO memory_history (id, number, event, version, old_content, \
     new_content, old_metadata, new_metadata, actor, request_id, reason, at) \
     SELECT value->>'id', (SELECT COALESCE(MAX(h.number), 0) + 1 FROM memory_history h \
     WHERE h.id = value->>'id'), value->>'event', CAST(value->>'version' AS BIGINT), \
     value->>'old_content', value->>'new_content', value->>'old_metadata', \
     value->>'new_metadata', $2, $3, $4, CAST($5 AS BIGINT) FROM jsonb_each($1) WHERE TRUE";

/// One line: what was before and what is now, where that changed.
pub(super) struct Line<'a> {
    pub(super) event: Event,
    pub(super) memory: &'a Memory,
    pub(super) content: [Option<&'a str>; 2],
    pub(super) metadata: [Option<String>; 2],
}

impl<'a> Line<'a> {
    /// That it happened is all there is to say.
    pub(super) fn plain(event: Event, memory: &'a Memory) -> Self {
        Self {
            event,
            memory,
            content: [None, None],
            metadata: [None, None],
        }
    }

    /// That it is there.
    pub(super) fn new(event: Event, memory: &'a Memory) -> StoreResult<Self> {
        let metadata = &memory.metadata;
        let told = (!metadata.is_empty()).then(|| rows::text(metadata));
        Ok(Self {
            content: [None, Some(&memory.content)],
            metadata: [None, told.transpose()?],
            ..Self::plain(event, memory)
        })
    }

    fn row(&self) -> Value {
        json!({
            "id": self.memory.id,
            "event": name(self.event),
            "version": self.memory.version,
            "old_content": self.content[0],
            "new_content": self.content[1],
            "old_metadata": self.metadata[0],
            "new_metadata": self.metadata[1],
        })
    }
}

/// Writes lines, each of another memory.
pub(super) async fn write(conn: &mut Conn<'_>, lines: &[Line<'_>], note: &Note) -> StoreResult<()> {
    let rows: Vec<Value> = lines.iter().map(Line::row).collect();
    let args = [
        Arg::Rows(&Batch::of(&rows)?),
        (&note.actor).into(),
        note.request_id.as_deref().into(),
        note.reason.as_deref().into(),
        note.at.0.into(),
    ];
    conn.run(INSERT, &args).await.map(drop)
}

/// An event in its column.
pub(super) const fn name(event: Event) -> &'static str {
    match event {
        Event::Add => "ADD",
        Event::Update => "UPDATE",
        Event::Supersede => "SUPERSEDE",
        Event::Delete => "DELETE",
        Event::Restore => "RESTORE",
        Event::Import => "IMPORT",
    }
}

//! Taking out for good.

use homelab_core::memory::Visible;
use homelab_core::store::StoreResult;

use super::write;
use crate::db::Conn;

/// Child tables first: they are found by the revisions' numbers.
const ERASE: [&str; 5] = [
    "DELETE FROM memory_vectors WHERE number IN \
     (SELECT number FROM memory_revisions WHERE id = $1)",
    "DELETE FROM memory_tokens WHERE number IN \
     (SELECT number FROM memory_revisions WHERE id = $1)",
    "DELETE FROM memory_about WHERE number IN \
     (SELECT number FROM memory_revisions WHERE id = $1)",
    "DELETE FROM memory_history WHERE id = $1",
    "DELETE FROM memory_revisions WHERE id = $1",
];

/// Has every process forget what it keeps of the owner's vectors.
const ERASED: &str = "UPDATE memory_owners SET erasures = erasures + 1 WHERE owner = $1";

const ERASED_OF_MODEL: &str = "UPDATE memory_owners SET erasures = erasures + 1";

const FORGET: &str = "DELETE FROM memory_vectors WHERE model = $1";

pub(super) async fn purge(conn: &mut Conn<'_>, visible: &Visible, id: &str) -> StoreResult<bool> {
    let Some(found) = write::newest(conn, visible, id).await? else {
        return Ok(false);
    };
    for sql in ERASE {
        conn.run(sql, &[id.into()]).await?;
    }
    let owner = &found.memory.scope.owner;
    conn.run(ERASED, &[owner.into()]).await?;
    Ok(true)
}

pub(super) async fn forget_model(conn: &mut Conn<'_>, model: &str) -> StoreResult<u64> {
    if model.contains('\0') {
        return Ok(0);
    }
    let forgotten = conn.run(FORGET, &[model.into()]).await?;
    conn.run(ERASED_OF_MODEL, &[]).await?;
    Ok(forgotten)
}

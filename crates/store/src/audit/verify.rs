//! Reads everything for the verifier.

use homelab_core::audit::{AuditKey, Checkpoint, PublicKey, Verification, Verifier};
use homelab_core::store::StoreResult;

use super::{LEGACY, checkpoints, heads, scan};
use crate::shared::Shared;

/// Rows that are read at a time.
const ROWS: u32 = 5_000;

/// Verifies all chains and checkpoints as of one moment, while others go on writing: reading heads
/// and rows one after the other would take rows written in between for forged ones.
pub(crate) async fn verify(
    shared: &Shared,
    key: AuditKey,
    public: Option<&PublicKey>,
    pinned: &[Checkpoint],
) -> StoreResult<Verification> {
    let mut tx = shared.db.snapshot().await?;
    let mut conn = tx.conn();
    let mut verifier = Verifier::new(key, heads(&mut conn).await?);
    let list = checkpoints::all(&mut conn).await?;
    verifier = verifier.with_checkpoints(list, public);
    if let Some(public) = public {
        verifier = verifier.against(pinned, public);
    }
    let mut after = None;
    loop {
        let rows = scan(&mut conn, after, ROWS).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.chain.clone(), last.seq));
        for row in &rows {
            verifier.check(row);
        }
    }
    let sql = "SELECT seq, id FROM audit_log WHERE chain = $1 AND kind <> 'legacy' ORDER BY seq";
    let disguised = conn
        .all("audit_log", sql, &[LEGACY.into()], |row| {
            Ok((row.int("seq").unwrap_or_default(), row.text("id").ok()))
        })
        .await?;
    tx.commit().await?;
    for (seq, id) in disguised {
        verifier.disguised(seq, id);
    }
    Ok(verifier.conclude())
}

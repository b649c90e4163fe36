//! Kept answers to changes that may be sent twice.

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::store::{AnswerRows, KeptAnswer, StoreResult};

use super::Rows;
use crate::table::{Table, table};
use crate::text::refuse_as_key;

pub(crate) const TABLE: &Table = &table!(
    "ccpm_answers", order "scope, key",
    text "scope", text "key", text "digest", text "answer", int "at",
);

const ENTITY: &str = "ccpm_answers";

const BY_KEY: &str =
    "SELECT scope, key, digest, answer, at FROM ccpm_answers WHERE scope = $1 AND key = $2";

const KEEP: &str = "INSERT INTO ccpm_answers (scope, key, digest, answer, at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, key) DO UPDATE SET \
     digest = excluded.digest, answer = excluded.answer, at = excluded.at";

const FORGET: &str = "DELETE FROM ccpm_answers WHERE at < $1";

#[async_trait]
impl AnswerRows for Rows {
    async fn answer(&mut self, scope: &str, key: &str) -> StoreResult<Option<KeptAnswer>> {
        refuse_as_key(ENTITY, "idempotency_key", key)?;
        self.conn()
            .one(ENTITY, BY_KEY, &[scope.into(), key.into()], |row| {
                Ok(KeptAnswer {
                    scope: row.text("scope")?,
                    key: row.text("key")?,
                    digest: row.text("digest")?,
                    answer: row.text("answer")?,
                    at: Micros(row.int("at")?),
                })
            })
            .await
    }

    async fn keep_answer(&mut self, answer: &KeptAnswer) -> StoreResult<()> {
        let args = [
            (&answer.scope).into(),
            (&answer.key).into(),
            (&answer.digest).into(),
            (&answer.answer).into(),
            answer.at.0.into(),
        ];
        self.conn().run(KEEP, &args).await.map(drop)
    }

    async fn forget_answers(&mut self, before: Micros) -> StoreResult<u64> {
        self.conn().run(FORGET, &[before.0.into()]).await
    }
}

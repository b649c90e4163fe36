//! Cleaning up after something large was written or deleted.

use std::time::Duration;

use crate::db::Db;

/// Tables that grew.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Grown {
    Inventory,
    Memories,
}

impl Grown {
    /// Without waiting for whoever is at it already.
    const fn analyze(self) -> &'static str {
        match self {
            Self::Inventory => {
                "ANALYZE (SKIP_LOCKED) proxmox_hosts, networks, devices, virtual_machines, \
                 test_equipment, services, network_config, firewall_rules"
            }
            Self::Memories => {
                "ANALYZE (SKIP_LOCKED) memory_revisions, memory_vectors, memory_tokens, \
                 memory_history, memory_about"
            }
        }
    }
}

impl Db {
    /// Cleans up after something large: SQLite's writer gives its cache back, PostgreSQL looks at these tables anew,
    /// without which it would scan what was empty a moment ago.
    pub(crate) async fn tidy(&self, tables: &[Grown]) {
        let tidied = match self {
            Self::Sqlite { writer, .. } => sqlx::query("PRAGMA shrink_memory")
                .execute(writer)
                .await
                .map(drop),
            Self::Postgres(pool) => {
                let mut tidied = Ok(());
                for grown in tables {
                    let analyzed = sqlx::query(grown.analyze()).execute(pool).await;
                    tidied = tidied.and(analyzed.map(drop));
                }
                tidied
            }
        };
        if let Err(error) = tidied {
            tracing::debug!(%error, "the database was not tidied; nothing is lost by it");
        }
    }

    /// Has nothing of what was deleted stay in SQLite's log: folds it into the file and cuts it. Waits a while for
    /// readers that still need it.
    pub(crate) async fn forget(&self) {
        let Self::Sqlite { writer, .. } = self else {
            return;
        };
        for _ in 0..100 {
            let folded = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_one(writer)
                .await;
            match folded {
                Ok((0, ..)) => return,
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the log cannot be folded yet"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tracing::warn!(
            "what was erased stays in the database's log until nobody reads it and it is written to again"
        );
    }
}

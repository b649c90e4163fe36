//! Finds what was changed, removed, inserted or moved among rows, heads and checkpoints.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    AuditKey, CHECKPOINTS, ChainHead, ChainedEntry, Checkpoint, CheckpointKind, Position, PublicKey,
};
use crate::clock::Micros;

/// What is wrong with a chain, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The chain; `checkpoints` for their list.
    pub chain: String,
    /// The row's number in it.
    pub seq: i64,
    /// The row's id, where the row exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is wrong, for people.
    pub problem: String,
}

/// What was moved to archives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Archived {
    /// Rows.
    pub rows: u64,
    /// Chains that no longer begin with their first row.
    pub chains: u64,
    /// When the newest archive was signed.
    pub at: Option<Micros>,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Rows that were read.
    pub rows: u64,
    /// Checkpoints that were read.
    pub checkpoints: u64,
    /// The newest checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Checkpoint>,
    /// What is no longer there, and rightly so.
    pub archived: Archived,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// Checks rows as they are read, ordered by chain and number.
pub struct Verifier {
    key: AuditKey,
    heads: BTreeMap<String, ChainHead>,
    /// The kept end of the list of checkpoints.
    end: Option<ChainHead>,
    /// Of each chain, by the row they were signed after.
    checkpoints: BTreeMap<String, Vec<Checkpoint>>,
    at: Option<At>,
    found: Verification,
}

/// The chain that is being read.
struct At {
    chain: String,
    here: Position,
    /// Where it begins: after the rows that were archived.
    base: i64,
    /// Whether a fault was named since the last checkpoint; what follows from it is not named again.
    named: bool,
    checkpoints: std::iter::Peekable<std::vec::IntoIter<Checkpoint>>,
}

impl Verifier {
    /// Starts with the heads that the store keeps.
    pub fn new(key: AuditKey, heads: Vec<ChainHead>) -> Self {
        let mut found = Verification::default();
        for head in &heads {
            if !key.sealed(head) {
                found.faults.push(Fault {
                    chain: head.chain.clone(),
                    seq: head.seq,
                    id: None,
                    problem: "the kept head of this chain was altered".into(),
                });
            }
        }
        let mut heads: BTreeMap<_, _> = heads
            .into_iter()
            .map(|head| (head.chain.clone(), head))
            .collect();
        Self {
            key,
            end: heads.remove(CHECKPOINTS),
            heads,
            checkpoints: BTreeMap::new(),
            at: None,
            found,
        }
    }

    /// Takes the checkpoints in, oldest first, before any row. Without the public key their
    /// signatures are not looked at.
    #[must_use]
    pub fn with_checkpoints(mut self, list: Vec<Checkpoint>, public: Option<&PublicKey>) -> Self {
        let mut last: Option<&Checkpoint> = None;
        let mut problems = Vec::new();
        for one in &list {
            let number = last.map_or(0, |last| last.number);
            if one.number > number + 1 {
                let text = format!(
                    "checkpoints {} to {} are missing",
                    number + 1,
                    one.number - 1
                );
                problems.push((one.number, text));
            } else if !one.follows(last) {
                let text = "the checkpoint does not follow on the one before it".to_owned();
                problems.push((one.number, text));
            }
            if public.is_some_and(|key| !one.is_signed_by(key)) {
                problems.push((
                    one.number,
                    "the signature of the checkpoint is wrong".to_owned(),
                ));
            }
            last = Some(one);
        }
        match (&self.end, last) {
            (Some(end), Some(last)) if !last.is_end(end) => {
                problems.push((last.number, format!("the newest checkpoint is not number {}, which the kept end of the list names", end.seq)));
            }
            (Some(end), None) => {
                problems.push((1, format!("all {} checkpoints are missing", end.seq)));
            }
            (None, Some(last)) => {
                problems.push((
                    last.number,
                    "the kept end of the list of checkpoints is missing".into(),
                ));
            }
            _ => {}
        }
        self.found
            .faults
            .extend(problems.into_iter().map(|(seq, problem)| Fault {
                chain: CHECKPOINTS.into(),
                seq,
                id: None,
                problem,
            }));
        self.found.checkpoints = list.len() as u64;
        self.found.newest = list.last().cloned();
        for one in list {
            self.checkpoints
                .entry(one.chain.clone())
                .or_default()
                .push(one);
        }
        for of_chain in self.checkpoints.values_mut() {
            of_chain.sort_by_key(|one| one.seq);
            if let Some(archive) = newest_archive(of_chain) {
                self.found.archived.rows += u64::try_from(archive.seq).unwrap_or_default();
                self.found.archived.chains += 1;
                let at = self.found.archived.at.max(Some(archive.timestamp));
                self.found.archived.at = at;
            }
        }
        self
    }

    /// Holds the checkpoints that were kept elsewhere against the list, after
    /// [`with_checkpoints`](Self::with_checkpoints).
    #[must_use]
    pub fn against(mut self, pinned: &[Checkpoint], public: &PublicKey) -> Self {
        for one in pinned {
            let mut stored = self.checkpoints.get(&one.chain).into_iter().flatten();
            let problem = if !one.is_signed_by(public) {
                "the pinned head is not signed with the key of this audit"
            } else if stored.any(|stored| stored == one) {
                continue;
            } else if self
                .found
                .newest
                .as_ref()
                .is_none_or(|newest| newest.number < one.number)
            {
                "the pinned head is newer than all that is here: the end was cut off"
            } else {
                "the pinned head is not among the checkpoints: they were replaced since"
            };
            self.found.faults.push(Fault {
                chain: one.chain.clone(),
                seq: one.seq,
                id: None,
                problem: format!("checkpoint {}: {problem}", one.number),
            });
        }
        self
    }

    /// Checks the next row.
    pub fn check(&mut self, row: &ChainedEntry) {
        self.found.rows += 1;
        let mut at = match self.at.take() {
            Some(at) if at.chain == row.chain => at,
            before => {
                self.at = before;
                self.finish_chain();
                if !self.heads.contains_key(&row.chain) {
                    self.fault(row, "this chain has no kept head");
                }
                self.enter(&row.chain)
            }
        };
        let before = at.here.seq;
        let problem = if row.seq > before + 1 {
            let (first, last) = (before + 1, row.seq - 1);
            Some(format!("rows {first} to {last} before it are missing"))
        } else if at.base > 0 && row.seq <= at.base {
            Some("the row was archived, and is here again".to_owned())
        } else if row.seq <= before {
            Some("the row is out of order".to_owned())
        } else if self.key.mac(&row.chain, row.seq, &row.entry, &at.here.mac) != row.mac {
            Some("the row, or the one before it, was altered".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            self.fault(row, &problem);
            at.named = true;
        }
        if row.seq > before {
            at.here = Position {
                seq: row.seq,
                mac: row.mac.clone(),
                hash: at.here.hash.after(row),
            };
            self.compare(&mut at);
        }
        self.at = Some(at);
    }

    /// Begins with a chain, after what was archived of it.
    fn enter(&mut self, chain: &str) -> At {
        let checkpoints = self.checkpoints.remove(chain).unwrap_or_default();
        let base = newest_archive(&checkpoints).map_or_else(Position::start, Checkpoint::at);
        At {
            chain: chain.to_owned(),
            base: base.seq,
            here: base,
            named: false,
            checkpoints: checkpoints.into_iter().peekable(),
        }
    }

    /// Holds the place against the checkpoints that were signed here.
    fn compare(&mut self, at: &mut At) {
        while let Some(one) = at.checkpoints.next_if(|one| one.seq <= at.here.seq) {
            // What came before the archive is verified with the archive.
            if one.seq == at.here.seq && one.seq >= at.base {
                if !at.named && one.at() != at.here {
                    self.found.faults.push(Fault {
                        chain: at.chain.clone(),
                        seq: one.seq,
                        id: None,
                        problem: format!("checkpoint {} was signed over other rows", one.number),
                    });
                }
                at.named = false;
                at.here.hash = one.hash;
            }
        }
    }

    /// Names a row that hides among the rows of older systems, which no chain covers, and is none.
    pub fn disguised(&mut self, seq: i64, id: Option<String>) {
        self.found.faults.push(Fault {
            chain: String::new(),
            seq,
            id,
            problem: "the row belongs to no chain, and is not one of an older system".into(),
        });
    }

    /// Ends the check: how many rows were read, and every fault found.
    pub fn finish(self) -> (u64, Vec<Fault>) {
        let found = self.conclude();
        (found.rows, found.faults)
    }

    /// Ends the check.
    pub fn conclude(mut self) -> Verification {
        self.finish_chain();
        let mut unseen: Vec<_> = self
            .heads
            .keys()
            .chain(self.checkpoints.keys())
            .cloned()
            .collect();
        unseen.sort();
        unseen.dedup();
        for chain in unseen {
            let mut at = self.enter(&chain);
            self.compare(&mut at);
            self.at = Some(at);
            self.finish_chain();
        }
        self.found
    }

    fn finish_chain(&mut self) {
        let Some(mut at) = self.at.take() else {
            return;
        };
        let beyond = at.checkpoints.by_ref().map(|one| one.seq).max();
        let head = self.heads.remove(&at.chain);
        let end = head
            .as_ref()
            .map(|head| head.seq)
            .max(beyond)
            .unwrap_or_default();
        let here = &at.here;
        let problem = match head {
            _ if end > here.seq && here.seq == 0 => {
                format!("all {end} rows of this chain are missing")
            }
            _ if end > here.seq => {
                format!("rows {} to {end} at the end are missing", here.seq + 1)
            }
            Some(head) if head.seq < here.seq => {
                format!(
                    "rows after {} were appended without the kept head",
                    head.seq
                )
            }
            Some(head) if head.mac != here.mac => {
                "the newest row is not the one the kept head names".into()
            }
            Some(head) if !at.named && head.hash.is_some_and(|hash| hash != here.hash) => {
                "the rows are not those that the kept head was made of".into()
            }
            // Without a head: it was named when the first row was read.
            Some(_) | None => return,
        };
        self.found.faults.push(Fault {
            seq: here.seq,
            chain: at.chain,
            id: None,
            problem,
        });
    }

    fn fault(&mut self, row: &ChainedEntry, problem: &str) {
        self.found.faults.push(Fault {
            chain: row.chain.clone(),
            seq: row.seq,
            id: Some(row.entry.id.clone()),
            problem: problem.to_owned(),
        });
    }
}

/// The archive that ends last, of the checkpoints of one chain.
fn newest_archive(checkpoints: &[Checkpoint]) -> Option<&Checkpoint> {
    checkpoints
        .iter()
        .filter(|one| one.kind == CheckpointKind::Archive)
        .max_by_key(|one| one.seq)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::*;

    fn entry(number: usize) -> AuditEntry {
        AuditEntry {
            id: format!("id-{number}"),
            timestamp: Micros(1_000_000 + i64::try_from(number).unwrap()),
            kind: EntryKind::Outcome,
            user: "alice".into(),
            credential: "key-1".into(),
            transport: "http".into(),
            ip_address: None,
            action: "list_vms".into(),
            target_type: "proxmox".into(),
            target_id: "proxmox".into(),
            effect: Some("read".into()),
            arguments: Some("{}".into()),
            arguments_digest: Some(digest("{}")),
            outcome: Some("ok".into()),
            duration_us: Some(12),
            request_id: format!("req-{number}"),
            details: None,
        }
    }

    fn chain(length: usize) -> (AuditKey, Vec<ChainedEntry>, ChainHead) {
        let key = AuditKey::new(&[7; 32]);
        let writer = ChainWriter::start(key.clone(), "chain-1");
        let (rows, head) = writer.extend((0..length).map(entry).collect());
        (key, rows, head)
    }

    fn faults(key: AuditKey, rows: &[ChainedEntry], head: ChainHead) -> Vec<Fault> {
        let mut verifier = Verifier::new(key, vec![head]);
        for row in rows {
            verifier.check(row);
        }
        verifier.finish().1
    }

    #[test]
    fn an_untouched_chain_verifies() {
        let (key, rows, head) = chain(20);

        assert_eq!(faults(key, &rows, head), []);
    }

    #[test]
    fn removing_the_newest_rows_or_all_of_them_is_found() {
        let (key, rows, head) = chain(5);

        assert_eq!(faults(key.clone(), &rows[..4], head.clone()).len(), 1);
        assert_eq!(faults(key, &[], head).len(), 1);
    }

    proptest! {
        #[test]
        fn any_single_tampering_is_found(
            length in 2_usize..30, at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
            kind in 0..5,
        ) {
            let (key, mut rows, head) = chain(length);
            let (at, other) = (at.index(length), other.index(length));
            match kind {
                0 => rows[at].entry.user = "mallory".into(),
                1 => { rows.remove(at); }
                2 => {
                    prop_assume!(at != other);
                    rows.swap(at, other);
                }
                3 => rows[at].entry.duration_us = None,
                _ => rows.insert(at, rows[other].clone()),
            }

            prop_assert!(!faults(key, &rows, head).is_empty());
        }
    }
}

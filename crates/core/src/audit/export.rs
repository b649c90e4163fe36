//! A range of rows in a file, which anybody verifies with the public key alone.
//!
//! JSON lines: a signed header, the checkpoints that cover the range, then the rows by chain and
//! number, each with the keyless hash after it. Both ends of each chain's part lie on a checkpoint
//! and stand in the header, so nothing can be cut off either end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CHECKPOINTS, ChainedEntry, Checkpoint, Fault, Link, Position, PublicKey, SigningKey, canonical,
};
use crate::clock::Micros;

const DOMAIN: &[u8] = b"homelab-mcp audit export 1\0";

/// The part of one chain that an export holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The chain.
    pub chain: String,
    /// The place before its first row.
    pub after: Position,
    /// The place after its last row.
    pub to: Position,
}

/// The first line: what the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportHeader {
    /// `homelab-mcp`.
    pub program: String,
    /// Version of this form.
    pub format: u32,
    /// When it was written.
    pub created_at: Micros,
    /// Start of the time range that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Micros>,
    /// End of the time range that was asked for; its rows are before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Micros>,
    /// The parts of chains, by chain.
    pub spans: Vec<Span>,
    /// First and last number of the checkpoints in the file; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<(i64, i64)>,
    /// Fingerprint of the key.
    pub key: String,
    /// Ed25519 signature over all of this, hexadecimal.
    #[serde(default)]
    pub signature: String,
}

impl ExportHeader {
    /// Version of the form that this program writes.
    pub const FORMAT: u32 = 1;

    /// Signs it.
    #[must_use]
    pub fn sign(mut self, key: &SigningKey) -> Self {
        self.key = key.public().fingerprint();
        self.signature = key.sign(&self.message());
        self
    }

    /// How many rows the file holds.
    pub fn rows(&self) -> u64 {
        let rows = self.spans.iter().map(|span| span.to.seq - span.after.seq);
        rows.filter_map(|rows| u64::try_from(rows).ok()).sum()
    }

    fn message(&self) -> Vec<u8> {
        let mut unsigned = self.clone();
        unsigned.signature = String::new();
        let value = serde_json::to_value(unsigned).unwrap_or_default();
        [DOMAIN, canonical(&value).as_bytes()].concat()
    }
}

/// A row as an export holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedRow {
    /// The row.
    #[serde(flatten)]
    pub row: ChainedEntry,
    /// The keyless chain after it.
    pub hash: Link,
}

/// A line of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExportLine {
    /// The first.
    Header {
        /// It.
        export: ExportHeader,
    },
    /// The next ones, by number.
    Checkpoint {
        /// It.
        checkpoint: Checkpoint,
    },
    /// The rest.
    Row(Box<ExportedRow>),
}

impl ExportLine {
    /// The line, without its end.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What a verified export holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedExport {
    /// Rows that were read.
    pub rows: u64,
    /// Checkpoints that were read.
    pub checkpoints: u64,
    /// What the file says that it holds, if it has a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<ExportHeader>,
    /// Times of the oldest and of the newest row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<(Micros, Micros)>,
    /// What is wrong, the first fault first.
    pub faults: Vec<Fault>,
}

/// Verifies an export line by line.
pub struct ExportVerifier {
    public: PublicKey,
    found: VerifiedExport,
    /// The header's spans, and the place of each chain among them.
    spans: Vec<Span>,
    places: BTreeMap<String, usize>,
    /// Numbers of the first and of the last checkpoint, and the last itself.
    numbers: Option<(i64, i64)>,
    last: Option<Checkpoint>,
    /// What was signed, by chain and row.
    signed: BTreeMap<String, BTreeMap<i64, Vec<Position>>>,
    /// Index of the span that is being read, and the place in it.
    at: Option<(usize, Position)>,
    /// Spans before this one are done.
    next: usize,
    /// First row after the last checkpoint that fitted, which a wrong one is blamed on.
    since: Option<(i64, String)>,
}

impl ExportVerifier {
    /// Verifies with this key.
    pub fn new(public: PublicKey) -> Self {
        Self {
            public,
            found: VerifiedExport {
                rows: 0,
                checkpoints: 0,
                header: None,
                times: None,
                faults: Vec::new(),
            },
            spans: Vec::new(),
            places: BTreeMap::new(),
            numbers: None,
            last: None,
            signed: BTreeMap::new(),
            at: None,
            next: 0,
            since: None,
        }
    }

    /// Takes the next line.
    pub fn line(&mut self, number: usize, text: &str) {
        let Ok(line) = serde_json::from_str::<ExportLine>(text) else {
            return self.fault(
                "",
                0,
                None,
                format!("line {number} is not part of an export"),
            );
        };
        if line.text() != text {
            self.fault(
                "",
                0,
                None,
                format!("line {number} is not as an export writes it"),
            );
        }
        match line {
            ExportLine::Header { export } if number == 1 => self.header(export),
            ExportLine::Header { .. } => {
                self.fault("", 0, None, format!("line {number} is a second header"));
            }
            ExportLine::Checkpoint { checkpoint } => self.checkpoint(checkpoint),
            ExportLine::Row(row) => self.row(&row),
        }
    }

    /// Ends the check.
    pub fn finish(mut self) -> VerifiedExport {
        let Some(header) = &self.found.header else {
            self.fault(
                "",
                0,
                None,
                "the file has no header: its beginning is missing".into(),
            );
            return self.found;
        };
        let named = header.checkpoints;
        self.leave_span();
        self.skip_to(self.spans.len());
        if self.numbers != named {
            let text = "the checkpoints are not those that the header names".to_owned();
            self.fault(CHECKPOINTS, 0, None, text);
        }
        self.found
    }

    fn header(&mut self, header: ExportHeader) {
        if header.format > ExportHeader::FORMAT {
            let text = "the export was written by a newer version of this program".to_owned();
            self.fault("", 0, None, text);
        }
        let ours = self.public.fingerprint();
        if header.key != ours {
            let text = format!(
                "the export is signed with key {}, not with {ours}",
                header.key
            );
            self.fault("", 0, None, text);
        } else if !self.public.verifies(&header.message(), &header.signature) {
            self.fault("", 0, None, "the signature of the header is wrong".into());
        }
        self.spans.clone_from(&header.spans);
        let names = header.spans.iter().map(|span| span.chain.clone());
        self.places = names.zip(0..).collect();
        self.found.header = Some(header);
    }

    fn checkpoint(&mut self, one: Checkpoint) {
        self.found.checkpoints += 1;
        if self.found.rows > 0 {
            let text = "the checkpoint comes after rows".to_owned();
            self.fault(CHECKPOINTS, one.number, None, text);
        }
        if !one.is_signed_by(&self.public) {
            let text = "the signature of the checkpoint is wrong".to_owned();
            self.fault(CHECKPOINTS, one.number, None, text);
        }
        if self
            .last
            .as_ref()
            .is_some_and(|last| !one.follows(Some(last)))
        {
            let text = "the checkpoint does not follow on the one before it".to_owned();
            self.fault(CHECKPOINTS, one.number, None, text);
        }
        let first = self.numbers.map_or(one.number, |(first, _)| first);
        self.numbers = Some((first, one.number));
        let of_chain = self.signed.entry(one.chain.clone()).or_default();
        of_chain.entry(one.seq).or_default().push(one.at());
        self.last = Some(one);
    }

    fn row(&mut self, exported: &ExportedRow) {
        let row = &exported.row;
        let id = Some(row.entry.id.as_str());
        self.found.rows += 1;
        let time = row.entry.timestamp;
        let times = self.found.times.get_or_insert((time, time));
        *times = (times.0.min(time), times.1.max(time));
        let Some((last, mut here)) = self.enter_span(&row.chain) else {
            let text = "the header names no rows of this chain here".to_owned();
            return self.fault(&row.chain, row.seq, id, text);
        };
        if row.seq <= here.seq {
            let text = "the row is out of order".to_owned();
            return self.fault(&row.chain, row.seq, id, text);
        }
        let gap = row.seq > here.seq + 1;
        let hash = here.hash.after(row);
        if gap {
            let text = format!(
                "rows {} to {} before it are missing",
                here.seq + 1,
                row.seq - 1
            );
            self.fault(&row.chain, row.seq, id, text);
        } else if row.seq > last {
            let text = "the row comes after the last one that the header names".to_owned();
            self.fault(&row.chain, row.seq, id, text);
        } else if hash != exported.hash {
            let text = "the row was altered, or inserted".to_owned();
            self.fault(&row.chain, row.seq, id, text);
        }
        here = Position {
            seq: row.seq,
            mac: row.mac.clone(),
            // Goes on from what the row says, so that one fault is not found again in each row.
            hash: exported.hash,
        };
        let since = self
            .since
            .get_or_insert_with(|| (row.seq, row.entry.id.clone()))
            .clone();
        let signed = self.signed_at(&row.chain, &here);
        if signed == Some(false) {
            let text = format!(
                "a row from here to {} is not the one that was signed",
                row.seq
            );
            self.fault(&row.chain, since.0, Some(&since.1), text);
        }
        if signed.is_some() {
            self.since = None;
        }
        self.at = Some((self.next, here));
    }

    /// Whether all checkpoints of this place say the same; nothing if there is none.
    fn signed_at(&self, chain: &str, here: &Position) -> Option<bool> {
        let signed = self.signed.get(chain)?.get(&here.seq)?;
        Some(signed.iter().all(|at| at == here))
    }

    /// The span of the next row and the place in it; nothing if the header has none for it.
    fn enter_span(&mut self, chain: &str) -> Option<(i64, Position)> {
        let place = *self.places.get(chain)?;
        let span = self.spans.get(place)?.clone();
        if let Some((at, here)) = &self.at
            && *at == place
        {
            return Some((span.to.seq, here.clone()));
        }
        self.leave_span();
        if place < self.next {
            return None;
        }
        self.skip_to(place);
        let begins = match span.after.seq {
            0 => span.after == Position::start(),
            _ => self.signed_at(chain, &span.after) == Some(true),
        };
        if !begins {
            let text = "no checkpoint covers the beginning of this chain's rows".to_owned();
            self.fault(chain, span.after.seq, None, text);
        }
        if self.signed_at(chain, &span.to) != Some(true) {
            let text = "no checkpoint covers the end of this chain's rows".to_owned();
            self.fault(chain, span.to.seq, None, text);
        }
        self.at = Some((place, span.after.clone()));
        Some((span.to.seq, span.after))
    }

    /// Names the rows of the spans before this one that never came.
    fn skip_to(&mut self, place: usize) {
        let skipped: Vec<_> = self
            .spans
            .iter()
            .take(place)
            .skip(self.next)
            .cloned()
            .collect();
        for span in skipped {
            let (first, last) = (span.after.seq + 1, span.to.seq);
            self.fault(
                &span.chain,
                first,
                None,
                format!("rows {first} to {last} are missing"),
            );
        }
        self.next = self.next.max(place);
    }

    fn leave_span(&mut self) {
        let Some((place, here)) = self.at.take() else {
            return;
        };
        self.next = place + 1;
        self.since = None;
        let Some(span) = self.spans.get(place).cloned() else {
            return;
        };
        if here.seq < span.to.seq {
            let text = format!("rows {} to {} are missing", here.seq + 1, span.to.seq);
            self.fault(&span.chain, here.seq + 1, None, text);
        } else if here.seq == span.to.seq && here != span.to {
            let text = "the last row is not the one that the header names".to_owned();
            self.fault(&span.chain, here.seq, None, text);
        }
    }

    fn fault(&mut self, chain: &str, seq: i64, id: Option<&str>, problem: String) {
        self.found.faults.push(Fault {
            chain: chain.to_owned(),
            seq,
            id: id.map(str::to_owned),
            problem,
        });
    }
}

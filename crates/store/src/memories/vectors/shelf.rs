//! Vectors of one owner and one model in memory, brought up to date before each use.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homelab_core::store::{StoreError, StoreResult};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::code::{Coded, Question};
use crate::db::{Arg, Db};
use crate::memories::ENTITY;

/// Memory for all of them together, unless the one in use takes more; what was not used for longest goes first.
pub(super) const BOUND: usize = 256 * 1024 * 1024;

/// Vectors whose cosines are worked out before they are looked at.
const BLOCK: usize = 256;

/// More threads than these wait for memory, not for each other.
const MOST_CORES: usize = 4;

/// What was written of an owner's after a change.
const NEWS: &str = "SELECT v.number, v.vector FROM memory_vectors v WHERE v.model = $1 \
     AND (v.number >> 32) = $2 AND v.change > $3";

/// Where an owner stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::memories) struct Standing {
    /// Its number.
    pub(in crate::memories) number: i64,
    /// How many revisions it ever had.
    pub(in crate::memories) last: i64,
    /// Its last change.
    pub(super) changes: i64,
    /// How often something of it was erased.
    pub(super) erasures: i64,
}

impl Standing {
    /// The numbers of its revisions: from, and before.
    pub(in crate::memories) fn range(self) -> [i64; 2] {
        [self.number << 32, (self.number + 1) << 32]
    }
}

/// Vectors, each at one place of all the lists.
#[derive(Default)]
pub(super) struct Shelf {
    changes: i64,
    erasures: i64,
    dimensions: usize,
    places: HashMap<i64, usize>,
    numbers: Vec<i64>,
    scales: Vec<f32>,
    values: Vec<i8>,
}

type Key = (i64, String);

/// All shelves.
#[derive(Default)]
pub(crate) struct Shelves(Mutex<State>);

#[derive(Default)]
struct State {
    shelves: HashMap<Key, Entry>,
    tick: u64,
}

#[derive(Default)]
struct Entry {
    shelf: Arc<RwLock<Shelf>>,
    used: u64,
    bytes: usize,
}

impl Shelves {
    /// The owner's shelf as it is now.
    pub(super) async fn current(
        &self,
        db: &Db,
        owner: Standing,
        model: &str,
    ) -> StoreResult<OwnedRwLockReadGuard<Shelf>> {
        let key = (owner.number, model.to_owned());
        let shelf = self.shelf(&key);
        {
            let read = Arc::clone(&shelf).read_owned().await;
            if read.is_current(owner) {
                return Ok(read);
            }
        }
        let mut write = Arc::clone(&shelf).write_owned().await;
        // Somebody else may have done it meanwhile.
        if !write.is_current(owner) {
            write.refresh(db, owner, model).await?;
        }
        self.note(&key, write.bytes());
        Ok(write.downgrade())
    }

    fn shelf(&self, key: &Key) -> Arc<RwLock<Shelf>> {
        let mut state = self.state();
        state.tick += 1;
        let tick = state.tick;
        let entry = state.shelves.entry(key.clone()).or_default();
        entry.used = tick;
        Arc::clone(&entry.shelf)
    }

    /// Keeps within the bound; whoever still reads a shelf that goes keeps it until then. The one that is noted stays,
    /// however large: without it each search would read all of it anew.
    fn note(&self, key: &Key, bytes: usize) {
        let mut state = self.state();
        if let Some(entry) = state.shelves.get_mut(key) {
            entry.bytes = bytes;
        }
        let mut all: usize = state.shelves.values().map(|entry| entry.bytes).sum();
        while all > BOUND {
            let others = state.shelves.iter().filter(|(other, _)| *other != key);
            let oldest = others.min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            all -= state
                .shelves
                .remove(&oldest)
                .map_or(all, |entry| entry.bytes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn is_current(&self, owner: Standing) -> bool {
        self.changes >= owner.changes && self.erasures == owner.erasures
    }

    async fn refresh(&mut self, db: &Db, owner: Standing, model: &str) -> StoreResult<()> {
        if self.erasures != owner.erasures {
            *self = Self::default();
        }
        let args: [Arg<'_>; 3] = [model.into(), owner.number.into(), self.changes.into()];
        let mut session = db.read().await?;
        let mut conn = session.conn();
        conn.each(ENTITY, NEWS, &args, |row| {
            let text = row.text("vector")?;
            let coded = Coded::read(&text).ok_or_else(|| StoreError::Corrupt {
                entity: ENTITY,
                detail: "column `vector` holds no vector".into(),
            })?;
            self.put(row.int("number")?, &coded);
            Ok(())
        })
        .await?;
        // As it was asked for: what came later is read once more.
        self.changes = owner.changes;
        self.erasures = owner.erasures;
        Ok(())
    }

    fn put(&mut self, number: i64, coded: &Coded) {
        if self.numbers.is_empty() {
            self.dimensions = coded.values.len();
        }
        // A model whose vectors changed their size has a new name; this is none of them.
        if coded.values.len() != self.dimensions {
            return;
        }
        if let Some(place) = self.places.get(&number).copied() {
            self.scales[place] = coded.scale;
            let at = place * self.dimensions;
            self.values[at..at + self.dimensions].copy_from_slice(&coded.values);
            return;
        }
        self.places.insert(number, self.numbers.len());
        self.numbers.push(number);
        self.scales.push(coded.scale);
        self.values.extend(&coded.values);
    }

    /// So many with the largest cosines, in no order, or all. A large shelf takes all cores, for a few milliseconds.
    pub(super) fn nearest(&self, question: &Question, most: usize) -> Vec<(f32, i64)> {
        if self.dimensions != question.dimensions() || self.numbers.is_empty() {
            return Vec::new();
        }
        let cores = if self.is_large() {
            std::thread::available_parallelism().map_or(1, usize::from)
        } else {
            1
        };
        let part = self.numbers.len().div_ceil(cores.min(MOST_CORES));
        let mut parts = self
            .numbers
            .chunks(part)
            .zip(self.values.chunks(part * self.dimensions))
            .zip(self.scales.chunks(part));
        let compare = |((numbers, values), scales): ((&[i64], &[i8]), &[f32])| {
            let mut best = Best::new(most);
            let rows = numbers
                .chunks(BLOCK)
                .zip(values.chunks(BLOCK * self.dimensions))
                .zip(scales.chunks(BLOCK));
            for ((numbers, values), scales) in rows {
                let mut cosines = [0.0; BLOCK];
                question.cosines(scales, values, cosines.iter_mut());
                for (cosine, number) in cosines.into_iter().zip(numbers) {
                    best.offer(cosine, *number);
                }
            }
            best.into_found()
        };
        std::thread::scope(|scope| {
            // The first part is this thread's own.
            let first = parts.next();
            let others: Vec<_> = parts
                .map(|part| scope.spawn(move || compare(part)))
                .collect();
            let mut found = first.map(compare).unwrap_or_default();
            for other in others {
                match other.join() {
                    Ok(others) => found.extend(others),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            found
        })
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether comparing takes milliseconds.
    pub(super) fn is_large(&self) -> bool {
        self.values.len() > 500_000
    }

    fn bytes(&self) -> usize {
        self.values.len() + self.numbers.len() * 40
    }
}

/// Those with the largest cosines so far; of two alike the newer one, which has the larger number.
struct Best {
    most: usize,
    /// The least of them is taken out first.
    kept: BinaryHeap<Reverse<(Order, i64)>>,
}

/// A cosine, ordered as a number is.
#[derive(Clone, Copy)]
struct Order(f32);

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Order {}

impl Best {
    fn new(most: usize) -> Self {
        Self {
            most,
            kept: BinaryHeap::new(),
        }
    }

    fn offer(&mut self, cosine: f32, number: i64) {
        let offered = Reverse((Order(cosine), number));
        if self.kept.len() < self.most {
            self.kept.push(offered);
        } else if let Some(mut least) = self.kept.peek_mut()
            && offered < *least
        {
            *least = offered;
        }
    }

    fn into_found(self) -> Vec<(f32, i64)> {
        let found = self.kept.into_iter();
        found
            .map(|Reverse((cosine, number))| (cosine.0, number))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Many alike among them.
    fn vector(number: i64, dimensions: usize) -> Vec<f32> {
        let kind = number % 1_009;
        let at = |place: usize| (kind * 31 + i64::try_from(place).unwrap() * 17) % 101 - 50;
        (0..dimensions)
            .map(|place| f32::from(i8::try_from(at(place)).unwrap()))
            .collect()
    }

    #[rstest]
    #[case::in_one_part(700, 100)]
    #[case::on_all_cores(2_100, 256)]
    fn the_nearest_are_those_of_all_in_their_order(#[case] count: i64, #[case] dimensions: usize) {
        let mut shelf = Shelf::default();
        for number in 0..count {
            shelf.put(number, &Coded::of(&vector(number, dimensions)).unwrap());
        }
        let question = Question::of(&vector(5, dimensions)).unwrap();
        let order = |one: &(f32, i64), other: &(f32, i64)| {
            other.0.total_cmp(&one.0).then(other.1.cmp(&one.1))
        };
        let mut all: Vec<(f32, i64)> = (0..count)
            .map(|number| {
                let coded = Coded::of(&vector(number, dimensions)).unwrap();
                let mut cosine = [0.0];
                question.cosines(&[coded.scale], &coded.values, cosine.iter_mut());
                (cosine[0], number)
            })
            .collect();
        all.sort_by(order);

        for most in [0, 1, 7, 300, all.len(), 10_000] {
            let mut found = shelf.nearest(&question, most);

            found.sort_by(order);
            found.truncate(most);
            assert_eq!(found, all[..most.min(all.len())], "{most}");
        }
    }
}

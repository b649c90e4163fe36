//! How long searches take over many memories; run by hand, best with `--release`:
//! `cargo test --release -p homelab-store --test it -- --ignored memory_speed --nocapture`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use homelab_core::memory::{Event, NewMemory, TextQuery, Vector};
use rstest::rstest;

use crate::lab::{Engine, Lab, START};
use crate::memories::{all, memory, note, owner};

const MANY: u32 = 100_000;
const DIMENSIONS: usize = 128;

/// Numbers without a pattern, the same in each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Words as they are distributed in texts: the first are in half of all.
    fn word(&mut self) -> u64 {
        let bits = self.next() % 13;
        self.next() % (1 << bits)
    }

    fn vector(&mut self) -> Vector {
        #[expect(clippy::cast_precision_loss, reason = "noise")]
        let values: Vec<f32> = (0..DIMENSIONS)
            .map(|_| (self.next() % 2_001) as f32 / 1_000.0 - 1.0)
            .collect();
        let length = values.iter().map(|one| one * one).sum::<f32>().sqrt();
        Vector {
            model: "m".into(),
            values: values.iter().map(|one| one / length).collect(),
        }
    }
}

fn one(noise: &mut Noise, number: u32) -> NewMemory {
    let mut content = format!("memory number{number}");
    for _ in 0..18 {
        write!(content, " word{}", noise.word()).unwrap();
    }
    let mut new = memory(number, &content);
    new.exact = vec![format!("10.0.{}.{}", number / 250 % 250, number % 250)];
    new.vector = Some(noise.vector());
    new
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!(
        "{what}: median {:?}, p95 {:?}, most {:?}",
        at(50),
        at(95),
        at(100)
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run by hand"]
async fn a_hundred_thousand(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let begun = Instant::now();
    for first in (0..MANY).step_by(1_000) {
        let news: Vec<_> = (first..first + 1_000)
            .map(|number| one(&mut noise, number))
            .collect();
        memories
            .add_all(&news, Event::Import, &note(0))
            .await
            .unwrap();
    }
    println!("{engine:?}: {MANY} in {:?}", begun.elapsed());
    let mut query = all(owner("claude"));
    query.now = START.plus_seconds(i64::from(MANY));

    let mut adds = Vec::new();
    for number in MANY..MANY + 100 {
        let new = one(&mut noise, number);
        let begun = Instant::now();
        memories.add(&new, Event::Add, &note(0)).await.unwrap();
        adds.push(begun.elapsed());
    }
    told("add", adds);
    for round in ["first", "then"] {
        let (mut words, mut common, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..100 {
            let text = TextQuery {
                words: (0..8).map(|_| format!("word{}", noise.word())).collect(),
                exact: vec![format!(
                    "10.0.{}.{}",
                    noise.next() % 250,
                    noise.next() % 250
                )],
            };
            let begun = Instant::now();
            memories.by_text(&query, &text, 50).await.unwrap();
            words.push(begun.elapsed());
            let text = TextQuery {
                words: vec!["memory".into(), "word0".into(), "word1".into()],
                exact: Vec::new(),
            };
            let begun = Instant::now();
            memories.by_text(&query, &text, 50).await.unwrap();
            common.push(begun.elapsed());
            let asked = noise.vector();
            let begun = Instant::now();
            memories.by_vector(&query, &asked, 50).await.unwrap();
            vectors.push(begun.elapsed());
        }
        told(&format!("{round} by text"), words);
        told(&format!("{round} by common words"), common);
        told(&format!("{round} by vector"), vectors);
        // An index may be made meanwhile.
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

//! Against numbers of an independent implementation in double precision: `tools/minilm.py cases`.

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::*;

#[derive(Deserialize)]
struct Sentence {
    text: String,
    vector: Vec<f32>,
}

fn sentences() -> Vec<Sentence> {
    serde_json::from_str(include_str!("../../../tests/data/vectors.json")).unwrap()
}

fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

fn cosine_of(left: &str, right: &str) -> f32 {
    cosine(&MiniLm.vector(left), &MiniLm.vector(right))
}

#[test]
fn the_files_are_those_whose_hashes_are_checked_in() {
    let sums = include_str!("../../../data/minilm/SHA256SUMS");
    let files: [(&str, &[u8]); 2] = [
        ("minilm-q4.bin", encoder::FILE),
        (
            "vocab.txt",
            include_bytes!("../../../data/minilm/vocab.txt"),
        ),
    ];

    for (name, bytes) in files {
        let line = format!("{}  {name}", hex::encode(Sha256::digest(bytes)));
        assert!(sums.lines().any(|known| known == line), "{line}");
    }
    assert!(Encoder::new(encoder::FILE).1, "something is left over");
}

#[tokio::test]
async fn the_model_gives_the_vectors_of_the_reference_in_the_order_of_the_texts() {
    let expected = sentences();
    let texts: Vec<&str> = expected
        .iter()
        .map(|sentence| sentence.text.as_str())
        .collect();

    let vectors = MiniLm.embed(&texts, Purpose::Document).await.unwrap();

    let mut wrong = String::new();
    for (found, expected) in vectors.iter().zip(&expected) {
        let cosine = cosine(found, &expected.vector);
        if (cosine - 1.0).abs() > 1e-5 || found.len() != MiniLm::DIMENSIONS {
            writeln!(wrong, "{cosine}: {}", expected.text).unwrap();
        }
    }
    assert_eq!(wrong, "");
    assert_eq!(vectors.len(), expected.len());
    assert!(!MiniLm.is_remote());
}

#[test]
fn a_text_that_the_model_cannot_read_is_zeros() {
    for text in ["", "  ", "\u{200b}", "!?", "привет мир", "こんにちは"] {
        let vector = MiniLm.vector(text);
        assert!(vector.iter().all(|value| *value == 0.0), "{text}");
        assert_eq!(vector.len(), MiniLm::DIMENSIONS);
    }
    let vector = MiniLm.vector("сервер nas-01 has 12 disks");
    assert!(vector.iter().any(|value| *value != 0.0));
}

#[test]
fn a_paraphrase_is_nearer_than_another_subject_even_without_a_common_word() {
    let memory = "The backup server stores its snapshots on the second disk.";

    let near = cosine_of(memory, "where are copies of the machines saved?");
    let far = cosine_of(memory, "the kitchen light turns on at sunset");

    assert!(near > far + 0.2, "{near} {far}");
}

#[test]
fn long_texts_are_read_in_windows_and_not_without_end() {
    assert!(windows(&[]).is_empty());
    assert_eq!(windows(&[7, 8]), [[101, 7, 8, 102]]);

    let pieces = vec![7; 600];
    let lengths: Vec<usize> = windows(&pieces).iter().map(Vec::len).collect();
    assert_eq!(lengths, [256, 256, 94]);

    assert_eq!(windows(&vec![7; 100_000]).len(), MAX_WINDOWS);
}

/// By hand: `cargo test -p homelab-memory --release -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement, not a test"]
fn speed() {
    let best = |repeat: u32, run: &dyn Fn()| {
        let once = |()| {
            let start = std::time::Instant::now();
            run();
            start.elapsed()
        };
        (0..repeat).map(|_| once(())).min().unwrap()
    };
    println!("first call: {:?}", best(1, &|| drop(MiniLm.vector("a"))));
    for sentence in &sentences() {
        let text = sentence.text.as_str();
        let pieces = wordpiece::pieces(text).len() + 2;
        let time = best(50, &|| drop(MiniLm.vector(text)));
        println!("{pieces} pieces: {time:?}");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|line| line.starts_with("Vm") || line.starts_with("Rss"))
    {
        println!("{line}");
    }
}

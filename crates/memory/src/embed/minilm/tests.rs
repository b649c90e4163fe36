//! Against numbers of an independent implementation in double precision: `tools/minilm.py cases`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::encoder::{Encoder, Shape};
use super::safetensors::Tensors;
use super::*;

#[derive(Deserialize)]
struct Sentence {
    text: String,
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct Tiny {
    ids: Vec<u16>,
    vector: Vec<f32>,
}

const TINY: Shape = Shape {
    layers: 2,
    hidden: 20,
    heads: 2,
    intermediate: 36,
    vocabulary: 50,
    positions: 16,
};

fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// Names and shapes of a model's tensors, in the order in which the reference fills them.
fn tensors(shape: Shape) -> Vec<(String, Vec<usize>)> {
    let (hidden, middle) = (shape.hidden, shape.intermediate);
    let mut all = vec![
        (
            "embeddings.word_embeddings.weight".to_owned(),
            vec![shape.vocabulary, hidden],
        ),
        (
            "embeddings.position_embeddings.weight".to_owned(),
            vec![shape.positions, hidden],
        ),
        (
            "embeddings.token_type_embeddings.weight".to_owned(),
            vec![2, hidden],
        ),
        ("embeddings.LayerNorm.weight".to_owned(), vec![hidden]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![hidden]),
    ];
    for layer in 0..shape.layers {
        for (name, outputs, inputs) in [
            ("attention.self.query", hidden, Some(hidden)),
            ("attention.self.key", hidden, Some(hidden)),
            ("attention.self.value", hidden, Some(hidden)),
            ("attention.output.dense", hidden, Some(hidden)),
            ("attention.output.LayerNorm", hidden, None),
            ("intermediate.dense", middle, Some(hidden)),
            ("output.dense", hidden, Some(middle)),
            ("output.LayerNorm", hidden, None),
        ] {
            let at = format!("encoder.layer.{layer}.{name}");
            let weight = [Some(outputs), inputs].into_iter().flatten().collect();
            all.push((format!("{at}.weight"), weight));
            all.push((format!("{at}.bias"), vec![outputs]));
        }
    }
    all
}

/// A file of small pseudo-random numbers, the same as in the reference.
fn tiny_model(path: &Path, shape: Shape) -> File {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    let mut state = 1_u32;
    for (name, shape) in tensors(shape) {
        let start = data.len();
        for _ in 0..shape.iter().product() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
            let value = (state >> 8) as f32 / 16_777_216.0 - 0.5;
            data.extend(value.to_le_bytes());
        }
        header.insert(
            name,
            json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] }),
        );
    }
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    write_file(path, &serde_json::to_vec(&header).unwrap(), &data)
}

fn write_file(path: &Path, header: &[u8], data: &[u8]) -> File {
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(header).unwrap();
    file.write_all(data).unwrap();
    File::open(path).unwrap()
}

#[test]
fn a_tiny_model_gives_the_numbers_of_the_reference() {
    let dir = tempfile::tempdir().unwrap();
    let file = tiny_model(&dir.path().join("tiny"), TINY);
    let expected: Tiny =
        serde_json::from_str(include_str!("../../../tests/data/tiny.json")).unwrap();

    let encoder = Encoder::load(Weights(Tensors::read(file).unwrap()), TINY).unwrap();
    let vector = encoder.encode(&expected.ids).unwrap();

    assert_eq!(vector.len(), expected.vector.len());
    for (found, expected) in vector.iter().zip(&expected.vector) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn a_model_of_another_shape_is_refused_by_the_name_of_what_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let file = tiny_model(&dir.path().join("tiny"), TINY);
    let deeper = Shape { layers: 3, ..TINY };

    let error = Encoder::load(Weights(Tensors::read(file).unwrap()), deeper).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the model cannot be read: it has no `encoder.layer.2.attention.self.query.weight`"
    );

    let file = File::open(dir.path().join("tiny")).unwrap();
    let wider = Shape { hidden: 24, ..TINY };
    let error = Encoder::load(Weights(Tensors::read(file).unwrap()), wider).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the model cannot be read: `embeddings.word_embeddings.weight` is F32 [50, 20], not F32 [50, 24]"
    );
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let entry = |offsets: &str| {
        format!(r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":{offsets}}}}}"#)
    };
    for (header, data) in [
        ("{".to_owned(), 8),
        ("[]".to_owned(), 8),
        (r#"{"a":{"dtype":"F32"}}"#.to_owned(), 8),
        (entry("[8,0]"), 8),
        (entry("[0,4]"), 8),
        (entry("[0,8]"), 7),
        (entry("[18446744073709551607,18446744073709551615]"), 8),
    ] {
        let file = write_file(
            &dir.path().join("damaged"),
            header.as_bytes(),
            &vec![0; data],
        );
        let read = Tensors::read(file).and_then(|tensors| tensors.tensor("a", &[2]));
        assert!(read.is_err(), "{header}");
    }

    let empty = dir.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    assert!(Tensors::read(File::open(&empty).unwrap()).is_err());
    std::fs::write(&empty, u64::MAX.to_le_bytes()).unwrap();
    assert!(Tensors::read(File::open(&empty).unwrap()).is_err());
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

/// Where the real weights are, if they are on this machine.
#[expect(clippy::disallowed_methods, reason = "a test's own setting")]
fn models() -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os("HOMELAB_PEERS_DIR")?).join("models");
    MODEL.is_installed(&dir).then_some(dir)
}

/// Runs where the weights were put (they have 91 MB): `models/all-MiniLM-L6-v2.safetensors` below the peers' folder.
#[tokio::test]
async fn the_real_model_gives_the_vectors_of_the_reference() {
    let Some(dir) = models() else {
        println!(
            "SKIPPED: {} is not in $HOMELAB_PEERS_DIR/models",
            MODEL.file
        );
        return;
    };
    let expected: Vec<Sentence> =
        serde_json::from_str(include_str!("../../../tests/data/vectors.json")).unwrap();
    let model = MiniLm::load(Weights::open(&dir).unwrap()).unwrap();
    let texts: Vec<&str> = expected
        .iter()
        .map(|sentence| sentence.text.as_str())
        .collect();

    let vectors = model.embed(&texts, Purpose::Document).await.unwrap();

    let mut wrong = String::new();
    for (found, expected) in vectors.iter().zip(&expected) {
        let cosine = cosine(found, &expected.vector);
        if cosine < 0.999_99 {
            writeln!(wrong, "{cosine}: {}", expected.text).unwrap();
        }
    }
    assert_eq!(wrong, "");
    assert_eq!(vectors.len(), expected.len());
    assert!(model.vector("").unwrap().iter().all(|value| *value == 0.0));
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
    let expected: Vec<Sentence> =
        serde_json::from_str(include_str!("../../../tests/data/vectors.json")).unwrap();
    let builtin = crate::embed::StaticEmbedder;
    println!(
        "builtin, first call: {:?}",
        best(1, &|| drop(builtin.vector("a")))
    );
    let model = models().map(|dir| {
        let start = std::time::Instant::now();
        let model = MiniLm::load(Weights::open(&dir).unwrap()).unwrap();
        println!("minilm, verified and loaded: {:?}", start.elapsed());
        model
    });
    for sentence in &expected {
        let text = sentence.text.as_str();
        let pieces = wordpiece::pieces(text).len() + 2;
        println!("{pieces} pieces");
        println!("  builtin {:?}", best(1000, &|| drop(builtin.vector(text))));
        if let Some(model) = &model {
            println!(
                "  minilm  {:?}",
                best(20, &|| drop(model.vector(text).unwrap()))
            );
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
    {
        println!("{line}");
    }
}

#!/usr/bin/env python3
"""Makes the built-in embedding model, and the numbers that the tests compare with, from all-MiniLM-L6-v2.

    python3 -m venv /tmp/minilm && /tmp/minilm/bin/pip install -r crates/memory/tools/requirements.txt
    /tmp/minilm/bin/python crates/memory/tools/minilm.py model MODEL    # data/minilm/{minilm-q4.bin,vocab.txt,SHA256SUMS}
    /tmp/minilm/bin/python crates/memory/tools/minilm.py cases MODEL    # tests/data/{tokens,vectors}.json

MODEL is a folder with model.safetensors, vocab.txt and tokenizer.json, as published at
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2; their SHA-256 are checked. The same input gives the
same bytes: one thread, double precision, signs of the axes fixed.

What is done to the model:

- Matrices are rounded to 4 bits a number: 32 neighbouring numbers of a row share a scale (the upper half of an f32),
  the one of a few that leaves the smallest error.
- Vectors are centred and projected on 256 axes. The centre and the axes are those of the sentences in sentences.txt,
  which are taken from this project's documentation and have nothing to do with what search is measured by. Without
  the centre, texts about one subject are all near to each other.

The file holds numbers only, in the order in which `save` writes them; all is little endian.
"""

import os

# Sums of several threads depend on how many there are.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import hashlib
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np

CRATE = Path(__file__).resolve().parent.parent
DATA = CRATE / "data" / "minilm"
CASES = CRATE / "tests" / "data"
SENTENCES_FILE = Path(__file__).resolve().parent / "sentences.txt"

INPUTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}

LAYERS, HIDDEN, HEADS = 6, 384, 12
FIRST = 999  # pieces below are unused, but for the three that follow
SPECIAL = [100, 101, 102]  # unknown, start, end
WINDOW = 256  # positions that are used
DIMENSIONS = 256
GROUP = 32  # numbers of a row that share a scale
LANES = 16  # outputs whose weights stand together


def read_inputs(folder):
    for name, expected in INPUTS.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            sys.exit(f"{folder / name}: SHA-256 {found}, expected {expected}")


def read_tensors(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    data = raw[8 + length :]
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"]).astype(np.float64)
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


# --- rounding ---


def halves(values):
    """The upper 16 bits of each as an f32, rounded to even."""
    bits = np.asarray(values, "<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def of_halves(bits):
    return (bits.astype("<u4") << 16).view("<f4").astype(np.float64)


def four_bits(matrix):
    """Numbers 0 to 15 and the halves of the scales: (number - 8) * scale is what was there, nearly."""
    groups = matrix.reshape(-1, GROUP)
    largest = groups[np.arange(len(groups)), np.abs(groups).argmax(axis=1)]
    best = np.full(len(groups), np.inf)
    numbers = np.zeros(groups.shape, np.uint8)
    scales = np.zeros(len(groups), "<u2")
    for part in range(75, 111, 3):
        bits = halves(largest / -8 * (part / 100))
        scale = of_halves(bits)
        divisor = np.where(scale == 0, 1, scale)
        tried = np.rint(groups / divisor[:, None]).clip(-8, 7)
        error = ((tried * scale[:, None] - groups) ** 2).sum(axis=1)
        better = error < best
        best[better] = error[better]
        numbers[better] = (tried[better] + 8).astype(np.uint8)
        scales[better] = bits[better]
    return numbers.reshape(matrix.shape), scales.reshape(matrix.shape[0], -1)


def rounded_matrix(matrix):
    numbers, scales = four_bits(matrix)
    return (numbers.astype(np.float64) - 8) * np.repeat(of_halves(scales), GROUP, axis=1)


def rows(matrix):
    """Each row: its scales, then two neighbouring numbers a byte, the first one low."""
    numbers, scales = four_bits(matrix)
    pairs = numbers[:, 0::2] | numbers[:, 1::2] << 4
    return b"".join(scale.tobytes() + pair.tobytes() for scale, pair in zip(scales, pairs))


def blocks(matrix):
    """Sixteen rows at a time, and of them one group after the other: sixteen scales, then for each eight neighbouring
    inputs a word of all sixteen, the first input lowest."""
    numbers, scales = four_bits(matrix)
    words = np.zeros((len(matrix), matrix.shape[1] // 8), "<u4")
    for at in range(8):
        words |= numbers[:, at::8].astype("<u4") << (4 * at)
    packed = []
    for top in range(0, len(matrix), LANES):
        for group in range(scales.shape[1]):
            packed.append(scales[top : top + LANES, group].tobytes())
            packed.append(words[top : top + LANES, group * GROUP // 8 : (group + 1) * GROUP // 8].T.tobytes())
    return b"".join(packed)


# --- the model ---


def known_rows(words):
    return np.concatenate([words[SPECIAL], words[FIRST:]])


def layer_parts(w, layer):
    """The matrices and the other numbers of a layer, as (name, matrix, bias) and (name, scale, shift)."""
    at = f"encoder.layer.{layer}."
    asked = [at + f"attention.self.{name}" for name in ("query", "key", "value")]
    yield "linear", np.concatenate([w[f"{name}.weight"] for name in asked]), np.concatenate(
        [w[f"{name}.bias"] for name in asked]
    )
    for kind, name in (
        ("linear", "attention.output.dense"),
        ("norm", "attention.output.LayerNorm"),
        ("linear", "intermediate.dense"),
        ("linear", "output.dense"),
        ("norm", "output.LayerNorm"),
    ):
        yield kind, w[f"{at}{name}.weight"], w[f"{at}{name}.bias"]


def positions(w):
    table = w["embeddings.position_embeddings.weight"][:WINDOW] + w["embeddings.token_type_embeddings.weight"][0]
    return halves(table)


def rounded(w):
    """The model as the file has it."""
    done = {
        name: rounded_matrix(value) if value.ndim == 2 and name.startswith("encoder.") else value
        for name, value in w.items()
    }
    name = "embeddings.word_embeddings.weight"
    done[name] = w[name].copy()
    done[name][SPECIAL] = rounded_matrix(w[name][SPECIAL])
    done[name][FIRST:] = rounded_matrix(w[name][FIRST:])
    done["embeddings.position_embeddings.weight"] = of_halves(positions(w))
    done["embeddings.token_type_embeddings.weight"] = np.zeros((2, HIDDEN))
    return done


def centre_and_axes(folder, model):
    """Where the vectors of ordinary sentences lie, and along which axes they differ most."""
    pieces = tokenizer(folder)
    texts = SENTENCES_FILE.read_text(encoding="utf-8").splitlines()
    vectors = np.array([encode(model, pieces(text, True)[:WINDOW], HEADS) for text in texts])
    centre = vectors.mean(axis=0).astype("<f4")
    centred = vectors - centre
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :DIMENSIONS].T
    # An axis and its opposite are equally good: the largest number is made positive.
    largest = axes[np.arange(DIMENSIONS), np.abs(axes).argmax(axis=1)]
    return centre, halves(axes * np.sign(largest)[:, None])


def save(folder):
    w = read_tensors(folder / "model.safetensors")
    centre, axes = centre_and_axes(folder, rounded(w))

    def floats(values):
        return values.astype("<f4").tobytes()

    parts = [
        rows(known_rows(w["embeddings.word_embeddings.weight"])),
        positions(w).tobytes(),
        floats(w["embeddings.LayerNorm.weight"]),
        floats(w["embeddings.LayerNorm.bias"]),
    ]
    for layer in range(LAYERS):
        for kind, weight, bias in layer_parts(w, layer):
            parts.append(blocks(weight) if kind == "linear" else floats(weight))
            parts.append(floats(bias))
    parts += [floats(centre), axes.tobytes()]
    packed = b"".join(parts)

    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "minilm-q4.bin").write_bytes(packed)
    (DATA / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes())
    sums = {name: hashlib.sha256((DATA / name).read_bytes()).hexdigest() for name in ("minilm-q4.bin", "vocab.txt")}
    lines = [f"{value}  {name}\n" for name, value in sums.items()]
    sources = INPUTS | {SENTENCES_FILE.name: hashlib.sha256(SENTENCES_FILE.read_bytes()).hexdigest()}
    lines += ["# made from:\n"] + [f"# {value}  {name}\n" for name, value in sources.items()]
    (DATA / "SHA256SUMS").write_text("".join(lines))
    print(f"{len(packed)} bytes, SHA-256 {sums['minilm-q4.bin']}")


def read_centre_and_axes():
    tail = (DATA / "minilm-q4.bin").read_bytes()[-(HIDDEN * 4 + DIMENSIONS * HIDDEN * 2) :]
    centre = np.frombuffer(tail[: HIDDEN * 4], "<f4").astype(np.float64)
    axes = of_halves(np.frombuffer(tail[HIDDEN * 4 :], "<u2"))
    return centre, axes.reshape(DIMENSIONS, HIDDEN)


# --- the numbers for the tests ---

# Between its points a straight line is off by 1e-9 at most.
STEPS = np.linspace(-6, 6, 120_001)
ERF = np.array([math.erf(step) for step in STEPS])


def erf(x):
    return np.interp(x, STEPS, ERF)


def tokenizer(folder):
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    # In a memory they are text like any other.
    made.encode_special_tokens = True
    return lambda text, framed: made.encode(text, add_special_tokens=framed).ids


def normed(x, scale, shift):
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-12) * scale + shift


def encode(w, ids, heads):
    """BERT in double precision, mean of the tokens, length 1."""
    tokens = len(ids)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:tokens]
    x = x + w["embeddings.token_type_embeddings.weight"][0]
    x = normed(x, w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"])
    width = x.shape[1] // heads
    layer = 0
    while f"encoder.layer.{layer}.output.dense.weight" in w:
        at = f"encoder.layer.{layer}."

        def linear(name, x):
            return x @ w[f"{at}{name}.weight"].T + w[f"{at}{name}.bias"]

        def norm(name, x):
            return normed(x, w[f"{at}{name}.LayerNorm.weight"], w[f"{at}{name}.LayerNorm.bias"])

        q, k, v = (
            linear(f"attention.self.{name}", x).reshape(tokens, heads, width).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(width)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        attended = (scores @ v).transpose(1, 0, 2).reshape(tokens, -1)
        x = norm("attention.output", linear("attention.output.dense", attended) + x)
        middle = linear("intermediate.dense", x)
        middle = middle * 0.5 * (1 + erf(middle / math.sqrt(2)))
        x = norm("output", linear("output.dense", middle) + x)
        layer += 1
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


SENTENCES = [
    "The backup of nas-01 failed at 03:15 because /mnt/pool/backups was full.",
    "Proxmox node pve2 runs VM 105 (nextcloud) with 8 GiB of memory.",
    "Reboot the router, then check whether DNS at 10.0.1.5 answers again.",
    "Grafana listens on port 3000; Prometheus scrapes it every 15 seconds.",
    "Which machine has the most free disk space?",
    "Zigbee sensors in the kitchen drop off whenever the microwave is on.",
    "ERR_CONNECTION_REFUSED on https://jellyfin.home.arpa:8096/web/index.html",
    "The UPS lasts for about twenty minutes, so shut the hypervisors down after ten.",
]
# About 47 pieces, and more than one window.
MEDIUM = SENTENCES[0] + " " + SENTENCES[3] + " Ask before touching it."
LONG = " ".join(SENTENCES * 2)

TEXTS = SENTENCES + [
    "",
    " \t\r\n ",
    "UPPER lower MiXeD",
    "don't can't it's",
    "e-mail re-use co-op --verbose -v",
    "10.0.1.5/24 192.168.178.1:8443 fe80::1%eth0",
    "aa:bb:cc:dd:ee:ff AA-BB-CC-DD-EE-FF",
    "v1.24.3-rc.1+build.5",
    "/etc/pihole/custom.list ~/.ssh/authorized_keys C:\\Windows\\System32",
    "user@example.com #channel $HOME 100% a&b a*b (x) [y] {z} <w>",
    "snake_case_name camelCaseName kebab-case-name",
    "3.14159 1,000,000 0x7fff 1e-9",
    "café naïve résumé Zürich Ångström",
    "cafe\u0301 Zu\u0308rich",
    "straße Straße STRASSE",
    "İstanbul ıssız ŁÓDŹ",
    "“quoted” ‘single’ — dash – dash … dots",
    "¿qué? ¡sí! «guillemets» § ¶ ·",
    "€ £ ¥ © ® ™ ° ± × ÷ ½",
    "日本語のテキスト 中文 漢字",
    "한국어 텍스트",
    "привет мир Київ",
    "Ελληνικά",
    "مرحبا",
    "हिन्दी",
    "emoji 🙂 👨‍👩‍👧 🏠 flags 🇩🇪",
    "zero\u200bwidth soft\u00adhyphen \ufeffbom",
    "no\u00a0break thin\u2009space ideographic\u3000space",
    "control\x00chars\x07here\x0bvertical\x0cfeed",
    "line one\nline two\r\nline three\tTab",
    "replacement \ufffd character",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "xqzjwv qqqqqqqqqq zzzz",
    "a" * 100,
    "a" * 101,
    "kubernetes kubectl homelab proxmox truenas opnsense wireguard tailscale",
    "[CLS] [SEP] [PAD] [MASK] [UNK]",
    "##ing ##",
    "x² H₂O ﬁne ａｂｃ",
    "a\u0301\u0302\u0303b",
    "１２３ ٣٤٥",
]


def make_cases(folder):
    pieces = tokenizer(folder)

    def write(name, value):
        CASES.mkdir(parents=True, exist_ok=True)
        (CASES / name).write_text(json.dumps(value, ensure_ascii=True, indent=0) + "\n")

    write("tokens.json", [{"text": text, "ids": pieces(text, False)} for text in TEXTS])

    original = read_tensors(folder / "model.safetensors")
    model = rounded(original)
    centre, axes = read_centre_and_axes()
    vectors = []
    for text in SENTENCES + [MEDIUM, LONG]:
        ids = pieces(text, False)
        windows = [[101, *ids[at : at + WINDOW - 2], 102] for at in range(0, len(ids), WINDOW - 2)]

        def mean(of):
            total = sum(encode(of, window, HEADS) for window in windows)
            return total / np.linalg.norm(total)

        vector = axes @ (mean(model) - centre)
        vector /= np.linalg.norm(vector)
        print(f"{len(ids) + 2} pieces, cosine of rounded and original {mean(model) @ mean(original):.4f}")
        vectors.append({"text": text, "vector": [round(float(value), 7) for value in vector]})
    write("vectors.json", vectors)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("model", "cases"):
        sys.exit(__doc__)
    source = Path(sys.argv[2])
    read_inputs(source)
    {"model": save, "cases": make_cases}[sys.argv[1]](source)

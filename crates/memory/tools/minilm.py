#!/usr/bin/env python3
"""Makes the built-in embedding table, and the numbers that the tests compare with, from all-MiniLM-L6-v2.

    python3 -m venv /tmp/minilm && /tmp/minilm/bin/pip install -r crates/memory/tools/requirements.txt
    /tmp/minilm/bin/python crates/memory/tools/minilm.py table  MODEL    # data/minilm/{static-128.bin,vocab.txt,SHA256SUMS}
    /tmp/minilm/bin/python crates/memory/tools/minilm.py cases  MODEL    # tests/data/{tokens,vectors,tiny}.json

MODEL is a folder with model.safetensors, vocab.txt and tokenizer.json, as published at
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2; their SHA-256 are checked. The same input gives the
same bytes: one thread, double precision, signs of the axes fixed.
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
import unicodedata
from pathlib import Path

import numpy as np

CRATE = Path(__file__).resolve().parent.parent
DATA = CRATE / "data" / "minilm"
CASES = CRATE / "tests" / "data"

INPUTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}

FIRST = 999  # pieces below frame texts or are unused
DIMENSIONS = 128
DROPPED = 1  # largest axes that are left out: what they tell is how common a piece is
FIRST_WORD = 1996  # "the": single characters stand before it, words behind it by frequency
SMOOTHING = 1e-3  # a in a / (a + p), the weight of a piece that is used with probability p


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


# --- the table ---


def is_latin(piece):
    """Whether its letters are those of the script in which the model can read."""
    return all(not c.isalpha() or "LATIN" in unicodedata.name(c, "") for c in piece)


def make_table(folder):
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    rows = read_tensors(folder / "model.safetensors")["embeddings.word_embeddings.weight"][FIRST:]
    centred = rows - rows.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, DROPPED : DROPPED + DIMENSIONS]
    # An axis and its opposite are equally good: the largest number is made positive.
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(DIMENSIONS)])
    table = centred @ axes

    # How often a piece is used, from its rank alone (Zipf's law). Single characters are what is left of words
    # that are no words: they count as the most frequent ones.
    rank = np.maximum(np.arange(FIRST, len(vocabulary)) - FIRST_WORD + 1, 1)
    frequency = 1 / (rank * math.log(len(vocabulary)))
    table *= (SMOOTHING / (SMOOTHING + frequency))[:, None]
    known = np.array([is_latin(piece) for piece in vocabulary[FIRST:]])
    table[~known] = 0

    scale = (np.abs(table).max(axis=1) / 127).astype("<f4")
    divisor = np.where(scale > 0, scale, 1).astype(np.float64)
    numbers = np.rint(table / divisor[:, None]).clip(-127, 127).astype(np.int8)
    packed = b"".join(s.tobytes() + n.tobytes() for s, n in zip(scale, numbers))

    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "static-128.bin").write_bytes(packed)
    (DATA / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes())
    sums = {name: hashlib.sha256((DATA / name).read_bytes()).hexdigest() for name in ("static-128.bin", "vocab.txt")}
    lines = [f"{value}  {name}\n" for name, value in sums.items()]
    lines += ["# made from:\n"] + [f"# {value}  {name}\n" for name, value in INPUTS.items()]
    (DATA / "SHA256SUMS").write_text("".join(lines))
    print(f"{len(packed)} bytes, {int(known.sum())} rows of {len(rows)}, SHA-256 {sums['static-128.bin']}")


# --- the numbers for the tests ---

erf = np.vectorize(math.erf, otypes=[float])


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


TINY = {"layers": 2, "hidden": 20, "heads": 2, "intermediate": 36, "vocabulary": 50, "positions": 16}


def tiny_tensors():
    """A model of small pseudo-random numbers; the test makes the same ones."""
    hidden, middle = TINY["hidden"], TINY["intermediate"]
    shapes = {
        "embeddings.word_embeddings.weight": [TINY["vocabulary"], hidden],
        "embeddings.position_embeddings.weight": [TINY["positions"], hidden],
        "embeddings.token_type_embeddings.weight": [2, hidden],
        "embeddings.LayerNorm.weight": [hidden],
        "embeddings.LayerNorm.bias": [hidden],
    }
    for layer in range(TINY["layers"]):
        for name, shape in {
            "attention.self.query.weight": [hidden, hidden],
            "attention.self.query.bias": [hidden],
            "attention.self.key.weight": [hidden, hidden],
            "attention.self.key.bias": [hidden],
            "attention.self.value.weight": [hidden, hidden],
            "attention.self.value.bias": [hidden],
            "attention.output.dense.weight": [hidden, hidden],
            "attention.output.dense.bias": [hidden],
            "attention.output.LayerNorm.weight": [hidden],
            "attention.output.LayerNorm.bias": [hidden],
            "intermediate.dense.weight": [middle, hidden],
            "intermediate.dense.bias": [middle],
            "output.dense.weight": [hidden, middle],
            "output.dense.bias": [hidden],
            "output.LayerNorm.weight": [hidden],
            "output.LayerNorm.bias": [hidden],
        }.items():
            shapes[f"encoder.layer.{layer}.{name}"] = shape
    state = 1
    tensors = {}
    for name, shape in shapes.items():
        values = np.empty(math.prod(shape))
        for i in range(len(values)):
            state = (state * 1664525 + 1013904223) % 2**32
            values[i] = (state >> 8) / 2**24 - 0.5
        tensors[name] = values.reshape(shape)
    return tensors


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
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # In a memory they are text like any other.
    tokenizer.encode_special_tokens = True

    def pieces(text, framed):
        return tokenizer.encode(text, add_special_tokens=framed).ids

    def write(name, value):
        CASES.mkdir(parents=True, exist_ok=True)
        (CASES / name).write_text(json.dumps(value, ensure_ascii=True, indent=0) + "\n")

    write("tokens.json", [{"text": text, "ids": pieces(text, False)} for text in TEXTS])

    def rounded(vector):
        return [round(float(value), 7) for value in vector]

    weights = read_tensors(folder / "model.safetensors")
    vectors = [{"text": t, "vector": rounded(encode(weights, pieces(t, True), 12))} for t in SENTENCES + [MEDIUM]]
    windows = [pieces(LONG, False)[at : at + 254] for at in range(0, len(pieces(LONG, False)), 254)]
    total = sum(encode(weights, [101, *window, 102], 12) for window in windows)
    vectors.append({"text": LONG, "vector": rounded(total / np.linalg.norm(total))})
    write("vectors.json", vectors)
    print("pieces:", [len(pieces(case["text"], True)) for case in vectors])

    ids = [3, 49, 0, 17, 17, 30, 8, 21, 2]
    tiny = encode(tiny_tensors(), ids, TINY["heads"])
    write("tiny.json", {"ids": ids, "vector": rounded(tiny)})


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("table", "cases"):
        sys.exit(__doc__)
    source = Path(sys.argv[2])
    read_inputs(source)
    {"table": make_table, "cases": make_cases}[sys.argv[1]](source)

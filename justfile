# Every recipe is the plain command; `just` is a convenience, not a requirement.

# List the recipes.
default:
    @just --list

# Compile everything the tests and the binary need.
build:
    cargo build --workspace --all-targets --locked

# Run all tests. Peers that are not installed are skipped, with a line that says so.
test *ARGS:
    cargo test --workspace --locked {{ ARGS }}

# Install the real peers the tests talk to (Debian or Ubuntu).
peers:
    scripts/install-peers

# Format the code.
fmt:
    cargo fmt --all

# Check format, lints, dependencies and documentation links.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo deny --locked check bans licenses sources
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Everything CI does.
ci:
    bash .ci/run

# Run the benchmarks against their peers (release build; by hand, not part of CI).
bench *ARGS:
    benches/run {{ ARGS }}

# Build the optimised binary.
release:
    cargo build --release --package homelab-mcp --locked

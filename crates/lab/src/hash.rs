//! Names made of hashes.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The first characters of [`hex`].
pub(crate) fn short_hex(bytes: &[u8], characters: usize) -> String {
    hex(bytes).chars().take(characters).collect()
}

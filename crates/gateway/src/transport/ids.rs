//! Unguessable ids of sessions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homelab_core::clock::Entropy;

/// 256 random bits, as 43 characters that need no escaping in a URL.
pub(super) fn session_id(entropy: &dyn Entropy) -> String {
    let mut random = [0; 32];
    entropy.fill(&mut random);
    URL_SAFE_NO_PAD.encode(random)
}

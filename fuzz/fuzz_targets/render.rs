//! Any result as text: nothing that a terminal would obey.
#![no_main]

use homelab_core::render;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(value) = serde_json::from_str(text) {
        let shown = render::text(&value);
        assert!(
            shown
                .chars()
                .all(|letter| letter == '\n' || !letter.is_control()),
            "{shown:?}"
        );
    }
    render::printable(text);
});

//! Texts that people write: addresses, networks, cursors, keys, patterns.
#![no_main]

use homelab_core::net::{Cidr, Ip, Mac};
use homelab_core::page::PageRequest;
use homelab_core::policy::Pattern;
use homelab_core::secret::SecretRef;
use homelab_gateway::auth::keys;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(ip) = text.parse::<Ip>() {
        assert_eq!(ip.to_string().parse(), Ok(ip));
    }
    if let Ok(mac) = text.parse::<Mac>() {
        assert_eq!(mac.to_string().parse(), Ok(mac));
    }
    if let Ok(network) = text.parse::<Cidr>() {
        assert_eq!(network.to_string().parse(), Ok(network));
    }
    drop(PageRequest::from_args(Some(10), Some(text)));
    drop(text.parse::<SecretRef>());
    if let Some(key) = keys::parse(text) {
        assert!(text.contains(key.id()));
        assert!(!key.verify(""));
    }
    let (pattern, name) = text.split_once('\n').unwrap_or((text, text));
    Pattern::new(pattern).matches(name);
});

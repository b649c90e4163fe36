//! The demo lab's tailnet: the firewall brings in the lab's networks, one tablet waits to be let in,
//! one laptop's key ends soon, a friend's machine is shared.

use super::seed::DeviceSeed;
use super::state::{Policy, State};
use super::{OWNER, resolver};

const POLICY: &str = r#"// Tailnet of the demo lab.
{
	"groups": {
		"group:household": ["alex@lab.example", "sam@lab.example"],
	},

	"hosts": {
		"servers":    "192.0.2.64/26",
		"management": "192.0.2.0/26",
	},

	"tagOwners": {
		"tag:router": ["autogroup:admin"],
		"tag:server": ["autogroup:admin", "tag:router"],
	},

	// The firewall's networks need nobody to approve them.
	"autoApprovers": {
		"routes": {"192.0.2.0/24": ["tag:router"]},
	},

	"acls": [
		// The household reaches the services, and nothing else.
		{"action": "accept", "src": ["group:household"], "dst": ["servers:80,443", "tag:server:443"]},
		// Only Alex administers.
		{"action": "accept", "src": ["alex@lab.example"], "dst": ["management:*", "tag:server:*", "tag:router:*"]},
		/* Backups run between the servers. */
		{"action": "accept", "src": ["tag:server"], "dst": ["tag:server:22,8007"]},
	],

	"tests": [
		{"src": "sam@lab.example", "accept": ["tag:server:443"], "deny": ["tag:router:22"]},
		{"src": "alex@lab.example", "accept": ["tag:router:22"]},
	],
}
"#;

pub(super) fn fill(state: &mut State) {
    let sam = "sam@lab.example";
    state.add_user(sam, "member");
    state.policy = Policy {
        text: POLICY.to_owned(),
        untouched: false,
    };
    state.dns.nameservers = vec![resolver("192.0.2.66"), resolver("192.0.2.67")];
    state.dns.search_paths = vec!["lab.example".to_owned()];
    state.dns.magic = true;
    state.dns.override_local = true;
    let own = vec![resolver("192.0.2.66")];
    state.dns.split.insert("lab.example".to_owned(), own);
    let server = |name: &str| DeviceSeed::new(name, "linux").tags(&["tag:server"]);
    for seed in [
        DeviceSeed::new("fw-1", "freebsd")
            .tags(&["tag:router"])
            .advertises(&["192.0.2.0/24", "198.51.100.0/25", "0.0.0.0/0", "::/0"])
            .enabled(&["0.0.0.0/0", "::/0"]),
        server("pve1"),
        server("nas-main"),
        server("docker-1"),
        server("homeassistant").outdated(),
        server("old-wiki").offline(120 * 86_400),
        DeviceSeed::new("workstation", "linux").user(OWNER),
        DeviceSeed::new("laptop-alex", "linux")
            .user(OWNER)
            .expires_in_days(4),
        DeviceSeed::new("phone-alex", "android").user(OWNER),
        DeviceSeed::new("laptop-sam", "macOS")
            .user(sam)
            .offline(9 * 3600),
        DeviceSeed::new("phone-sam", "iOS").user(sam).offline(300),
        DeviceSeed::new("tablet-kitchen", "android")
            .user(sam)
            .pending(),
        DeviceSeed::new("media-friend", "linux")
            .user("robin@friends.example")
            .external(),
    ] {
        seed.join(state);
    }
    let fields = serde_json::json!({
        "keyType": "auth",
        "description": "servers",
        "userId": OWNER,
        "expires": state.time_in(20 * 86_400),
        "expirySeconds": super::keys::LONGEST_S,
        "capabilities": { "devices": { "create": {
            "reusable": true, "ephemeral": false, "preauthorized": true, "tags": ["tag:server"],
        } } },
    });
    state.add_key("kDemoServersCNTRL", "", fields);
}

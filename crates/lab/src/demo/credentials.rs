//! Credentials that open nothing.

/// A stored credential before it is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoCredential {
    /// `device`, `service`, `vm`, `host` or `other`.
    pub target_type: &'static str,
    /// Name of the target.
    pub target: &'static str,
    /// Login name.
    pub username: &'static str,
    /// An invented password; `None` where a key file is used.
    pub password: Option<&'static str>,
    /// Path of a private key that does not exist.
    pub ssh_key_path: Option<&'static str>,
    /// `password`, `ssh_key` or `api_token`.
    pub auth_type: &'static str,
    /// Free text.
    pub notes: &'static str,
}

const fn with_password(
    target_type: &'static str,
    target: &'static str,
    username: &'static str,
    password: &'static str,
    auth_type: &'static str,
) -> DemoCredential {
    DemoCredential {
        target_type,
        target,
        username,
        password: Some(password),
        ssh_key_path: None,
        auth_type,
        notes: super::MARK,
    }
}

/// The demo lab's credentials.
pub fn credentials() -> Vec<DemoCredential> {
    vec![
        with_password("host", "pve1", "root@pam", "demo-only-lantern", "password"),
        with_password(
            "device",
            "nas-main",
            "admin",
            "demo-only-harbour",
            "password",
        ),
        with_password("device", "sw-core", "admin", "demo-only-pepper", "password"),
        with_password("device", "fw-1", "root", "demo-only-meadow", "password"),
        with_password(
            "service",
            "grafana",
            "admin",
            "demo-only-violin",
            "password",
        ),
        with_password(
            "service",
            "postgres",
            "homelab",
            "demo-only-copper",
            "password",
        ),
        with_password(
            "service",
            "homeassistant",
            "agent",
            "demo-only-token-willow",
            "api_token",
        ),
        DemoCredential {
            target_type: "vm",
            target: "docker-1",
            username: "deploy",
            password: None,
            ssh_key_path: Some("/etc/homelab-mcp/keys/demo_ed25519"),
            auth_type: "ssh_key",
            notes: super::MARK,
        },
    ]
}

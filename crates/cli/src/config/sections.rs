//! The sections of the configuration. Every field's doc comment is its documentation: it ends up
//! in the reference page, in `.env.example`, in the JSON Schema and in error messages.

mod auth;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use homelab_core::policy::Role;
use homelab_core::secret::SecretRef;
use homelab_gateway::transport::{AllowedHost, AllowedOrigin};
use homelab_policy::PolicyConfig;
use homelab_ssh::SshConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use auth::{Auth, Certificate, Issuer, Proxy, Scopes};

/// Sections of servers, by the instance's name.
pub(crate) type Servers = BTreeMap<String, Map<String, Value>>;

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Directory of the embedded database, the keys and the backups. Default: `--data-dir`, else
    /// `$HOMELAB_DATA_DIR`, `$STATE_DIRECTORY` (systemd), `$XDG_DATA_HOME/homelab-mcp` or
    /// `~/.local/share/homelab-mcp`.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where and how clients connect.
    pub(crate) server: Server,
    /// Who may connect over HTTP.
    pub(crate) auth: Auth,
    /// What callers without a key may do: the local user of stdio and of the command line.
    pub(crate) local: Local,
    /// Who may do what, when and how often, on top of the roles.
    pub(crate) policy: PolicyConfig,
    /// Where records are kept: an embedded SQLite file unless a PostgreSQL server is named.
    pub(crate) database: Database,
    /// The key that stored passwords are encrypted with.
    pub(crate) secrets: Secrets,
    /// The tamper-evident record of all calls.
    pub(crate) audit: Audit,
    /// What is written to standard error.
    pub(crate) log: Log,
    /// Bounds that keep one client from starving the others.
    pub(crate) limits: Limits,
    /// Hosts that are reached over SSH: for commands, files, and the Docker engines behind them.
    pub(crate) ssh: SshConfig,
    /// The servers behind this one: one table for each instance. A table's name is its kind
    /// unless it says otherwise: `[servers.proxmox]`, or `[servers.pve-2]` with
    /// `kind = "proxmox"`.
    pub(crate) servers: Servers,
}

/// Where and how clients connect.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Addresses to listen on. Anything but loopback is refused without authentication.
    pub(crate) listen: Vec<SocketAddr>,
    /// Path below which everything is served, such as `/homelab`, for use behind a proxy.
    pub(crate) base_path: String,
    /// URL under which clients reach this server, as it is printed into client configurations,
    /// such as `https://homelab.example`. Default: the first address of `listen`.
    pub(crate) public_url: Option<String>,
    /// Names under which clients reach this server, besides addresses, `localhost` and the host of
    /// `public_url`: `lab.example`, the same with a port, `*.example`, or `*`. Protects against DNS
    /// rebinding.
    pub(crate) allowed_hosts: Vec<AllowedHost>,
    /// Origins of web pages that may call this server, such as `https://chat.example`. A request
    /// of any other page is refused.
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
    /// Serve the older HTTP+SSE transport at `/sse` and `/messages` too.
    pub(crate) sse: bool,
    /// Who may read `/metrics`: `key` whoever has a key, `local` programs on this machine too,
    /// `open` anybody.
    pub(crate) metrics: Metrics,
    /// Whether `/mcp` lists the schemas of results too. They double what a client has to read.
    pub(crate) output_schemas: bool,
    /// Certificate and key for HTTPS. Plain HTTP without them.
    pub(crate) tls: ServerTls,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metrics {
    /// Whoever has a key.
    Key,
    /// The same, and without a key who comes from this machine itself and not through a proxy.
    #[default]
    Local,
    /// Anybody.
    Open,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            base_path: String::new(),
            public_url: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            sse: true,
            metrics: Metrics::default(),
            output_schemas: false,
            tls: ServerTls::default(),
        }
    }
}

/// Certificate and key for HTTPS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerTls {
    /// PEM file with the certificate chain, leaf first.
    pub(crate) cert_file: Option<PathBuf>,
    /// PEM file with the private key.
    pub(crate) key_file: Option<PathBuf>,
    /// PEM file with authorities of clients' certificates.
    pub(crate) client_ca_file: Option<PathBuf>,
    /// Whether a client must present a certificate of such an authority, or may. One of another
    /// authority is refused either way.
    pub(crate) client_certificate: ClientCertificate,
}

/// Whether a client must present a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientCertificate {
    /// Connections without one are refused.
    #[default]
    Required,
    /// Others sign in another way.
    Optional,
}

/// What callers without a key may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "users write these names")]
pub(crate) struct Local {
    /// Role of a client that starts this program itself (`serve --stdio`).
    pub(crate) stdio_role: Role,
    /// Role of the command line.
    pub(crate) cli_role: Role,
    /// Role of HTTP callers while `auth.enabled` is off.
    pub(crate) http_role: Role,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            stdio_role: Role::Operator,
            cli_role: Role::Admin,
            http_role: Role::Operator,
        }
    }
}

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// URL of a PostgreSQL server (15 or later): `postgres://user:password@host:5432/name`. Takes
    /// the place of the single settings below. Our tables live in its schema `homelab_mcp`.
    pub(crate) url: Option<SecretRef>,
    /// SQLite file. Default: `homelab.db` in the data directory.
    pub(crate) file: Option<PathBuf>,
    /// PostgreSQL host; setting it chooses PostgreSQL.
    pub(crate) host: Option<String>,
    /// PostgreSQL port.
    pub(crate) port: u16,
    /// PostgreSQL database.
    pub(crate) name: String,
    /// PostgreSQL role.
    pub(crate) user: String,
    /// Password of the PostgreSQL role.
    pub(crate) password: Option<SecretRef>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            file: None,
            host: None,
            port: 5432,
            name: "homelab_db".to_owned(),
            user: "homelab".to_owned(),
            password: None,
        }
    }
}

/// The key that stored passwords are encrypted with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Secrets {
    /// Fernet key (32 bytes in URL-safe base64), or several separated by commas: the first
    /// encrypts, all decrypt. Default: `master.key` in the data directory, made on first use.
    pub(crate) master_key: Option<SecretRef>,
}

/// The tamper-evident record of all calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    /// Key of the hash chain: 64 hexadecimal digits. Default: `audit.key` in the data directory,
    /// made on first use.
    pub(crate) key: Option<SecretRef>,
    /// Ed25519 key (its seed) that signs checkpoints and exports: 64 hexadecimal digits. Default:
    /// `audit-signing.key` in the data directory, made on first use.
    pub(crate) signing_key: Option<SecretRef>,
    /// A checkpoint is signed after this many rows.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) checkpoint_rows: u32,
    /// A checkpoint is signed this many minutes after the last one, if there are rows since.
    #[schemars(range(min = 1, max = 1_440))]
    pub(crate) checkpoint_minutes: u32,
    /// Where each checkpoint goes besides the database, so that not even who owns this machine can
    /// cut the audit off unseen.
    pub(crate) pin: Pin,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            key: None,
            signing_key: None,
            checkpoint_rows: 1_000,
            checkpoint_minutes: 5,
            pin: Pin::default(),
        }
    }
}

/// Where each checkpoint goes besides the database, so that not even who owns this machine can cut
/// the audit off unseen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pin {
    /// Write each one to the log (target `homelab_mcp::audit::head`), which journald collects.
    pub(crate) log: bool,
    /// Send each one to the system's `/dev/log`, which syslog and journald read.
    pub(crate) syslog: bool,
    /// File to append each one to, such as one on a share of another machine.
    pub(crate) file: Option<PathBuf>,
    /// URL to `POST` each one to, as JSON.
    pub(crate) webhook: Option<SecretRef>,
    /// Bearer token for the webhook.
    pub(crate) webhook_token: Option<SecretRef>,
    /// URL of an ntfy topic, such as `https://ntfy.sh/my-topic`.
    pub(crate) ntfy: Option<SecretRef>,
    /// Access token for ntfy.
    pub(crate) ntfy_token: Option<SecretRef>,
}

/// What is written to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Least severity shown: `error`, `warn`, `info`, `debug` or `trace`, or a list of filters
    /// such as `info,homelab_upstream=debug`.
    pub(crate) level: String,
    /// How lines look. `auto`: for people on a terminal, JSON otherwise.
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object on each line.
    Json,
}

/// Bounds that keep one client from starving the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Largest request body, bytes.
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub(crate) max_body_bytes: usize,
    /// Connections open at a time; more wait in the system's queue.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_connections: usize,
    /// Seconds a client may take to send its request head.
    #[schemars(range(min = 1, max = 300))]
    pub(crate) header_timeout_s: u64,
    /// Seconds that a connection may lie idle.
    #[schemars(range(min = 1, max = 86_400))]
    pub(crate) idle_timeout_s: u64,
    /// Sessions of older protocol revisions, and event streams, that one key may have open at one
    /// endpoint.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_sessions: usize,
    /// Size of an answer whose length the caller left open, in tokens of about four characters.
    #[schemars(range(min = 200, max = 20_000))]
    pub(crate) page_tokens: usize,
    /// Size that no answer exceeds, in tokens of about four characters.
    #[schemars(range(min = 200, max = 20_000))]
    pub(crate) answer_tokens: usize,
    /// Seconds that running calls get to finish when the server is told to stop.
    #[schemars(range(min = 0, max = 600))]
    pub(crate) shutdown_grace_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 4 * 1024 * 1024,
            max_connections: 8192,
            header_timeout_s: 10,
            idle_timeout_s: 120,
            max_sessions: 256,
            page_tokens: 2_000,
            answer_tokens: 20_000,
            shutdown_grace_s: 10,
        }
    }
}

//! The settings of a fresh installation, and those that need a restart.

use serde_json::{Value, json};

/// Settings below `dns` and `webserver` whose change makes it restart. Those of `dhcp` all do; local
/// host records do not, aliases do.
pub(super) const RESTARTS: &[&str] = &[
    "dns.upstreams",
    "dns.piholePTR",
    "dns.domainNeeded",
    "dns.expandHosts",
    "dns.bogusPriv",
    "dns.dnssec",
    "dns.interface",
    "dns.hostRecord",
    "dns.listeningMode",
    "dns.queryLogging",
    "dns.cnameRecords",
    "dns.port",
    "dns.localise",
    "dns.revServers",
    "dns.domain.name",
    "dns.domain.local",
    "dns.cache.size",
    "dns.cache.optimizer",
    "webserver.domain",
    "webserver.acl",
    "webserver.port",
    "webserver.threads",
    "webserver.api.max_sessions",
    "webserver.api.maxHistory",
    "misc.etc_dnsmasq_d",
    "misc.dnsmasq_lines",
    "misc.extraLogging",
];

pub(super) fn defaults() -> Value {
    json!({
        "dns": dns(),
        "dhcp": {
            "active": false,
            "start": "",
            "end": "",
            "router": "",
            "netmask": "",
            "leaseTime": "",
            "ipv6": false,
            "rapidCommit": false,
            "multiDNS": false,
            "logging": false,
            "ignoreUnknownClients": false,
            "hosts": [],
        },
        "resolver": {
            "resolveIPv4": true,
            "resolveIPv6": true,
            "networkNames": true,
            "refreshNames": "IPV4_ONLY",
        },
        "database": {
            "DBimport": true,
            "maxDBdays": 91,
            "DBinterval": 60,
            "useWAL": true,
            "network": { "parseARPcache": true, "expire": 91 },
        },
        "webserver": webserver(),
        "misc": {
            "nice": -10,
            "delay_startup": 0,
            "etc_dnsmasq_d": false,
            "privacylevel": 0,
            "dnsmasq_lines": [],
            "extraLogging": false,
            "readOnly": false,
            "check": { "load": true, "shmem": 90, "disk": 90 },
        },
    })
}

fn dns() -> Value {
    json!({
        "upstreams": [],
        "CNAMEdeepInspect": true,
        "blockESNI": true,
        "EDNS0ECS": true,
        "ignoreLocalhost": false,
        "showDNSSEC": true,
        "analyzeOnlyAandAAAA": false,
        "piholePTR": "PI.HOLE",
        "replyWhenBusy": "ALLOW",
        "blockTTL": 2,
        "hosts": [],
        "domainNeeded": false,
        "expandHosts": false,
        "domain": { "name": "lan", "local": true },
        "bogusPriv": true,
        "dnssec": false,
        "interface": "",
        "hostRecord": "",
        "listeningMode": "LOCAL",
        "queryLogging": true,
        "cnameRecords": [],
        "port": 53,
        "localise": true,
        "revServers": [],
        "cache": { "size": 10_000, "optimizer": 3600, "upstreamBlockedTTL": 86_400 },
        "blocking": { "active": true, "mode": "NULL", "edns": "TEXT" },
        "specialDomains": {
            "mozillaCanary": true,
            "iCloudPrivateRelay": true,
            "designatedResolver": true,
        },
        "reply": {
            "host": { "force4": false, "IPv4": "", "force6": false, "IPv6": "" },
            "blocking": { "force4": false, "IPv4": "", "force6": false, "IPv6": "" },
        },
        "rateLimit": { "count": 1000, "interval": 60 },
    })
}

fn webserver() -> Value {
    json!({
        "domain": "pi.hole",
        "acl": "",
        "port": "80o,443os,[::]:80o,[::]:443os",
        "threads": 50,
        "headers": [],
        "serve_all": false,
        "session": { "timeout": 1800, "restore": true },
        "tls": { "cert": "/etc/pihole/tls.pem", "validity": 47 },
        "paths": { "webroot": "/var/www/html", "webhome": "/admin/", "prefix": "" },
        "interface": { "boxed": true, "theme": "default-auto" },
        "api": {
            "max_sessions": 16,
            "prettyJSON": false,
            "pwhash": "",
            "password": "",
            "totp_secret": "",
            "app_pwhash": "",
            "app_sudo": false,
            "cli_pw": true,
            "excludeClients": [],
            "excludeDomains": [],
            "maxHistory": 86_400,
            "maxClients": 10,
            "client_history_global_max": true,
            "allow_destructive": true,
            "temp": { "limit": 60.0, "unit": "C" },
        },
    })
}

//! The old API below `/proxy/network/api` (or `/api`), and its `v2` part.

use super::{ANY, FLAG, MAC, Run, TEXT, ask, delete, get, route, send, since, until};
use crate::contract::{Kind, Param, Route, optional, required};
use crate::unifi::Release;
use crate::unifi::dns;
use crate::unifi::legacy::{devices, health, hotspot, log, policies, settings, stations};

const STAMGR: &[Param] = &[
    required(
        "cmd",
        Kind::OneOf(&[
            "block-sta",
            "unblock-sta",
            "kick-sta",
            "forget-sta",
            "authorize-guest",
            "unauthorize-guest",
        ]),
    ),
    optional("mac", MAC),
    optional("macs", Kind::Texts),
    optional("minutes", Kind::Integer(1, i64::MAX)),
    optional("up", ANY),
    optional("down", ANY),
    optional("bytes", ANY),
    optional("ap_mac", MAC),
];
const DEVMGR: &[Param] = &[
    required(
        "cmd",
        Kind::OneOf(&[
            "restart",
            "power-cycle",
            "set-locate",
            "unset-locate",
            "upgrade",
            "force-provision",
            "adopt",
            "speedtest",
            "speedtest-status",
        ]),
    ),
    optional("mac", MAC),
    optional("reboot_type", Kind::OneOf(&["soft", "hard"])),
    optional("port_idx", Kind::Integer(1, 64)),
];
const HOTSPOT: &[Param] = &[
    required("cmd", Kind::OneOf(&["create-voucher", "delete-voucher"])),
    optional("expire", Kind::Integer(1, 1_000_000)),
    optional("expire_number", Kind::Integer(1, 1_000_000)),
    optional("expire_unit", Kind::Integer(1, 1440)),
    optional("n", Kind::Integer(1, 1000)),
    optional("quota", ANY),
    optional("note", TEXT),
    optional("up", Kind::Integer(2, 100_000)),
    optional("down", Kind::Integer(2, 100_000)),
    optional("bytes", Kind::Integer(1, 1_048_576)),
    optional("_id", TEXT),
];
const RULE: &[Param] = &[
    optional("_id", TEXT),
    optional("site_id", TEXT),
    optional("name", TEXT),
    optional("enabled", FLAG),
    optional("action", Kind::OneOf(&["accept", "drop", "reject"])),
    optional("ruleset", Kind::OneOf(RULESETS)),
    optional("rule_index", Kind::Integer(2000, 49_999)),
    optional("protocol", TEXT),
    optional("protocol_match_excepted", FLAG),
    optional("src_firewallgroup_ids", Kind::Texts),
    optional("dst_firewallgroup_ids", Kind::Texts),
    optional("src_address", TEXT),
    optional("dst_address", TEXT),
    optional("src_port", TEXT),
    optional("dst_port", TEXT),
    optional("src_mac_address", TEXT),
    optional("src_networkconf_id", TEXT),
    optional("src_networkconf_type", TEXT),
    optional("dst_networkconf_id", TEXT),
    optional("dst_networkconf_type", TEXT),
    optional("icmp_typename", TEXT),
    optional("ipsec", TEXT),
    optional("logging", FLAG),
    optional("setting_preference", TEXT),
    optional("state_new", FLAG),
    optional("state_established", FLAG),
    optional("state_related", FLAG),
    optional("state_invalid", FLAG),
];
const RULESETS: &[&str] = &[
    "WAN_IN",
    "WAN_OUT",
    "WAN_LOCAL",
    "LAN_IN",
    "LAN_OUT",
    "LAN_LOCAL",
    "GUEST_IN",
    "GUEST_OUT",
    "GUEST_LOCAL",
    "WANv6_IN",
    "WANv6_OUT",
    "WANv6_LOCAL",
    "LANv6_IN",
    "LANv6_OUT",
    "LANv6_LOCAL",
    "GUESTv6_IN",
    "GUESTv6_OUT",
    "GUESTv6_LOCAL",
];
const FORWARD: &[Param] = &[
    optional("_id", TEXT),
    optional("site_id", TEXT),
    optional("name", TEXT),
    optional("enabled", FLAG),
    optional("pfwd_interface", TEXT),
    optional("src", TEXT),
    optional("dst_port", TEXT),
    optional("fwd", TEXT),
    optional("fwd_port", TEXT),
    optional("proto", Kind::OneOf(&["tcp", "udp", "tcp_udp"])),
    optional("log", FLAG),
    optional("destination_ip", TEXT),
];
const WLAN: &[Param] = &[
    optional("_id", TEXT),
    optional("name", TEXT),
    optional("enabled", FLAG),
    optional("hide_ssid", FLAG),
    optional("x_passphrase", TEXT),
];
const USER: &[Param] = &[
    optional("_id", TEXT),
    optional("mac", MAC),
    optional("name", TEXT),
    optional("note", TEXT),
    optional("use_fixedip", FLAG),
    optional("fixed_ip", TEXT),
    optional("network_id", TEXT),
];
const POLICY: &[Param] = &[
    optional("_id", TEXT),
    required("name", TEXT),
    optional("description", TEXT),
    required("enabled", FLAG),
    required("action", Kind::OneOf(&["ALLOW", "BLOCK", "REJECT"])),
    optional("index", ANY),
    optional("predefined", FLAG),
    optional("protocol", TEXT),
    optional("ip_version", Kind::OneOf(&["BOTH", "IPV4", "IPV6"])),
    optional("logging", FLAG),
    optional("match_ip_sec", FLAG),
    optional("match_opposite_protocol", FLAG),
    optional("connection_state_type", TEXT),
    optional("connection_states", Kind::Texts),
    optional("create_allow_respond", FLAG),
    optional("icmp_typename", TEXT),
    optional("icmp_v6_typename", TEXT),
    required("source", Kind::Object),
    required("destination", Kind::Object),
    optional("schedule", Kind::Object),
];
const TRAFFIC_RULE: &[Param] = &[
    optional("_id", TEXT),
    required("action", Kind::OneOf(&["ALLOW", "BLOCK"])),
    required("description", TEXT),
    required("enabled", FLAG),
    required("matching_target", TEXT),
    optional("app_category_ids", Kind::List),
    optional("app_ids", Kind::List),
    optional("bandwidth_limit", Kind::Object),
    optional("domains", Kind::List),
    optional("ip_addresses", Kind::List),
    optional("ip_ranges", Kind::List),
    optional("network_ids", Kind::List),
    optional("regions", Kind::List),
    optional("schedule", Kind::Object),
    optional("target_devices", Kind::List),
];
const STATIC_DNS: &[Param] = &[
    optional("_id", TEXT),
    required(
        "record_type",
        Kind::OneOf(&["A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"]),
    ),
    required("key", TEXT),
    required("value", TEXT),
    optional("enabled", FLAG),
    optional("ttl", ANY),
    optional("priority", Kind::Integer(0, 65_535)),
    optional("weight", Kind::Integer(0, 65_535)),
    optional("port", Kind::Integer(0, 65_535)),
];
const SYSTEM_LOG: &[Param] = &[
    optional("timestampFrom", ANY),
    optional("timestampTo", ANY),
    optional("pageNumber", ANY),
    optional("pageSize", Kind::Integer(1, 1000)),
    optional("categories", Kind::Texts),
    optional("severities", Kind::Texts),
    optional("searchText", TEXT),
];
const EVENTS: &[Param] = &[
    optional("_limit", Kind::Integer(1, 3000)),
    optional("_start", ANY),
    optional("_sort", TEXT),
    optional("within", ANY),
];
const HISTORY: &[Param] = &[
    optional("onlyNonBlocked", FLAG),
    optional("includeUnifiDevices", FLAG),
    optional("withinHours", ANY),
];
const ACTIVE: &[Param] = &[
    optional("includeTrafficUsage", FLAG),
    optional("includeUnifiDevices", FLAG),
];

const fn before_10(route: Route<Run>) -> Route<Run> {
    until(Release::V9_1, route)
}

const fn in_9_0(route: Route<Run>) -> Route<Run> {
    since(Release::V9_0, route)
}

#[rustfmt::skip]
pub(in crate::unifi) static TABLE: &[Route<Run>] = &[
    get("/api/self", settings::myself),
    get("/api/self/sites", settings::sites),
    get("/api/s/{site}/stat/sta", stations::connected),
    get("/api/s/{site}/stat/sta/{mac}", stations::connected_one),
    get("/api/s/{site}/stat/user/{mac}", stations::known_one),
    route("GET", "/api/s/{site}/stat/alluser", &[optional("within", ANY), optional("type", TEXT)], stations::known),
    get("/api/s/{site}/rest/user", stations::known),
    get("/api/s/{site}/rest/user/{id}", stations::known_by_id),
    send("PUT", "/api/s/{site}/rest/user/{id}", USER, stations::change),
    send("POST", "/api/s/{site}/cmd/stamgr", STAMGR, stations::command),
    get("/api/s/{site}/stat/device", devices::list),
    get("/api/s/{site}/stat/device-basic", devices::list_basic),
    get("/api/s/{site}/stat/device/{mac}", devices::one),
    send("POST", "/api/s/{site}/cmd/devmgr", DEVMGR, devices::command),
    get("/api/s/{site}/stat/health", health::health),
    get("/api/s/{site}/stat/sysinfo", health::sysinfo),
    get("/api/s/{site}/stat/dashboard", health::dashboard),
    get("/api/s/{site}/stat/voucher", hotspot::vouchers),
    ask("/api/s/{site}/stat/voucher", &[optional("create_time", ANY)], hotspot::vouchers),
    send("POST", "/api/s/{site}/cmd/hotspot", HOTSPOT, hotspot::command),
    get("/api/s/{site}/rest/networkconf", settings::networks),
    get("/api/s/{site}/rest/networkconf/{id}", settings::networks),
    get("/api/s/{site}/rest/wlanconf", settings::wlans),
    get("/api/s/{site}/rest/wlanconf/{id}", settings::wlans),
    send("PUT", "/api/s/{site}/rest/wlanconf/{id}", WLAN, settings::change_wlan),
    get("/api/s/{site}/rest/portforward", settings::forwards),
    get("/api/s/{site}/rest/portforward/{id}", settings::forwards),
    send("POST", "/api/s/{site}/rest/portforward", FORWARD, settings::add_forward),
    send("PUT", "/api/s/{site}/rest/portforward/{id}", FORWARD, settings::change_forward),
    delete("/api/s/{site}/rest/portforward/{id}", settings::delete_forward),
    get("/api/s/{site}/rest/firewallrule", settings::rules),
    get("/api/s/{site}/rest/firewallrule/{id}", settings::rules),
    send("POST", "/api/s/{site}/rest/firewallrule", RULE, settings::add_rule),
    send("PUT", "/api/s/{site}/rest/firewallrule/{id}", RULE, settings::change_rule),
    delete("/api/s/{site}/rest/firewallrule/{id}", settings::delete_rule),
    get("/api/s/{site}/rest/firewallgroup", settings::groups),
    before_10(route("GET", "/api/s/{site}/stat/event", EVENTS, log::events)),
    before_10(ask("/api/s/{site}/stat/event", EVENTS, log::events)),
    before_10(route("GET", "/api/s/{site}/stat/alarm", EVENTS, log::alarms)),
    before_10(route("GET", "/api/s/{site}/rest/alarm", EVENTS, log::alarms)),
];

#[rustfmt::skip]
pub(in crate::unifi) static V2: &[Route<Run>] = &[
    route("GET", "/v2/api/site/{site}/clients/active", ACTIVE, stations::active),
    route("GET", "/v2/api/site/{site}/clients/history", HISTORY, stations::history),
    in_9_0(get("/v2/api/site/{site}/site-feature-migration", policies::migrations)),
    in_9_0(get("/v2/api/site/{site}/firewall/zone", policies::zones)),
    in_9_0(get("/v2/api/site/{site}/firewall-policies", policies::list)),
    in_9_0(send("POST", "/v2/api/site/{site}/firewall-policies", POLICY, policies::create)),
    in_9_0(get("/v2/api/site/{site}/firewall-policies/{id}", policies::one)),
    in_9_0(send("PUT", "/v2/api/site/{site}/firewall-policies/{id}", POLICY, policies::replace)),
    in_9_0(delete("/v2/api/site/{site}/firewall-policies/{id}", policies::delete)),
    get("/v2/api/site/{site}/static-dns", dns::static_list),
    send("POST", "/v2/api/site/{site}/static-dns", STATIC_DNS, dns::static_create),
    get("/v2/api/site/{site}/static-dns/{id}", settings::no_single_object),
    send("PUT", "/v2/api/site/{site}/static-dns/{id}", STATIC_DNS, dns::static_replace),
    delete("/v2/api/site/{site}/static-dns/{id}", dns::static_delete),
    get("/v2/api/site/{site}/trafficrules", settings::traffic_rules),
    get("/v2/api/site/{site}/trafficrules/{id}", settings::no_single_object),
    send("PUT", "/v2/api/site/{site}/trafficrules/{id}", TRAFFIC_RULE, settings::change_traffic_rule),
    in_9_0(ask("/v2/api/site/{site}/system-log/all", SYSTEM_LOG, log::system)),
    in_9_0(ask("/v2/api/site/{site}/system-log/critical", SYSTEM_LOG, log::critical)),
];

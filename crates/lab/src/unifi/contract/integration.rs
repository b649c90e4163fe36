//! The integration API, below `/proxy/network/integration`.

use super::{ANY, FLAG, MAC, Run, TEXT, UUID, delete, get, list, route, send, since};
use crate::contract::{Kind, Param, Route, optional, required};
use crate::unifi::Release;
use crate::unifi::dns;
use crate::unifi::filter::{
    self, MAY_FLAG, MAY_ORDER, MAY_SAME, NUMBER, ORDER, Property, SAME, SET, VERSION, property,
};
use crate::unifi::integration::{acl, clients, devices, firewall, networks, vouchers};

const LIMIT_RATE: Kind = Kind::Integer(2, 100_000);
const MINUTES: Kind = Kind::Integer(1, 1_000_000);
const MEGABYTES: Kind = Kind::Integer(1, 1_048_576);

const VOUCHER: &[Param] = &[
    optional("count", Kind::Integer(1, 1000)),
    required("name", TEXT),
    optional("authorizedGuestLimit", Kind::Integer(1, i64::MAX)),
    required("timeLimitMinutes", MINUTES),
    optional("dataUsageLimitMBytes", MEGABYTES),
    optional("rxRateLimitKbps", LIMIT_RATE),
    optional("txRateLimitKbps", LIMIT_RATE),
];
const CLIENT_ACTION: &[Param] = &[
    required(
        "action",
        Kind::OneOf(&["AUTHORIZE_GUEST_ACCESS", "UNAUTHORIZE_GUEST_ACCESS"]),
    ),
    optional("timeLimitMinutes", MINUTES),
    optional("dataUsageLimitMBytes", MEGABYTES),
    optional("rxRateLimitKbps", LIMIT_RATE),
    optional("txRateLimitKbps", LIMIT_RATE),
];
const POLICY: &[Param] = &[
    required("enabled", FLAG),
    required("name", TEXT),
    optional("description", TEXT),
    required("action", Kind::Object),
    required("source", Kind::Object),
    required("destination", Kind::Object),
    required("ipProtocolScope", Kind::Object),
    optional("connectionStateFilter", Kind::Texts),
    optional(
        "ipsecFilter",
        Kind::OneOf(&["MATCH_ENCRYPTED", "MATCH_NOT_ENCRYPTED"]),
    ),
    required("loggingEnabled", FLAG),
    optional("schedule", Kind::Object),
];
const ACL: &[Param] = &[
    required("type", Kind::OneOf(&["IPV4", "MAC"])),
    required("enabled", FLAG),
    required("name", TEXT),
    optional("description", TEXT),
    required("action", Kind::OneOf(&["ALLOW", "BLOCK"])),
    optional("enforcingDeviceFilter", Kind::Object),
    optional("protocolFilter", Kind::Texts),
    optional("sourceFilter", Kind::Object),
    optional("destinationFilter", Kind::Object),
    optional("networkIdFilter", UUID),
];
const DNS: &[Param] = &[
    required("type", TEXT),
    required("enabled", FLAG),
    required("domain", TEXT),
    optional("ipv4Address", TEXT),
    optional("ipv6Address", TEXT),
    optional("targetDomain", TEXT),
    optional("mailServerDomain", TEXT),
    optional("text", TEXT),
    optional("serverDomain", TEXT),
    optional("ipAddress", TEXT),
    optional("ttlSeconds", ANY),
    optional("priority", ANY),
    optional("service", TEXT),
    optional("protocol", TEXT),
    optional("port", ANY),
    optional("weight", ANY),
];
const ORDERING: &[Param] = &[
    required("sourceFirewallZoneId", UUID),
    required("destinationFirewallZoneId", UUID),
];

const BY_SITE: &[Property] = &[
    property("id", SAME),
    property("internalReference", SAME),
    property("name", SAME),
];
const BY_DEVICE: &[Property] = &[
    property("id", SAME),
    property("macAddress", SAME),
    property("ipAddress", SAME),
    property("name", filter::TEXT),
    property("model", SAME),
    property("state", SAME),
    property("supported", filter::FLAG),
    property("firmwareVersion", VERSION),
    property("firmwareUpdatable", filter::FLAG),
    property("features", filter::LIST),
    property("interfaces", filter::LIST),
];
const BY_CLIENT: &[Property] = &[
    property("id", SAME),
    property("type", SAME),
    property("macAddress", MAY_SAME),
    property("ipAddress", MAY_SAME),
    property("connectedAt", MAY_ORDER),
    property("access.type", SAME),
    property("access.authorized", MAY_FLAG),
];
pub(in crate::unifi) const BY_VOUCHER: &[Property] = &[
    property("id", SAME),
    property("createdAt", ORDER),
    property("name", filter::TEXT),
    property("code", SAME),
    property("authorizedGuestLimit", MAY_ORDER),
    property("authorizedGuestCount", ORDER),
    property("activatedAt", ORDER),
    property("expiresAt", ORDER),
    property("expired", filter::FLAG),
    property("timeLimitMinutes", ORDER),
    property("dataUsageLimitMBytes", MAY_ORDER),
    property("rxRateLimitKbps", MAY_ORDER),
    property("txRateLimitKbps", MAY_ORDER),
];
const BY_NETWORK: &[Property] = &[
    property("management", SAME),
    property("id", SAME),
    property("name", filter::TEXT),
    property("enabled", filter::FLAG),
    property("vlanId", NUMBER),
    property("deviceId", MAY_SAME),
    property("metadata.origin", SAME),
];
const BY_WLAN: &[Property] = &[
    property("type", SAME),
    property("id", SAME),
    property("enabled", filter::FLAG),
    property("name", filter::TEXT),
    property("broadcastingFrequenciesGHz", SET),
    property("metadata.origin", SAME),
    property("network.type", MAY_SAME),
    property("network.networkId", SAME),
    property("securityConfiguration.type", SAME),
];
const BY_ZONE: &[Property] = &[
    property("id", SAME),
    property("name", filter::TEXT),
    property("metadata.origin", SAME),
    property("metadata.configurable", MAY_FLAG),
];
const BY_POLICY: &[Property] = &[
    property("id", SAME),
    property("name", filter::TEXT),
    property("source.zoneId", SAME),
    property("destination.zoneId", SAME),
    property("metadata.origin", SAME),
];
const BY_ACL: &[Property] = &[
    property("type", SAME),
    property("id", SAME),
    property("enabled", filter::FLAG),
    property("name", filter::TEXT),
    property("action", SAME),
    property("index", NUMBER),
    property("networkId", MAY_SAME),
    property("metadata.origin", SAME),
    property("sourceFilter.type", MAY_SAME),
    property("sourceFilter.macAddresses", SET),
];
const BY_DNS: &[Property] = &[
    property("type", SAME),
    property("id", SAME),
    property("enabled", filter::FLAG),
    property("domain", filter::TEXT),
    property("ipv4Address", filter::TEXT),
    property("ipv6Address", filter::TEXT),
    property("targetDomain", filter::TEXT),
    property("ttlSeconds", NUMBER),
];

/// Vouchers come in larger pages than anything else.
const VOUCHER_PAGES: &[Param] = &[
    optional("offset", ANY),
    optional("limit", Kind::Integer(0, 1000)),
    optional("filter", TEXT),
];
const MUST_FILTER: &[Param] = &[required("filter", TEXT)];

const fn with(params: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route { params, ..route }
}

const fn in_9_0(route: Route<Run>) -> Route<Run> {
    since(Release::V9_0, route)
}

const fn in_9_1(route: Route<Run>) -> Route<Run> {
    since(Release::V9_1, route)
}

const fn in_10_0(route: Route<Run>) -> Route<Run> {
    since(Release::V10_0, route)
}

const fn in_10_5(route: Route<Run>) -> Route<Run> {
    since(Release::V10_5, route)
}

#[rustfmt::skip]
pub(in crate::unifi) static TABLE: &[Route<Run>] = &[
    in_9_0(get("/v1/info", networks::info)),
    in_9_0(list("/v1/sites", BY_SITE, networks::sites)),
    in_9_0(list("/v1/sites/{site}/devices", BY_DEVICE, devices::list)),
    in_10_5(send("POST", "/v1/sites/{site}/devices", &[required("macAddress", MAC), required("ignoreDeviceLimit", FLAG)], devices::adopt)),
    in_9_0(get("/v1/sites/{site}/devices/{id}", devices::one)),
    in_10_5(delete("/v1/sites/{site}/devices/{id}", devices::remove)),
    in_9_0(get("/v1/sites/{site}/devices/{id}/statistics/latest", devices::statistics)),
    in_9_0(send("POST", "/v1/sites/{site}/devices/{id}/actions", &[required("action", Kind::OneOf(&["RESTART"]))], devices::act)),
    in_9_0(send("POST", "/v1/sites/{site}/devices/{id}/interfaces/ports/{port}/actions", &[required("action", Kind::OneOf(&["POWER_CYCLE"]))], devices::act_on_port)),
    in_10_0(list("/v1/pending-devices", BY_DEVICE, devices::pending)),
    in_9_0(list("/v1/sites/{site}/clients", BY_CLIENT, clients::list)),
    in_9_0(get("/v1/sites/{site}/clients/{id}", clients::one)),
    in_9_1(send("POST", "/v1/sites/{site}/clients/{id}/actions", CLIENT_ACTION, clients::act)),
    in_9_1(with(VOUCHER_PAGES, list("/v1/sites/{site}/hotspot/vouchers", BY_VOUCHER, vouchers::list))),
    in_9_1(send("POST", "/v1/sites/{site}/hotspot/vouchers", VOUCHER, vouchers::create)),
    in_9_1(with(MUST_FILTER, delete("/v1/sites/{site}/hotspot/vouchers", vouchers::delete_by))),
    in_9_1(get("/v1/sites/{site}/hotspot/vouchers/{id}", vouchers::one)),
    in_9_1(delete("/v1/sites/{site}/hotspot/vouchers/{id}", vouchers::delete)),
    in_10_0(list("/v1/sites/{site}/networks", BY_NETWORK, networks::list)),
    in_10_0(get("/v1/sites/{site}/networks/{id}", networks::one)),
    in_10_0(list("/v1/sites/{site}/wifi/broadcasts", BY_WLAN, networks::wlans)),
    in_10_0(list("/v1/sites/{site}/wans", &[], networks::wans)),
    in_10_0(list("/v1/sites/{site}/firewall/zones", BY_ZONE, firewall::zones)),
    in_10_0(get("/v1/sites/{site}/firewall/zones/{id}", firewall::zone)),
    in_10_5(list("/v1/sites/{site}/firewall/policies", BY_POLICY, firewall::policies)),
    in_10_5(send("POST", "/v1/sites/{site}/firewall/policies", POLICY, firewall::create)),
    in_10_5(route("GET", "/v1/sites/{site}/firewall/policies/ordering", ORDERING, firewall::ordering)),
    in_10_5(with(ORDERING, send("PUT", "/v1/sites/{site}/firewall/policies/ordering", &[required("orderedFirewallPolicyIds", Kind::Object)], firewall::order))),
    in_10_5(get("/v1/sites/{site}/firewall/policies/{id}", firewall::policy)),
    in_10_5(send("PUT", "/v1/sites/{site}/firewall/policies/{id}", POLICY, firewall::replace)),
    in_10_5(send("PATCH", "/v1/sites/{site}/firewall/policies/{id}", &[required("loggingEnabled", FLAG)], firewall::patch)),
    in_10_5(delete("/v1/sites/{site}/firewall/policies/{id}", firewall::delete)),
    in_10_0(list("/v1/sites/{site}/acl-rules", BY_ACL, acl::list)),
    in_10_0(send("POST", "/v1/sites/{site}/acl-rules", ACL, acl::create)),
    in_10_0(get("/v1/sites/{site}/acl-rules/{id}", acl::one)),
    in_10_0(send("PUT", "/v1/sites/{site}/acl-rules/{id}", ACL, acl::replace)),
    in_10_0(delete("/v1/sites/{site}/acl-rules/{id}", acl::delete)),
    in_10_5(list("/v1/sites/{site}/dns/policies", BY_DNS, dns::list)),
    in_10_5(send("POST", "/v1/sites/{site}/dns/policies", DNS, dns::create)),
    in_10_5(get("/v1/sites/{site}/dns/policies/{id}", dns::one)),
    in_10_5(send("PUT", "/v1/sites/{site}/dns/policies/{id}", DNS, dns::replace)),
    in_10_5(delete("/v1/sites/{site}/dns/policies/{id}", dns::delete)),
];

#[cfg(test)]
mod tests {
    use super::super::BodyKind;
    use super::*;

    #[test]
    fn what_carries_fields_carries_a_body() {
        for route in TABLE {
            let body = route.run.body != BodyKind::None;
            assert_eq!(body, !route.run.fields.is_empty(), "{}", route.path);
        }
    }
}

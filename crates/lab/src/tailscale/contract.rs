//! Which calls there are, and which parameters they take. Written from the API's documentation;
//! names and types only.

use super::Nothing;
use super::entry::Call;
use super::reply::Answer;
use super::state::State;
use super::{access, devices, dns, keys, policy, routes, services, users};
use crate::contract::{Kind, Param, Route, optional, required};

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    None,
    /// An object with the fields of the table.
    Fields,
    /// Any JSON; the handler looks at it.
    Json,
    /// A policy as HuJSON or JSON.
    Policy,
    /// Text as of a form; these calls ask nobody who they are.
    Form,
}

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    pub(super) body: BodyKind,
    /// Fields of the body.
    pub(super) fields: &'static [Param],
    /// One of these is needed; whoever may write may read.
    pub(super) scopes: &'static [&'static str],
    /// Whether Headscale has it too.
    pub(super) headscale: bool,
    /// How it says that all is well where there is nothing to say.
    pub(super) nothing: Nothing,
}

const TEXT: Kind = Kind::Text;
const FLAG: Kind = Kind::Boolean;
const WHICH: &[&str] = &["all", "default"];
const ROLES: &[&str] = &[
    "owner",
    "member",
    "admin",
    "it-admin",
    "network-admin",
    "billing-admin",
    "auditor",
];
const READ_KEYS: &[&str] = &[
    "api_access_tokens:read",
    "auth_keys:read",
    "oauth_keys:read",
    "federated_keys:read",
];

const fn route(
    method: &'static str,
    path: &'static str,
    scopes: &'static [&'static str],
    handler: Handler,
) -> Route<Run> {
    Route {
        method,
        path,
        params: &[],
        run: Run {
            handler,
            body: BodyKind::None,
            fields: &[],
            scopes,
            headscale: false,
            nothing: Nothing::Empty,
        },
    }
}

/// Headscale has this one too.
const fn both(route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            headscale: true,
            ..route.run
        },
        ..route
    }
}

const fn query(params: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route { params, ..route }
}

const fn with(body: BodyKind, fields: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            body,
            fields,
            ..route.run
        },
        ..route
    }
}

const fn fields(fields: &'static [Param], route: Route<Run>) -> Route<Run> {
    with(BodyKind::Fields, fields, route)
}

const DEVICES: &str = "devices:core";
const SEE_DEVICES: &[&str] = &["devices:core:read"];
const DNS: &[&str] = &["dns"];
const SEE_DNS: &[&str] = &["dns:read"];
const SEE_POLICY: &[&str] = &["policy_file:read"];
const SEE_USERS: &[&str] = &["users:read"];

/// Fields of a device that its list can be filtered by; each may come several times.
const FILTERS: &[Param] = &[
    optional("fields", Kind::OneOf(WHICH)),
    optional("addresses", Kind::Texts),
    optional("id", Kind::Texts),
    optional("nodeId", Kind::Texts),
    optional("user", Kind::Texts),
    optional("name", Kind::Texts),
    optional("hostname", Kind::Texts),
    optional("clientVersion", Kind::Texts),
    optional("updateAvailable", Kind::Texts),
    optional("os", Kind::Texts),
    optional("connectedToControl", Kind::Texts),
    optional("keyExpiryDisabled", Kind::Texts),
    optional("authorized", Kind::Texts),
    optional("isExternal", Kind::Texts),
    optional("machineKey", Kind::Texts),
    optional("nodeKey", Kind::Texts),
    optional("blocksIncomingConnections", Kind::Texts),
    optional("enabledRoutes", Kind::Texts),
    optional("advertisedRoutes", Kind::Texts),
    optional("tags", Kind::Texts),
    optional("sshEnabled", Kind::Texts),
    optional("isEphemeral", Kind::Texts),
];

const RESOLVERS: &[Param] = &[
    optional("nameservers", Kind::List),
    optional("splitDNS", Kind::Object),
    optional("searchPaths", Kind::Texts),
    optional("preferences", Kind::Object),
];

const KEY: &[Param] = &[
    optional("keyType", Kind::OneOf(&["auth", "client", "federated"])),
    optional("description", Kind::Form(keys::is_description)),
    optional("capabilities", Kind::Object),
    optional("expirySeconds", Kind::Integer(1, keys::LONGEST_S)),
    optional("scopes", Kind::Texts),
    optional("tags", Kind::Texts),
    optional("issuer", TEXT),
    optional("subject", TEXT),
    optional("audience", TEXT),
    optional("customClaimRules", Kind::Object),
];

const SETTINGS: &[Param] = &[
    optional("aclsExternallyManagedOn", FLAG),
    optional("aclsExternalLink", TEXT),
    optional("devicesApprovalOn", FLAG),
    optional("devicesAutoUpdatesOn", FLAG),
    optional("devicesKeyDurationDays", Kind::Integer(1, 180)),
    optional("usersApprovalOn", FLAG),
    optional(
        "usersRoleAllowedToJoinExternalTailnets",
        Kind::OneOf(&["none", "admin", "member"]),
    ),
    optional("networkFlowLoggingOn", FLAG),
    optional("regionalRoutingOn", FLAG),
    optional("postureIdentityCollectionOn", FLAG),
    optional("httpsEnabled", FLAG),
];

#[rustfmt::skip]
pub(super) static TABLE: &[Route<Run>] = &[
    both(with(
        BodyKind::Form,
        &[
            required("grant_type", Kind::OneOf(&["client_credentials"])),
            required("client_id", TEXT),
            required("client_secret", TEXT),
            optional("scope", TEXT),
        ],
        route("POST", "/oauth/token", &[], access::token),
    )),
    both(query(FILTERS, route("GET", "/tailnet/{tailnet}/devices", SEE_DEVICES, devices::list))),
    both(query(
        &[optional("fields", Kind::OneOf(WHICH))],
        route("GET", "/device/{id}", SEE_DEVICES, devices::inspect),
    )),
    both(route("DELETE", "/device/{id}", &[DEVICES], devices::delete)),
    route("POST", "/device/{id}/expire", &[DEVICES], devices::expire),
    both(route("GET", "/device/{id}/routes", &["devices:routes:read"], routes::show)),
    both(fields(
        &[required("routes", Kind::Texts)],
        route("POST", "/device/{id}/routes", &["devices:routes"], routes::set),
    )),
    both(fields(
        &[required("authorized", FLAG)],
        route("POST", "/device/{id}/authorized", &[DEVICES], devices::authorize),
    )),
    both(fields(
        &[required("name", TEXT)],
        route("POST", "/device/{id}/name", &[DEVICES], devices::rename),
    )),
    both(fields(
        &[required("tags", Kind::Texts)],
        route("POST", "/device/{id}/tags", &[DEVICES], devices::tag),
    )),
    both(fields(
        &[required("keyExpiryDisabled", FLAG)],
        route("POST", "/device/{id}/key", &[DEVICES], devices::set_key),
    )),
    fields(
        &[required("ipv4", TEXT)],
        route("POST", "/device/{id}/ip", &[DEVICES], devices::set_ip),
    ),
    route("GET", "/device/{id}/attributes", &["devices:posture_attributes:read"], devices::attributes),
    fields(
        &[
            required("value", Kind::Either(&[TEXT, Kind::Number, FLAG])),
            optional("expiry", TEXT),
            optional("comment", TEXT),
        ],
        route("POST", "/device/{id}/attributes/{key}", &["devices:posture_attributes"], devices::set_attribute),
    ),
    route("DELETE", "/device/{id}/attributes/{key}", &["devices:posture_attributes"], devices::delete_attribute),
    query(
        &[
            required("start", TEXT),
            required("end", TEXT),
            optional("actor", Kind::Texts),
            optional("target", Kind::Texts),
            optional("event", Kind::Texts),
        ],
        route("GET", "/tailnet/{tailnet}/logging/configuration", &["logs:configuration:read"], users::audit),
    ),
    route("GET", "/tailnet/{tailnet}/dns/nameservers", SEE_DNS, dns::nameservers),
    fields(
        &[required("dns", Kind::Texts)],
        route("POST", "/tailnet/{tailnet}/dns/nameservers", DNS, dns::set_nameservers),
    ),
    route("GET", "/tailnet/{tailnet}/dns/preferences", SEE_DNS, dns::preferences),
    fields(
        &[required("magicDNS", FLAG)],
        route("POST", "/tailnet/{tailnet}/dns/preferences", DNS, dns::set_preferences),
    ),
    route("GET", "/tailnet/{tailnet}/dns/searchpaths", SEE_DNS, dns::search_paths),
    fields(
        &[required("searchPaths", Kind::Texts)],
        route("POST", "/tailnet/{tailnet}/dns/searchpaths", DNS, dns::set_search_paths),
    ),
    route("GET", "/tailnet/{tailnet}/dns/split-dns", SEE_DNS, dns::split),
    with(
        BodyKind::Json,
        &[],
        route("PATCH", "/tailnet/{tailnet}/dns/split-dns", DNS, dns::merge_split),
    ),
    with(
        BodyKind::Json,
        &[],
        route("PUT", "/tailnet/{tailnet}/dns/split-dns", DNS, dns::replace_split),
    ),
    route("GET", "/tailnet/{tailnet}/dns/configuration", SEE_DNS, dns::configuration),
    fields(RESOLVERS, route("POST", "/tailnet/{tailnet}/dns/configuration", DNS, dns::configure)),
    both(query(
        &[optional("all", FLAG)],
        route("GET", "/tailnet/{tailnet}/keys", READ_KEYS, keys::list),
    )),
    both(fields(
        KEY,
        route("POST", "/tailnet/{tailnet}/keys", &["auth_keys", "oauth_keys", "federated_keys"], keys::create),
    )),
    both(route("GET", "/tailnet/{tailnet}/keys/{key}", READ_KEYS, keys::inspect)),
    both(route(
        "DELETE",
        "/tailnet/{tailnet}/keys/{key}",
        &["api_access_tokens", "auth_keys", "oauth_keys", "federated_keys"],
        keys::delete,
    )),
    fields(
        KEY,
        route("PUT", "/tailnet/{tailnet}/keys/{key}", &["oauth_keys", "federated_keys"], keys::replace),
    ),
    both(query(
        &[optional("details", FLAG)],
        route("GET", "/tailnet/{tailnet}/acl", SEE_POLICY, policy::show),
    )),
    both(with(
        BodyKind::Policy,
        &[],
        route("POST", "/tailnet/{tailnet}/acl", &["policy_file"], policy::set),
    )),
    query(
        &[
            required("type", Kind::OneOf(&["user", "ipport"])),
            required("previewFor", TEXT),
        ],
        with(BodyKind::Policy, &[], route("POST", "/tailnet/{tailnet}/acl/preview", SEE_POLICY, policy::preview)),
    ),
    Route {
        run: Run {
            handler: policy::validate,
            body: BodyKind::Policy,
            fields: &[],
            scopes: SEE_POLICY,
            headscale: false,
            nothing: Nothing::Object,
        },
        method: "POST",
        path: "/tailnet/{tailnet}/acl/validate",
        params: &[],
    },
    both(query(
        &[
            optional("type", Kind::OneOf(&["member", "shared", "all"])),
            optional("role", Kind::OneOf(&[
                "owner", "member", "admin", "it-admin", "network-admin", "billing-admin", "auditor", "all",
            ])),
        ],
        route("GET", "/tailnet/{tailnet}/users", SEE_USERS, users::list),
    )),
    route("GET", "/tailnet/{tailnet}/services", &["services:read"], services::list),
    route("GET", "/tailnet/{tailnet}/services/{service}", &["services:read"], services::inspect),
    route("GET", "/tailnet/{tailnet}/services/{service}/devices", &["services"], services::hosts),
    route("GET", "/users/{user}", SEE_USERS, users::inspect),
    fields(
        &[required("role", Kind::OneOf(ROLES))],
        route("POST", "/users/{user}/role", &["users"], users::set_role),
    ),
    route("POST", "/users/{user}/approve", &["users"], users::approve),
    route("POST", "/users/{user}/suspend", &["users"], users::suspend),
    route("POST", "/users/{user}/restore", &["users"], users::restore),
    both(route(
        "GET",
        "/tailnet/{tailnet}/settings",
        &["feature_settings:read", "logs:network:read", "networking_settings:read", "policy_file:read"],
        users::settings,
    )),
    both(fields(
        SETTINGS,
        route(
            "PATCH",
            "/tailnet/{tailnet}/settings",
            &["feature_settings", "logs:network", "networking_settings", "policy_file"],
            users::set_settings,
        ),
    )),
];

//! Networks and addresses.

use serde_json::{Value, json};

use super::super::addresses;
use super::super::choices::{ADDRESS_ROLE, ADDRESS_STATUS, PREFIX_STATUS, QINQ_ROLE, RANGE_STATUS};
use super::super::model::{
    COMMENTS, CUSTOM, Computed, DESCRIPTION, Filter, Model, OnDelete, Start, TAGS, TENANT, Test,
    Type, anything, by_name, choice, flag, int, null_choice, null_text, of, reference, slug, text,
};
use super::super::net::Net;
use super::super::state::{Object, State};
use super::super::vlans;

use OnDelete::{Clear, Protect};

const SCOPES: &[&str] = &[
    "dcim.site",
    "dcim.location",
    "dcim.rack",
    "virtualization.cluster",
];

const SCOPE: Computed = Computed {
    name: "scope",
    value: |state, object| state.brief_at(object, "scope"),
};

const FAMILY: Computed = Computed {
    name: "family",
    value: |_, object| {
        let net = addresses::net_of(object);
        let family = net.map_or(4, Net::family);
        json!({ "value": family, "label": format!("IPv{family}") })
    },
};

fn is_of_family(_: &State, object: &Object, family: &str) -> bool {
    addresses::net_of(object).is_some_and(|net| net.family().to_string() == family)
}

/// In a range of its own, `10.0.0.0/8` for instance.
fn is_within(object: &Object, outer: &str) -> bool {
    let outer = Net::read(outer);
    addresses::net_of(object).is_some_and(|net| outer.is_some_and(|outer| outer.contains(net)))
}

fn in_site(state: &State, object: &Object, key: &str) -> bool {
    let site = object
        .id_of("scope_id")
        .filter(|_| object.text("scope_type") == "dcim.site");
    site.and_then(|id| state.get("dcim.site", id))
        .is_some_and(|site| site.text("slug") == key || site.id.to_string() == key)
}

const FAMILY_FILTER: Filter = Filter {
    name: "family",
    test: Test::Any(is_of_family),
};

const SITE_FILTER: Filter = Filter {
    name: "site",
    test: Test::Any(in_site),
};

const SITE_ID_FILTER: Filter = Filter {
    name: "site_id",
    test: Test::Any(in_site),
};

const PARENT_FILTER: Filter = Filter {
    name: "parent",
    test: Test::Any(|_, object, outer| is_within(object, outer)),
};

const MASK_FILTER: Filter = Filter {
    name: "mask_length",
    test: Test::Any(|_, object, length| {
        addresses::net_of(object).is_some_and(|net| net.length.to_string() == length)
    }),
};

/// The object that an address is assigned to, if it is of this kind.
fn assigned<'s>(state: &'s State, address: &Object, kind: &str) -> Option<&'s Object> {
    let id = address.id_of("assigned_object_id")?;
    (address.text("assigned_object_type") == kind).then(|| state.get(kind, id))?
}

fn owner_is(state: &State, address: &Object, kind: &str, owner: [&str; 2], key: &str) -> bool {
    assigned(state, address, kind)
        .and_then(|port| state.get(owner[0], port.id_of(owner[1])?))
        .is_some_and(|owner| owner.text("name") == key || owner.id.to_string() == key)
}

fn of_device(state: &State, address: &Object, key: &str) -> bool {
    owner_is(
        state,
        address,
        "dcim.interface",
        ["dcim.device", "device"],
        key,
    )
}

fn of_machine(state: &State, address: &Object, key: &str) -> bool {
    let machine = ["virtualization.virtualmachine", "virtual_machine"];
    owner_is(state, address, "virtualization.vminterface", machine, key)
}

fn on_port(state: &State, address: &Object, kind: &str, key: &str) -> bool {
    assigned(state, address, kind)
        .is_some_and(|port| port.text("name") == key || port.id.to_string() == key)
}

const fn any(name: &'static str, test: fn(&State, &Object, &str) -> bool) -> Filter {
    Filter {
        name,
        test: Test::Any(test),
    }
}

pub(super) static MODELS: &[Model] = &[
    Model {
        kind: "ipam.vrf",
        path: "ipam/vrfs",
        name: "VRF",
        fields: &[
            text("name", 100).required(),
            null_text("rd", 21),
            TENANT,
            flag("enforce_unique", true),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[
            Computed {
                name: "ipaddress_count",
                value: |state, vrf| json!(state.with("ipam.ipaddress", "vrf", vrf.id).count()),
            },
            Computed {
                name: "prefix_count",
                value: |state, vrf| json!(state.with("ipam.prefix", "vrf", vrf.id).count()),
            },
        ],
        brief: &["name", "rd", "description"],
        display: |_, vrf| match vrf.text("rd") {
            "" => vrf.text("name").to_owned(),
            rd => format!("{} ({rd})", vrf.text("name")),
        },
        search: &["name", "rd", "description"],
        filters: &[],
        unique: &[(&["rd"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "ipam.role",
        path: "ipam/roles",
        name: "Role",
        fields: &[
            text("name", 100).required(),
            slug(),
            int("weight", 0, 32_767),
            DESCRIPTION,
            TAGS,
            CUSTOM,
        ],
        computed: &[],
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &["name", "slug", "description"],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "ipam.prefix",
        path: "ipam/prefixes",
        name: "Prefix",
        fields: &[
            of("prefix", Type::Prefix, Start::Null).required(),
            reference("vrf", "ipam.vrf", Protect),
            of("scope_type", Type::KindOf(SCOPES), Start::Null),
            of("scope_id", Type::ObjectId, Start::Null),
            TENANT,
            reference("vlan", "ipam.vlan", Protect).by_id(),
            choice("status", PREFIX_STATUS, "active"),
            reference("role", "ipam.role", Clear),
            flag("is_pool", false),
            flag("mark_utilized", false),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[
            FAMILY,
            SCOPE,
            Computed {
                name: "children",
                value: |state, prefix| json!(addresses::children(state, prefix).count()),
            },
            Computed {
                name: "_depth",
                value: |state, prefix| json!(addresses::depth(state, prefix)),
            },
        ],
        brief: &["family", "prefix", "vrf", "description", "_depth"],
        display: |_, prefix| prefix.text("prefix").to_owned(),
        search: &["prefix", "description"],
        filters: &[
            FAMILY_FILTER,
            MASK_FILTER,
            SITE_FILTER,
            SITE_ID_FILTER,
            any("prefix", |_, prefix, wanted| {
                Net::read(wanted).is_some_and(|net| net.to_string() == prefix.text("prefix"))
            }),
            any("within", |_, prefix, outer| {
                let same = Net::read(outer) == addresses::net_of(prefix);
                !same && is_within(prefix, outer)
            }),
            any("within_include", |_, prefix, outer| {
                is_within(prefix, outer)
            }),
            any("contains", |_, prefix, inner| {
                let (outer, inner) = (addresses::net_of(prefix), Net::read(inner));
                outer.is_some_and(|outer| inner.is_some_and(|inner| outer.contains(inner)))
            }),
            any("vlan_vid", |state, prefix, vid| {
                let vlan = prefix
                    .id_of("vlan")
                    .and_then(|id| state.get("ipam.vlan", id));
                vlan.is_some_and(|vlan| {
                    vlan.number("vid").is_some_and(|own| own.to_string() == vid)
                })
            }),
        ],
        unique: &[],
        clean: addresses::clean_prefix,
        read_only: false,
    },
    Model {
        kind: "ipam.iprange",
        path: "ipam/ip-ranges",
        name: "IPRange",
        fields: &[
            of("start_address", Type::Address, Start::Null).required(),
            of("end_address", Type::Address, Start::Null).required(),
            reference("vrf", "ipam.vrf", Protect),
            TENANT,
            choice("status", RANGE_STATUS, "active"),
            reference("role", "ipam.role", Clear),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
            flag("mark_populated", false),
            flag("mark_utilized", false),
        ],
        computed: &[
            FAMILY,
            Computed {
                name: "size",
                value: |_, range| json!(addresses::size(range)),
            },
        ],
        brief: &["family", "start_address", "end_address", "description"],
        display: |_, range| {
            let start = range
                .text("start_address")
                .split('/')
                .next()
                .unwrap_or_default();
            format!("{start}-{}", range.text("end_address"))
        },
        search: &["start_address", "end_address", "description"],
        filters: &[
            FAMILY_FILTER,
            PARENT_FILTER,
            any("start_address", |_, range, wanted| {
                addresses::is_at(range, "start_address", wanted)
            }),
            any("end_address", |_, range, wanted| {
                addresses::is_at(range, "end_address", wanted)
            }),
            any("contains", |_, range, address| {
                let of = Net::read(address);
                addresses::bounds(range).is_some_and(|(start, end)| {
                    of.is_some_and(|of| {
                        of.six == start.six && (start.address..=end.address).contains(&of.address)
                    })
                })
            }),
        ],
        unique: &[],
        clean: addresses::clean_range,
        read_only: false,
    },
    Model {
        kind: "ipam.ipaddress",
        path: "ipam/ip-addresses",
        name: "IPAddress",
        fields: &[
            of("address", Type::Address, Start::Null).required(),
            reference("vrf", "ipam.vrf", Protect),
            TENANT,
            choice("status", ADDRESS_STATUS, "active"),
            null_choice("role", ADDRESS_ROLE),
            of(
                "assigned_object_type",
                Type::KindOf(&["dcim.interface", "virtualization.vminterface"]),
                Start::Null,
            ),
            of("assigned_object_id", Type::ObjectId, Start::Null),
            reference("nat_inside", "ipam.ipaddress", Clear).by_id(),
            of("dns_name", Type::DnsName, Start::Text("")),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[
            FAMILY,
            Computed {
                name: "assigned_object",
                value: |state, address| state.brief_at(address, "assigned_object"),
            },
            Computed {
                name: "nat_outside",
                value: |state, address| {
                    let outside: Vec<&Object> = state
                        .with("ipam.ipaddress", "nat_inside", address.id)
                        .collect();
                    state.briefs(&outside)
                },
            },
        ],
        brief: &[
            "family",
            "address",
            "nat_inside",
            "nat_outside",
            "dns_name",
            "description",
        ],
        display: |_, address| address.text("address").to_owned(),
        search: &["address", "dns_name", "description", "comments"],
        filters: &[
            FAMILY_FILTER,
            PARENT_FILTER,
            MASK_FILTER,
            any("address", |_, address, wanted| {
                addresses::is_at(address, "address", wanted)
            }),
            any("device", of_device),
            any("device_id", of_device),
            any("virtual_machine", of_machine),
            any("virtual_machine_id", of_machine),
            any("interface", |state, it, key| {
                on_port(state, it, "dcim.interface", key)
            }),
            any("interface_id", |state, it, key| {
                on_port(state, it, "dcim.interface", key)
            }),
            any("vminterface", |state, it, key| {
                on_port(state, it, "virtualization.vminterface", key)
            }),
            any("vminterface_id", |state, it, key| {
                on_port(state, it, "virtualization.vminterface", key)
            }),
            Filter {
                name: "assigned",
                test: Test::Flag(|_, address| address.id_of("assigned_object_id").is_some()),
            },
            Filter {
                name: "assigned_to_interface",
                test: Test::Flag(|_, address| address.id_of("assigned_object_id").is_some()),
            },
        ],
        unique: &[],
        clean: addresses::clean_address,
        read_only: false,
    },
    Model {
        kind: "ipam.vlangroup",
        path: "ipam/vlan-groups",
        name: "VLANGroup",
        fields: &[
            text("name", 100).required(),
            slug(),
            of("scope_type", Type::KindOf(SCOPES), Start::Null),
            of("scope_id", Type::ObjectId, Start::Null),
            of("vid_ranges", Type::Ranges, Start::List),
            TENANT,
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[
            SCOPE,
            Computed {
                name: "total_vlan_ids",
                value: |_, group| json!(vlans::ids(group).len()),
            },
            Computed {
                name: "vlan_count",
                value: |state, group| json!(state.with("ipam.vlan", "group", group.id).count()),
            },
            Computed {
                name: "utilization",
                value: |state, group| {
                    let used = state.with("ipam.vlan", "group", group.id).count();
                    json!(format!("{}%", 100 * used / vlans::ids(group).len().max(1)))
                },
            },
        ],
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &["name", "slug", "description"],
        filters: &[
            SITE_FILTER,
            any("contains_vid", |_, group, vid| {
                vid.parse()
                    .is_ok_and(|vid: i64| vlans::ids(group).contains(&vid))
            }),
        ],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "ipam.vlan",
        path: "ipam/vlans",
        name: "VLAN",
        fields: &[
            reference("site", "dcim.site", Protect),
            reference("group", "ipam.vlangroup", Protect),
            int("vid", 1, 4094).required(),
            text("name", 64).required(),
            TENANT,
            choice("status", RANGE_STATUS, "active"),
            reference("role", "ipam.role", Clear),
            DESCRIPTION,
            null_choice("qinq_role", QINQ_ROLE),
            reference("qinq_svlan", "ipam.vlan", Protect).by_id(),
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[
            Computed {
                name: "l2vpn_termination",
                value: |_, _| Value::Null,
            },
            Computed {
                name: "prefix_count",
                value: |state, vlan| json!(state.with("ipam.prefix", "vlan", vlan.id).count()),
            },
        ],
        brief: &["vid", "name", "description"],
        display: |_, vlan| {
            let vid = vlan.fields.get("vid").cloned().unwrap_or_default();
            format!("{} ({vid})", vlan.text("name"))
        },
        search: &["name", "vid", "description"],
        filters: &[any("interface_id", |state, vlan, id| {
            let port = id
                .parse()
                .ok()
                .and_then(|id| state.get("dcim.interface", id));
            let tagged = port.and_then(|port| port.fields.get("tagged_vlans")?.as_array());
            tagged.is_some_and(|vlans| vlans.contains(&json!(vlan.id)))
                || port.is_some_and(|port| port.id_of("untagged_vlan") == Some(vlan.id))
        })],
        unique: &[
            (
                &["group", "vid"],
                "VLAN with this Group and VLAN ID already exists.",
            ),
            (
                &["group", "name"],
                "VLAN with this Group and Name already exists.",
            ),
        ],
        clean: vlans::clean,
        read_only: false,
    },
];

//! What sits on devices and takes cables, and the cables.

use serde_json::{Value, json};

use super::super::Release;
use super::super::cables;
use super::super::choices::{
    CABLE_PROFILE, CABLE_STATUS, CABLE_TYPE, CONSOLE_TYPE, DUPLEX, INTERFACE_TYPE, LENGTH_UNIT,
    MODE, OUTLET_TYPE, PANEL_TYPE, POE_MODE, POE_TYPE, POWER_PORT_TYPE, WITHOUT_CABLE,
};
use super::super::model::{
    COMMENTS, CUSTOM, Choice, Complaint, Computed, DESCRIPTION, Field, Filter, Model, OnDelete,
    Start, TAGS, TENANT, Test, Type, anything, by_name, choice, flag, int, null_choice, null_text,
    number, of, reference, references, text,
};
use super::super::state::{Object, State};

use OnDelete::{Cascade, Clear};

/// Kinds that sit on devices; a cable ends at these.
pub(in super::super) const PORTS: &[&str] = &[
    "dcim.interface",
    "dcim.frontport",
    "dcim.rearport",
    "dcim.consoleport",
    "dcim.consoleserverport",
    "dcim.powerport",
    "dcim.poweroutlet",
];

const DEVICE: Field = reference("device", "dcim.device", Cascade).required();
const LABEL: Field = text("label", 64);
const MARKED: Field = flag("mark_connected", false);
const BRIEF: &[&str] = &["device", "name", "description", "cable", "_occupied"];
const SEARCH: &[&str] = &["name", "label", "description"];

const CABLED: [Computed; 7] = [
    Computed {
        name: "cable",
        value: |state, port| {
            cables::of_port(state, port).map_or(Value::Null, |(cable, _)| state.brief(cable))
        },
    },
    Computed {
        name: "cable_end",
        value: |state, port| {
            cables::of_port(state, port).map_or(Value::Null, |(_, end)| json!(end))
        },
    },
    Computed {
        name: "link_peers",
        value: |state, port| state.briefs(&cables::peers(state, port)),
    },
    Computed {
        name: "link_peers_type",
        value: |state, port| {
            let peers = cables::peers(state, port);
            peers.first().map_or(Value::Null, |peer| json!(peer.kind))
        },
    },
    Computed {
        name: "connected_endpoints",
        value: |state, port| match cables::endpoints(state, port) {
            ends if ends.is_empty() => Value::Null,
            ends => state.briefs(&ends),
        },
    },
    Computed {
        name: "connected_endpoints_type",
        value: |state, port| {
            let ends = cables::endpoints(state, port);
            ends.first().map_or(Value::Null, |end| json!(end.kind))
        },
    },
    Computed {
        name: "connected_endpoints_reachable",
        value: |state, port| json!(cables::reachable(state, port)),
    },
];

const OCCUPIED: Computed = Computed {
    name: "_occupied",
    value: |state, port| json!(occupied(state, port)),
};

fn occupied(state: &State, port: &Object) -> bool {
    port.flag("mark_connected") || cables::of_port(state, port).is_some()
}

const IN_PLACE: [Filter; 6] = [
    Filter {
        name: "site",
        test: Test::Through(&["device", "site"], "dcim.site"),
    },
    Filter {
        name: "rack",
        test: Test::Through(&["device", "rack"], "dcim.rack"),
    },
    Filter {
        name: "cabled",
        test: Test::Flag(|state, port| cables::of_port(state, port).is_some()),
    },
    Filter {
        name: "occupied",
        test: Test::Flag(occupied),
    },
    Filter {
        name: "connected",
        test: Test::Flag(cables::reachable),
    },
    Filter {
        name: "cable_id",
        test: Test::Any(|state, port, id| {
            cables::of_port(state, port).is_some_and(|(cable, _)| cable.id.to_string() == id)
        }),
    },
];

static COMPUTED: [Computed; 8] = {
    let [a, b, c, d, e, f, g] = CABLED;
    [a, b, c, d, e, f, g, OCCUPIED]
};

/// Interfaces tell of addresses too.
static COMPUTED_OF_INTERFACE: [Computed; 10] = {
    let [a, b, c, d, e, f, g] = CABLED;
    [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        OCCUPIED,
        Computed {
            name: "mac_addresses",
            value: |state, port| state.briefs(&state.macs_of(port)),
        },
        Computed {
            name: "count_ipaddresses",
            value: |state, port| json!(state.addresses_of(port).count()),
        },
    ]
};

static FILTERS: [Filter; 6] = IN_PLACE;

static FILTERS_OF_INTERFACE: [Filter; 9] = {
    let [a, b, c, d, e, f] = IN_PLACE;
    [
        a,
        b,
        c,
        d,
        e,
        f,
        Filter {
            name: "kind",
            test: Test::Any(|_, port, kind| {
                let without = WITHOUT_CABLE.contains(&port.text("type"));
                match kind {
                    "physical" => !without,
                    "virtual" => matches!(port.text("type"), "virtual" | "bridge" | "lag"),
                    "wireless" => {
                        without && port.text("type").contains("wireless")
                            || port.text("type").starts_with("ieee802.11")
                    }
                    _ => false,
                }
            }),
        },
        Filter {
            name: "vlan_id",
            test: Test::Any(in_vlan),
        },
        Filter {
            name: "role",
            test: Test::Through(&["device", "role"], "dcim.devicerole"),
        },
    ]
};

const ON_DEVICE: &[&str] = &["device", "name"];

/// A kind of port that is nothing but that.
const fn port(
    kind: &'static str,
    path: &'static str,
    name: &'static str,
    fields: &'static [Field],
    twice: &'static [(&'static [&'static str], &'static str)],
) -> Model {
    Model {
        kind,
        path,
        name,
        fields,
        computed: &COMPUTED,
        brief: BRIEF,
        display: by_name,
        search: SEARCH,
        filters: &FILTERS,
        unique: twice,
        clean: anything,
        read_only: false,
    }
}

/// Whether an interface is in the VLAN of this id, tagged or not.
pub(super) fn in_vlan(_: &State, port: &Object, id: &str) -> bool {
    let tagged = port.fields.get("tagged_vlans").and_then(Value::as_array);
    let id: Option<u64> = id.parse().ok();
    id.is_some() && port.id_of("untagged_vlan") == id
        || tagged.is_some_and(|vlans| vlans.iter().any(|vlan| vlan.as_u64() == id))
}

macro_rules! ports {
    ($kind:literal $path:literal $name:literal $words:literal [$($more:expr),*]) => {
        port(
            $kind,
            $path,
            $name,
            &[DEVICE, text("name", 64).required(), LABEL, $($more,)* MARKED, DESCRIPTION, TAGS, CUSTOM],
            &[(ON_DEVICE, concat!($words, " with this Device and Name already exists."))],
        )
    };
}

const fn type_of(name: &'static str, of: &'static [Choice]) -> Field {
    null_choice(name, of)
}

pub(super) static MODELS: &[Model] = &[
    Model {
        kind: "dcim.interface",
        path: "dcim/interfaces",
        name: "Interface",
        fields: &[
            DEVICE,
            text("name", 64).required(),
            LABEL,
            choice("type", INTERFACE_TYPE, "").required(),
            flag("enabled", true),
            reference("parent", "dcim.interface", Clear).by_id(),
            reference("bridge", "dcim.interface", Clear).by_id(),
            reference("lag", "dcim.interface", Clear).by_id(),
            int("mtu", 1, 65_536),
            of("mac_address", Type::Mac, Start::Null),
            reference("primary_mac_address", "dcim.macaddress", Clear).by_id(),
            int("speed", 0, i64::MAX),
            null_choice("duplex", DUPLEX),
            null_text("wwn", 64),
            flag("mgmt_only", false),
            DESCRIPTION,
            null_choice("mode", MODE),
            null_choice("poe_mode", POE_MODE),
            null_choice("poe_type", POE_TYPE),
            reference("untagged_vlan", "ipam.vlan", Clear).by_id(),
            references("tagged_vlans", "ipam.vlan"),
            MARKED,
            reference("vrf", "ipam.vrf", Clear),
            TAGS,
            CUSTOM,
        ],
        computed: &COMPUTED_OF_INTERFACE,
        brief: BRIEF,
        display: by_name,
        search: SEARCH,
        filters: &FILTERS_OF_INTERFACE,
        unique: &[(
            ON_DEVICE,
            "Interface with this Device and Name already exists.",
        )],
        clean: interface,
        read_only: false,
    },
    ports!("dcim.frontport" "dcim/front-ports" "FrontPort" "Front port"
        [choice("type", PANEL_TYPE, "").required(), of("rear_ports", Type::Json, Start::List)]),
    ports!("dcim.rearport" "dcim/rear-ports" "RearPort" "Rear port"
        [choice("type", PANEL_TYPE, "").required(), int("positions", 1, 1024)]),
    ports!("dcim.consoleport" "dcim/console-ports" "ConsolePort" "Console port"
        [type_of("type", CONSOLE_TYPE)]),
    ports!("dcim.consoleserverport" "dcim/console-server-ports" "ConsoleServerPort" "Console server port"
        [type_of("type", CONSOLE_TYPE)]),
    ports!("dcim.powerport" "dcim/power-ports" "PowerPort" "Power port"
        [type_of("type", POWER_PORT_TYPE), int("maximum_draw", 1, 32_767), int("allocated_draw", 1, 32_767)]),
    ports!("dcim.poweroutlet" "dcim/power-outlets" "PowerOutlet" "Power outlet"
        [type_of("type", OUTLET_TYPE), reference("power_port", "dcim.powerport", Clear).by_id()]),
    Model {
        kind: "dcim.cable",
        path: "dcim/cables",
        name: "Cable",
        fields: &[
            of("type", Type::PlainChoice(CABLE_TYPE), Start::Text("")),
            of("a_terminations", Type::Ends, Start::List),
            of("b_terminations", Type::Ends, Start::List),
            choice("status", CABLE_STATUS, "connected"),
            null_choice("profile", CABLE_PROFILE).since(Release::V4_5),
            TENANT,
            text("label", 100),
            of("color", Type::Color, Start::Text("")),
            number("length", -1_000_000.0, 1_000_000.0),
            null_choice("length_unit", LENGTH_UNIT),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[],
        brief: &["label", "description"],
        display: |_, cable| match cable.text("label") {
            "" => format!("#{}", cable.id),
            label => label.to_owned(),
        },
        search: &["label", "description"],
        filters: &[
            Filter {
                name: "device",
                test: Test::Any(|state, cable, name| {
                    cables::devices(state, cable)
                        .iter()
                        .any(|device| device.text("name") == name)
                }),
            },
            Filter {
                name: "device_id",
                test: Test::Any(|state, cable, id| {
                    cables::devices(state, cable)
                        .iter()
                        .any(|device| device.id.to_string() == id)
                }),
            },
            Filter {
                name: "site",
                test: Test::Any(|state, cable, slug| {
                    cables::devices(state, cable).iter().any(|device| {
                        let site = device
                            .id_of("site")
                            .and_then(|id| state.get("dcim.site", id));
                        site.is_some_and(|site| site.text("slug") == slug)
                    })
                }),
            },
            Filter {
                name: "rack_id",
                test: Test::Any(|state, cable, id| {
                    cables::devices(state, cable).iter().any(|device| {
                        device
                            .id_of("rack")
                            .is_some_and(|rack| rack.to_string() == id)
                    })
                }),
            },
            end_id("interface_id", "dcim.interface"),
            end_id("frontport_id", "dcim.frontport"),
            end_id("rearport_id", "dcim.rearport"),
            end_id("consoleport_id", "dcim.consoleport"),
            end_id("consoleserverport_id", "dcim.consoleserverport"),
            end_id("powerport_id", "dcim.powerport"),
            end_id("poweroutlet_id", "dcim.poweroutlet"),
            Filter {
                name: "unterminated",
                test: Test::Flag(|_, cable| {
                    cables::ends(cable, "a_terminations").is_empty()
                        || cables::ends(cable, "b_terminations").is_empty()
                }),
            },
        ],
        unique: &[],
        clean: cables::clean,
        read_only: false,
    },
];

const fn end_id(name: &'static str, kind: &'static str) -> Filter {
    Filter {
        name,
        test: Test::EndsAt(kind),
    }
}

/// The VLANs of an interface go with its mode.
fn interface(_: &State, port: &Object) -> Result<(), Complaint> {
    let tagged = port.fields.get("tagged_vlans").and_then(Value::as_array);
    if port.text("mode").is_empty() && port.id_of("untagged_vlan").is_some() {
        let text = "Interface mode does not support an untagged vlan.";
        return Err(("untagged_vlan", text.to_owned()));
    }
    if port.text("mode") != "tagged" && tagged.is_some_and(|vlans| !vlans.is_empty()) {
        let text = "Interface mode does not support tagged vlans.";
        return Err(("tagged_vlans", text.to_owned()));
    }
    Ok(())
}

//! Sites, racks, devices.

use serde_json::{Value, json};

use super::super::choices::{AIRFLOW, DEVICE_STATUS, FACE, RACK_STATUS, RACK_WIDTH, SITE_STATUS};
use super::super::model::{
    COMMENTS, CUSTOM, Complaint, Computed, DESCRIPTION, Filter, Model, OnDelete, Start, TAGS,
    TENANT, Test, Type, anything, by_name, choice, flag, int_of, null_choice, null_text, number,
    of, reference, slug, text,
};
use super::super::state::{Object, State, primary_ip};
use super::ports::PORTS;

use OnDelete::{Clear, Protect};

macro_rules! counts {
    ($($name:literal: $kind:literal . $field:literal),*) => {
        &[$(Computed {
            name: $name,
            value: |state, object| json!(state.with($kind, $field, object.id).count()),
        }),*]
    };
}

const MANUFACTURER: Filter = Filter {
    name: "manufacturer",
    test: Test::Through(&["device_type", "manufacturer"], "dcim.manufacturer"),
};

pub(super) static MODELS: &[Model] = &[
    Model {
        kind: "dcim.site",
        path: "dcim/sites",
        name: "Site",
        fields: &[
            text("name", 100).required(),
            slug(),
            choice("status", SITE_STATUS, "active"),
            TENANT,
            text("facility", 50),
            null_text("time_zone", 63),
            DESCRIPTION,
            text("physical_address", 200),
            text("shipping_address", 200),
            number("latitude", -90.0, 90.0),
            number("longitude", -180.0, 180.0),
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: counts!(
            "device_count": "dcim.device"."site",
            "rack_count": "dcim.rack"."site",
            "virtualmachine_count": "virtualization.virtualmachine"."site",
            "vlan_count": "ipam.vlan"."site"
        ),
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &[
            "name",
            "facility",
            "description",
            "physical_address",
            "comments",
        ],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "dcim.location",
        path: "dcim/locations",
        name: "Location",
        fields: &[
            text("name", 100).required(),
            slug(),
            reference("site", "dcim.site", Protect).required(),
            choice("status", SITE_STATUS, "active"),
            DESCRIPTION,
            TAGS,
            CUSTOM,
        ],
        computed: counts!("device_count": "dcim.device"."location"),
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &["name", "description"],
        filters: &[],
        unique: &[(
            &["site", "name"],
            "A location with this name already exists within the specified site.",
        )],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "dcim.rack",
        path: "dcim/racks",
        name: "Rack",
        fields: &[
            text("name", 100).required(),
            null_text("facility_id", 50),
            reference("site", "dcim.site", Protect).required(),
            reference("location", "dcim.location", Clear),
            TENANT,
            choice("status", RACK_STATUS, "active"),
            text("serial", 50),
            null_text("asset_tag", 50),
            of("width", Type::NumberChoice(RACK_WIDTH), Start::Int(19)),
            int_of("u_height", 1, 100, 42),
            int_of("starting_unit", 1, 32_767, 1),
            flag("desc_units", false),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: counts!("device_count": "dcim.device"."rack"),
        brief: &["name", "description"],
        display: by_name,
        search: &[
            "name",
            "facility_id",
            "serial",
            "asset_tag",
            "description",
            "comments",
        ],
        filters: &[],
        unique: &[],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "dcim.manufacturer",
        path: "dcim/manufacturers",
        name: "Manufacturer",
        fields: &[
            text("name", 100).required(),
            slug(),
            DESCRIPTION,
            TAGS,
            CUSTOM,
        ],
        computed: counts!("devicetype_count": "dcim.devicetype"."manufacturer"),
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &["name", "slug", "description"],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "dcim.devicetype",
        path: "dcim/device-types",
        name: "DeviceType",
        fields: &[
            reference("manufacturer", "dcim.manufacturer", Protect).required(),
            text("model", 100).required(),
            slug(),
            text("part_number", 50),
            number("u_height", 0.0, 1000.0),
            flag("is_full_depth", true),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: counts!("device_count": "dcim.device"."device_type"),
        brief: &[
            "manufacturer",
            "model",
            "slug",
            "description",
            "device_count",
        ],
        display: |_, kind| kind.text("model").to_owned(),
        search: &["model", "part_number", "description", "comments"],
        filters: &[],
        unique: &[
            (
                &["manufacturer", "model"],
                "Device type with this Manufacturer and Model already exists.",
            ),
            (
                &["manufacturer", "slug"],
                "Device type with this Manufacturer and Slug already exists.",
            ),
        ],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "dcim.devicerole",
        path: "dcim/device-roles",
        name: "DeviceRole",
        fields: &[
            text("name", 100).required(),
            slug(),
            of("color", Type::Color, Start::Text("9e9e9e")),
            flag("vm_role", true),
            DESCRIPTION,
            TAGS,
            CUSTOM,
        ],
        computed: &[
            Computed {
                name: "device_count",
                value: |state, role| json!(state.with("dcim.device", "role", role.id).count()),
            },
            Computed {
                name: "virtualmachine_count",
                value: |state, role| {
                    json!(
                        state
                            .with("virtualization.virtualmachine", "role", role.id)
                            .count()
                    )
                },
            },
            Computed {
                name: "_depth",
                value: |_, _| json!(0),
            },
        ],
        brief: &[
            "name",
            "slug",
            "description",
            "device_count",
            "virtualmachine_count",
            "_depth",
        ],
        display: by_name,
        search: &["name", "slug", "description"],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "dcim.platform",
        path: "dcim/platforms",
        name: "Platform",
        fields: &[
            text("name", 100).required(),
            slug(),
            reference("manufacturer", "dcim.manufacturer", Protect),
            DESCRIPTION,
            TAGS,
            CUSTOM,
        ],
        computed: counts!("device_count": "dcim.device"."platform"),
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &["name", "slug", "description"],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "dcim.device",
        path: "dcim/devices",
        name: "Device",
        fields: &[
            null_text("name", 64),
            reference("device_type", "dcim.devicetype", Protect).required(),
            reference("role", "dcim.devicerole", Protect).required(),
            TENANT,
            reference("platform", "dcim.platform", Clear),
            text("serial", 50),
            null_text("asset_tag", 50),
            reference("site", "dcim.site", Protect).required(),
            reference("location", "dcim.location", Protect),
            reference("rack", "dcim.rack", Protect).by_id(),
            number("position", 0.5, 1000.0),
            null_choice("face", FACE),
            choice("status", DEVICE_STATUS, "active"),
            null_choice("airflow", AIRFLOW),
            reference("primary_ip4", "ipam.ipaddress", Clear).by_id(),
            reference("primary_ip6", "ipam.ipaddress", Clear).by_id(),
            reference("oob_ip", "ipam.ipaddress", Clear).by_id(),
            reference("cluster", "virtualization.cluster", Clear).by_id(),
            DESCRIPTION,
            COMMENTS,
            of("local_context_data", Type::Json, Start::Null),
            TAGS,
            CUSTOM,
        ],
        computed: &[
            Computed {
                name: "primary_ip",
                value: primary_ip,
            },
            Computed {
                name: "parent_device",
                value: |_, _| Value::Null,
            },
            Computed {
                name: "config_context",
                value: |state, _| state.config_context.clone(),
            },
            Computed {
                name: "interface_count",
                value: |state, it| json!(state.with("dcim.interface", "device", it.id).count()),
            },
            Computed {
                name: "front_port_count",
                value: |state, it| json!(state.with("dcim.frontport", "device", it.id).count()),
            },
            Computed {
                name: "rear_port_count",
                value: |state, it| json!(state.with("dcim.rearport", "device", it.id).count()),
            },
            Computed {
                name: "console_port_count",
                value: |state, it| json!(state.with("dcim.consoleport", "device", it.id).count()),
            },
            Computed {
                name: "power_port_count",
                value: |state, it| json!(state.with("dcim.powerport", "device", it.id).count()),
            },
        ],
        brief: &["name", "description"],
        display: |state, device| match device.text("name") {
            "" => format!(
                "{} ({})",
                state.display_at(device, "device_type"),
                device.id
            ),
            name => name.to_owned(),
        },
        search: &["name", "serial", "asset_tag", "description", "comments"],
        filters: &[
            MANUFACTURER,
            Filter {
                name: "mac_address",
                test: Test::Any(|state, device, mac| {
                    state
                        .with("dcim.interface", "device", device.id)
                        .any(|port| {
                            state
                                .mac_of(port)
                                .is_some_and(|own| own.eq_ignore_ascii_case(mac))
                        })
                }),
            },
            Filter {
                name: "has_primary_ip",
                test: Test::Flag(|state, device| !primary_ip(state, device).is_null()),
            },
            Filter {
                name: "has_oob_ip",
                test: Test::Flag(|_, device| device.id_of("oob_ip").is_some()),
            },
            Filter {
                name: "interfaces",
                test: Test::Flag(|state, it| {
                    state
                        .with("dcim.interface", "device", it.id)
                        .next()
                        .is_some()
                }),
            },
        ],
        unique: &[
            (&["name", "site"], "Device name must be unique per site."),
            (&["asset_tag"], ""),
        ],
        clean: device,
        read_only: false,
    },
    Model {
        kind: "dcim.macaddress",
        path: "dcim/mac-addresses",
        name: "MACAddress",
        fields: &[
            of("mac_address", Type::Mac, Start::Null).required(),
            of(
                "assigned_object_type",
                Type::KindOf(&["dcim.interface", "virtualization.vminterface"]),
                Start::Null,
            ),
            of("assigned_object_id", Type::ObjectId, Start::Null),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[Computed {
            name: "assigned_object",
            value: |state, mac| state.brief_at(mac, "assigned_object"),
        }],
        brief: &["mac_address", "description"],
        display: |_, mac| mac.text("mac_address").to_owned(),
        search: &["mac_address", "description"],
        filters: &[],
        unique: &[],
        clean: anything,
        read_only: false,
    },
];

fn device(state: &State, device: &Object) -> Result<(), Complaint> {
    if let Some(rack) = device
        .id_of("rack")
        .and_then(|id| state.get("dcim.rack", id))
    {
        if rack.id_of("site") != device.id_of("site") {
            let (rack, site) = (state.display(rack), state.display_at(device, "site"));
            return Err((
                "rack",
                format!("Rack {rack} does not belong to site {site}."),
            ));
        }
    } else if device.number("position").is_some() {
        return Err((
            "position",
            "Cannot select a rack position without assigning a rack.".to_owned(),
        ));
    }
    if device.number("position").is_some() && device.text("face").is_empty() {
        return Err((
            "face",
            "Must specify rack face when defining rack position.".to_owned(),
        ));
    }
    occupied(state, device)?;
    state.check_primary(
        device,
        |assigned| PORTS.contains(&assigned.kind) && assigned.id_of("device") == Some(device.id),
        "device",
    )
}

/// No two devices sit at one place of a rack.
fn occupied(state: &State, device: &Object) -> Result<(), Complaint> {
    let (Some(rack), Some(position)) = (device.id_of("rack"), device.number("position")) else {
        return Ok(());
    };
    let units = |device: &Object| {
        let kind = device
            .id_of("device_type")
            .and_then(|id| state.get("dcim.devicetype", id));
        kind.and_then(|kind| kind.number("u_height")).unwrap_or(1.0)
    };
    let end = position + units(device);
    let height = state
        .get("dcim.rack", rack)
        .and_then(|rack| rack.number("u_height"));
    let beyond = height.is_some_and(|height| end > height + 1.0);
    let taken = state
        .with("dcim.device", "rack", rack)
        .filter(|other| other.id != device.id && other.text("face") == device.text("face"))
        .filter_map(|other| Some((other.number("position")?, units(other))))
        .any(|(start, units)| position < start + units && start < end);
    if beyond || taken {
        let kind = state.display_at(device, "device_type");
        let units = units(device);
        return Err((
            "position",
            format!(
                "U{position} is already occupied or does not have sufficient space to accommodate this device type: {kind} ({units}U)"
            ),
        ));
    }
    Ok(())
}

//! Clusters, virtual machines and their interfaces.

use serde_json::json;

use super::super::choices::{CLUSTER_STATUS, MACHINE_STATUS, MODE, ON_BOOT};
use super::super::model::{
    COMMENTS, CUSTOM, Complaint, Computed, DESCRIPTION, Filter, Model, OnDelete, Start, TAGS,
    TENANT, Test, Type, anything, by_name, choice, flag, int, null_choice, number, of, reference,
    references, slug, text,
};
use super::super::state::{Object, State, primary_ip};
use super::ports::in_vlan;

use OnDelete::{Cascade, Clear, Protect};

const MACHINE: &str = "virtualization.virtualmachine";
const INTERFACE: &str = "virtualization.vminterface";

const SCOPES: &[&str] = &["dcim.site", "dcim.location"];

pub(super) static MODELS: &[Model] = &[
    Model {
        kind: "virtualization.clustertype",
        path: "virtualization/cluster-types",
        name: "ClusterType",
        fields: &[
            text("name", 100).required(),
            slug(),
            DESCRIPTION,
            TAGS,
            CUSTOM,
        ],
        computed: &[Computed {
            name: "cluster_count",
            value: |state, kind| {
                json!(
                    state
                        .with("virtualization.cluster", "type", kind.id)
                        .count()
                )
            },
        }],
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &["name", "slug", "description"],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "virtualization.cluster",
        path: "virtualization/clusters",
        name: "Cluster",
        fields: &[
            text("name", 100).required(),
            reference("type", "virtualization.clustertype", Protect).required(),
            choice("status", CLUSTER_STATUS, "active"),
            TENANT,
            of("scope_type", Type::KindOf(SCOPES), Start::Null),
            of("scope_id", Type::ObjectId, Start::Null),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[
            Computed {
                name: "scope",
                value: |state, cluster| state.brief_at(cluster, "scope"),
            },
            Computed {
                name: "device_count",
                value: |state, it| json!(state.with("dcim.device", "cluster", it.id).count()),
            },
            Computed {
                name: "virtualmachine_count",
                value: |state, it| json!(state.with(MACHINE, "cluster", it.id).count()),
            },
        ],
        brief: &["name", "description"],
        display: by_name,
        search: &["name", "description", "comments"],
        filters: &[Filter {
            name: "site",
            test: Test::Any(|state, cluster, slug| {
                let site = cluster
                    .id_of("scope_id")
                    .and_then(|id| state.get("dcim.site", id));
                cluster.text("scope_type") == "dcim.site"
                    && site.is_some_and(|site| site.text("slug") == slug)
            }),
        }],
        unique: &[],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: MACHINE,
        path: "virtualization/virtual-machines",
        name: "VirtualMachine",
        fields: &[
            text("name", 64).required(),
            reference("role", "dcim.devicerole", Protect),
            choice("status", MACHINE_STATUS, "active"),
            choice("start_on_boot", ON_BOOT, "off"),
            reference("site", "dcim.site", Protect),
            reference("cluster", "virtualization.cluster", Protect),
            reference("device", "dcim.device", Protect),
            reference("platform", "dcim.platform", Clear),
            reference("primary_ip4", "ipam.ipaddress", Clear).by_id(),
            reference("primary_ip6", "ipam.ipaddress", Clear).by_id(),
            number("vcpus", 0.01, 10_000.0),
            int("memory", 0, 2_147_483_647),
            int("disk", 0, 2_147_483_647),
            DESCRIPTION,
            text("serial", 50),
            TENANT,
            COMMENTS,
            TAGS,
            of("local_context_data", Type::Json, Start::Null),
            CUSTOM,
        ],
        computed: &[
            Computed {
                name: "primary_ip",
                value: primary_ip,
            },
            Computed {
                name: "interface_count",
                value: |state, it| json!(state.with(INTERFACE, "virtual_machine", it.id).count()),
            },
            Computed {
                name: "virtual_disk_count",
                value: |_, _| json!(0),
            },
            Computed {
                name: "config_context",
                value: |state, _| state.config_context.clone(),
            },
        ],
        brief: &["name", "description"],
        display: by_name,
        search: &["name", "serial", "description", "comments"],
        filters: &[
            Filter {
                name: "has_primary_ip",
                test: Test::Flag(|state, machine| !primary_ip(state, machine).is_null()),
            },
            Filter {
                name: "mac_address",
                test: Test::Any(|state, machine, mac| {
                    state
                        .with(INTERFACE, "virtual_machine", machine.id)
                        .any(|port| {
                            state
                                .mac_of(port)
                                .is_some_and(|own| own.eq_ignore_ascii_case(mac))
                        })
                }),
            },
        ],
        unique: &[(
            &["name", "cluster"],
            "Virtual machine name must be unique per cluster.",
        )],
        clean: machine,
        read_only: false,
    },
    Model {
        kind: INTERFACE,
        path: "virtualization/interfaces",
        name: "VMInterface",
        fields: &[
            reference("virtual_machine", MACHINE, Cascade).required(),
            text("name", 64).required(),
            flag("enabled", true),
            reference("parent", INTERFACE, Clear).by_id(),
            reference("bridge", INTERFACE, Clear).by_id(),
            int("mtu", 1, 65_536),
            of("mac_address", Type::Mac, Start::Null),
            reference("primary_mac_address", "dcim.macaddress", Clear).by_id(),
            DESCRIPTION,
            null_choice("mode", MODE),
            reference("untagged_vlan", "ipam.vlan", Clear).by_id(),
            references("tagged_vlans", "ipam.vlan"),
            reference("vrf", "ipam.vrf", Clear),
            TAGS,
            CUSTOM,
        ],
        computed: &[
            Computed {
                name: "mac_addresses",
                value: |state, port| state.briefs(&state.macs_of(port)),
            },
            Computed {
                name: "count_ipaddresses",
                value: |state, port| json!(state.addresses_of(port).count()),
            },
        ],
        brief: &["virtual_machine", "name", "description"],
        display: by_name,
        search: &["name", "description"],
        filters: &[
            Filter {
                name: "cluster",
                test: Test::Through(&["virtual_machine", "cluster"], "virtualization.cluster"),
            },
            Filter {
                name: "vlan_id",
                test: Test::Any(in_vlan),
            },
        ],
        unique: &[(
            &["virtual_machine", "name"],
            "Interface with this Virtual machine and Name already exists.",
        )],
        clean: anything,
        read_only: false,
    },
];

fn machine(state: &State, machine: &Object) -> Result<(), Complaint> {
    if machine.id_of("site").is_none() && machine.id_of("cluster").is_none() {
        let text = "A virtual machine must be assigned to a site and/or cluster.";
        return Err(("cluster", text.to_owned()));
    }
    if let Some(device) = machine
        .id_of("device")
        .and_then(|id| state.get("dcim.device", id))
        && device.id_of("cluster") != machine.id_of("cluster")
    {
        let (device, cluster) = (state.display(device), state.display_at(machine, "cluster"));
        let text =
            format!("The selected device ({device}) is not assigned to this cluster ({cluster}).");
        return Err(("device", text));
    }
    state.check_primary(
        machine,
        |port| port.kind == INTERFACE && port.id_of("virtual_machine") == Some(machine.id),
        "virtual machine",
    )
}

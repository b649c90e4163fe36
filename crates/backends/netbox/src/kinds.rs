//! The kinds of NetBox's objects that the tools deal with.

/// One kind: where its objects are, and how they are named.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Path of the list.
    pub(crate) path: &'static str,
    /// Path of one object, with `{}` for its id.
    pub(crate) one: &'static str,
    /// `app.model`, as rights and object types name it.
    pub(crate) model: &'static str,
    /// What people call one.
    pub(crate) noun: &'static str,
    /// Operations for metrics: reading and changing.
    pub(crate) list: &'static str,
    pub(crate) change: &'static str,
    /// The filter of its list that takes a name.
    pub(crate) name: &'static str,
    /// Whether it has a slug.
    pub(crate) slug: bool,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $path:literal, $model:literal, $noun:literal, $filter:literal, $slug:literal;)*) => { $(
        $(#[$doc])*
        pub(crate) static $name: Endpoint = Endpoint {
            path: concat!("/", $path, "/"),
            one: concat!("/", $path, "/{}/"),
            model: $model,
            noun: $noun,
            list: concat!("get ", $path),
            change: concat!("change ", $path),
            name: $filter,
            slug: $slug,
        };
    )*
        /// All of them.
        pub(crate) static ALL: &[&Endpoint] = &[$(&$name),*];
    };
}

kinds! {
    SITE: "dcim/sites", "dcim.site", "site", "name__ie", true;
    RACK: "dcim/racks", "dcim.rack", "rack", "name__ie", false;
    DEVICE: "dcim/devices", "dcim.device", "device", "name__ie", false;
    DEVICE_ROLE: "dcim/device-roles", "dcim.devicerole", "device role", "name__ie", true;
    DEVICE_TYPE: "dcim/device-types", "dcim.devicetype", "device type", "model__ie", true;
    MANUFACTURER: "dcim/manufacturers", "dcim.manufacturer", "manufacturer", "name__ie", true;
    PLATFORM: "dcim/platforms", "dcim.platform", "platform", "name__ie", true;
    INTERFACE: "dcim/interfaces", "dcim.interface", "interface", "name__ie", false;
    FRONT_PORT: "dcim/front-ports", "dcim.frontport", "front port", "name__ie", false;
    REAR_PORT: "dcim/rear-ports", "dcim.rearport", "rear port", "name__ie", false;
    CONSOLE_PORT: "dcim/console-ports", "dcim.consoleport", "console port", "name__ie", false;
    CONSOLE_SERVER_PORT: "dcim/console-server-ports", "dcim.consoleserverport", "console server port", "name__ie", false;
    POWER_PORT: "dcim/power-ports", "dcim.powerport", "power port", "name__ie", false;
    POWER_OUTLET: "dcim/power-outlets", "dcim.poweroutlet", "power outlet", "name__ie", false;
    CABLE: "dcim/cables", "dcim.cable", "cable", "label__ie", false;
    TENANT: "tenancy/tenants", "tenancy.tenant", "tenant", "name__ie", true;
    VRF: "ipam/vrfs", "ipam.vrf", "VRF", "name__ie", false;
    PREFIX: "ipam/prefixes", "ipam.prefix", "prefix", "prefix", false;
    IP_RANGE: "ipam/ip-ranges", "ipam.iprange", "IP range", "start_address", false;
    IP_ADDRESS: "ipam/ip-addresses", "ipam.ipaddress", "IP address", "address", false;
    VLAN: "ipam/vlans", "ipam.vlan", "VLAN", "name__ie", false;
    VLAN_GROUP: "ipam/vlan-groups", "ipam.vlangroup", "VLAN group", "name__ie", true;
    IPAM_ROLE: "ipam/roles", "ipam.role", "prefix and VLAN role", "name__ie", true;
    VIRTUAL_MACHINE: "virtualization/virtual-machines", "virtualization.virtualmachine", "virtual machine", "name__ie", false;
    VM_INTERFACE: "virtualization/interfaces", "virtualization.vminterface", "interface of a virtual machine", "name__ie", false;
    CLUSTER: "virtualization/clusters", "virtualization.cluster", "cluster", "name__ie", false;
    JOURNAL_ENTRY: "extras/journal-entries", "extras.journalentry", "journal entry", "q", false;
    OBJECT_CHANGE: "core/object-changes", "core.objectchange", "change", "q", false;
}

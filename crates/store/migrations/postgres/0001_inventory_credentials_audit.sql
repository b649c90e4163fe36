-- The first tables. The seed's table and column names are kept where it gives them.
-- `sort_key` is the natural key as it is compared and ordered: a name folded to lower case, or an
-- address in a form whose text order is its numeric order. `ip_sort` is an address in that form.
-- What is ordered or looked up is collated by bytes, as SQLite does it.

CREATE TABLE proxmox_hosts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    node_name TEXT NOT NULL,
    ip_address TEXT,
    cluster TEXT,
    status TEXT NOT NULL,
    notes TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    ip_sort TEXT COLLATE "C",
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX proxmox_hosts_by_key ON proxmox_hosts (sort_key);
CREATE INDEX proxmox_hosts_by_ip ON proxmox_hosts (ip_sort);

CREATE TABLE networks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    vlan_id BIGINT,
    cidr TEXT,
    gateway TEXT,
    dns TEXT,
    dhcp_start TEXT,
    dhcp_end TEXT,
    purpose TEXT,
    notes TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    gateway_sort TEXT COLLATE "C",
    range_start TEXT COLLATE "C",
    range_end TEXT COLLATE "C",
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX networks_by_key ON networks (sort_key);
CREATE INDEX networks_by_gateway ON networks (gateway_sort);

CREATE TABLE devices (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT,
    type TEXT,
    status TEXT NOT NULL,
    hostname TEXT,
    ip TEXT,
    mac TEXT COLLATE "C",
    manufacturer TEXT,
    model TEXT,
    serial TEXT,
    os TEXT,
    location TEXT,
    tags TEXT,
    notes TEXT,
    metadata TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    ip_sort TEXT COLLATE "C",
    category_folded TEXT COLLATE "C",
    type_folded TEXT COLLATE "C",
    tags_folded TEXT COLLATE "C",
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX devices_by_key ON devices (sort_key);
CREATE INDEX devices_by_ip ON devices (ip_sort);
CREATE INDEX devices_by_mac ON devices (mac);

CREATE TABLE virtual_machines (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    vm_id BIGINT,
    name TEXT NOT NULL,
    type TEXT,
    ip TEXT,
    mac TEXT COLLATE "C",
    status TEXT NOT NULL,
    host_id TEXT COLLATE "C" REFERENCES proxmox_hosts (id) ON DELETE SET NULL,
    cores BIGINT,
    memory_mib BIGINT,
    tags TEXT,
    notes TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    ip_sort TEXT COLLATE "C",
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX virtual_machines_by_key ON virtual_machines (sort_key);
CREATE INDEX virtual_machines_by_ip ON virtual_machines (ip_sort);
CREATE INDEX virtual_machines_by_mac ON virtual_machines (mac);
CREATE INDEX virtual_machines_by_host ON virtual_machines (host_id);

CREATE TABLE test_equipment (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    type TEXT,
    status TEXT NOT NULL,
    manufacturer TEXT,
    model TEXT,
    serial TEXT,
    firmware TEXT,
    host TEXT NOT NULL,
    port BIGINT,
    protocol TEXT NOT NULL,
    sub_address TEXT,
    terminator TEXT,
    idn TEXT,
    allowed_queries TEXT,
    location TEXT,
    calibration_due TEXT,
    notes TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    ip_sort TEXT COLLATE "C",
    type_folded TEXT COLLATE "C",
    label_folded TEXT COLLATE "C" NOT NULL,
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX test_equipment_by_key ON test_equipment (sort_key);
CREATE INDEX test_equipment_by_ip ON test_equipment (ip_sort);

CREATE TABLE services (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    service_name TEXT NOT NULL,
    type TEXT,
    url TEXT,
    port BIGINT,
    protocol TEXT,
    health_endpoint TEXT,
    vm_id TEXT COLLATE "C" REFERENCES virtual_machines (id) ON DELETE SET NULL,
    device_id TEXT COLLATE "C" REFERENCES devices (id) ON DELETE SET NULL,
    status TEXT NOT NULL,
    tags TEXT,
    notes TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    ip_sort TEXT COLLATE "C",
    type_folded TEXT COLLATE "C",
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX services_by_key ON services (sort_key);
CREATE INDEX services_by_ip ON services (ip_sort);
CREATE INDEX services_by_vm ON services (vm_id);
CREATE INDEX services_by_device ON services (device_id);

CREATE TABLE network_config (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ip_address TEXT NOT NULL,
    hostname TEXT,
    allocated_to TEXT,
    type TEXT,
    network_id TEXT COLLATE "C" REFERENCES networks (id) ON DELETE SET NULL,
    mac TEXT COLLATE "C",
    notes TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX network_config_by_key ON network_config (sort_key);
CREATE INDEX network_config_by_mac ON network_config (mac);
CREATE INDEX network_config_by_network ON network_config (network_id);

CREATE TABLE firewall_rules (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    action TEXT NOT NULL,
    direction TEXT,
    source TEXT,
    destination TEXT,
    protocol TEXT,
    port TEXT,
    position BIGINT,
    enabled BOOLEAN NOT NULL,
    notes TEXT,
    sort_key TEXT COLLATE "C" NOT NULL,
    search_text TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX firewall_rules_by_key ON firewall_rules (sort_key);

CREATE TABLE credentials (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    target_type TEXT COLLATE "C" NOT NULL,
    target_id TEXT NOT NULL,
    username TEXT COLLATE "C",
    password_encrypted TEXT,
    ssh_key_path TEXT,
    auth_type TEXT COLLATE "C" NOT NULL,
    notes TEXT,
    target_folded TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX credentials_by_target
    ON credentials (target_folded, target_type, auth_type, COALESCE(username, ''));

CREATE TABLE api_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    grants TEXT NOT NULL,
    hash TEXT NOT NULL,
    name_folded TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_keys_by_name ON api_keys (name_folded);

CREATE TABLE settings (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Chain '' holds the rows taken over from older systems; they have no MAC.
CREATE TABLE audit_log (
    chain TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    timestamp BIGINT NOT NULL,
    kind TEXT NOT NULL,
    "user" TEXT NOT NULL,
    credential TEXT NOT NULL,
    transport TEXT NOT NULL,
    ip_address TEXT,
    action TEXT NOT NULL,
    target_type TEXT COLLATE "C" NOT NULL,
    target_id TEXT NOT NULL,
    effect TEXT,
    arguments TEXT,
    arguments_digest TEXT,
    outcome TEXT,
    duration_us BIGINT,
    request_id TEXT COLLATE "C" NOT NULL,
    details TEXT,
    mac TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_log_by_time ON audit_log (timestamp, id);
CREATE INDEX audit_log_by_request ON audit_log (request_id);
CREATE UNIQUE INDEX audit_log_legacy ON audit_log (id) WHERE chain = '';

CREATE TABLE audit_heads (
    chain TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    mac TEXT COLLATE "C" NOT NULL,
    seal TEXT NOT NULL
);

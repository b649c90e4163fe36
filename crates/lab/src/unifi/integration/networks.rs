//! What there is: the application, sites, networks, WLANs, ways out.

use serde_json::{Value, json};

use super::user_defined;
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, page, plain};
use crate::unifi::state::{Network, Site, State, uuid};

pub(in crate::unifi) fn info(state: &mut State, _: &Call) -> Answer {
    plain(json!({ "applicationVersion": state.release.version() }))
}

pub(in crate::unifi) fn sites(state: &mut State, _: &Call) -> Answer {
    let row = |site: &Site| {
        json!({
            "id": uuid("site", &site.name),
            "internalReference": site.name,
            "name": site.title,
        })
    };
    page(state.sites.values().map(row).collect())
}

pub(in crate::unifi) fn list(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    page(lans(site).map(|network| row(site, network)).collect())
}

pub(in crate::unifi) fn one(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let found = lans(site).find(|network| uuid("network", &network.name) == call.id());
    let network = found.ok_or_else(|| Failure::missing("network", call.id()))?;
    plain(row(site, network))
}

pub(in crate::unifi) fn wans(state: &mut State, call: &Call) -> Answer {
    let wans = call.site(state)?.networks.iter();
    let row =
        |network: &Network| json!({ "id": uuid("network", &network.name), "name": network.name });
    page(
        wans.filter(|network| network.purpose == "wan")
            .map(row)
            .collect(),
    )
}

pub(in crate::unifi) fn wlans(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let rows = site.wlans.iter().map(|wlan| {
        json!({
            "type": "STANDARD",
            "id": uuid("wlan", &wlan.name),
            "name": wlan.name,
            "enabled": wlan.enabled,
            "metadata": user_defined(),
            "network": { "type": "SPECIFIC", "networkId": uuid("network", &wlan.network) },
            "securityConfiguration": {
                "type": if wlan.passphrase.is_empty() { "OPEN" } else { "WPA2_WPA3_PERSONAL" },
            },
            "broadcastingFrequenciesGHz": [2.4, 5],
        })
    });
    page(rows.collect())
}

fn lans(site: &Site) -> impl Iterator<Item = &Network> {
    site.networks
        .iter()
        .filter(|network| network.purpose != "wan")
}

fn row(site: &Site, network: &Network) -> Value {
    let zone = site
        .zones
        .iter()
        .find(|zone| zone.networks.contains(&network.name));
    let mut row = json!({
        "management": "GATEWAY",
        "id": uuid("network", &network.name),
        "name": network.name,
        "enabled": true,
        "vlanId": network.vlan,
        "metadata": user_defined(),
        "default": network.vlan == 1,
    });
    super::set(
        &mut row,
        "zoneId",
        zone.map(|zone| uuid("zone", &zone.name)),
    );
    row
}

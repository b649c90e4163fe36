//! What came of a client's calls, as a test sees it past the API.

use serde_json::Value;

use super::state::Site;
use super::{DEFAULT, Unifi, integration};

impl Unifi {
    /// Whether a client of the site `default` is blocked; `None` if it is not known.
    pub fn is_blocked(&self, mac: &str) -> Option<bool> {
        self.look(|site| site.clients.get(mac).map(|client| client.blocked))
    }

    /// Whether a guest of the site `default` has been let in.
    pub fn is_authorized(&self, mac: &str) -> bool {
        let given = |site: &Site| Some(site.clients.get(mac)?.authorization.is_some());
        self.look(given).unwrap_or(false)
    }

    /// What was done to a device of the site `default`, such as `restart soft` or `power-cycle 3`.
    pub fn done(&self, mac: &str) -> Vec<String> {
        let done = |site: &Site| Some(site.devices.get(mac)?.done.clone());
        self.look(done).unwrap_or_default()
    }

    /// Codes of the vouchers of the site `default`.
    pub fn vouchers(&self) -> Vec<String> {
        let codes = |site: &Site| {
            let codes = site.vouchers.iter().map(|voucher| voucher.code.clone());
            Some(codes.collect())
        };
        self.look(codes).unwrap_or_default()
    }

    /// Says that so many guests have used a voucher, the first of them now.
    pub fn use_voucher(&self, code: &str, guests: i64) {
        let mut state = self.state.lock();
        let now = state.now();
        if let Ok(site) = state.site(DEFAULT)
            && let Some(voucher) = site.vouchers.iter_mut().find(|one| one.code == code)
        {
            voucher.used = guests;
            voucher.activated = Some(now);
        }
    }

    /// Policies of the site `default` as the integration API has them, in their order.
    pub fn policies(&self) -> Vec<Value> {
        let rows = |site: &Site| {
            let rows = site.policies.iter().map(integration::firewall::row);
            Some(rows.collect())
        };
        self.look(rows).unwrap_or_default()
    }

    /// Fields of the old firewall rules, forwarded ports, traffic rules, ACL rules and DNS policies
    /// of the site `default`.
    pub fn records(&self) -> Vec<Value> {
        let all = |site: &Site| {
            let records = site.records.values().flatten();
            Some(
                records
                    .map(|one| Value::Object(one.fields.clone()))
                    .collect(),
            )
        };
        self.look(all).unwrap_or_default()
    }

    /// Whether a WLAN of the site `default` is on; `None` if there is none of the name.
    pub fn wlan_enabled(&self, name: &str) -> Option<bool> {
        self.look(|site| {
            let found = site.wlans.iter().find(|wlan| wlan.name == name)?;
            Some(found.enabled)
        })
    }

    fn look<T>(&self, at: impl FnOnce(&Site) -> Option<T>) -> Option<T> {
        at(self.state.lock().sites.get(DEFAULT)?)
    }
}

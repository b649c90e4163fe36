//! The description that the application serves beside the integration API: the contract table with the
//! variables of its paths called as there.

use serde_json::Value;

use super::super::Release;
use super::{BodyKind, INTEGRATION};
use crate::contract::openapi::{self, Body, Entry};

/// What this release has.
pub(in crate::unifi) fn document(release: Release) -> Value {
    let here = INTEGRATION.iter().filter(|route| {
        release >= route.run.since && route.run.until.is_none_or(|last| release <= last)
    });
    let rows: Vec<_> = here.map(|route| (route, path(route.path))).collect();
    let entries = rows.iter().map(|(route, path)| Entry {
        method: route.method,
        path,
        query: route.params,
        body: match route.run.body {
            BodyKind::None => Body::None,
            BodyKind::Json | BodyKind::Query => Body::Fields(route.run.fields),
        },
    });
    openapi::document("UniFi Network API", entries)
}

/// `/v1/sites/{site}/devices/{id}` as `/v1/sites/{siteId}/devices/{deviceId}`.
fn path(short: &str) -> String {
    let parts: Vec<&str> = short.split('/').collect();
    let before = |index: usize| match index.checked_sub(1).and_then(|index| parts.get(index)) {
        Some(&"devices") => "{deviceId}",
        Some(&"clients") => "{clientId}",
        Some(&"vouchers") => "{voucherId}",
        Some(&"networks") => "{networkId}",
        Some(&"zones") => "{firewallZoneId}",
        Some(&"acl-rules") => "{aclRuleId}",
        Some(&"policies") if short.contains("/dns/") => "{dnsPolicyId}",
        Some(&"policies") => "{firewallPolicyId}",
        _ => "{id}",
    };
    let long: Vec<&str> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| match *part {
            "{site}" => "{siteId}",
            "{port}" => "{portIdx}",
            "{id}" => before(index),
            part => part,
        })
        .collect();
    long.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_called_as_in_the_product() {
        assert_eq!(
            path("/v1/sites/{site}/devices/{id}/interfaces/ports/{port}/actions"),
            "/v1/sites/{siteId}/devices/{deviceId}/interfaces/ports/{portIdx}/actions"
        );
        let all = document(Release::V10_5).to_string();
        assert!(!all.contains("{id}"), "{all}");
    }
}

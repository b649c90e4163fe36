//! From groups of an identity provider or a proxy to a role here.

use std::collections::BTreeMap;

use homelab_core::policy::Role;

/// Which groups have which role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleMap {
    /// Role of each group, by its exact name.
    pub groups: BTreeMap<String, Role>,
    /// Role of whoever is in none of them; nobody gets in that way if absent.
    pub default: Option<Role>,
}

impl RoleMap {
    /// The highest role of these groups, else the default.
    pub(super) fn of<'a>(&self, groups: impl IntoIterator<Item = &'a str>) -> Option<Role> {
        groups
            .into_iter()
            .filter_map(|group| self.groups.get(group).copied())
            .max()
            .or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_group_decides_and_others_get_the_default() {
        let map = RoleMap {
            groups: BTreeMap::from([
                ("lab-admins".to_owned(), Role::Admin),
                ("lab".to_owned(), Role::Operator),
            ]),
            default: None,
        };
        let open = RoleMap {
            default: Some(Role::Viewer),
            ..map.clone()
        };

        assert_eq!(map.of(["lab", "lab-admins", "x"]), Some(Role::Admin));
        assert_eq!(map.of(["Lab", "lab-admins "]), None);
        assert_eq!(open.of([]), Some(Role::Viewer));
    }
}

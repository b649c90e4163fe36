//! What a test puts into a server from behind.

use super::queries::Query;
use super::state::{Lease, Message, NetDevice, Rule, State};

/// A query that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct QuerySeed {
    /// Seconds since it was made; the API's figures cover a day, the `database` ones all.
    pub age_s: f64,
    /// Its type, such as `A`.
    pub kind: String,
    /// Its domain.
    pub domain: String,
    /// What became of it, such as `FORWARDED`, `CACHE`, `GRAVITY`, `DENYLIST` or `REGEX`.
    pub status: String,
    /// Who made it.
    pub client: String,
    /// The name of that.
    pub client_name: Option<String>,
    /// Where it was forwarded to, such as `192.0.2.1#53`.
    pub upstream: Option<String>,
}

impl QuerySeed {
    /// A query of type A of `192.0.2.131`, made a minute ago; forwarded ones went to `192.0.2.1#53`.
    pub fn new(domain: &str, status: &str) -> Self {
        Self {
            age_s: 60.0,
            kind: "A".to_owned(),
            domain: domain.to_owned(),
            status: status.to_owned(),
            client: "192.0.2.131".to_owned(),
            client_name: None,
            upstream: (status == "FORWARDED").then(|| "192.0.2.1#53".to_owned()),
        }
    }
}

impl State {
    pub(super) fn add_query(&mut self, seed: QuerySeed) -> u64 {
        let id = self.queries.last().map_or(1, |last| last.id + 1);
        let time = self.precise_now() - seed.age_s;
        let mut query = Query {
            id,
            time,
            kind: seed.kind,
            domain: seed.domain,
            status: seed.status,
            client: seed.client,
            client_name: seed.client_name,
            upstream: seed.upstream,
            reply: "IP".to_owned(),
            list: None,
        };
        if query.blocked() {
            let held = |list: &&super::state::List| list.content.contains(&query.domain);
            query.list = self.lists.iter().find(held).map(|list| list.id);
        }
        self.queries.push(query);
        id
    }

    pub(super) fn add_rule(&mut self, allow: bool, regex: bool, domain: &str, comment: &str) {
        let (id, now) = (self.next_id(), self.now());
        self.domains.push(Rule {
            id,
            domain: domain.to_owned(),
            unicode: domain.to_owned(),
            allow,
            regex,
            comment: (!comment.is_empty()).then(|| comment.to_owned()),
            groups: vec![0],
            enabled: true,
            added: now - 864_000,
            modified: now - 864_000,
        });
    }

    /// A list that was fetched already.
    pub(super) fn add_fetched_list(&mut self, address: &str, allow: bool, domains: &[&str]) {
        let index = self.add_list(address, allow);
        let now = self.now();
        let list = &mut self.lists[index];
        list.content = domains.iter().map(|&domain| domain.to_owned()).collect();
        list.number = list.held();
        list.status = 1;
        list.updated = now - 86_400;
    }

    pub(super) fn add_message(&mut self, kind: &str, text: &str) -> u64 {
        let (id, time) = (self.next_id(), self.now() - 3600);
        self.messages.push(Message {
            id,
            time,
            kind: kind.to_owned(),
            text: text.to_owned(),
        });
        id
    }

    pub(super) fn add_lease(&mut self, ip: &str, mac: &str, name: &str) {
        let expires = self.now() + 43_200;
        self.leases.push(Lease {
            ip: ip.to_owned(),
            mac: mac.to_owned(),
            name: name.to_owned(),
            expires,
        });
    }

    pub(super) fn add_device(&mut self, mac: &str, vendor: Option<&str>, ip: &str, name: &str) {
        let id = self.next_id();
        self.devices.push(NetDevice {
            id,
            mac: mac.to_owned(),
            vendor: vendor.map(str::to_owned),
            addresses: vec![(ip.to_owned(), (!name.is_empty()).then(|| name.to_owned()))],
        });
    }
}

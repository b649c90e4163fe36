//! DNS records of the console, by both APIs.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use homelab_lab::unifi::{KeyReach, Release};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{With, World, column, field, hint, reason, says};

/// Both ways, with the API that answers.
const BOTH: [(With, &str); 2] = [(With::Both, "integration"), (With::Account, "legacy")];

/// The record of a name, in the words of the official API.
fn address(name: &str, ip: &str) -> Value {
    json!({ "type": "A_RECORD", "enabled": true, "domain": name, "ipv4Address": ip, "ttlSeconds": 300 })
}

fn alias(name: &str, of: &str) -> Value {
    json!({ "type": "CNAME_RECORD", "enabled": true, "domain": name, "targetDomain": of, "ttlSeconds": 0 })
}

async fn with_records(with: With) -> World {
    let world = World::with(with).await;
    for record in [
        address("nas.lab.example", "192.0.2.140"),
        address("web.lab.example", "192.0.2.141"),
        address("web.lab.example", "192.0.2.142"),
        alias("files.lab.example", "nas.lab.example"),
        json!({ "type": "TXT_RECORD", "enabled": false, "domain": "lab.example", "text": "\"a, b\"" }),
        json!({ "type": "SRV_RECORD", "enabled": true, "domain": "lab.example", "service": "_ldap",
                "protocol": "_tcp", "serverDomain": "nas.lab.example", "port": 389, "priority": 1,
                "weight": 2 }),
    ] {
        world.unifi.add_dns_record(&record);
    }
    world
}

/// The one record of a name in a list.
async fn record(world: &World, name: &str) -> Value {
    let list = world
        .call("list_dns_records", json!({ "search": name }))
        .await;
    let rows = list["items"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{list}");
    rows[0].clone()
}

#[tokio::test]
async fn records_are_listed_by_either_api_in_the_same_words() {
    let mut told = Vec::new();
    for (with, api) in BOTH {
        let world = with_records(with).await;

        let mut all = world.call("list_dns_records", json!({})).await;
        let aliases = world
            .call("list_dns_records", json!({ "type": "CNAME" }))
            .await;
        let to_nas = world
            .call("list_dns_records", json!({ "search": "NAS.lab" }))
            .await;

        assert_eq!(all["api"], api);
        assert_eq!(column(&aliases, "name"), ["files.lab.example"]);
        // By name, and by what they lead to.
        assert_eq!(to_nas["total"], 3);
        for row in all["items"].as_array_mut().unwrap() {
            assert!(row["id"].take().is_string());
        }
        told.push(all["items"].take());
    }

    assert_eq!(told[0], told[1]);
    assert_eq!(
        told[0][0],
        json!({ "id": null, "type": "TXT", "name": "lab.example", "value": "a, b",
                "enabled": false, "origin": "USER_DEFINED" })
    );
    // What is below a name stands behind it.
    assert_eq!(
        told[0][1],
        json!({ "id": null, "type": "SRV", "name": "_ldap._tcp.lab.example",
                "value": "nas.lab.example", "priority": 1, "weight": 2, "port": 389,
                "enabled": true, "origin": "USER_DEFINED" })
    );
}

#[rstest]
#[case(json!({ "type": "A", "name": "A.lab.example.", "value": "192.0.2.9", "ttl_s": 60 }), "a.lab.example", "192.0.2.9")]
#[case(json!({ "type": "AAAA", "name": "b.lab.example", "value": "2001:DB8:0::1" }), "b.lab.example", "2001:db8::1")]
#[case(json!({ "type": "CNAME", "name": "c.lab.example", "value": "A.lab.example." }), "c.lab.example", "a.lab.example")]
#[case(json!({ "type": "MX", "name": "lab.example", "value": "mail.lab.example", "priority": 10 }), "lab.example", "mail.lab.example")]
#[case(json!({ "type": "SRV", "name": "_sip._udp.lab.example", "value": "pbx.lab.example", "port": 5060 }), "_sip._udp.lab.example", "pbx.lab.example")]
#[case(json!({ "type": "TXT", "name": "lab.example", "value": "v=x, y" }), "lab.example", "v=x, y")]
#[case(json!({ "type": "FORWARD_DOMAIN", "name": "corp.example", "value": "198.51.100.53" }), "corp.example", "198.51.100.53")]
#[tokio::test]
async fn a_record_of_each_type_is_made_by_either_api(
    #[case] args: Value,
    #[case] name: &str,
    #[case] value: &str,
) {
    for (with, api) in BOTH {
        let world = World::with(with).await;

        let plan = world.preview("create_dns_record", args.clone()).await;
        let targets = world.targets("create_dns_record", args.clone()).await;
        let inverse = world.inverse("create_dns_record", args.clone()).await;
        let done = world.call("create_dns_record", args.clone()).await;
        let found = record(&world, name).await;
        let again = world.fail("create_dns_record", args.clone()).await;
        let no_inverse = world.inverse("create_dns_record", args.clone()).await;
        world.undo(inverse.unwrap()).await;

        let kind = args["type"].as_str().unwrap();
        assert_eq!(
            plan.summary,
            format!("create the DNS record `{name} {kind} {value}`")
        );
        assert_eq!(
            (targets[0].kind.as_str(), targets[0].name.as_deref()),
            ("dns_record", Some(name))
        );
        assert_eq!((&done["api"], &done["record"]), (&json!(api), &found));
        assert_eq!(
            (&found["name"], &found["value"]),
            (&json!(name), &json!(value))
        );
        let hosts = ["A", "AAAA", "CNAME"].contains(&kind);
        let ttl = args.get("ttl_s").cloned().or(hosts.then(|| json!(0)));
        assert_eq!(found.get("ttl_s").cloned(), ttl);
        assert_eq!(
            (again.code(), reason(&again)),
            (Code::Conflict, "record_exists")
        );
        assert!(
            no_inverse.is_none(),
            "one that was there is not ours to delete"
        );
        assert_eq!(world.unifi.records().len(), 1, "the forwarded port alone");
    }
}

#[tokio::test]
async fn a_second_record_of_a_name_and_type_has_to_be_meant() {
    for (with, _) in BOTH {
        let world = with_records(with).await;
        let mut args = json!({ "type": "A", "name": "nas.lab.example", "value": "192.0.2.149" });

        let refused = world.fail("create_dns_record", args.clone()).await;
        let plan = world.try_preview("create_dns_record", args.clone()).await;
        args["additional"] = true.into();
        let meant = world.preview("create_dns_record", args.clone()).await;
        let other = json!({ "type": "AAAA", "name": "nas.lab.example", "value": "2001:db8::9" });
        world.call("create_dns_record", other).await;
        world.call("create_dns_record", args).await;

        assert_eq!(
            (refused.code(), reason(&refused), field(&refused)),
            (Code::Conflict, "record_exists", "name")
        );
        assert!(
            hint(&refused).contains("`additional`"),
            "{}",
            hint(&refused)
        );
        assert!(plan.is_err());
        assert!(says(&meant.impact, "192.0.2.140"), "{:?}", meant.impact);
        assert_eq!(world.writes().len(), 2);
    }
}

/// Two aliases of a name stop the console's resolver, which nothing at the console prevents.
#[rstest]
#[case("CNAME", "files.lab.example", "web.lab.example")]
#[case("CNAME", "nas.lab.example", "web.lab.example")]
#[case("A", "files.lab.example", "192.0.2.1")]
#[tokio::test]
async fn an_alias_stands_alone(#[case] kind: &str, #[case] name: &str, #[case] value: &str) {
    for (with, _) in BOTH {
        let world = with_records(with).await;
        let args = json!({ "type": kind, "name": name, "value": value, "additional": true });

        let error = world.fail("create_dns_record", args).await;
        let moved = json!({ "record": "nas.lab.example", "name": "files.lab.example" });
        let moved = world.fail("update_dns_record", moved).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::Conflict, "record_exists")
        );
        assert!(hint(&error).contains("stop"), "{}", hint(&error));
        assert_eq!(reason(&moved), "record_exists");
        assert_eq!(world.writes(), [""; 0]);
    }
}

#[rstest]
#[case(json!({ "type": "A", "name": "a.example", "value": "nas" }), "value")]
#[case(json!({ "type": "A", "name": "a example", "value": "192.0.2.1" }), "name")]
#[case(json!({ "type": "TXT", "name": "a.example", "value": "x", "ttl_s": 5 }), "ttl_s")]
#[case(json!({ "type": "SRV", "name": "_a._tcp.example", "value": "b.example" }), "port")]
#[tokio::test]
async fn what_no_record_can_be_is_refused_before_anything_is_asked(
    #[case] args: Value,
    #[case] at: &str,
) {
    let world = World::lab().await;

    let error = world.fail("create_dns_record", args).await;

    assert_eq!((error.code(), field(&error)), (Code::InvalidArgument, at));
    assert_eq!(world.unifi.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_record_is_changed_and_changed_back() {
    for (with, api) in BOTH {
        let world = with_records(with).await;
        let before = record(&world, "_ldap").await;
        let args = json!({ "record": "_LDAP._tcp.lab.example", "value": "dc.lab.example",
                           "weight": 7, "enabled": false });

        let plan = world.preview("update_dns_record", args.clone()).await;
        let targets = world.targets("update_dns_record", args.clone()).await;
        let inverse = world.inverse("update_dns_record", args.clone()).await;
        let done = world.call("update_dns_record", args.clone()).await;
        let nothing = world.inverse("update_dns_record", args.clone()).await;
        let again = world.call("update_dns_record", args).await;
        let writes = world.writes().len();
        world.undo(inverse.unwrap()).await;

        let changed: Vec<&str> = plan.changes.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(changed, ["value", "weight", "enabled"]);
        assert!(says(&plan.impact, "does not find"), "{:?}", plan.impact);
        assert_eq!(Some(targets[0].id.as_str()), before["id"].as_str());
        assert_eq!(
            (&done["api"], &done["changed"]),
            (&json!(api), &json!(true))
        );
        let wanted = json!({ "value": "dc.lab.example", "weight": 7, "enabled": false,
                             "priority": 1, "port": 389 });
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&done["record"][field], value, "{field}");
        }
        assert_eq!((&again["changed"], writes), (&json!(false), 1));
        assert!(nothing.is_none());
        assert_eq!(record(&world, "_ldap").await, before);
    }
}

#[tokio::test]
async fn a_record_is_named_by_id_or_by_what_makes_it_one() {
    for (with, _) in BOTH {
        let world = with_records(with).await;

        let foreign = json!({ "type": "A", "name": "bücher.lab.example", "value": "192.0.2.150" });
        let foreign = world.call("create_dns_record", foreign).await;
        let again = json!({ "record": "Bücher.lab.example.", "ttl_s": 60 });
        world.call("update_dns_record", again).await;
        let several = json!({ "record": "web.lab.example", "enabled": false });
        let several = world.fail("update_dns_record", several).await;
        let missing = json!({ "record": "attic.lab.example", "enabled": false });
        let missing = world.fail("update_dns_record", missing).await;
        let wrong = json!({ "record": "nas.lab.example", "type": "AAAA" });
        let wrong = world.fail("delete_dns_record", wrong).await;
        let nothing = json!({ "record": "nas.lab.example" });
        let nothing = world.fail("update_dns_record", nothing).await;
        let one = json!({ "record": "web.lab.example", "value": "192.0.2.142" });
        let gone = world.call("delete_dns_record", one).await;
        // Now it is the only one.
        let left = json!({ "record": "web.lab.example", "value": "192.0.2.149" });
        world.call("update_dns_record", left).await;

        assert_eq!(foreign["record"]["name"], "xn--bcher-kva.lab.example");
        assert_eq!(
            (several.code(), reason(&several), field(&several)),
            (Code::Conflict, "record_ambiguous", "record")
        );
        assert!(hint(&several).contains("192.0.2.142"), "{}", hint(&several));
        assert_eq!(
            (reason(&missing), field(&missing)),
            ("record_not_found", "record")
        );
        assert_eq!(reason(&wrong), "record_not_found");
        assert_eq!(reason(&nothing), "nothing_to_change");
        assert_eq!(gone["record"]["value"], "192.0.2.142");
        assert_eq!(record(&world, "web").await["value"], "192.0.2.149");
    }
}

#[tokio::test]
async fn a_record_is_deleted_and_made_again() {
    for (with, api) in BOTH {
        let world = with_records(with).await;
        let before = record(&world, "files").await;
        let args = json!({ "record": before["id"] });

        let plan = world.preview("delete_dns_record", args.clone()).await;
        let one_of_two = json!({ "record": "web.lab.example", "value": "192.0.2.141" });
        let one_of_two = world.preview("delete_dns_record", one_of_two).await;
        let targets = world.targets("delete_dns_record", args.clone()).await;
        let inverse = world.inverse("delete_dns_record", args.clone()).await;
        let done = world.call("delete_dns_record", args.clone()).await;
        let twice = world.fail("delete_dns_record", args.clone()).await;
        let again = world.undo(inverse.unwrap()).await;

        assert_eq!(
            plan.summary,
            "delete the DNS record `files.lab.example CNAME nas.lab.example`"
        );
        assert!(says(&plan.impact, "does not find"), "{:?}", plan.impact);
        assert!(
            says(&one_of_two.impact, "1 other record"),
            "{:?}",
            one_of_two.impact
        );
        assert_eq!(targets[0].name.as_deref(), Some("files.lab.example"));
        assert_eq!((&done["api"], &done["record"]), (&json!(api), &before));
        assert_eq!(reason(&twice), "record_not_found");
        let mut made = again["record"].clone();
        made["id"] = before["id"].clone();
        assert_eq!(made, before);
        assert_eq!(world.effect("delete_dns_record", args), Effect::Destructive);
    }
}

#[tokio::test]
async fn what_the_console_does_not_keep_is_a_failure() {
    for (with, path) in [(With::Both, "/v1/sites/"), (With::Account, "/v2/api/site/")] {
        let world = with_records(with).await;
        let swallow = || world.unifi.swallow_next_write(path);

        swallow();
        let args = json!({ "type": "A", "name": "new.lab.example", "value": "192.0.2.1" });
        let create = world.fail("create_dns_record", args).await;
        swallow();
        let args = json!({ "record": "nas.lab.example", "value": "192.0.2.1" });
        let update = world.run("update_dns_record", args).await.unwrap();
        swallow();
        let args = json!({ "record": "nas.lab.example" });
        let delete = world.run("delete_dns_record", args).await.unwrap();

        assert_eq!(
            (create.code(), reason(&create)),
            (Code::Conflict, "not_applied")
        );
        assert_eq!(
            (
                update.mismatches[0].field,
                update.mismatches[0].found.as_str()
            ),
            ("value", "192.0.2.140")
        );
        assert_eq!(delete.mismatches[0].field, "record");
    }
}

#[tokio::test]
async fn what_the_console_made_itself_stays() {
    let world = World::lab().await;
    let mut derived = address("phone.lab.example", "192.0.2.141");
    derived["metadata"] = json!({ "origin": "DERIVED" });
    world.unifi.add_dns_record(&derived);

    let list = world.call("list_dns_records", json!({})).await;
    let args = json!({ "record": "phone.lab.example", "value": "192.0.2.1" });
    let update = world.fail("update_dns_record", args).await;
    let delete = json!({ "record": "phone.lab.example" });
    let delete = world.fail("delete_dns_record", delete).await;

    assert_eq!(column(&list, "origin"), ["DERIVED"]);
    for error in [update, delete] {
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::Conflict, "not_user_defined")
        );
    }
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_release_without_policies_is_asked_by_its_old_api() {
    let world = World::release(Release::V10_0, With::Both).await;
    let args = json!({ "type": "A", "name": "nas.lab.example", "value": "192.0.2.140" });

    let done = world.call("create_dns_record", args).await;

    assert_eq!(done["api"], "legacy");
    assert_eq!(
        world.writes(),
        ["POST /proxy/network/v2/api/site/default/static-dns"]
    );
}

#[tokio::test]
async fn a_key_that_may_only_read_the_old_api_says_what_is_needed() {
    let world = World::release(Release::V10_0, With::Key).await;
    world.unifi.set_key_reach(KeyReach::Reads);

    let list = world.call("list_dns_records", json!({})).await;
    let args = json!({ "type": "A", "name": "nas.lab.example", "value": "192.0.2.140" });
    let error = world.fail("create_dns_record", args).await;

    assert_eq!(
        (&list["api"], &list["total"]),
        (&json!("legacy"), &json!(0))
    );
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotConfigured, "needs_local_account")
    );
}

#[tokio::test]
async fn what_the_console_refuses_is_told_in_its_words() {
    for (with, path) in [(With::Both, "/v1/sites/"), (With::Account, "/v2/api/site/")] {
        let world = with_records(with).await;
        let args = json!({ "record": "nas.lab.example", "value": "192.0.2.1" });
        let before = world.call("list_dns_records", json!({})).await;

        world.unifi.refuse_next(path, "api.err.Conflict");
        let list = world.fail("list_dns_records", json!({})).await;
        world.unifi.add_account("guest", "lab-guest", true);
        let site = world
            .fail("list_dns_records", json!({ "site": "attic" }))
            .await;
        world.call("update_dns_record", args).await;

        assert_eq!(before["total"], 6);
        assert_eq!(
            (list.code(), reason(&list)),
            (Code::UpstreamRejected, "refused_by_console")
        );
        assert_eq!(reason(&site), "site_not_found");
    }
}

#[tokio::test]
async fn a_release_older_than_records_says_so() {
    let world = World::classic().await;
    world
        .unifi
        .faults()
        .always("/v2/api/site/default/static-dns", Fault::Status(404));

    let error = world.fail("list_dns_records", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_supported")
    );
}

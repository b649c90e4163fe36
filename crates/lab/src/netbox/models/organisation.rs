//! Tags, tenants, journal entries, and the record of changes.

use serde_json::{Value, json};

use super::super::choices::JOURNAL_KIND;
use super::super::model::{
    COMMENTS, CUSTOM, Computed, DESCRIPTION, Model, OnDelete, Start, TAGS, Type, anything, by_name,
    choice, of, reference, slug, text,
};
use super::super::state::{Object, State};

/// What a journal entry can be about.
const JOURNALED: &[&str] = &[
    "dcim.site",
    "dcim.rack",
    "dcim.device",
    "dcim.cable",
    "ipam.prefix",
    "ipam.iprange",
    "ipam.ipaddress",
    "ipam.vlan",
    "ipam.vlangroup",
    "ipam.vrf",
    "virtualization.cluster",
    "virtualization.virtualmachine",
];

pub(super) static MODELS: &[Model] = &[
    Model {
        kind: "extras.tag",
        path: "extras/tags",
        name: "Tag",
        fields: &[
            text("name", 100).required(),
            slug(),
            of("color", Type::Color, Start::Text("9e9e9e")),
            DESCRIPTION,
        ],
        computed: &[Computed {
            name: "tagged_items",
            value: tagged,
        }],
        brief: &["name", "slug", "color", "description"],
        display: by_name,
        search: &["name", "slug", "description"],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "tenancy.tenant",
        path: "tenancy/tenants",
        name: "Tenant",
        fields: &[
            text("name", 100).required(),
            slug(),
            DESCRIPTION,
            COMMENTS,
            TAGS,
            CUSTOM,
        ],
        computed: &[],
        brief: &["name", "slug", "description"],
        display: by_name,
        search: &["name", "slug", "description", "comments"],
        filters: &[],
        unique: &[(&["name"], ""), (&["slug"], "")],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "extras.journalentry",
        path: "extras/journal-entries",
        name: "JournalEntry",
        fields: &[
            of("assigned_object_type", Type::KindOf(JOURNALED), Start::Null).required(),
            of("assigned_object_id", Type::ObjectId, Start::Null).required(),
            reference("created_by", "users.user", OnDelete::Clear),
            choice("kind", JOURNAL_KIND, "info"),
            text("comments", 100_000).required(),
            TAGS,
            CUSTOM,
        ],
        computed: &[Computed {
            name: "assigned_object",
            value: |state, entry| state.brief_at(entry, "assigned_object"),
        }],
        brief: &["created"],
        display: |_, entry| format!("{} ({})", time_of(entry), entry.text("kind")),
        search: &["comments"],
        filters: &[],
        unique: &[],
        clean: anything,
        read_only: false,
    },
    Model {
        kind: "users.user",
        path: "users/users",
        name: "User",
        fields: &[text("username", 150).required()],
        computed: &[],
        brief: &["username"],
        display: |_, user| user.text("username").to_owned(),
        search: &["username"],
        filters: &[],
        unique: &[(&["username"], "")],
        clean: anything,
        read_only: true,
    },
];

fn time_of(entry: &Object) -> String {
    entry.created.to_rfc3339()
}

fn tagged(state: &State, tag: &Object) -> Value {
    let has = |object: &&Object| {
        let tags = object.fields.get("tags").and_then(Value::as_array);
        tags.is_some_and(|tags| tags.contains(&json!(tag.id)))
    };
    json!(state.all().filter(has).count())
}

//! What a kind of object is made of: the words the contract tables are written in.

use serde_json::Value;

use super::Release;
use super::state::{Object, State};

/// Value and label of a choice.
pub(super) type Choice = (&'static str, &'static str);

/// One kind of object.
pub(super) struct Model {
    /// Content type: `ipam.prefix`.
    pub(super) kind: &'static str,
    /// Path below `/api/`: `ipam/prefixes`.
    pub(super) path: &'static str,
    /// Its name in messages: `Prefix`.
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
    /// What the server adds on reading.
    pub(super) computed: &'static [Computed],
    /// Fields of the brief form, beyond `id`, `url` and `display`.
    pub(super) brief: &'static [&'static str],
    pub(super) display: fn(&State, &Object) -> String,
    /// Fields that `q` looks into.
    pub(super) search: &'static [&'static str],
    /// Filters beyond those that follow from the fields.
    pub(super) filters: &'static [Filter],
    /// Sets of fields of which no two objects have the same values, and the complaint if the set has
    /// more than one field.
    pub(super) unique: &'static [(&'static [&'static str], &'static str)],
    /// What is checked of the object as a whole.
    pub(super) clean: fn(&State, &Object) -> Result<(), Complaint>,
    /// Whether objects of this kind are only read.
    pub(super) read_only: bool,
}

/// What is wrong with a field; `__all__` stands for the object.
pub(super) type Complaint = (&'static str, String);

/// A field that the server makes.
pub(super) struct Computed {
    pub(super) name: &'static str,
    pub(super) value: fn(&State, &Object) -> Value,
}

/// One field that a client writes.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    pub(super) required: bool,
    pub(super) nullable: bool,
    /// Value where nothing was said.
    pub(super) default: Start,
    /// What filters name a reference by.
    pub(super) by: By,
    pub(super) since: Release,
}

/// First value of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    Null,
    Text(&'static str),
    Flag(bool),
    Int(i64),
    List,
    Object,
}

/// How the filters for a reference are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// `site=slug` and `site_id=1`.
    Both,
    /// `rack_id=1` alone.
    Id,
    Nothing,
}

/// The type of a field.
#[derive(Clone, Copy)]
pub(super) enum Type {
    /// Text of at most so many characters.
    Text(usize),
    /// Letters, digits, hyphens and underscores.
    Slug,
    Choice(&'static [Choice]),
    /// A choice that is read as its plain value.
    PlainChoice(&'static [Choice]),
    /// A choice among numbers.
    NumberChoice(&'static [(i64, &'static str)]),
    Int(i64, i64),
    Number(f64, f64),
    Flag,
    /// An object of this kind, and what becomes of this one when that goes.
    Ref(&'static str, OnDelete),
    /// Objects of this kind.
    Refs(&'static str),
    Tags,
    Custom,
    Json,
    /// An address with its mask.
    Address,
    /// A network.
    Prefix,
    Mac,
    /// A host name, possibly of several labels.
    DnsName,
    /// The kind of an object that is named by kind and id; the id is in the field beside it.
    KindOf(&'static [&'static str]),
    ObjectId,
    /// Pairs of VLAN ids.
    Ranges,
    /// Ends of a cable.
    Ends,
    /// Six lower-case hexadecimal digits.
    Color,
}

/// What becomes of an object when one that it refers to goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDelete {
    /// The other stays.
    Protect,
    /// The reference goes.
    Clear,
    /// This goes too.
    Cascade,
}

/// A filter beyond the fields.
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) test: Test,
}

#[derive(Clone, Copy)]
pub(super) enum Test {
    /// An object at the end of these references: by slug or name, and with `_id` by id.
    Through(&'static [&'static str], &'static str),
    /// Whether any of the values is right.
    Any(fn(&State, &Object, &str) -> bool),
    /// True or false.
    Flag(fn(&State, &Object) -> bool),
    /// A cable that ends at the port of this kind and id.
    EndsAt(&'static str),
}

const fn field(name: &'static str, kind: Type, default: Start, nullable: bool) -> Field {
    Field {
        name,
        kind,
        required: false,
        nullable,
        default,
        by: By::Nothing,
        since: Release::V4_2,
    }
}

impl Field {
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self.nullable = false;
        self
    }

    /// Filters know it by id alone.
    pub(super) const fn by_id(mut self) -> Self {
        self.by = By::Id;
        self
    }

    pub(super) const fn since(mut self, release: Release) -> Self {
        self.since = release;
        self
    }
}

pub(super) const fn text(name: &'static str, max: usize) -> Field {
    field(name, Type::Text(max), Start::Text(""), false)
}

/// Text that can be null.
pub(super) const fn null_text(name: &'static str, max: usize) -> Field {
    field(name, Type::Text(max), Start::Null, true)
}

pub(super) const fn slug() -> Field {
    field("slug", Type::Slug, Start::Null, false).required()
}

pub(super) const fn choice(
    name: &'static str,
    of: &'static [Choice],
    default: &'static str,
) -> Field {
    field(name, Type::Choice(of), Start::Text(default), false)
}

/// A choice that can be none.
pub(super) const fn null_choice(name: &'static str, of: &'static [Choice]) -> Field {
    field(name, Type::Choice(of), Start::Null, true)
}

pub(super) const fn int(name: &'static str, least: i64, most: i64) -> Field {
    field(name, Type::Int(least, most), Start::Null, true)
}

pub(super) const fn int_of(name: &'static str, least: i64, most: i64, default: i64) -> Field {
    field(name, Type::Int(least, most), Start::Int(default), false)
}

pub(super) const fn number(name: &'static str, least: f64, most: f64) -> Field {
    field(name, Type::Number(least, most), Start::Null, true)
}

pub(super) const fn flag(name: &'static str, default: bool) -> Field {
    field(name, Type::Flag, Start::Flag(default), false)
}

pub(super) const fn reference(
    name: &'static str,
    kind: &'static str,
    on_delete: OnDelete,
) -> Field {
    let mut made = field(name, Type::Ref(kind, on_delete), Start::Null, true);
    made.by = By::Both;
    made
}

pub(super) const fn references(name: &'static str, kind: &'static str) -> Field {
    field(name, Type::Refs(kind), Start::List, false)
}

pub(super) const fn of(name: &'static str, kind: Type, default: Start) -> Field {
    field(name, kind, default, matches!(default, Start::Null))
}

pub(super) const TENANT: Field = reference("tenant", "tenancy.tenant", OnDelete::Protect);
pub(super) const DESCRIPTION: Field = text("description", 200);
pub(super) const COMMENTS: Field = text("comments", 100_000);
pub(super) const TAGS: Field = of("tags", Type::Tags, Start::List);
pub(super) const CUSTOM: Field = of("custom_fields", Type::Custom, Start::Object);

impl Start {
    pub(super) fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => text.into(),
            Self::Flag(flag) => flag.into(),
            Self::Int(number) => number.into(),
            Self::List => Value::Array(Vec::new()),
            Self::Object => Value::Object(serde_json::Map::new()),
        }
    }
}

impl Model {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }
}

/// Nothing is checked of the object as a whole.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a check")]
pub(super) fn anything(_: &State, _: &Object) -> Result<(), Complaint> {
    Ok(())
}

pub(super) fn by_name(_: &State, object: &Object) -> String {
    object.text("name").to_owned()
}

//! Reading a value, with the exact path of what does not fit.
//!
//! One deserializer that knows where it is, where others are two layers: this is compiled for the arguments of every
//! tool. A struct is read from an object alone, not from a list of its members too, which halves it once more.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::vec;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::{Deserialize as _, forward_to_deserialize_any};
use serde_json::{Error, Map, Number, Value, map};

use super::name::Name;

/// Reads it, or says where what is wrong stands and what it is.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, (String, Error)> {
    let fault = Fault::default();
    let node = Node {
        value,
        place: Place::Whole,
        fault: &fault,
    };
    T::deserialize(node).map_err(|error| (fault.0.into_inner().unwrap_or_default(), error))
}

/// The innermost place at which something did not fit.
#[derive(Default)]
struct Fault(OnceCell<String>);

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place<'p> {
    Whole,
    Member(&'p Place<'p>, &'p str),
    Element(&'p Place<'p>, usize),
}

/// A value at its place.
struct Node<'p> {
    value: Value,
    place: Place<'p>,
    fault: &'p Fault,
}

impl Fault {
    #[cold]
    fn note(&self, place: Place<'_>) {
        self.0.get_or_init(|| {
            let mut path = String::new();
            place.write(&mut path);
            path
        });
    }
}

impl Place<'_> {
    fn write(self, path: &mut String) {
        match self {
            Self::Whole => {}
            Self::Member(of, name) => {
                of.write(path);
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Self::Element(of, index) => {
                of.write(path);
                // Writing to a text cannot fail.
                write!(path, "[{index}]").unwrap_or_default();
            }
        }
    }
}

impl Node<'_> {
    /// Reads it, and notes its place if it does not fit. That is done around whatever reads it, because a type may
    /// refuse what it was given after it was read, such as a text that is no address.
    fn read_by<T>(self, read: impl FnOnce(Self) -> Result<T, Error>) -> Result<T, Error> {
        let (place, fault) = (self.place, self.fault);
        read(self).inspect_err(|_| fault.note(place))
    }

    #[cold]
    fn refused(&self, expected: &dyn Expected) -> Error {
        let found = match &self.value {
            Value::Null => Unexpected::Unit,
            Value::Bool(truth) => Unexpected::Bool(*truth),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    Unexpected::Unsigned(number)
                } else if let Some(number) = number.as_i64() {
                    Unexpected::Signed(number)
                } else {
                    Unexpected::Float(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        Error::invalid_type(found, expected)
    }

    fn text<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match &mut self.value {
            Value::String(text) => {
                let text = std::mem::take(text);
                visitor.visit_string(text)
            }
            _ => Err(self.refused(&visitor)),
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Number(number) => visit(number, visitor),
            _ => Err(self.refused(&visitor)),
        }
    }

    fn list<'de, V: Visitor<'de>>(self, items: Vec<Value>, visitor: V) -> Result<V::Value, Error> {
        let length = items.len();
        let mut elements = Elements {
            left: items.into_iter(),
            next: 0,
            place: &self.place,
            fault: self.fault,
        };
        visitor.visit_seq(&mut elements).and_then(|read| {
            if elements.left.len() > 0 {
                return Err(Error::invalid_length(length, &"fewer elements in sequence"));
            }
            Ok(read)
        })
    }

    fn object<'de, V: Visitor<'de>>(
        self,
        members: Map<String, Value>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let length = members.len();
        let mut members = Members {
            left: members.into_iter(),
            current: None,
            place: &self.place,
            fault: self.fault,
        };
        visitor.visit_map(&mut members).and_then(|read| {
            if members.left.len() > 0 {
                return Err(Error::invalid_length(length, &"fewer elements in map"));
            }
            Ok(read)
        })
    }
}

fn visit<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Error> {
    if let Some(number) = number.as_u64() {
        visitor.visit_u64(number)
    } else if let Some(number) = number.as_i64() {
        visitor.visit_i64(number)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// Methods that read one kind of value.
macro_rules! read_by {
    ($reader:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.$reader(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match std::mem::take(&mut self.value) {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(truth),
            Value::Number(number) => visit(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => self.list(items, visitor),
            Value::Object(members) => self.object(members, visitor),
        }
    }

    read_by!(text: deserialize_char deserialize_str deserialize_string deserialize_identifier);
    read_by!(number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    read_by!(number: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    read_by!(number: deserialize_f32 deserialize_f64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Bool(truth) => visitor.visit_bool(truth),
            _ => Err(self.refused(&visitor)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            _ => Err(self.refused(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match &mut self.value {
            Value::Array(items) => {
                let items = std::mem::take(items);
                self.list(items, visitor)
            }
            _ => Err(self.refused(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match &mut self.value {
            Value::Object(members) => {
                let members = std::mem::take(members);
                self.object(members, visitor)
            }
            _ => Err(self.refused(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (place, fault) = (self.place, self.fault);
        let (name, content) = match self.value {
            Value::String(name) => (name, None),
            Value::Object(members) if members.len() == 1 => {
                let mut members = members.into_iter();
                members
                    .next()
                    .map_or_else(Default::default, |(name, content)| (name, Some(content)))
            }
            Value::Object(_) => {
                return Err(Error::invalid_value(
                    Unexpected::Map,
                    &"map with a single key",
                ));
            }
            _ => return Err(self.refused(&"string or map")),
        };
        let variant = Variant {
            name: &name,
            content,
            place: &place,
            fault,
        };
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 bytes byte_buf }
}

struct Elements<'p> {
    left: vec::IntoIter<Value>,
    next: usize,
    place: &'p Place<'p>,
    fault: &'p Fault,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.left.next() else {
            return Ok(None);
        };
        let place = Place::Element(self.place, self.next);
        self.next += 1;
        Node {
            value,
            place,
            fault: self.fault,
        }
        .read_by(|node| seed.deserialize(node))
        .map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Members<'p> {
    left: map::IntoIter,
    /// The one whose name was read.
    current: Option<(String, Value)>,
    place: &'p Place<'p>,
    fault: &'p Fault,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.current = self.left.next();
        let name = self.current.as_ref();
        name.map(|(name, _)| seed.deserialize(Name(name)))
            .transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let Some((name, value)) = self.current.take() else {
            return Err(Error::custom("value is missing"));
        };
        Node {
            value,
            place: Place::Member(self.place, &name),
            fault: self.fault,
        }
        .read_by(|node| seed.deserialize(node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Variant<'p> {
    name: &'p str,
    content: Option<Value>,
    place: &'p Place<'p>,
    fault: &'p Fault,
}

impl<'de, 'p> EnumAccess<'de> for Variant<'p> {
    type Error = Error;
    type Variant = Content<'p>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'p>), Error> {
        let variant = seed.deserialize(Name(self.name))?;
        let node = self.content.map(|value| Node {
            value,
            place: Place::Member(self.place, self.name),
            fault: self.fault,
        });
        Ok((variant, Content(node)))
    }
}

/// What a variant holds.
struct Content<'p>(Option<Node<'p>>);

impl<'p> Content<'p> {
    fn some(self, expected: &str) -> Result<Node<'p>, Error> {
        self.0
            .ok_or_else(|| Error::invalid_type(Unexpected::UnitVariant, &expected))
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.0
            .map_or(Ok(()), |node| node.read_by(<()>::deserialize))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let node = self.some("newtype variant")?;
        node.read_by(|node| seed.deserialize(node))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        let node = self.some("tuple variant")?;
        node.read_by(|node| node.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let node = self.some("struct variant")?;
        node.read_by(|node| node.deserialize_map(visitor))
    }
}

#[cfg(test)]
mod tests;

//! Whether JSON can hold all numbers of a value: it has neither NaN nor infinities, and would write null.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize, Serializer};

/// A number that JSON cannot hold, and where it is.
#[derive(Debug)]
pub(super) struct NotFinite {
    /// As `.mean[3]`, empty for the value itself.
    pub place: String,
    /// NaN, infinite, or why the value cannot be looked at.
    pub found: String,
}

impl NotFinite {
    fn within(mut self, outer: &str) -> Self {
        self.place.insert_str(0, outer);
        self
    }
}

impl Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.found, self.place)
    }
}

impl std::error::Error for NotFinite {}

impl ser::Error for NotFinite {
    fn custom<M: Display>(message: M) -> Self {
        Self {
            place: String::new(),
            found: message.to_string(),
        }
    }
}

type Checked = Result<(), NotFinite>;

/// The first number of a value that is not finite, as an error.
pub(super) fn check(value: &(impl Serialize + ?Sized)) -> Checked {
    value.serialize(Check)
}

/// Writes nothing.
struct Check;

/// Entries of a list, counted.
struct Entries(usize);

/// Entries of a map, the last key of which is kept.
struct Keyed(String);

macro_rules! finite {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _: $type) -> Checked {
            Ok(())
        })*
    };
}

impl Serializer for Check {
    type Ok = ();
    type Error = NotFinite;
    type SerializeSeq = Entries;
    type SerializeTuple = Entries;
    type SerializeTupleStruct = Entries;
    type SerializeTupleVariant = Entries;
    type SerializeMap = Keyed;
    type SerializeStruct = Keyed;
    type SerializeStructVariant = Keyed;

    finite!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32);
    finite!(serialize_i64: i64, serialize_i128: i128, serialize_u8: u8, serialize_u16: u16);
    finite!(serialize_u32: u32, serialize_u64: u64, serialize_u128: u128, serialize_char: char);
    finite!(serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str);

    fn serialize_f32(self, value: f32) -> Checked {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Checked {
        if value.is_finite() {
            Ok(())
        } else {
            Err(ser::Error::custom(value))
        }
    }

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_some<V: Serialize + ?Sized>(self, value: &V) -> Checked {
        check(value)
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_newtype_struct<V: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &V,
    ) -> Checked {
        check(value)
    }

    fn serialize_newtype_variant<V: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &V,
    ) -> Checked {
        check(value).map_err(|found| found.within(&format!(".{variant}")))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Entries, NotFinite> {
        Ok(Entries(0))
    }

    fn serialize_tuple(self, _: usize) -> Result<Entries, NotFinite> {
        Ok(Entries(0))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Entries, NotFinite> {
        Ok(Entries(0))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Entries, NotFinite> {
        Ok(Entries(0))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Keyed, NotFinite> {
        Ok(Keyed(String::new()))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Keyed, NotFinite> {
        Ok(Keyed(String::new()))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Keyed, NotFinite> {
        Ok(Keyed(String::new()))
    }
}

macro_rules! entries {
    ($($list:ident::$method:ident),*) => {
        $(impl ser::$list for Entries {
            type Ok = ();
            type Error = NotFinite;

            fn $method<V: Serialize + ?Sized>(&mut self, value: &V) -> Checked {
                let place = format!("[{}]", self.0);
                self.0 += 1;
                check(value).map_err(|found| found.within(&place))
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

entries!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

impl ser::SerializeMap for Keyed {
    type Ok = ();
    type Error = NotFinite;

    fn serialize_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Checked {
        self.0 = serde_json::to_string(key).unwrap_or_default();
        check(key)
    }

    fn serialize_value<V: Serialize + ?Sized>(&mut self, value: &V) -> Checked {
        check(value).map_err(|found| found.within(&format!("[{}]", self.0)))
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

macro_rules! fields {
    ($($structure:ident),*) => {
        $(impl ser::$structure for Keyed {
            type Ok = ();
            type Error = NotFinite;

            fn serialize_field<V: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &V,
            ) -> Checked {
                check(value).map_err(|found| found.within(&format!(".{name}")))
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

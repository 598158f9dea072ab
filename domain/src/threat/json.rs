//! The texts of a body of JSON, walked through once; nothing of it is kept but the way to where the
//! walk is.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt::{self, Write};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Lookout, escaped, told};
use crate::contract::{Place, Violation};
use crate::escape::unescaped;

/// Most bytes of a pointer that are told.
const MOST_POINTER: usize = 1000;

/// It is no JSON, or nested deeper than is read.
pub(super) struct NotRead;

/// The first text that looks like an attack.
pub(super) fn first(lookout: &Lookout, body: &[u8]) -> Result<Option<Violation>, NotRead> {
    let (way, found) = (RefCell::new(Vec::new()), Cell::new(None));
    let walk = Walk {
        lookout,
        way: &way,
        found: &found,
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = walk
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .is_ok();
    match found.take() {
        Some(words) => {
            let mut pointer = String::new();
            for step in way.borrow().iter() {
                match step {
                    Step::Name(name) => pointer.push_str(&escaped(name)),
                    Step::Item(index) => {
                        let _ = write!(pointer, "/{index}");
                    }
                }
                if pointer.len() > MOST_POINTER {
                    break;
                }
            }
            Ok(Some(told(Place::Body, &pointer, words)))
        }
        None if read => Ok(None),
        None => Err(NotRead),
    }
}

/// What is seen in what is no JSON, as a reader that is less strict may have it: as it stands, with
/// its escapes undone, and each piece between quotes.
pub(super) fn loose(lookout: &Lookout, body: &[u8]) -> Option<&'static str> {
    let whole = lookout.looks_like(body);
    let found = whole.or_else(|| lookout.looks_like(&unescaped(body)));
    if found.is_some() {
        return found;
    }
    let (mut start, mut is_escaped) = (0, false);
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => {
                let found = lookout.looks_like(&unescaped(&body[start..at]));
                if found.is_some() {
                    return found;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    lookout.looks_like(&unescaped(&body[start..]))
}

enum Step<'de> {
    Name(Cow<'de, str>),
    Item(usize),
}

impl Step<'_> {
    fn is(&self, written: &str) -> bool {
        written == "*"
            || match self {
                Self::Name(name) => name == written,
                Self::Item(index) => written.parse() == Ok(*index),
            }
    }
}

/// One value and all that is in it. It ends at the first find, with the way to it.
struct Walk<'w, 'de> {
    lookout: &'w Lookout,
    way: &'w RefCell<Vec<Step<'de>>>,
    found: &'w Cell<Option<&'static str>>,
}

impl Clone for Walk<'_, '_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Walk<'_, '_> {}

impl<'de> Walk<'_, 'de> {
    fn look<E: Error>(self, text: &str) -> Result<(), E> {
        match self.lookout.looks_like(text.as_bytes()) {
            None => Ok(()),
            found @ Some(_) => {
                self.found.set(found);
                Err(E::custom("found"))
            }
        }
    }

    /// Goes one step in; whether it is to be looked at there.
    fn enter(self, step: Step<'de>) -> bool {
        let mut way = self.way.borrow_mut();
        way.push(step);
        let is_here = |pointer: &[Box<str>]| {
            let mut steps = way.iter().zip(pointer.iter());
            pointer.len() == way.len() && steps.all(|(step, written)| step.is(written))
        };
        !self.lookout.pointers.iter().any(|one| is_here(one))
    }

    fn leave(self) {
        self.way.borrow_mut().pop();
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.look(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0.. {
            let is_there = match self.enter(Step::Item(index)) {
                true => items.next_element_seed(self)?.is_some(),
                false => items.next_element::<IgnoredAny>()?.is_some(),
            };
            self.leave();
            if !is_there {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = members.next_key::<Name<'de>>()? {
            let words = self.lookout.looks_like(name.as_bytes());
            if !self.enter(Step::Name(name)) {
                members.next_value::<IgnoredAny>()?;
            } else if words.is_some() {
                self.found.set(words);
                return Err(A::Error::custom("found"));
            } else {
                members.next_value_seed(self)?;
            }
            self.leave();
        }
        Ok(())
    }
}

/// A member's name, borrowed where nothing in it is escaped.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        reader.deserialize_str(Text)
    }
}

//! `json_threat`: a body of JSON, walked through once without being kept.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use domain::contract::{Place, Violation, essence};
use domain::policy;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The running form.
#[derive(Debug, Clone)]
pub(crate) struct JsonThreat {
    policy: policy::JsonThreat,
}

impl JsonThreat {
    pub(crate) fn compile(policy: &policy::JsonThreat) -> Self {
        Self {
            policy: policy.clone(),
        }
    }

    pub(crate) const fn max_bytes(&self) -> u64 {
        self.policy.max_bytes
    }

    /// Whether bodies of this media type are looked at.
    pub(crate) fn concerns(media_type: Option<&str>) -> bool {
        let Some(media_type) = media_type else {
            return true;
        };
        let essence = essence(media_type);
        // Readers that guess take what is no media type for what it looks like.
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        let is_type = essence.split_once('/').is_some_and(|(kind, rest)| {
            let is_word = |word: &str| !word.is_empty() && word.bytes().all(is_token);
            is_word(kind) && is_word(rest)
        });
        !is_type || essence.ends_with("/json") || essence.ends_with("+json")
    }

    /// What is wrong with a body, if anything is.
    pub(crate) fn judge(&self, body: &[u8]) -> Option<Violation> {
        if body.is_empty() {
            return None;
        }
        let said = Cell::new(None);
        let walk = Walk {
            policy: &self.policy,
            depth: 0,
            said: &said,
        };
        let mut reader = serde_json::Deserializer::from_slice(body);
        let error = walk
            .deserialize(&mut reader)
            .and_then(|()| reader.end())
            .err()?;
        let (line, column) = (error.line(), error.column());
        let what = said.take().unwrap_or_else(|| "This is no JSON".to_owned());
        Some(Violation {
            place: Place::Body,
            pointer: String::new(),
            message: format!("{what}: line {line}, column {column}."),
        })
    }
}

/// One value and all that is in it.
#[derive(Clone, Copy)]
struct Walk<'w> {
    policy: &'w policy::JsonThreat,
    depth: u32,
    /// What limit was passed: errors of the reader are its own words.
    said: &'w Cell<Option<String>>,
}

impl Walk<'_> {
    fn refuse<E: Error>(&self, what: String) -> E {
        self.said.set(Some(what));
        E::custom("limit")
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > self.policy.depth {
            let most = self.policy.depth;
            return Err(self.refuse(format!("JSON is nested deeper than {most}")));
        }
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
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
        let most = self.policy.text;
        if text.len() > most as usize {
            return Err(self.refuse(format!("A text has more than {most} bytes")));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let most = self.policy.items;
        let mut count = 0;
        while items.next_element_seed(inside)?.is_some() {
            count += 1;
            if count > most {
                return Err(self.refuse(format!("An array has more than {most} items")));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let most = self.policy.members;
        let mut names = Names::default();
        let mut count = 0;
        while let Some(Name(name)) = members.next_key::<Name<'de>>()? {
            count += 1;
            if count > most {
                return Err(self.refuse(format!("An object has more than {most} members")));
            }
            let longest = self.policy.member_name;
            if name.len() > longest as usize {
                return Err(self.refuse(format!("A name has more than {longest} bytes")));
            }
            if !self.policy.duplicates && !names.insert(name) {
                return Err(self.refuse("An object has a member twice".to_owned()));
            }
            members.next_value_seed(inside)?;
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

/// Names of one object: few are compared one by one, as most objects have few.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 16;

    /// Whether it is new.
    fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(name);
        }
        if self.few.contains(&name) {
            return false;
        }
        self.few.push(name);
        if self.few.len() > Self::FEW {
            self.many.extend(self.few.drain(..));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_a_limit_is_told() {
        let policy: policy::JsonThreat =
            serde_json::from_str(r#"{"depth":3,"members":2,"items":3,"text":4,"member_name":2}"#)
                .unwrap();
        let strict = JsonThreat::compile(&policy);
        for (body, said) in [
            ("", ""),
            ("1", ""),
            (r#"{"a":[1,{"b":null}]}"#, ""),
            (
                r#"{"a":[1,{"b":[]}]}"#,
                "JSON is nested deeper than 3: line 1, column 15.",
            ),
            ("[[[[", "JSON is nested deeper than 3: line 1, column 4."),
            (
                r#"{"a":1,"b":2,"c":3}"#,
                "An object has more than 2 members: line 1, column 16.",
            ),
            ("[1,2,3]", ""),
            (
                "[1,2,3,4]",
                "An array has more than 3 items: line 1, column 9.",
            ),
            (r#"["abcd"]"#, ""),
            (
                r#"["abcde"]"#,
                "A text has more than 4 bytes: line 1, column 8.",
            ),
            (r#"["éé"]"#, ""),
            (
                r#"{"abc":1}"#,
                "A name has more than 2 bytes: line 1, column 6.",
            ),
            (
                r#"{"a":1,"\u0061":2}"#,
                "An object has a member twice: line 1, column 15.",
            ),
            ("{\"a\":}", "This is no JSON: line 1, column 6."),
            ("{} {}", "This is no JSON: line 1, column 4."),
            ("\u{feff}{}", "This is no JSON: line 1, column 1."),
        ] {
            let found = strict.judge(body.as_bytes());
            let found = found.map(|one| one.message).unwrap_or_default();
            assert_eq!(found, said, "{body}");
        }
        let lax = JsonThreat::compile(&policy::JsonThreat {
            duplicates: true,
            ..policy::JsonThreat::default()
        });
        assert!(lax.judge(br#"{"a":1,"a":2}"#).is_none());
        // The reader's own bound is above what can be written.
        let deep = "[".repeat(100_000);
        assert!(lax.judge(deep.as_bytes()).is_some());
    }

    #[test]
    fn a_member_is_twice_however_many_there_are() {
        let strict = JsonThreat::compile(&policy::JsonThreat::default());
        for count in [2, 15, 16, 17, 18, 40] {
            let members: Vec<String> = (0..count).map(|at| format!("\"m{at}\":{at}")).collect();
            let fine = format!("{{{}}}", members.join(","));
            assert!(strict.judge(fine.as_bytes()).is_none(), "{count}");
            for twice in [0, count - 1] {
                let body = format!("{{{},\"m{twice}\":0}}", members.join(","));
                assert!(strict.judge(body.as_bytes()).is_some(), "{count} {twice}");
            }
        }
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        for (media_type, is) in [
            (None, true),
            (Some("application/json; charset=utf-8"), true),
            (Some("application/merge-patch+JSON"), true),
            (Some("text/json"), true),
            (Some("text/plain"), false),
            (Some(""), true),
            (Some(";application/json"), true),
            (Some("application/json, text/plain"), true),
            (Some("?"), true),
            (Some("application/jsonlines"), false),
        ] {
            assert_eq!(JsonThreat::concerns(media_type), is, "{media_type:?}");
        }
    }
}

//! Where in a form a part of the value stands: problems of a service find their field by it.

use std::collections::BTreeMap;

use crate::problem::Invalid;

/// Pointers into the value, each with its field.
#[derive(Debug, Default, Clone)]
pub struct Places(BTreeMap<String, Place>);

#[derive(Debug, Clone)]
struct Place {
    field: String,
    /// Which line of the field, from 1.
    line: Option<usize>,
}

impl Places {
    pub(super) fn put(&mut self, pointer: &str, field: &str) {
        let field = field.to_owned();
        self.0
            .insert(pointer.to_owned(), Place { field, line: None });
    }

    pub(super) fn put_line(&mut self, pointer: String, field: &str, line: usize) {
        let place = Place {
            field: field.to_owned(),
            line: Some(line),
        };
        self.0.insert(pointer, place);
    }

    /// The same problem with the field's name as its pointer. Inside of what one field holds, the
    /// message says where; what is in no field is told of the form as a whole.
    #[must_use]
    pub fn at_field(&self, invalid: &Invalid) -> Invalid {
        let pointer = invalid.pointer.as_str();
        let mut up = pointer;
        loop {
            if let Some(place) = self.0.get(up) {
                let line = place.line.map(|line| format!("Line {line}: "));
                let rest = pointer[up.len()..].trim_start_matches('/');
                let rest = (!rest.is_empty()).then(|| format!("{rest}: "));
                let (line, rest) = (line.unwrap_or_default(), rest.unwrap_or_default());
                let message = format!("{line}{rest}{}", invalid.message);
                return Invalid::new(format!("/{}", place.field), message);
            }
            match up.rfind('/') {
                Some(at) => up = &up[..at],
                None => break,
            }
        }
        match pointer {
            "" => invalid.clone(),
            pointer => Invalid::new("", format!("{pointer}: {}", invalid.message)),
        }
    }
}

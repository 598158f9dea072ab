//! What of a version's document policies look into, and what in it stands in their way.

use super::Policy;
use crate::canned::Canned;
use crate::contract::Contract;
use crate::problem::Invalid;

/// What of it they look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looks {
    /// What it asks of requests.
    pub requests: bool,
    /// What it says of answers.
    pub answers: bool,
    /// Its examples.
    pub examples: bool,
}

impl Looks {
    pub fn of<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Self {
        let mut looks = Self::default();
        for policy in policies {
            match policy {
                Policy::Validate(policy) => {
                    looks.requests = true;
                    looks.answers |= policy.responses.is_some();
                }
                Policy::Mock(policy) => looks.examples |= policy.examples,
                _ => {}
            }
        }
        looks
    }

    /// What of it the others do not look into.
    #[must_use]
    pub const fn beyond(self, others: Self) -> Self {
        Self {
            requests: self.requests && !others.requests,
            answers: self.answers && !others.answers,
            examples: self.examples && !others.examples,
        }
    }

    /// Whether both look into some part.
    pub const fn shares(self, other: Self) -> bool {
        self.requests && other.requests
            || self.answers && other.answers
            || self.examples && other.examples
    }

    pub const fn any(self) -> bool {
        self.requests || self.answers || self.examples
    }

    /// What in a document cannot be looked into as they do, with its place.
    pub fn unread(self, document: &[u8]) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.requests || self.answers {
            match Contract::read(document) {
                Err(wrong) => found = wrong,
                Ok(contract) if self.answers => found.extend_from_slice(contract.unread_answers()),
                Ok(_) => {}
            }
        }
        if self.examples
            && let Err(message) = Canned::read(document)
        {
            found.push(Invalid::new("/paths", message));
        }
        found
    }
}

/// Whether one of these looks into the version's document.
pub fn look_into_document(policies: &[Policy]) -> bool {
    Looks::of(policies).any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_into_is_what_has_to_be_readable() {
        let document =
            br#"{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"get":{
            "responses":{"200":{"content":{"application/json":{"schema":{"pattern":"(?=a)"}}}}}},
            "post":{"requestBody":{"$ref":"other.yaml"}}}}}"#;
        for (policies, looks, pointers) in [
            (
                r#"[{"key_auth":{}},{"mock":{}}]"#,
                Looks::default(),
                &[][..],
            ),
            (
                r#"[{"validate":{}}]"#,
                Looks {
                    requests: true,
                    ..Looks::default()
                },
                &["/paths/~1a/post/requestBody/$ref"],
            ),
            (
                r#"[{"validate":{"responses":"observe"}},{"key_auth":{}}]"#,
                Looks {
                    requests: true,
                    answers: true,
                    examples: false,
                },
                &["/paths/~1a/post/requestBody/$ref"],
            ),
            (
                r#"[{"mock":{"examples":true}}]"#,
                Looks {
                    examples: true,
                    ..Looks::default()
                },
                &[],
            ),
        ] {
            let policies: Vec<Policy> = serde_json::from_str(policies).unwrap();
            let found = Looks::of(&policies);
            assert_eq!((found, look_into_document(&policies)), (looks, looks.any()));
            let unread = found.unread(document);
            let unread: Vec<&str> = unread.iter().map(|one| &*one.pointer).collect();
            assert_eq!(unread, pointers, "{policies:?}");
        }
    }
}

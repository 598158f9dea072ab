//! Where something of a file stands: a JSON pointer (RFC 6901) that is written out only for what is
//! wrong there, as a file may have hundreds of thousands of places.

use std::fmt;

use super::read::token;

#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Top,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Top => Ok(()),
            Self::Member(above, name) => write!(f, "{above}/{}", token(name)),
            Self::Item(above, index) => write!(f, "{above}/{index}"),
        }
    }
}

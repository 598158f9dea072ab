//! Rows that are added, taken out and moved: each is a button that sends the form.

use super::fields::MOST_FIELDS;
use super::write::{Pairs, row};
use super::{Control, MOST_ROWS, Part};

/// What such a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Add,
    Remove,
    Up,
}

impl Act {
    /// `add:issuers`, `remove:issuers/0`, `up:of/1`: what to do, and with which field.
    #[must_use]
    pub fn read(text: &str) -> Option<(Self, &str)> {
        let (act, at) = text.split_once(':')?;
        let act = match act {
            "add" => Self::Add,
            "remove" => Self::Remove,
            "up" => Self::Up,
            _ => return None,
        };
        Some((act, at))
    }

    #[must_use]
    pub fn write(self, at: &str) -> String {
        let act = match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Up => "up",
        };
        format!("{act}:{at}")
    }
}

/// The control that has a field; of a row, the control of its list.
fn find<'a>(parts: &'a [Part], at: &str) -> Option<&'a Control> {
    let mut names = at.split('/');
    let first = names.next()?;
    let mut control = &parts.iter().find(|part| part.name == first)?.control;
    while let Some(name) = names.next() {
        control = match control {
            Control::Group(parts) => &parts.iter().find(|part| part.name == name)?.control,
            Control::Rows(rows) => {
                name.parse::<usize>().ok()?;
                &rows.item
            }
            Control::Ways(ways) => {
                let way = ways.iter().find(|way| way.name == name)?;
                let inner = names.next()?;
                &way.parts.iter().find(|part| part.name == inner)?.control
            }
            _ => return None,
        };
    }
    Some(control)
}

/// The fields after a button was pressed, and the field of the new row. What makes no sense
/// changes nothing.
pub(super) fn act(parts: &[Part], pairs: &mut Pairs, act: Act, at: &str) -> Option<String> {
    let (list, index) = match act {
        Act::Add => (at, None),
        Act::Remove | Act::Up => {
            let (list, index) = at.rsplit_once('/')?;
            (list, Some(index.parse::<usize>().ok()?))
        }
    };
    let control = find(parts, list)?;
    let count = count(pairs, list);
    match (control, act, index) {
        (Control::Rows(rows), Act::Add, _) if count < MOST_ROWS && pairs.len() < MOST_FIELDS => {
            let new = format!("{list}/{count}");
            set_count(pairs, list, count + 1);
            row(&rows.item, count, &new, pairs);
            Some(new)
        }
        (Control::Pairs { .. }, Act::Add, _) if count < MOST_ROWS => {
            set_count(pairs, list, count + 1);
            Some(format!("{list}/{count}"))
        }
        (Control::Rows(_) | Control::Pairs { .. }, Act::Remove, Some(index)) if index < count => {
            renumber(pairs, list, |row| match row {
                row if row == index => None,
                row if row > index => Some(row - 1),
                row => Some(row),
            });
            set_count(pairs, list, count - 1);
            None
        }
        (Control::Rows(_), Act::Up, Some(index)) if (1..count).contains(&index) => {
            renumber(pairs, list, |row| match row {
                row if row == index => Some(index - 1),
                row if row == index - 1 => Some(index),
                row => Some(row),
            });
            None
        }
        _ => None,
    }
}

/// How many rows these fields ask for, of all lists together; of one list no more than it may have.
pub(super) fn asked(parts: &[Part], pairs: &[(String, String)]) -> usize {
    let of = |(name, value): &(String, String)| {
        let count = value.trim().parse::<usize>().ok()?;
        let is_list = matches!(find(parts, name)?, Control::Rows(_) | Control::Pairs { .. });
        is_list.then(|| count.min(MOST_ROWS))
    };
    pairs.iter().filter_map(of).sum()
}

fn count(pairs: &Pairs, list: &str) -> usize {
    let held = pairs.iter().find(|(name, _)| name == list);
    held.and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or(0)
}

fn set_count(pairs: &mut Pairs, list: &str, count: usize) {
    pairs.retain(|(name, _)| name != list);
    pairs.push((list.to_owned(), count.to_string()));
}

/// Gives the rows of a list other numbers; those with none go.
fn renumber(pairs: &mut Pairs, list: &str, number: impl Fn(usize) -> Option<usize>) {
    let begin = format!("{list}/");
    pairs.retain_mut(|(name, _)| {
        let Some(rest) = name.strip_prefix(&begin) else {
            return true;
        };
        let end = rest.find(['/', ':']).unwrap_or(rest.len());
        let Ok(row) = rest[..end].parse::<usize>() else {
            return true;
        };
        match number(row) {
            Some(new) => {
                *name = format!("{begin}{new}{}", &rest[end..]);
                true
            }
            None => false,
        }
    });
}

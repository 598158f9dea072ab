//! `readOnly` and `writeOnly` across schemas: what only one side sends the other need not send,
//! whichever part of an `allOf` says so.

use super::{Index, Node, Sides};

/// Rounds in which references are followed.
const ROUNDS: u8 = 8;
/// Schemas of one value that are looked at for such members.
const MOST_OF_FAMILY: usize = 32;

/// Of each node, with those that it refers to.
pub(super) fn sides(nodes: &[Node]) -> Vec<u8> {
    let mut sides: Vec<u8> = nodes.iter().map(|node| node.sides).collect();
    if sides.iter().all(|bits| *bits == 0) {
        return sides;
    }
    for _ in 0..ROUNDS {
        let mut is_settled = true;
        for (at, node) in nodes.iter().enumerate() {
            let bits = parts(node).fold(sides[at], |all, part| all | sides[part as usize]);
            is_settled &= bits == sides[at];
            sides[at] = bits;
        }
        if is_settled {
            break;
        }
    }
    sides
}

/// Notes at each schema that is made of several which of them have members of one side alone.
pub(super) fn note(nodes: &mut [Node], sides: &[u8]) {
    let has_members = |node: &Node| {
        let object = node.object.as_ref();
        object.is_some_and(|object| {
            let mut members = object.properties.iter();
            members.any(|(_, index)| sides[*index as usize] & (Sides::READ | Sides::WRITE) != 0)
        })
    };
    let marked: Vec<bool> = nodes.iter().map(has_members).collect();
    if !marked.contains(&true) {
        return;
    }
    for at in 0..nodes.len() {
        let is_several = match &nodes[at].beside {
            Some(beside) if !beside.all.is_empty() => true,
            Some(_) | None => nodes[at].reference.is_some() && nodes[at].object.is_some(),
        };
        if !is_several {
            continue;
        }
        let mut seen: Vec<Index> = Vec::new();
        let mut open: Vec<Index> = vec![at as Index];
        while let Some(index) = open.pop() {
            if seen.len() == MOST_OF_FAMILY {
                break;
            }
            if !seen.contains(&index) {
                seen.push(index);
                open.extend(parts(&nodes[index as usize]).take(MOST_OF_FAMILY));
            }
        }
        seen.retain(|index| marked[*index as usize]);
        if !seen.is_empty() {
            nodes[at].family = Some(seen.into());
        }
    }
}

/// What the same value has to fit as well, in every case.
fn parts(node: &Node) -> impl Iterator<Item = Index> {
    let all = node.beside.as_ref().map_or(&[][..], |beside| &beside.all);
    node.reference.iter().chain(all).copied()
}

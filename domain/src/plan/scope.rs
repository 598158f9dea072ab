//! Scopes that a plan grants (RFC 6749 §3.3): what the tokens of its subscribers may allow.

use crate::problem::Invalid;

/// Most scopes of a plan.
pub const MAX_SCOPES: usize = 50;
/// Longest scope, in characters.
pub const MAX_SCOPE: usize = 100;
/// Longest text of all scopes of a plan, with a blank between two.
const MAX_TEXT: usize = 1000;

/// Whether a text is one scope: `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3), and not long.
pub fn is_scope(text: &str) -> bool {
    let is_of = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=MAX_SCOPE).contains(&text.len()) && text.bytes().all(is_of)
}

/// What is wrong with the scopes of a plan; pointers from the list itself.
pub fn check_scopes(scopes: &[String]) -> Vec<Invalid> {
    if scopes.len() > MAX_SCOPES {
        return vec![Invalid::new("", "Grant at most 50 scopes.")];
    }
    let mut found = Vec::new();
    for (index, scope) in scopes.iter().enumerate() {
        let at = format!("/{index}");
        if !is_scope(scope) {
            let message = "Name a scope with 1 to 100 visible characters, without \" and \\.";
            found.push(Invalid::new(at, message));
        } else if scopes[..index].contains(scope) {
            found.push(Invalid::new(at, "Name each scope once."));
        }
    }
    let length: usize = scopes.iter().map(|scope| scope.len() + 1).sum();
    if found.is_empty() && length > MAX_TEXT + 1 {
        let message = "All scopes together may have at most 1,000 characters.";
        found.push(Invalid::new("", message));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_scopes() {
        let long = "x".repeat(MAX_SCOPE + 1);
        let many: Vec<String> = (0..=MAX_SCOPES).map(|n| n.to_string()).collect();
        let much: Vec<String> = (0..20).map(|n| format!("{n:060}")).collect();
        let table: [(&[&str], &[&str]); 5] = [
            (&[], &[]),
            (&["orders:read", "https://a.test/b", "!#[]~"], &[]),
            (
                &["", "a b", "a\"", "a\\", "ä", "a\n", &long],
                &["/0", "/1", "/2", "/3", "/4", "/5", "/6"],
            ),
            (&["a", "b", "a"], &["/2"]),
            (&["A", "a"], &[]),
        ];
        for (scopes, wrong) in table {
            let scopes: Vec<String> = scopes.iter().map(|one| (*one).to_owned()).collect();
            let found = check_scopes(&scopes);
            let found: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(found, wrong, "{scopes:?}");
        }
        for scopes in [many, much] {
            assert_eq!(check_scopes(&scopes).len(), 1);
        }
    }
}

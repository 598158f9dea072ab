//! Words of forms: labels from names, numbers as people read them.

/// `jwks_uri` as `JWKS URI`, `client_claim` as `Client claim`, `SecurityHeaders` as
/// `Security headers`. What is no such name stays as it is: `RS256`, `no-referrer`.
pub(super) fn label(name: &str) -> String {
    let is_snake = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_camel = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphabetic())
        && !name
            .as_bytes()
            .windows(2)
            .any(|two| two.iter().all(u8::is_ascii_uppercase));
    let words: Vec<String> = if is_snake {
        name.split('_').map(str::to_owned).collect()
    } else if is_camel {
        let mut words: Vec<String> = Vec::new();
        for letter in name.chars() {
            match words.last_mut() {
                Some(word) if letter.is_ascii_lowercase() => word.push(letter),
                _ => words.push(letter.to_ascii_lowercase().to_string()),
            }
        }
        words
    } else {
        return name.to_owned();
    };
    let words: Vec<String> = words.iter().map(|word| acronym(word)).collect();
    let text = words.join(" ");
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn acronym(word: &str) -> String {
    const KNOWN: [&str; 9] = [
        "hsts", "http", "https", "ip", "json", "jwks", "jwt", "uri", "url",
    ];
    if KNOWN.contains(&word) {
        return word.to_ascii_uppercase();
    }
    word.to_owned()
}

/// `1,000,000`.
pub(super) fn count(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels() {
        for (name, words) in [
            ("jwks_uri", "JWKS URI"),
            ("client_claim", "Client claim"),
            ("SecurityHeaders", "Security headers"),
            ("Issuer", "Issuer"),
            ("same_origin", "Same origin"),
            ("RS256", "RS256"),
            ("EdDSA", "EdDSA"),
            ("no-referrer", "no-referrer"),
            ("hsts", "HSTS"),
            ("", ""),
        ] {
            assert_eq!(label(name), words, "{name}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, words) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1_234_567, "-1,234,567"),
        ] {
            assert_eq!(count(number), words);
        }
    }
}

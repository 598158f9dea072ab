//! Versions in `Accept` (RFC 9110 §12.5.1): in a vendor's type or in a parameter.

use super::super::asked::Asked;
use super::Wanted;

/// Where in a media range the version stands.
pub(super) enum In<'n> {
    /// `vnd.name`: behind it in the subtype, up to a `+`.
    Type(&'n str),
    Parameter(&'n str),
}

/// The known version that is wanted most, the first of those that are wanted alike: a list of
/// several is no contradiction here. `q=0` is what is not wanted.
pub(super) fn wanted(
    asked: &impl Asked,
    of: &In<'_>,
    find: impl Fn(&[u8]) -> Option<usize>,
) -> Wanted {
    let mut wanted = Wanted::Nothing;
    let mut best = 0;
    asked.each("accept", &mut |line| {
        let Ok(line) = std::str::from_utf8(line) else {
            return;
        };
        for range in pieces(line, ',') {
            let (Some(value), weight) = (version(range, of), weight(range)) else {
                continue;
            };
            match find(value.as_bytes()) {
                Some(index) if weight > best => {
                    best = weight;
                    wanted = Wanted::Known(index);
                }
                None if weight > 0 && wanted == Wanted::Nothing => wanted = Wanted::Unknown,
                Some(_) | None => {}
            }
        }
    });
    wanted
}

/// The line with plain types instead of the vendor's, or without the parameter.
pub(super) fn cut(line: &str, of: &In<'_>) -> Option<String> {
    let mut has_any = false;
    let ranges: Vec<String> = pieces(line, ',')
        .map(|range| {
            if version(range, of).is_none() {
                return range.trim().to_owned();
            }
            has_any = true;
            let mut parts = pieces(range, ';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let (media, parts) = match of {
                In::Type(_) => (plain(media), parts.collect::<Vec<_>>()),
                In::Parameter(name) => {
                    let others = parts.filter(|part| parameter(part, name).is_none());
                    (media.to_owned(), others.collect())
                }
            };
            parts
                .iter()
                .fold(media, |range, part| format!("{range};{part}"))
        })
        .collect();
    has_any.then(|| ranges.join(", "))
}

/// `application/vnd.shop.v2+json` is `application/json`; without a suffix any subtype will do.
fn plain(media: &str) -> String {
    let (kind, subtype) = media.split_once('/').unwrap_or((media, ""));
    let suffix = subtype.rsplit_once('+').map_or("*", |(_, suffix)| suffix);
    format!("{kind}/{suffix}")
}

/// What a media range asks for.
fn version<'r>(range: &'r str, of: &In<'_>) -> Option<&'r str> {
    let mut parts = pieces(range, ';').map(str::trim);
    let media = parts.next()?;
    match of {
        In::Type(vendor) => {
            let (_, subtype) = media.split_once('/')?;
            let subtype = subtype.split('+').next()?;
            let (name, value) = subtype.split_at_checked(vendor.len())?;
            let value = value.strip_prefix('.')?;
            name.eq_ignore_ascii_case(vendor).then_some(value)
        }
        In::Parameter(name) => parts.find_map(|part| parameter(part, name)),
    }
}

fn parameter<'p>(part: &'p str, name: &str) -> Option<&'p str> {
    let (key, value) = part.split_once('=')?;
    let value = value.trim();
    let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    key.trim()
        .eq_ignore_ascii_case(name)
        .then(|| bare.unwrap_or(value))
}

/// Thousandths; what cannot be read counts as 1000.
fn weight(range: &str) -> u16 {
    let mut parts = pieces(range, ';').skip(1);
    let weight = parts.find_map(|part| parameter(part, "q"));
    let weight = weight.and_then(|text| text.parse::<f32>().ok());
    weight.map_or(1000, |weight| (weight.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// Splits outside of quoted strings.
fn pieces(text: &str, by: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c: char| {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        } else {
            return c == by && !quoted;
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::asked::testing::Written;
    use super::*;

    fn find(value: &[u8]) -> Option<usize> {
        let all = ["1", "v2"];
        let mut all = all.iter();
        all.position(|known| value.eq_ignore_ascii_case(known.as_bytes()))
    }

    #[test]
    fn the_version_wanted_most() {
        for (lines, by_type, by_parameter) in [
            (&[][..], Wanted::Nothing, Wanted::Nothing),
            (&[("accept", "*/*")], Wanted::Nothing, Wanted::Nothing),
            (
                &[("accept", "application/vnd.shop.V2+json")],
                Wanted::Known(1),
                Wanted::Nothing,
            ),
            (
                &[("accept", "application/vnd.shop.v2")],
                Wanted::Known(1),
                Wanted::Nothing,
            ),
            (
                &[("accept", "application/vnd.other.v2+json, text/html")],
                Wanted::Nothing,
                Wanted::Nothing,
            ),
            (
                &[("accept", "application/vnd.shop.v9+json")],
                Wanted::Unknown,
                Wanted::Nothing,
            ),
            (
                &[(
                    "accept",
                    "application/vnd.shop.v9+json, application/vnd.shop.1+json;q=0.1",
                )],
                Wanted::Known(0),
                Wanted::Nothing,
            ),
            (
                &[
                    ("accept", "application/vnd.shop.1+json;q=0.5"),
                    ("accept", "application/vnd.shop.v2+json; q=0.8"),
                ],
                Wanted::Known(1),
                Wanted::Nothing,
            ),
            (
                &[("accept", "application/vnd.shop.1+json;q=0")],
                Wanted::Nothing,
                Wanted::Nothing,
            ),
            (
                &[(
                    "accept",
                    "application/json; Version=1, text/html;version=v2;q=0.3",
                )],
                Wanted::Nothing,
                Wanted::Known(0),
            ),
            (
                &[("accept", "application/json; version=\"v2\"")],
                Wanted::Nothing,
                Wanted::Known(1),
            ),
            (
                &[("accept", "a/b; x=\"\\\",\"; version=1")],
                Wanted::Nothing,
                Wanted::Known(0),
            ),
            (
                &[("accept", "application/json;version=2")],
                Wanted::Nothing,
                Wanted::Unknown,
            ),
        ] {
            let asked = Written("GET /", lines);
            assert_eq!(
                wanted(&asked, &In::Type("vnd.shop"), find),
                by_type,
                "{lines:?}"
            );
            let found = wanted(&asked, &In::Parameter("version"), find);
            assert_eq!(found, by_parameter, "{lines:?}");
        }
    }

    #[test]
    fn it_is_cut_out() {
        let by_type = In::Type("vnd.shop");
        let by_parameter = In::Parameter("version");
        for (line, of, rest) in [
            (
                "text/html, application/vnd.shop.v2+json; q=0.5",
                &by_type,
                Some("text/html, application/json;q=0.5"),
            ),
            ("application/vnd.shop.v2", &by_type, Some("application/*")),
            ("application/json", &by_type, None),
            (
                "application/json; version=2;q=0.5, */*",
                &by_parameter,
                Some("application/json;q=0.5, */*"),
            ),
            ("*/*", &by_parameter, None),
        ] {
            assert_eq!(cut(line, of).as_deref(), rest, "{line}");
        }
    }
}

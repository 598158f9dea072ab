//! What a version's route may look like: hosts and a prefix in the one form in which they are
//! matched, a selector and conditions that can be read. Whether the place is free is judged by [`crate::route::clash`].

use crate::problem::Invalid;
use crate::snapshot::Route;

/// Most hosts of one route.
pub const MAX_HOSTS: usize = 20;
/// Longest prefix in bytes.
pub const MAX_PREFIX: usize = 200;

/// What is wrong with a route by itself; pointers from the route's own root.
pub fn check(route: &Route) -> Vec<Invalid> {
    let mut found = Vec::new();
    if let Err(message) = check_prefix(&route.path) {
        found.push(Invalid::new("/path", message));
    }
    if route.hosts.len() > MAX_HOSTS {
        found.push(Invalid::new("/hosts", "Name at most 20 hosts."));
    }
    for (index, host) in route.hosts.iter().enumerate() {
        if !is_host(host) {
            let message =
                "Write a host in lower case without port, like api.example.com or *.example.com.";
            found.push(Invalid::new(format!("/hosts/{index}"), message));
        } else if route.hosts[..index].contains(host) {
            found.push(Invalid::new(
                format!("/hosts/{index}"),
                "Name each host once.",
            ));
        }
    }
    let timeouts = route.timeouts.iter().flat_map(|timeouts| timeouts.check());
    found.extend(timeouts.map(|invalid| invalid.under("/timeouts")));
    found.extend(crate::route::check_rule(route));
    found
}

/// A prefix is written in its canonical form: no escapes, no empty or dot segments, no slash at
/// its end unless it is `/`.
pub fn check_prefix(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("Start the path with a slash.");
    }
    if path.len() > MAX_PREFIX {
        return Err("Use at most 200 characters.");
    }
    if path == "/" {
        return Ok(());
    }
    if path.ends_with('/') {
        return Err("Leave out the slash at the end.");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
    for segment in path[1..].split('/') {
        if segment.is_empty() || segment == "." || segment == ".." {
            return Err("Leave out empty segments and those of dots only.");
        }
        if !segment.bytes().all(plain) || segment.contains("..;") {
            return Err("Use letters, digits, hyphens, dots and underscores between the slashes.");
        }
    }
    Ok(())
}

fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    (1..=253).contains(&host.len()) && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, hosts: &[&str]) -> Route {
        Route {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            ..Route::at(path)
        }
    }

    #[test]
    fn prefixes_are_canonical() {
        for good in ["/", "/a", "/foxglove/bookshop/v1", "/a.b/~c"] {
            assert_eq!(check(&route(good, &[])), [], "{good}");
        }
        for bad in [
            "", "a", "/a/", "//a", "/a//b", "/./a", "/a/..", "/a%2fb", "/ü", "/a b", "/a?b",
            "/a\\b", "/..;",
        ] {
            assert_eq!(check(&route(bad, &[])).len(), 1, "{bad}");
        }
        for bad in ["API.example.com", "a:80", "*", "*.", "a..b", "a.*.b", "-a"] {
            assert_eq!(check(&route("/", &[bad])).len(), 1, "{bad}");
        }
        assert_eq!(
            check(&route("/", &["*.example.com", "api.example.com"])),
            []
        );
    }
}

//! A version's route in a form: hosts as words, its selector as fields, a condition per line.

use domain::duration::{Span, SpanError};
use domain::problem::Invalid;
use domain::route::{Condition, RouteTimeouts, Selector};
use domain::snapshot::Route;
use frontend::form::Form;

use crate::typed::Typed;

/// The route as the form shows it.
pub(super) fn shown(form: Form, route: &Route) -> Form {
    let yes = |ticked: bool| if ticked { "yes" } else { "" };
    let selector = route.selector.as_deref().cloned().unwrap_or_default();
    let (by, name) = match (&selector.header, &selector.accept, &selector.query) {
        (Some(name), ..) => ("header", &**name),
        (None, Some(name), _) => ("accept", &**name),
        (None, None, Some(name)) => ("query", &**name),
        (None, None, None) => ("", ""),
    };
    let when: Vec<String> = route.when.iter().map(ToString::to_string).collect();
    let timeouts = route.timeouts.as_deref().copied().unwrap_or_default();
    let span = |span: Option<Span>| span.map(|span| span.to_string()).unwrap_or_default();
    form.with("path", route.path.clone())
        .with("hosts", route.hosts.join(" "))
        .with("strip_path", yes(route.strip_path))
        .with("encoded_slashes", yes(route.encoded_slashes))
        .with("timeout_first_byte", span(timeouts.first_byte))
        .with("timeout_idle", span(timeouts.idle))
        .with("timeout_total", span(timeouts.total))
        .with("selector_by", by)
        .with("selector_name", name)
        .with("selector_value", selector.value.unwrap_or_default())
        .with("selector_default", yes(selector.default))
        .with("selector_strip", yes(selector.strip))
        .with("when", when.join("\n"))
}

/// The route as it was typed, or the lines that are no conditions and the times that are none.
pub(super) fn read(typed: &Typed) -> Result<Route, Vec<Invalid>> {
    let mut wrong = Vec::new();
    let mut when = Vec::new();
    let lines = typed.get("when").lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty()) {
        match line.parse::<Condition>() {
            Ok(condition) => when.push(condition),
            Err(error) => wrong.push(Invalid::new("/when", format!("{line}: {error}"))),
        }
    }
    let mut span = |name: &str| -> Option<Span> {
        let read: Result<Span, SpanError> = typed.optional(name)?.parse();
        read.inspect_err(|error| wrong.push(Invalid::new(format!("/{name}"), error.to_string())))
            .ok()
    };
    let timeouts = RouteTimeouts {
        first_byte: span("timeout_first_byte"),
        idle: span("timeout_idle"),
        total: span("timeout_total"),
    };
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let is_timed = timeouts != RouteTimeouts::default();
    let hosts = typed.get("hosts").split_whitespace();
    Ok(Route {
        hosts: hosts.map(str::to_owned).collect(),
        path: typed.get("path").to_owned(),
        strip_path: typed.is_ticked("strip_path"),
        encoded_slashes: typed.is_ticked("encoded_slashes"),
        timeouts: is_timed.then(|| Box::new(timeouts)),
        selector: selector(typed).map(Box::new),
        when,
    })
}

fn selector(typed: &Typed) -> Option<Selector> {
    let by = typed.get("selector_by");
    let name = |kind| (by == kind).then(|| typed.get("selector_name").to_owned());
    (!by.is_empty()).then(|| Selector {
        header: name("header"),
        accept: name("accept"),
        query: name("query"),
        value: typed.optional("selector_value"),
        default: typed.is_ticked("selector_default"),
        strip: typed.is_ticked("selector_strip"),
    })
}

/// Brings what is wrong with a route to the fields that show it.
pub(super) fn at_fields(error: &mut api::Error) {
    for invalid in &mut error.invalid {
        let Some(inside) = invalid.pointer.strip_prefix("/route/") else {
            continue;
        };
        let mut parts = inside.split('/');
        let field = match (parts.next(), parts.next()) {
            (Some("selector"), Some("value")) => "/selector_value",
            (Some("selector"), Some("default")) => "/selector_default",
            (Some("selector"), _) => "/selector_name",
            (Some("hosts"), _) => "/hosts",
            (Some("when"), _) => "/when",
            (Some("timeouts"), Some("first_byte")) => "/timeout_first_byte",
            (Some("timeouts"), Some("total")) => "/timeout_total",
            (Some("timeouts"), _) => "/timeout_idle",
            _ => "/path",
        };
        invalid.pointer = field.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(values: &[(&str, &str)]) -> Typed {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Typed::new(values.collect()).unwrap()
    }

    #[test]
    fn a_route_is_shown_and_read_again() {
        let whole = r#"{"path":"/a","hosts":["x.org","*.y.org"],"strip_path":false,"encoded_slashes":true,
            "timeouts":{"first_byte":"2m","idle":"12h","total":"24h"},
            "selector":{"accept":"vnd.shop","value":"2","default":true,"strip":true},
            "when":[{"method":["GET","HEAD"]},{"header":"X-Beta","regex":"a b|c"},{"cookie":"c","present":false}]}"#;
        let by_query = r#"{"path":"/b","selector":{"query":"v"}}"#;
        let silent = r#"{"path":"/c","timeouts":{"idle":"90ms"}}"#;
        for json in [whole, by_query, silent, r#"{"path":"/"}"#] {
            let route: Route = serde_json::from_str(json).unwrap();
            let form = shown(Form::default(), &route);
            let names = [
                "path",
                "hosts",
                "strip_path",
                "encoded_slashes",
                "timeout_first_byte",
                "timeout_idle",
                "timeout_total",
                "selector_by",
                "selector_name",
                "selector_value",
                "selector_default",
                "selector_strip",
                "when",
            ];
            let values: Vec<_> = names.map(|name| (name, form.value(name))).to_vec();
            assert_eq!(read(&typed(&values)), Ok(route), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_comes_to_its_field() {
        let found = read(&typed(&[("path", "/"), ("when", "method GET\nbody = x")])).unwrap_err();
        assert_eq!(found.len(), 1);
        assert!(found[0].message.starts_with("body = x: "));
        let slow = [
            ("path", "/"),
            ("timeout_idle", "1"),
            ("timeout_total", "5m"),
        ];
        let found = read(&typed(&slow)).unwrap_err();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer, "/timeout_idle");
        let pointers = [
            ("/route/path", "/path"),
            ("/route/hosts/3", "/hosts"),
            ("/route/selector", "/selector_name"),
            ("/route/selector/header", "/selector_name"),
            ("/route/selector/value", "/selector_value"),
            ("/route/selector/default", "/selector_default"),
            ("/route/when/2/regex", "/when"),
            ("/route/timeouts/first_byte", "/timeout_first_byte"),
            ("/route/timeouts/idle", "/timeout_idle"),
            ("/route/timeouts/total", "/timeout_total"),
            ("/upstream", "/upstream"),
        ];
        let invalid = pointers.map(|(pointer, _)| Invalid::new(pointer, "x"));
        let mut error = api::Error::invalid(invalid.to_vec());
        at_fields(&mut error);
        for (found, (pointer, field)) in error.invalid.iter().zip(pointers) {
            assert_eq!(found.pointer, field, "{pointer}");
        }
    }
}

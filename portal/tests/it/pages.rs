//! Every page with sample props: what must hold on all of them, and a copy to look at.
//!
//! The copies lie in `<target dir>/tmp/pages`; open them in a browser, light and dark.

use std::{fs, path::PathBuf};

use chrono::{DateTime, TimeDelta};
use domain::{application::CredentialState, problem::Code, subscription::SubscriptionState};
use frontend::{
    document::{Assets, Script, Shell, Theme, render},
    format,
    frame::{Section, Visitor, workspace},
    pages::{catalog, error_codes, failure, landing, sign_in},
    part::{
        boxes::{Drift, Stat, callout, delta, stats},
        chart::{Chart, Kind, Series, bar, spark},
        code::{Once, once},
        head::{Link, PageHead, Section as Part, crumbs, tabs},
        state::{Badge, Tone, method, status},
        table::{self, Shape, Table, pager},
    },
};
use leptos::prelude::*;

use crate::samples;

#[test]
fn every_page_keeps_the_rules() {
    for theme in [Theme::Light, Theme::Dark] {
        check("landing", theme, || landing::view(samples::landing(theme)));
        check("catalog", theme, || catalog::view(samples::catalog(theme)));
        check("catalog-empty", theme, || {
            catalog::view(samples::empty_catalog(theme))
        });
        check("sign-in", theme, || sign_in::view(samples::sign_in(theme)));
        check("failure", theme, || failure::view(samples::missing(theme)));
        check("errors", theme, || {
            error_codes::list(&samples::anonymous(theme))
        });
        let base = "https://portal.example";
        check("error", theme, || {
            error_codes::one(&samples::anonymous(theme), Code::RateLimited, base)
        });
        check("workspace", theme, || parts(&samples::signed_in(theme)));
    }
}

#[test]
fn what_was_typed_stays_and_a_password_does_not() {
    let html = check("sign-in-again", Theme::Light, || {
        sign_in::view(samples::sign_in(Theme::Light))
    });
    assert!(html.contains("ines@lantern.example"));
    assert!(!html.contains("must never come back"));
    assert!(html.contains("aria-describedby=\"password-e\"") && html.contains("id=\"password-e\""));
    assert!(html.contains("<input type=\"hidden\" name=\"next\" value=\"/o/foxglove\""));
}

#[test]
fn what_people_write_is_text() {
    let html = check("escaped", Theme::Light, || {
        catalog::view(samples::empty_catalog(Theme::Light))
    });
    assert!(!html.contains("<nothing>"));
    assert!(html.contains("value=\"&lt;nothing&gt;\""));
}

/// Renders a page, checks what must hold on each, and keeps a copy.
pub(crate) fn check(name: &str, theme: Theme, view: impl FnOnce() -> AnyView) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("portunus.css"), frontend::STYLE).unwrap();
    let assets = Assets {
        style: "portunus.css".into(),
        favicon: "favicon.svg".into(),
        script: Some(Script {
            js: "/assets/x/portunus.js".into(),
            wasm: "/assets/x/portunus_bg.wasm".into(),
        }),
    };
    let shell = Shell {
        title: name,
        site: "Foxglove Books",
        theme,
        nonce: "n0nce",
        assets: &assets,
    };
    let html = render(&shell, view);
    fs::write(
        folder.join(format!("{name}-{}.html", theme.as_str())),
        &html,
    )
    .unwrap();

    assert!(html.contains(&format!("data-theme=\"{}\"", theme.as_str())));
    assert_eq!(
        html.matches("<h1").count(),
        1,
        "{name}: one heading of the page"
    );
    assert_eq!(html.matches("<main").count(), 1, "{name}: one main part");
    assert!(
        html.matches("<script").count() == 1 && html.contains("nonce=\"n0nce\""),
        "{name}: scripts"
    );
    for bad in [" style=\"", " onclick=", "javascript:", "http://"] {
        assert!(!html.contains(bad), "{name}: {bad}");
    }
    let missing: Vec<_> = html
        .split("<use href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|id| !html.contains(&format!("<symbol id=\"{id}\"")))
        .collect();
    assert!(missing.is_empty(), "{name}: no symbol for {missing:?}");
    html
}

/// A page of a workspace with every part on it.
fn parts(visitor: &Visitor) -> AnyView {
    let now = DateTime::from_timestamp(1_763_650_920, 0).unwrap();
    let ago = |minutes| now - TimeDelta::minutes(minutes);
    let hours: Vec<String> = (0..24)
        .map(|hour| format!("{:02}:00", (15 + hour) % 24))
        .collect();
    let wave = |base: f64, swing: f64| -> Vec<Option<f64>> {
        (0..24)
            .map(|hour| Some(base + swing * (f64::from(hour) / 3.8).sin()))
            .collect()
    };
    let line = |kind, values, area| Series { kind, values, area };
    let keys = [
        (
            "production",
            "ptn_live_ab12cd34…",
            CredentialState::Active,
            1,
        ),
        (
            "production, before",
            "ptn_live_q8Zr11Kd…",
            CredentialState::Retiring,
            3,
        ),
        (
            "old server",
            "ptn_live_5nVx0pYs…",
            CredentialState::Revoked,
            50_000,
        ),
    ]
    .map(|(name, hint, state, used)| {
        view! {
            <tr>
                <td><b>{name}</b><span class="sub mono">{hint}</span></td>
                <td data-label="State">{Badge::from(state)}</td>
                <td class="n" data-label="Calls">{format::count(214_908)}</td>
                <td data-label="Last used">{format::time(ago(used), now)}</td>
                <td class="act"><button class="btn btn--s">"Roll"</button></td>
            </tr>
        }
    });
    let columns = vec![
        table::text("Name"),
        table::text("State"),
        table::number("Calls"),
        table::text("Last used"),
        table::actions(),
    ];
    let sparks: Vec<f64> = wave(50.0, 40.0).into_iter().flatten().collect();
    let page = view! {
        {crumbs(vec![Link::new("/o/foxglove/t/storefront/applications", "Applications")], "Lantern iOS")}
        {PageHead::new("Lantern iOS")
            .beside(Badge::from(SubscriptionState::Approved).into_render())
            .lede("The reading app: search, shelves and orders.")
            .actions(view! { <button class="btn">"Subscribe to a product"</button> <a class="btn btn--primary" href="/x">"New key"</a> })}
        {tabs("Lantern iOS", vec![Link::new("/a", "Overview"), Link::new("/b", "Usage")], "/a")}
        {stats(vec![
            Stat::new("Requests", format::count(69_808), "").below(delta(Drift::Up, "9.8 % more")),
            Stat::new("Error ratio", "1.42", "%").below(delta(Drift::Worse { up: true }, "0.31 points, worse")),
            Stat::new("p95", "74", "ms").below(delta(Drift::Better { up: false }, "6 ms, better")),
            Stat::new("Requests per hour", "1,902", "").below(spark(Kind::Requests, &sparks)),
        ])}
        {Part::new("keys-h", "Keys").count(3).body(view! {
            {Table::new(Shape::Rows, columns).rows(keys)}
            {pager("1–3 of 3", None, Some("/older".to_owned()))}
        })}
        {Part::new("errors-h", "Errors").note("per hour").body(Chart {
            label: "Requests by class per hour".into(),
            step: "Hour",
            times: hours.clone(),
            series: vec![
                line(Kind::Success, wave(3000.0, 1200.0), true),
                line(Kind::ClientError, wave(600.0, 90.0), false),
                line(Kind::ServerError, wave(40.0, 30.0), false),
            ],
            unit: "",
            small: false,
            stacked: false,
        }.into_render())}
        {Part::new("latency-h", "Latency").note("total").body(Chart {
            label: "Latency per hour".into(),
            step: "Hour",
            times: hours,
            series: vec![
                line(Kind::P50, wave(20.0, 3.0), false),
                line(Kind::P95, wave(74.0, 20.0), false),
                line(Kind::P99, wave(140.0, 40.0), false),
            ],
            unit: " ms",
            small: true,
            stacked: false,
        }.into_render())}
        {Part::new("quota-h", "Quota").body(view! {
            {bar(Kind::Requests, 0.62, Some("62 % used".into()))}
            <span class="sub">"618,204 of 1,000,000, resets in 10 days"</span>
            <p>{method("POST")} " " {status(429)} " " {status(200)}</p>
        })}
        {callout(Tone::Warn, "The old key is still used.")}
        {once(Once {
            value: "ptn_live_ab12cd34Qm7Zt0VhX5sKcW9eRb2LuN1nF0aK".into(),
            hint: "ptn_live_ab12cd34…".into(),
            variable: "BOOKSHOP_API_KEY".into(),
            done: "/done".into(),
        })}
    };
    workspace(
        visitor,
        &samples::storefront(),
        Some(Section::Applications),
        page,
    )
}

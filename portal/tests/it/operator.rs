//! The operator's pages, and that they exist for nobody else.

use api::{Ctx, service::first_run};
use chrono::TimeDelta;
use domain::{id::Id, wire::platform::Node};
use frontend::{
    document::Theme,
    frame::Place,
    pages::{
        platform::{nodes, overview},
        publish::At,
    },
};
use migration::testing::TestDatabase;

use crate::{
    looks::keep,
    pages::check,
    samples,
    support::{App, Browser, PASSWORD, each},
};

/// The operator, made by the link of the console.
pub(crate) async fn operator(app: &App) -> Browser {
    let link = first_run::prepare(&Ctx::job(&app.plane, "test"))
        .await
        .unwrap()
        .unwrap();
    let path = link.strip_prefix("http://localhost:3000").unwrap();
    let mut browser = app.browser();
    let form = [
        ("email", "ops@ops.example"),
        ("name", "Ops"),
        ("password", PASSWORD),
    ];
    browser.post(path, &form).await.to("/sign-in?done=setup");
    browser
        .sign_in("ops@ops.example", PASSWORD)
        .await
        .to("/home");
    browser
}

const PAGES: [&str; 6] = [
    "/operator",
    "/operator/organizations",
    "/operator/nodes",
    "/operator/outbox",
    "/operator/settings",
    "/operator/audit",
];

#[tokio::test]
async fn for_others_there_is_no_platform() {
    each(async |app: App| {
        let mut ops = operator(&app).await;
        let mut ines = app.member("ines").await;
        let list = ops
            .get("/operator/organizations")
            .await
            .ok(200)
            .says("ines and co");
        let one = format!(
            "/operator/organizations/{}",
            list.between("/operator/organizations/", "\"")
        );
        for page in PAGES.into_iter().chain([one.as_str()]) {
            ops.get(page).await.ok(200).says("Platform");
            ines.get(page).await.ok(404);
            let led = app.browser().get(page).await.ok(303);
            assert!(
                led.header("location").starts_with("/sign-in?next="),
                "{page}"
            );
        }
        let nothing = ines.get("/operator/nothing").await.ok(404);
        let hidden = ines.get("/operator/nodes").await.ok(404);
        assert_eq!(
            nothing.between("<h1>", "</h1>"),
            hidden.between("<h1>", "</h1>")
        );
        ines.post(
            &one,
            &[
                ("do", "suspend"),
                ("confirm", "ines-and-co"),
                ("reason", "x"),
            ],
        )
        .await
        .ok(404);
        ines.post("/operator/settings/sign_up", &[("sign_up", "open")])
            .await
            .ok(404);
        ines.post("/operator/audit", &[("do", "verify")])
            .await
            .ok(404);
        // The operator has no rights inside tenants.
        ops.get("/o/ines-and-co").await.ok(404);
    })
    .await;
}

#[tokio::test]
async fn an_organization_gets_prefixes_and_is_suspended() {
    each(async |app: App| {
        let mut ops = operator(&app).await;
        let mut ines = app.member("ines").await;
        let list = ops.get("/operator/organizations").await.ok(200);
        keep("operator-organizations", &list);
        let one = format!(
            "/operator/organizations/{}",
            list.between("/operator/organizations/", "\"")
        );
        let page = ops.get(&one).await.ok(200).says("/ines-and-co");
        keep("operator-organization", &page);
        let etag = page.between("name=\"etag\" value=\"", "\"");
        let wrong = [
            ("do", "grants"),
            ("etag", etag.as_str()),
            ("grants", "/books\n\nno slash"),
        ];
        ops.post(&one, &wrong)
            .await
            .ok(422)
            .says("Line 3: ")
            .says("no slash")
            .says("id=\"grants-e\"");
        let right = [
            ("do", "grants"),
            ("etag", etag.as_str()),
            ("grants", "/books api.books.example\n/other"),
        ];
        ops.post(&one, &right).await.to(&format!("{one}?done=1"));
        ops.post(&one, &right).await.ok(422);
        ines.get("/o/ines-and-co/settings")
            .await
            .ok(200)
            .says("api.books.example")
            .says("/other");

        let suspend = |confirm: &'static str| {
            [
                ("do", "suspend"),
                ("reason", "Invoices unpaid"),
                ("confirm", confirm),
            ]
        };
        let again = ops
            .post(&one, &suspend("ines"))
            .await
            .ok(422)
            .says("id=\"confirm-e\"");
        again.says("Invoices unpaid");
        ops.post(&one, &suspend("ines-and-co"))
            .await
            .to(&format!("{one}?done=1"));
        ines.get("/o/ines-and-co")
            .await
            .ok(200)
            .says("The organization is suspended");
        ines.post("/o/ines-and-co/teams", &[("name", "New")])
            .await
            .ok(403);
        let audit = ines
            .get("/o/ines-and-co/audit?action=organization.suspend")
            .await
            .ok(200);
        audit
            .says("reason: Invoices unpaid")
            .says("ops@ops.example");
        ops.get(&one)
            .await
            .ok(200)
            .says("Resume the organization")
            .hides("What suspending does");
        ops.post(&one, &[("do", "resume"), ("reason", "Paid")])
            .await
            .ok(303);
        ines.post("/o/ines-and-co/teams", &[("name", "New")])
            .await
            .ok(303);
    })
    .await;
}

#[tokio::test]
async fn a_mail_is_opened_with_a_warning_and_a_trace() {
    let app = App::new(TestDatabase::sqlite().await).await;
    let mut ops = operator(&app).await;
    let mut browser = app.browser();
    let form = [
        ("email", "ines@ines.example"),
        ("password", PASSWORD),
        ("name", "Ines"),
        ("organization", "Ines"),
    ];
    browser.post("/sign-up", &form).await.ok(200);
    let list = ops
        .get("/operator/outbox")
        .await
        .ok(200)
        .says("can act as its recipient");
    keep("outbox", &list);
    let mail = format!(
        "/operator/outbox/{}",
        list.between("action=\"/operator/outbox/", "\"")
    );
    ops.get(&mail).await.ok(405);
    let shown = ops
        .post(&mail, &[("do", "show")])
        .await
        .ok(200)
        .says("Whoever reads this mail");
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.header("referrer-policy"), "no-referrer");
    keep("outbox-mail", &shown);
    // The link of the mail is a link of the page, too.
    let link = shown.between("href=\"http://localhost:3000/verify/", "\"");
    browser
        .post(&format!("/verify/{link}"), &[("password", PASSWORD)])
        .await
        .ok(303);
    ops.get("/operator/outbox")
        .await
        .ok(200)
        .hides("ines@ines.example");
    let audit = ops
        .get("/operator/audit?action=mail")
        .await
        .ok(200)
        .says("mail.show")
        .says("ops@ops.example");
    let seen = audit.body.split("<tbody>").nth(1).unwrap();
    assert!(
        !seen.contains("ines@ines.example"),
        "the audit keeps no recipient"
    );
    ops.post("/operator/audit", &[("do", "verify")])
        .await
        .ok(200)
        .says("The chain is whole");
}

#[tokio::test]
async fn settings_are_rows_and_what_the_process_was_told() {
    let app = App::new(TestDatabase::sqlite().await).await;
    let mut ops = operator(&app).await;
    keep(
        "operator",
        &ops.get("/operator")
            .await
            .ok(200)
            .says("No SMTP server is configured"),
    );
    let page = ops
        .get("/operator/settings")
        .await
        .ok(200)
        .says("the default");
    keep("operator-settings", &page);
    let wrong = [("retention_days", "1000"), ("etag", "0")];
    let again = ops
        .post("/operator/settings/retention_days", &wrong)
        .await
        .ok(422);
    again
        .says("value=\"1000\"")
        .says("id=\"retention_days-e\"")
        .says("value=\"open\"");
    let right = [("retention_days", "30"), ("etag", "0")];
    ops.post("/operator/settings/retention_days", &right)
        .await
        .to("/operator/settings?done=1");
    ops.get("/operator/settings")
        .await
        .ok(200)
        .says("value=\"30\"")
        .says("changed ");
    ops.post("/operator/settings/retention_days", &right)
        .await
        .ok(422);
    ops.post("/operator/settings/nothing", &right).await.ok(404);
    ops.get("/operator/audit")
        .await
        .ok(200)
        .says("retention_days: 30")
        .says("retention_days: 7");
}

#[test]
fn nodes_say_how_they_are() {
    for theme in [Theme::Light, Theme::Dark] {
        let nodes = sample_nodes(theme);
        let html = check("nodes", theme, || nodes::view(nodes.clone()));
        for words in [
            "Alive",
            "Silent",
            "3 behind",
            "2 not read",
            "1.42",
            "412 MB",
            "18,442",
            "0.4.0",
        ] {
            assert!(html.contains(words), "{words}");
        }
        check("overview", theme, || {
            overview::view(overview::Overview {
                at: nodes.at.clone(),
                nodes: nodes.nodes.clone(),
                organizations: (100, true),
                mails: (3, false),
                without_smtp: false,
            })
        });
    }
}

fn sample_nodes(theme: Theme) -> nodes::Nodes {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let node = |name: &str, state, alive, dropped, unreadable| Node {
        id: Id::from_name("node", name),
        name: name.to_owned(),
        kind: "gateway".to_owned(),
        version: "0.4.0".to_owned(),
        group: "default".to_owned(),
        region: "eu-1".to_owned(),
        state,
        newest: 20_417,
        cpu: 1.42,
        memory: 412_000_000,
        connections: 18_442,
        dropped,
        unreadable,
        started_at: now - TimeDelta::days(3),
        last_seen_at: now - TimeDelta::seconds(if alive { 2 } else { 4_000 }),
        alive,
    };
    nodes::Nodes {
        at: At {
            visitor: samples::signed_in(theme),
            place: Place::platform(),
            now,
        },
        nodes: vec![
            node("gw-1", 20_417, true, 0, 0),
            node("gw-2", 20_414, true, 0, 2),
            node("gw-3", 20_031, false, 122, 0),
        ],
    }
}

//! Every page × {anonymous, another tenant, the operator, the owner}, as the matrix of the
//! management API: a page that is not listed fails the test, and so does a line without its page.

use std::collections::BTreeSet;

use axum::http::Method;

use crate::{
    operator::operator,
    support::{Answer, App, Browser, Tenant, each, filled, parameters},
};

mod table;

/// Who a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Anybody; nothing of a tenant is named.
    Anyone,
    /// Whoever has a single-use link; another one opens nothing.
    Link,
    /// A private API in the catalog: for its team, for everybody else it does not exist.
    Private,
    /// The same, for people who are signed in.
    PrivateSignedIn,
    /// Everybody who is signed in, about their own things; those of others do not exist.
    Own,
    /// Members of the tenant.
    Tenant,
    /// The operator.
    Operator,
}

/// One line of the table.
struct Line {
    pattern: String,
    door: Door,
    /// A form that fits, so that a stranger is not merely told that the form is wrong.
    form: &'static [(&'static str, &'static str)],
    /// Whether the form carries a file.
    has_file: bool,
    /// Whether the page only leads back to its list, for whoever reloads a form that was refused.
    leads_back: bool,
}

#[test]
fn every_page_is_listed_and_every_line_is_a_page() {
    let lines = table::lines();
    let listed: BTreeSet<_> = lines.iter().map(|line| line.pattern.clone()).collect();
    assert_eq!(listed.len(), lines.len(), "a line is there twice");
    let pages: BTreeSet<_> = portal::routes::patterns().into_iter().collect();
    let missing: Vec<_> = pages.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&pages).collect();
    assert!(
        missing.is_empty(),
        "pages that are not listed in matrix/table.rs: {missing:#?}"
    );
    assert!(gone.is_empty(), "lines without a page: {gone:#?}");
}

#[tokio::test]
async fn who_may_open_what() {
    each(async |app: App| {
        let mut world = World {
            anonymous: app.browser(),
            operator: operator(&app).await,
            here: Tenant::new(&app, "here").await,
            there: Tenant::new(&app, "there").await,
            wrong: Vec::new(),
        };
        for line in table::lines() {
            world.judge(&line).await;
        }
        assert!(world.wrong.is_empty(), "{}", world.wrong.join("\n"));
    })
    .await;
}

/// Nothing is changed in it: all that is posted must be refused.
struct World {
    anonymous: Browser,
    operator: Browser,
    here: Tenant,
    there: Tenant,
    wrong: Vec<String>,
}

impl World {
    async fn judge(&mut self, line: &Line) {
        let real = filled(&line.pattern, |name| self.here.name(&line.pattern, name));
        let mut anonymous = self.anonymous.clone();
        let mut operator = self.operator.clone();
        let mut stranger = self.there.owner.clone();
        let mut owner = self.here.owner.clone();
        // A form is answered without the redirect of a page: it would not be repeated.
        let (led, asked) = ([303, 405], [401, 405]);
        let (gone, none) = ([404, 405], [404, 405]);
        match line.door {
            Door::Anyone => {
                let never = [401, 403, 404];
                self.opens("anonymous", &mut anonymous, &real, &never).await;
            }
            Door::Link => {
                let dead = [303, 404, 405, 410, 422];
                self.refuses("anonymous", &mut anonymous, line, &real, &dead, &dead)
                    .await;
            }
            Door::Private => {
                for (who, browser) in [
                    ("anonymous", &mut anonymous),
                    ("stranger", &mut stranger),
                    ("operator", &mut operator),
                ] {
                    self.refuses(who, browser, line, &real, &gone, &none).await;
                }
            }
            Door::PrivateSignedIn | Door::Tenant => {
                self.refuses("anonymous", &mut anonymous, line, &real, &led, &asked)
                    .await;
                for (who, browser) in [("stranger", &mut stranger), ("operator", &mut operator)] {
                    self.refuses(who, browser, line, &real, &gone, &none).await;
                }
            }
            Door::Own => {
                self.refuses("anonymous", &mut anonymous, line, &real, &led, &asked)
                    .await;
                if real != line.pattern {
                    self.refuses("stranger", &mut stranger, line, &real, &gone, &none)
                        .await;
                }
            }
            Door::Operator => {
                self.refuses("anonymous", &mut anonymous, line, &real, &led, &asked)
                    .await;
                self.refuses("owner", &mut owner, line, &real, &gone, &none)
                    .await;
                self.opens("operator", &mut operator, &real, &[401, 403, 404])
                    .await;
            }
        }
        if line.door == Door::Tenant {
            let own = format!("/o/{}/", self.there.name(&line.pattern, "organization"));
            let back: &[u16] = if line.leads_back { &[303, 404] } else { &gone };
            for (who, path) in self.smuggled(&line.pattern) {
                let get = if path.starts_with(&own) { back } else { &gone };
                self.refuses(who, &mut stranger, line, &path, get, &none)
                    .await;
            }
        }
        if matches!(
            line.door,
            Door::Private | Door::PrivateSignedIn | Door::Own | Door::Tenant
        ) {
            self.opens("owner", &mut owner, &real, &[401, 403, 404])
                .await;
        }
    }

    /// Paths in the stranger's own workspace that name things of the other tenant.
    fn smuggled(&self, pattern: &str) -> Vec<(&'static str, String)> {
        let names = parameters(pattern);
        let mut paths = Vec::new();
        let foreign = |name: &str| !matches!(name, "organization" | "team" | "verb");
        if names.iter().any(|name| foreign(name)) {
            let path = filled(pattern, |name| match foreign(name) {
                true => self.here.name(pattern, name),
                false => self.there.name(pattern, name),
            });
            paths.push(("stranger, with foreign ids in an own workspace", path));
        }
        if names.contains(&"team") {
            let path = filled(pattern, |name| match name {
                "organization" => self.there.name(pattern, name),
                _ => self.here.name(pattern, name),
            });
            paths.push(("stranger, with a foreign team in an own organization", path));
        }
        paths
    }

    async fn refuses(
        &mut self,
        who: &str,
        browser: &mut Browser,
        line: &Line,
        path: &str,
        get: &[u16],
        post: &[u16],
    ) {
        for (method, allowed) in [(Method::GET, get), (Method::POST, post)] {
            let answer = ask(browser, line, &method, path).await;
            let status = answer.status.as_u16();
            let to = answer.header("location");
            let led = to.starts_with("/sign-in?next=")
                || (line.leads_back && path.starts_with(&format!("{to}/")));
            if !allowed.contains(&status) || (status == 303 && !led) {
                self.wrong.push(format!(
                    "{who}: {method} {path} ({}): {status}",
                    line.pattern
                ));
            }
        }
    }

    /// So that what others are refused is there at all.
    async fn opens(&mut self, who: &str, browser: &mut Browser, path: &str, never: &[u16]) {
        let answer = browser.get(path).await;
        let status = answer.status.as_u16();
        if never.contains(&status) || status >= 500 {
            self.wrong.push(format!("{who}: GET {path}: {status}"));
        }
    }
}

async fn ask(browser: &mut Browser, line: &Line, method: &Method, path: &str) -> Answer {
    if *method == Method::GET {
        return browser.get(path).await;
    }
    if !line.has_file {
        return browser.post(path, line.form).await;
    }
    let headers = [
        ("content-type", "multipart/form-data; boundary=x"),
        ("sec-fetch-site", "same-origin"),
    ];
    let body = format!(
        "--x\r\ncontent-disposition: form-data; name=\"document\"\r\n\r\n{}\r\n--x--\r\n",
        domain::openapi::BOOKSHOP
    );
    browser.ask(method.clone(), path, &headers, &body).await
}

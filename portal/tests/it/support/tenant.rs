//! A tenant that has one of everything that an address can name, made over the management API.

use std::collections::BTreeMap;

use api::{
    Ctx,
    service::{organizations, outbox},
};
use chrono::{DateTime, Utc};
use domain::{
    id::{ApplicationId, BatchId, OrganizationId},
    openapi::BOOKSHOP,
    traffic::Record,
    wire::organizations::{EditGrants, Grant},
};
use serde_json::{Value, json};

use super::{App, Browser, PASSWORD};

/// For a.test.
pub(crate) const A: [&str; 2] = [
    include_str!("../../../../gateway/tests/it/tls/a.pem"),
    include_str!("../../../../gateway/tests/it/tls/a.key"),
];
/// For b.test and *.b.test.
pub(crate) const B: [&str; 2] = [
    include_str!("../../../../gateway/tests/it/tls/b.pem"),
    include_str!("../../../../gateway/tests/it/tls/b.key"),
];

pub(crate) struct Tenant {
    pub(crate) owner: Browser,
    /// The names in addresses of pages: `organization`, `team`, and ids by their parameter.
    pub(crate) names: BTreeMap<&'static str, String>,
    /// The ids that differ from them in addresses of the management API.
    pub(crate) ids: BTreeMap<&'static str, String>,
    /// The names in addresses of the catalog. The API there is private to the team.
    catalog: BTreeMap<&'static str, String>,
    mail: String,
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

impl Tenant {
    /// `name` and co, with the team `<name>-shelf` that owns all of it.
    pub(crate) async fn new(app: &App, name: &str) -> Self {
        let mut owner = app.member(name).await;
        let account = owner.api("GET", "/account", Value::Null).await;
        let membership = &account["memberships"][0];
        let organization = text(&membership["organization"]);
        let of = |path: &str| format!("/organizations/{organization}/{path}");
        let team = json!({ "name": format!("{name} shelf") });
        let team = owner.api("POST", &of("teams"), team).await;
        let (team, team_slug) = (text(&team["id"]), text(&team["slug"]));

        let settings = json!({ "targets": [{ "url": "https://93.184.216.34/bookshop" }] });
        let upstream = json!({ "team": team, "name": "books", "settings": settings });
        let upstream = owner.api("POST", &of("upstreams"), upstream).await;
        let import = json!({ "team": team, "document": BOOKSHOP });
        let made = owner.api("POST", &of("apis/import"), import).await;
        let version = text(&made["version"]["summary"]["id"]);
        let operation = text(&made["version"]["draft"]["operations"][0]["id"]);
        let draft = json!({ "upstream": upstream["id"] });
        owner
            .api("PATCH", &format!("/versions/{version}/draft"), draft)
            .await;
        let publish = json!({ "visibility": "private" });
        let published = owner
            .api("POST", &format!("/versions/{version}/publish"), publish)
            .await;
        let product = text(&published["products"][0]["id"]);
        let plan = json!({ "name": "Standard", "approval": "manual" });
        let plan = owner
            .api("POST", &format!("/products/{product}/plans"), plan)
            .await;
        let plan = text(&plan["id"]);
        owner
            .api("POST", &format!("/plans/{plan}/publish"), json!({}))
            .await;

        let application = json!({ "team": team, "name": "App" });
        let application = owner.api("POST", &of("applications"), application).await;
        let application = text(&application["id"]);
        let below = format!("/applications/{application}");
        let key = owner
            .api(
                "POST",
                &format!("{below}/credentials"),
                json!({ "name": "k" }),
            )
            .await;
        let subscription = owner
            .api(
                "POST",
                &format!("{below}/subscriptions"),
                json!({ "plan": plan }),
            )
            .await;

        let colleague = app.colleague(&mut owner, &organization, name).await;
        let path = format!("/teams/{team}/members/{colleague}");
        owner.api("PUT", &path, json!({ "role": "viewer" })).await;
        let guest = json!({ "email": format!("guest@{name}.example") });
        let invitation = owner.api("POST", &of("invitations"), guest).await;
        let token = json!({ "name": "ci", "scopes": ["apis:read"], "expires_in_days": 1 });
        let token = owner.api("POST", "/tokens", token).await;
        let sessions = owner.api("GET", "/sessions", Value::Null).await;

        // A host has one certificate on the whole platform.
        let (host, pair) = if name == "there" {
            ("b.test", B)
        } else {
            ("a.test", A)
        };
        app.grant_host(&organization, host).await;
        let body =
            json!({ "name": "main", "certificate": pair[0], "key": pair[1], "hosts": [host] });
        let certificate = owner.api("POST", &of("certificates"), body).await;
        let certificate = text(&certificate["id"]);
        let settings = json!({ "tls": "optional" });
        owner
            .api("PUT", &of(&format!("hosts/{host}")), settings)
            .await;

        let list = json!({ "name": "blocked", "entries": [{ "net": "10.0.0.0/8" }] });
        let list = owner.api("POST", &of("ip-lists"), list).await;

        let hook = json!({ "url": "https://93.184.216.34/hook" });
        let hook = owner.api("POST", &of("webhooks"), hook).await;

        app.called(&organization, &application).await;
        let log = owner.api("GET", &of("requests"), Value::Null).await;

        let document = domain::openapi::parse(BOOKSHOP.as_bytes()).unwrap();
        let catalog = BTreeMap::from([
            ("owner", text(&membership["slug"])),
            ("api", "bookshop".to_owned()),
            ("version", text(&made["version"]["summary"]["slug"])),
            ("operation", document.operations[0].slug.clone()),
            ("file", "openapi.json".to_owned()),
        ]);
        let api = text(&made["api"]);
        let session = sessions["items"][0]["id"].as_str();
        let session = session.or(sessions[0]["id"].as_str()).unwrap().to_owned();
        let key = text(&key["credential"]["id"]);
        let record = text(&log["items"][0]["id"]);
        let names = BTreeMap::from([
            ("organization", text(&membership["slug"])),
            ("team", team_slug),
            ("upstream", text(&upstream["id"])),
            ("api", api),
            ("version", version),
            ("operation", operation),
            ("product", product),
            ("plan", plan),
            ("application", application),
            ("key", key.clone()),
            ("subscription", text(&subscription["id"])),
            ("user", colleague),
            ("invitation", text(&invitation["id"])),
            ("token", text(&token["token"]["id"])),
            ("session", session),
            ("record", record.clone()),
            ("certificate", certificate.clone()),
            ("ip_list", text(&list["id"])),
        ]);
        let ids = BTreeMap::from([
            ("organization", organization),
            ("team", team),
            ("credential", key),
            ("request", record),
            ("certificate", certificate),
            ("host", host.to_owned()),
            ("webhook", text(&hook["webhook"]["id"])),
        ]);
        Self {
            owner,
            names,
            ids,
            catalog,
            mail: app.mail().await,
        }
    }

    /// What stands for a parameter in the address of a page. Of a single-use link it opens nothing.
    pub(crate) fn name(&self, pattern: &str, parameter: &str) -> String {
        let known = match pattern.split('/').nth(1).unwrap() {
            "apis" => &self.catalog,
            "operator" => &self.ids,
            _ => &self.names,
        };
        match parameter {
            "mail" => self.mail.clone(),
            "name" => "sign_up".to_owned(),
            "code" => "key_missing".to_owned(),
            "verb" => "cancel".to_owned(),
            "token" if !pattern.starts_with("/account") => "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            other => known
                .get(other)
                .unwrap_or_else(|| panic!("no {{{other}}} of {pattern}"))
                .clone(),
        }
    }
}

/// A pattern as the names of its parameters say.
pub(crate) fn filled(pattern: &str, name: impl Fn(&str) -> String) -> String {
    let part = |part: &str| {
        let inside = part
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        inside.map_or_else(|| part.to_owned(), &name)
    };
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The parameters of a pattern.
pub(crate) fn parameters(pattern: &str) -> Vec<&str> {
    let parts = pattern.split('/');
    let inside = parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    inside.collect()
}

impl App {
    /// The id of somebody who accepted an invitation.
    async fn colleague(&self, owner: &mut Browser, organization: &str, of: &str) -> String {
        let email = format!("colleague@{of}.example");
        let invitation = json!({ "email": email });
        let path = format!("/organizations/{organization}/invitations");
        owner.api("POST", &path, invitation).await;
        let link = self.mailed("invitation", &email).await;
        let form = [("name", "Colleague"), ("password", PASSWORD)];
        self.browser()
            .post(&link, &form)
            .await
            .to("/sign-in?done=joined");
        let path = format!("/organizations/{organization}/members");
        let members = owner.api("GET", &path, Value::Null).await;
        let found = members["items"].as_array().unwrap();
        let found = found.iter().find(|member| member["email"] == email);
        text(&found.unwrap()["user"])
    }

    /// The id of a mail that waits.
    pub(crate) async fn mail(&self) -> String {
        let ctx = Ctx::job(&self.plane, "test");
        let page = outbox::list(&ctx, &Default::default()).await.unwrap();
        page.items[0].id.to_string()
    }

    /// Gives a host to an organization, as the operator would.
    pub(crate) async fn grant_host(&self, organization: &str, host: &str) {
        let ctx = Ctx::job(&self.plane, "test");
        let id: OrganizationId = organization.parse().unwrap();
        let mut grants = organizations::read_any(&ctx, id).await.unwrap().grants;
        grants.push(Grant {
            path: grants[0].path.clone(),
            hosts: vec![host.to_owned()],
        });
        let input = EditGrants { grants };
        organizations::edit_grants(&ctx, id, None, input)
            .await
            .unwrap();
    }

    /// One call of an application, in the log of its organization.
    async fn called(&self, organization: &str, application: &str) {
        let organization: OrganizationId = organization.parse().unwrap();
        let application: ApplicationId = application.parse().unwrap();
        let record = call(self.plane.clock.now(), organization, application);
        let traffic = &self.plane.databases.traffic;
        let batch = BatchId::from_name("batch", &application.to_string());
        entity::store::traffic::write_batch(traffic, batch, &[record])
            .await
            .unwrap();
    }
}

/// A good call of an organization's application to that same organization.
pub(crate) fn call(
    at: DateTime<Utc>,
    organization: OrganizationId,
    application: ApplicationId,
) -> Record {
    Record {
        at,
        request_id: "r".into(),
        trace_id: String::new(),
        node: "n".into(),
        state: 1,
        provider: organization,
        consumer: organization,
        api: Default::default(),
        version: Default::default(),
        revision: 1,
        operation: Default::default(),
        application,
        credential: Default::default(),
        environment: Default::default(),
        subscription: Default::default(),
        plan: Default::default(),
        client: String::new(),
        method: "GET".into(),
        path: "/".into(),
        path_cut: false,
        status: 200,
        code: String::new(),
        decided_by: String::new(),
        observed: 0,
        observed_by: String::new(),
        target: String::new(),
        variant: String::new(),
        tries: 1,
        bytes_in: 0,
        bytes_out: 0,
        total_us: 1,
        policies_us: 1,
        connect_us: 1,
        first_byte_us: 1,
        units: 1,
        cached: Default::default(),
    }
}

//! The demo: fills an empty installation with an organization, the bookshop's API over the sample
//! upstream, users of every role, a subscription, and some traffic through the gateway.

mod calls;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use api::service::demo::{self, Cast, Player};
use api::service::{
    apis, applications, credentials, organizations, plans, products, subscriptions, upstreams,
    versions,
};
use api::{Ctx, Plane};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::actor::{OrganizationRole, TeamRole};
use domain::id::UpstreamId;
use domain::lifecycle::PlanStep;
use domain::upstream::{Target, UpstreamSettings};
use domain::wire;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The sample upstream, served from this process.
pub(crate) struct Sample {
    address: SocketAddr,
}

impl Sample {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(crate::sample::serve(listener, std::future::pending()));
        Ok(Self { address })
    }

    fn settings(&self) -> UpstreamSettings {
        UpstreamSettings {
            targets: vec![Target::new(format!("http://{}", self.address))],
            ..UpstreamSettings::default()
        }
    }
}

/// What is kept of the demo, 0600 in the data directory: its passwords are known to nobody else.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    users: Vec<Login>,
    key: String,
    upstream: UpstreamId,
    path: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Login {
    role: String,
    email: String,
    password: String,
}

/// Fills an empty installation, or finds the demo that an earlier start made. Answers what
/// `--ready-json` prints under `demo`.
pub(crate) async fn fill(
    plane: &Arc<Plane>,
    sample: &Sample,
    data: &Path,
    gateway: SocketAddr,
) -> anyhow::Result<Value> {
    let ctx = Ctx::job(plane, "demo");
    let file = data.join("demo.json");
    let kept = match std::fs::read_to_string(&file) {
        Ok(text) => {
            let kept: Kept = serde_json::from_str(&text)?;
            // The sample has another port at each start.
            let moved = wire::upstreams::EditUpstream {
                settings: Some(sample.settings()),
                ..Default::default()
            };
            upstreams::edit(&ctx, kept.upstream, None, moved).await?;
            kept
        }
        Err(_) => {
            anyhow::ensure!(
                demo::is_empty(&ctx).await?,
                "--demo fills an empty installation; this data directory holds one that is in use."
            );
            let kept = make(&ctx, sample).await?;
            keep(&file, &kept)?;
            tokio::spawn(calls::some(gateway, kept.path.clone(), kept.key.clone()));
            kept
        }
    };
    let call = format!("http://{gateway}{}/books", kept.path);
    Ok(json!({ "users": kept.users, "key": kept.key, "call": call }))
}

fn keep(file: &Path, kept: &Kept) -> anyhow::Result<()> {
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    out.write_all(serde_json::to_string_pretty(kept)?.as_bytes())?;
    Ok(())
}

/// Role, local part of the address, name, and rights inside the organization.
type Part = (
    &'static str,
    &'static str,
    &'static str,
    Option<(OrganizationRole, Option<TeamRole>)>,
);

/// One of each role.
const ROLES: [Part; 6] = [
    ("operator", "olga", "Olga Operator", None),
    (
        "owner",
        "ines",
        "Ines Kroll",
        Some((OrganizationRole::Owner, None)),
    ),
    (
        "admin",
        "ada",
        "Ada Reader",
        Some((OrganizationRole::Admin, None)),
    ),
    (
        "maintainer",
        "mara",
        "Mara Quill",
        Some((OrganizationRole::Member, Some(TeamRole::Maintainer))),
    ),
    (
        "developer",
        "dan",
        "Dan Tiller",
        Some((OrganizationRole::Member, Some(TeamRole::Developer))),
    ),
    (
        "viewer",
        "vera",
        "Vera Lamp",
        Some((OrganizationRole::Member, Some(TeamRole::Viewer))),
    ),
];

async fn make(ctx: &Ctx, sample: &Sample) -> anyhow::Result<Kept> {
    let mut players = Vec::new();
    let mut users = Vec::new();
    for (role, local, name, rights) in ROLES {
        let password = URL_SAFE_NO_PAD.encode(ctx.random::<18>()?);
        let email = format!("{local}@demo.example");
        players.push(Player {
            email: email.parse()?,
            name: name.parse()?,
            password: password.clone(),
            operator: role == "operator",
            role: rights,
        });
        users.push(Login {
            role: role.to_owned(),
            email,
            password,
        });
    }
    let name = "Foxglove Books".parse()?;
    let cast = demo::cast(ctx, &name, "foxglove".parse()?, &players).await?;
    let root = wire::organizations::EditGrants {
        grants: vec![wire::organizations::Grant {
            path: "/".to_owned(),
            hosts: Vec::new(),
        }],
    };
    organizations::edit_grants(ctx, cast.organization, None, root).await?;
    let owner = demo::acting(ctx, cast.users[1]).await?;
    let (upstream, plan, path) = publish(&owner, &cast, sample).await?;
    let developer = demo::acting(ctx, cast.users[4]).await?;
    let key = subscribe(&developer, &cast, plan).await?;
    Ok(Kept {
        users,
        key,
        upstream,
        path,
    })
}

/// The bookshop, published for everybody, under an automatic and a manual plan.
async fn publish(
    ctx: &Ctx,
    cast: &Cast,
    sample: &Sample,
) -> anyhow::Result<(UpstreamId, domain::id::PlanId, String)> {
    let input = wire::upstreams::CreateUpstream {
        team: cast.team,
        name: "bookshop".to_owned(),
        settings: sample.settings(),
        credential: None,
    };
    let upstream = upstreams::create(ctx, cast.organization, input).await?.id;
    let input = wire::apis::ImportApi {
        team: cast.team,
        document: domain::openapi::BOOKSHOP.to_owned(),
        name: None,
        slug: None,
        version: Some("v1".to_owned()),
    };
    let imported = apis::import(ctx, cast.organization, input).await?;
    let version = imported.version.summary.id;
    let draft = wire::versions::EditDraft {
        upstream: Some(upstream),
        ..Default::default()
    };
    versions::edit_draft(ctx, version, None, draft).await?;
    let input = wire::versions::PublishVersion {
        note: "First edition".to_owned(),
        visibility: Some(domain::api::Visibility::Public),
        product: None,
    };
    let published = versions::publish(ctx, version, None, input).await?;
    let path = published.draft.route.path.clone();
    let product = published.products.first().map(|product| product.id);
    let product = product.ok_or_else(|| anyhow::anyhow!("the version is in no product"))?;
    products::get(ctx, product).await?;
    let mut automatic = None;
    for (name, approval, limit, quota) in [
        ("Free", "auto", 600, 10_000),
        ("Standard", "manual", 6000, 1_000_000),
    ] {
        let input: wire::plans::CreatePlan = serde_json::from_value(json!({
            "name": name,
            "approval": approval,
            "policies": [
                { "rate_limit": { "name": "minute", "limit": limit, "window": "60s" } },
                { "quota": { "name": "month", "limit": quota, "period": "month" } },
            ],
        }))?;
        let plan = plans::create(ctx, product, input).await?;
        plans::step(ctx, plan.id, PlanStep::Publish, None).await?;
        automatic = automatic.or(Some(plan.id));
    }
    let automatic = automatic.ok_or_else(|| anyhow::anyhow!("no plan"))?;
    Ok((upstream, automatic, path))
}

/// An application with a test key, subscribed.
async fn subscribe(ctx: &Ctx, cast: &Cast, plan: domain::id::PlanId) -> anyhow::Result<String> {
    let input = wire::applications::CreateApplication {
        team: cast.team,
        name: "Lantern reader".to_owned(),
        description: "The reading app: search, shelves and orders.".to_owned(),
        labels: Vec::new(),
    };
    let application = applications::create(ctx, cast.organization, input)
        .await?
        .id;
    let input = wire::subscriptions::RequestSubscription {
        plan,
        reason: "To show how it works".to_owned(),
        accept_terms: None,
    };
    subscriptions::request(ctx, application, input).await?;
    let input: wire::credentials::CreateKey =
        serde_json::from_value(json!({ "name": "demo", "environment": "test" }))?;
    Ok(credentials::create(ctx, application, input).await?.key)
}

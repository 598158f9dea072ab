//! From a document to an API: name, slug, version, prefix and upstream are proposed, and all of
//! them can be edited in the draft that comes out.

use domain::actor::Action;
use domain::id::OrganizationId;
use domain::name::{DisplayName, Slug};
use domain::openapi::Document;
use domain::upstream::{Target, UpstreamSettings};
use domain::wire::apis::{CreateApi, ImportApi};
use domain::wire::versions::Imported;
use entity::row::write_json;
use entity::upstream;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::{documents, reach, upstreams, versions};
use crate::write::Write;

use super::Written;

/// Makes an API with one draft version. Nothing is made when the document cannot be read.
pub async fn import(ctx: &Ctx, organization: OrganizationId, input: ImportApi) -> Result<Imported> {
    reach::in_team(ctx, ctx.db(), Action::EditApi, organization, input.team).await?;
    let version = version_slug(input.version.as_deref())?;
    let parsed = documents::parse(input.document).await?;
    let model = &parsed.model;
    let written = Written::check(CreateApi {
        team: input.team,
        name: input
            .name
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| title(model)),
        slug: input.slug,
        description: model
            .description
            .chars()
            .take(domain::wire::apis::MAX_DESCRIPTION)
            .collect(),
        category: String::new(),
        tags: Vec::new(),
        labels: Vec::new(),
        visibility: domain::api::Visibility::Private,
    })?;
    let version = version
        .or_else(|| told_version(model))
        .map_or_else(first_version, Ok)?;
    let settings = proposed_upstream(ctx, model).await;
    let mut write = Write::begin(ctx).await?;
    let api = super::insert(&mut write, organization, input.team.uuid(), &written).await?;
    let upstream = match settings {
        Some(settings) => Some(
            propose(
                &mut write,
                organization,
                input.team.uuid(),
                &api.slug,
                settings,
            )
            .await?,
        ),
        None => None,
    };
    let document = documents::store(ctx, write.tx(), organization, &parsed).await?;
    let made = versions::insert(&mut write, &api, version.as_str(), None).await?;
    versions::fill(&mut write, &made, Some((document, &parsed.model)), upstream).await?;
    write.commit().await?;
    Ok(Imported {
        api: api.id.into(),
        version: versions::get(ctx, made.id.into()).await?,
    })
}

fn version_slug(text: Option<&str>) -> Result<Option<Slug>> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let mut check = Check::new();
    let slug = check.parse::<Slug>("/version", text);
    Ok(Some(check.all((slug,))?.0))
}

fn first_version() -> Result<Slug> {
    "v1".parse()
        .map_err(|_| crate::error::Error::internal("v1 is no slug"))
}

/// A breaking line is a major version: `2.3.1` is `v2`.
fn told_version(model: &Document) -> Option<Slug> {
    let digits: String = model
        .version
        .trim_start_matches(['v', 'V'])
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let major: u32 = digits.parse().ok()?;
    format!("v{}", major.clamp(1, 9999)).parse().ok()
}

/// The title, as far as it can be a name.
fn title(model: &Document) -> String {
    let plain: String = model
        .title
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(DisplayName::MAX)
        .collect();
    match plain.parse::<DisplayName>() {
        Ok(name) => name.to_string(),
        Err(_) => "Imported API".to_owned(),
    }
}

/// The first absolute server, if it may be a target at all; else the draft asks for one.
async fn proposed_upstream(ctx: &Ctx, model: &Document) -> Option<UpstreamSettings> {
    let server = model.first_absolute_server()?;
    let settings = UpstreamSettings {
        targets: vec![Target::new(server.url.clone())],
        ..UpstreamSettings::default()
    };
    upstreams::check_targets(ctx, &settings, "").await.ok()?;
    Some(settings)
}

async fn propose(
    write: &mut Write<'_>,
    organization: OrganizationId,
    team: Uuid,
    slug: &str,
    settings: UpstreamSettings,
) -> Result<Uuid> {
    let ctx = write.ctx();
    let mut name = slug.to_owned();
    for number in 2..100 {
        let taken = upstream::Entity::find()
            .filter(upstream::Column::OrganizationId.eq(organization.uuid()))
            .filter(upstream::Column::Name.eq(name.clone()))
            .count(write.tx())
            .await?;
        if taken == 0 {
            break;
        }
        name = format!("{slug} {number}");
    }
    let row = upstream::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: organization.uuid(),
        team_id: team,
        name,
        settings: write_json("upstream.settings", &settings)?,
        credential: None,
        client_certificate: None,
        client_key: None,
        created_at: ctx.now,
        updated_at: ctx.now,
        etag: 1,
    };
    upstreams::insert(write, &row).await?;
    Ok(row.id)
}

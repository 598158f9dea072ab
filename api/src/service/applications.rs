//! Applications: the consumers' programs, each owned by a team.

use std::collections::{BTreeMap, HashMap};

use domain::actor::Action;
use domain::id::{ApplicationId, CredentialId, OrganizationId};
use domain::label::{self, Label};
use domain::lifecycle::ApplicationState;
use domain::name::DisplayName;
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::applications::{Application, CreateApplication, EditApplication};
use domain::wire::{Page, TeamPaging};
use entity::row::write_json;
use entity::store::traffic::{KeyUse, key_uses};
use entity::{application, credential, subscription};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait,
    PaginatorTrait, QueryFilter, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::reach::{self, Reach};
use crate::service::{apis, names, products};
use crate::write::{Audit, Write, expect};

const MAX_DESCRIPTION: usize = 1000;

pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &TeamPaging,
) -> Result<Page<Application>> {
    let reach = Reach::of(ctx, Action::ReadApplication, organization, paging.team)?;
    let window = Window::<Uuid>::new(&paging.paging())?;
    let query = application::Entity::find()
        .filter(application::Column::OrganizationId.eq(organization.uuid()));
    let query = window.newest_first(
        reach.narrow(query, application::Column::TeamId),
        application::Column::Id,
    );
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    Ok(Page {
        items: show_all(ctx, page.items).await?,
        next: page.next,
    })
}

pub async fn get(ctx: &Ctx, id: ApplicationId) -> Result<Application> {
    let row = load(ctx, ctx.db(), id, Action::ReadApplication).await?;
    show(ctx, row).await
}

pub async fn create(
    ctx: &Ctx,
    organization: OrganizationId,
    input: CreateApplication,
) -> Result<Application> {
    reach::in_team(
        ctx,
        ctx.db(),
        Action::EditApplication,
        organization,
        input.team,
    )
    .await?;
    if !input.labels.is_empty() {
        ctx.may(Action::LabelApplication, organization, Some(input.team))?;
    }
    let (name, description) = checked(&input.name, &input.description, &input.labels)?;
    let mut write = Write::begin(ctx).await?;
    let taken: Vec<String> = application::Entity::find()
        .select_only()
        .column(application::Column::Slug)
        .filter(application::Column::TeamId.eq(input.team.uuid()))
        .into_tuple()
        .all(write.tx())
        .await?;
    let slug = apis::propose(name.as_str(), "application", |slug| {
        taken.iter().any(|taken| taken == slug)
    })?;
    let row = application::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: organization.uuid(),
        team_id: input.team.uuid(),
        slug: slug.to_string(),
        name: name.to_string(),
        description,
        state: ApplicationState::Active.as_str().to_owned(),
        labels: stored(&input.labels)?,
        created_at: ctx.now,
        created_by: ctx.user_id().map(Into::into),
        etag: 1,
    };
    let active: application::ActiveModel = row.clone().into();
    application::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await?;
    let audit = Audit::new("application.create", "application", row.id).of(organization);
    write
        .audit(audit.after(json!({ "name": row.name, "slug": row.slug, "labels": row.labels()? })))
        .await?;
    write.changed(Kind::Application, row.id).await?;
    write.commit().await?;
    show(ctx, row).await
}

pub async fn edit(
    ctx: &Ctx,
    id: ApplicationId,
    if_match: Option<i64>,
    input: EditApplication,
) -> Result<Application> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditApplication).await?;
    expect(if_match, row.etag)?;
    let known = row.labels()?;
    let labels = input.labels.filter(|labels| *labels != known);
    if labels.is_some() {
        let (organization, team) = (row.organization_id.into(), row.team_id.into());
        ctx.may(Action::LabelApplication, organization, Some(team))?;
    }
    let name = input.name.as_deref().unwrap_or(&row.name);
    let (name, description) = checked(
        name,
        input.description.as_deref().unwrap_or(&row.description),
        labels.as_deref().unwrap_or_default(),
    )?;
    let before =
        json!({ "name": row.name, "description": row.description, "labels": row.labels()? });
    let etag = row.etag + 1;
    let mut active: application::ActiveModel = row.into();
    active.name = Set(name.to_string());
    active.description = Set(description);
    if let Some(labels) = &labels {
        active.labels = Set(stored(labels)?);
    }
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let after =
        json!({ "name": row.name, "description": row.description, "labels": row.labels()? });
    write
        .audit(
            Audit::new("application.edit", "application", row.id)
                .of(row.organization_id.into())
                .before(before)
                .after(after),
        )
        .await?;
    // Gateways know nothing of the rest.
    if labels.is_some() {
        write.changed(Kind::Application, row.id).await?;
    }
    write.commit().await?;
    show(ctx, row).await
}

/// Switches all its keys off or on.
pub async fn set_state(
    ctx: &Ctx,
    id: ApplicationId,
    state: ApplicationState,
) -> Result<Application> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::DisableApplication).await?;
    if row.state()? == state {
        let detail = format!("The application is {} already.", state.as_str());
        return Err(Error::new(Code::IllegalTransition, detail));
    }
    let etag = row.etag + 1;
    let mut active: application::ActiveModel = row.into();
    active.state = Set(state.as_str().to_owned());
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let action = match state {
        ApplicationState::Active => "application.enable",
        ApplicationState::Disabled => "application.disable",
    };
    write
        .audit(Audit::new(action, "application", row.id).of(row.organization_id.into()))
        .await?;
    write.changed(Kind::Application, row.id).await?;
    write.commit().await?;
    show(ctx, row).await
}

/// With its keys. Refused while subscriptions are open: the other side should see them end.
pub async fn delete(ctx: &Ctx, id: ApplicationId, if_match: Option<i64>) -> Result<()> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditApplication).await?;
    expect(if_match, row.etag)?;
    let open = subscription::Entity::find()
        .filter(subscription::Column::ApplicationId.eq(row.id))
        .filter(subscription::Column::State.is_in(products::OPEN))
        .count(write.tx())
        .await?;
    if open > 0 {
        return Err(Error::new(
            Code::Conflict,
            "Cancel or withdraw its subscriptions first.",
        ));
    }
    let keys = credential::Entity::find()
        .filter(credential::Column::ApplicationId.eq(row.id))
        .all(write.tx())
        .await?;
    for key in keys {
        write.changed(Kind::Credential, key.id).await?;
    }
    let audit =
        Audit::new("application.delete", "application", row.id).of(row.organization_id.into());
    write
        .audit(audit.before(json!({ "name": row.name })))
        .await?;
    write.changed(Kind::Application, row.id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// The row, if the caller may do `action` to it.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: ApplicationId,
    action: Action,
) -> Result<application::Model> {
    let row = application::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    ctx.may(action, row.organization_id.into(), Some(row.team_id.into()))?;
    Ok(row)
}

/// As they are stored: none for none.
fn stored(labels: &[Label]) -> Result<Option<String>> {
    if labels.is_empty() {
        return Ok(None);
    }
    Ok(Some(write_json("application.labels", &labels)?))
}

fn checked(name: &str, description: &str, labels: &[Label]) -> Result<(DisplayName, String)> {
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", name);
    let description = check.text("/description", description, MAX_DESCRIPTION);
    for wrong in label::check(labels) {
        check.add(wrong.under("/labels"));
    }
    let (name,) = check.all((name,))?;
    Ok((name, description))
}

async fn show(ctx: &Ctx, row: application::Model) -> Result<Application> {
    show_all(ctx, vec![row])
        .await?
        .pop()
        .ok_or_else(Error::not_found)
}

async fn show_all(ctx: &Ctx, rows: Vec<application::Model>) -> Result<Vec<Application>> {
    let db = ctx.db();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let teams = names::teams(db, rows.iter().map(|row| row.team_id)).await?;
    let keys = credential::Entity::find()
        .filter(credential::Column::ApplicationId.is_in(ids.iter().copied()))
        .all(db)
        .await?;
    let used = uses(ctx, &keys).await?;
    let open: Vec<(Uuid, i64)> = subscription::Entity::find()
        .select_only()
        .column(subscription::Column::ApplicationId)
        .column_as(subscription::Column::Id.count(), "open")
        .filter(subscription::Column::ApplicationId.is_in(ids))
        .filter(subscription::Column::State.is_in(products::OPEN))
        .group_by(subscription::Column::ApplicationId)
        .into_tuple()
        .all(db)
        .await?;
    let open: HashMap<Uuid, i64> = open.into_iter().collect();
    let shown = rows.into_iter().map(|row| {
        let own = || keys.iter().filter(|key| key.application_id == row.id);
        Ok(Application {
            id: row.id.into(),
            organization: row.organization_id.into(),
            team: teams.get(row.team_id),
            state: row.state()?,
            keys: own()
                .filter(|key| key.lifetime().judge(ctx.now).is_ok())
                .count() as u64,
            subscriptions: open
                .get(&row.id)
                .and_then(|count| u64::try_from(*count).ok())
                .unwrap_or(0),
            last_used_at: own()
                .filter_map(|key| used.get(&key.id.into())?.last_used)
                .max(),
            name: row.name.clone(),
            slug: row.slug.clone(),
            description: row.description.clone(),
            labels: row.labels()?,
            created_at: row.created_at,
            etag: row.etag,
        })
    });
    shown.collect()
}

/// When keys were used, to the minute; those that never were are missing.
pub(crate) async fn uses(
    ctx: &Ctx,
    keys: &[credential::Model],
) -> Result<BTreeMap<CredentialId, KeyUse>> {
    let ids: Vec<CredentialId> = keys.iter().map(|key| key.id.into()).collect();
    Ok(key_uses(&ctx.plane.databases.traffic, &ids).await?)
}

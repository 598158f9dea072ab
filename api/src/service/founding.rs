//! Making an account, and an organization with its first team: what sign-up, first run,
//! invitations and the demo have in common.

use domain::actor::{OrganizationRole, TeamRole};
use domain::id::{OrganizationId, TeamId, UserId};
use domain::name::{DisplayName, EmailAddress, Slug};
use domain::organization::{ClientAddresses, OrganizationState};
use domain::snapshot::Kind;
use entity::organization::Granted;
use entity::{organization, organization_member, team, team_member, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter,
};
use serde_json::json;

use crate::error::{Error, Result};
use crate::service::versions::is_free;
use crate::write::{Audit, Write};

const SLUG_TAKEN: &str = "Another organization has this name.";

/// A person about to get an account whose address is proven.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) id: UserId,
    pub(crate) email: EmailAddress,
    pub(crate) name: DisplayName,
    pub(crate) password_hash: String,
    pub(crate) operator: bool,
}

pub(crate) async fn account(write: &Write<'_>, new: NewAccount) -> Result<()> {
    let now = write.ctx().now;
    let row = user::ActiveModel {
        id: Set(new.id.into()),
        email: Set(new.email.to_string()),
        email_key: Set(new.email.key()),
        name: Set(new.name.to_string()),
        password_hash: Set(new.password_hash),
        operator: Set(new.operator),
        verified_at: Set(Some(now)),
        failed_count: Set(0),
        created_at: Set(now),
        etag: Set(1),
        ..<user::ActiveModel as sea_orm::ActiveModelTrait>::default()
    };
    user::Entity::insert(row)
        .exec_without_returning(write.tx())
        .await?;
    let told = json!({ "operator": new.operator });
    write
        .audit(Audit::new("account.create", "user", new.id).after(told))
        .await
}

pub(crate) async fn find_account<C: ConnectionTrait>(
    db: &C,
    email_key: &str,
) -> Result<Option<user::Model>> {
    Ok(user::Entity::find()
        .filter(user::Column::EmailKey.eq(email_key))
        .one(db)
        .await?)
}

/// Makes an organization owned by `owner`, with one team. The slug is `wanted`, or one made from
/// the name that nobody has.
pub(crate) async fn organization(
    write: &mut Write<'_>,
    owner: UserId,
    name: &DisplayName,
    wanted: Option<Slug>,
) -> Result<organization::Model> {
    let ctx = write.ctx();
    let id: OrganizationId = ctx.id()?;
    let slug = match wanted {
        Some(slug) => checked_slug(write.tx(), slug).await?,
        None => free_slug(write.tx(), name).await?,
    };
    // The organization's own part of the gateway: nobody else has the slug, or anything under it.
    let grants = vec![Granted {
        path: format!("/{slug}"),
        hosts: Vec::new(),
    }];
    let row = organization::ActiveModel {
        id: Set(id.into()),
        slug: Set(slug.to_string()),
        name: Set(name.to_string()),
        state: Set(OrganizationState::Active.as_str().to_owned()),
        grants: Set(serde_json::to_string(&grants)?),
        client_addresses: Set(ClientAddresses::default().as_str().to_owned()),
        policies: Set("[]".to_owned()),
        created_at: Set(ctx.now),
        created_by: Set(Some(owner.into())),
        etag: Set(1),
    };
    let made = row
        .insert(write.tx())
        .await
        .map_err(|error| Error::from(error).unique("/slug", SLUG_TAKEN))?;
    let told = json!({ "slug": made.slug, "name": made.name });
    write
        .audit(
            Audit::new("organization.create", "organization", id)
                .of(id)
                .after(told),
        )
        .await?;
    join(write, id, owner, OrganizationRole::Owner).await?;
    let team = team(write, id, "Main", "main", "").await?;
    join_team(write, id, team.id.into(), owner, TeamRole::Maintainer).await?;
    write.changed(Kind::Organization, id).await?;
    Ok(made)
}

/// The slug that somebody chose, unless it is taken or would give them others' part of the gateway.
async fn checked_slug<C: ConnectionTrait>(tx: &C, slug: Slug) -> Result<Slug> {
    if is_known(tx, &slug).await? {
        return Err(Error::taken("/slug", SLUG_TAKEN));
    }
    if !is_free(tx, &format!("/{slug}")).await? {
        return Err(Error::field(
            "/slug",
            "The gateway has something at this path already. Choose another name.",
        ));
    }
    Ok(slug)
}

async fn is_known<C: ConnectionTrait>(tx: &C, slug: &Slug) -> Result<bool> {
    let known = organization::Entity::by_slug(slug.as_str());
    Ok(known.count(tx).await? > 0)
}

async fn free_slug<C: ConnectionTrait>(tx: &C, name: &DisplayName) -> Result<Slug> {
    let fallback = || "organization".parse::<Slug>().map_err(Error::internal);
    let wish = match Slug::suggest(name.as_str()) {
        Some(slug) => slug,
        None => fallback()?,
    };
    let mut slug = wish.clone();
    for number in 2..10_000 {
        let free = !slug.is_reserved()
            && !is_known(tx, &slug).await?
            && is_free(tx, &format!("/{slug}")).await?;
        if free {
            return Ok(slug);
        }
        slug = wish.numbered(number);
    }
    Err(Error::taken(
        "/organization",
        "Choose another name for the organization.",
    ))
}

/// Makes a team.
pub(crate) async fn team(
    write: &Write<'_>,
    organization: OrganizationId,
    name: &str,
    slug: &str,
    description: &str,
) -> Result<team::Model> {
    let ctx = write.ctx();
    let id: TeamId = ctx.id()?;
    let row = team::ActiveModel {
        id: Set(id.into()),
        organization_id: Set(organization.into()),
        slug: Set(slug.to_owned()),
        name: Set(name.to_owned()),
        description: Set(description.to_owned()),
        created_at: Set(ctx.now),
        etag: Set(1),
    };
    let made = row
        .insert(write.tx())
        .await
        .map_err(|error| Error::from(error).unique("/slug", "Another team has this name."))?;
    let told = json!({ "slug": slug, "name": name });
    write
        .audit(
            Audit::new("team.create", "team", id)
                .of(organization)
                .after(told),
        )
        .await?;
    Ok(made)
}

/// Makes `user` a member; they must not be one yet.
pub(crate) async fn join(
    write: &Write<'_>,
    organization: OrganizationId,
    user: UserId,
    role: OrganizationRole,
) -> Result<()> {
    let row = organization_member::ActiveModel {
        organization_id: Set(organization.into()),
        user_id: Set(user.into()),
        role: Set(role.as_str().to_owned()),
        created_at: Set(write.ctx().now),
        etag: Set(1),
    };
    organization_member::Entity::insert(row)
        .exec_without_returning(write.tx())
        .await?;
    let told = json!({ "role": role });
    write
        .audit(
            Audit::new("member.add", "user", user)
                .of(organization)
                .after(told),
        )
        .await
}

/// Makes `user` a member of a team; they must be in its organization and not in the team yet.
pub(crate) async fn join_team(
    write: &Write<'_>,
    organization: OrganizationId,
    team: TeamId,
    user: UserId,
    role: TeamRole,
) -> Result<()> {
    let row = team_member::ActiveModel {
        team_id: Set(team.into()),
        user_id: Set(user.into()),
        organization_id: Set(organization.into()),
        role: Set(role.as_str().to_owned()),
        created_at: Set(write.ctx().now),
        etag: Set(1),
    };
    team_member::Entity::insert(row)
        .exec_without_returning(write.tx())
        .await?;
    let told = json!({ "team": team, "role": role });
    write
        .audit(
            Audit::new("team_member.add", "user", user)
                .of(organization)
                .after(told),
        )
        .await
}

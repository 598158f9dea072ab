//! Credentials of applications, as digests.

use chrono::{DateTime, Utc};
use domain::application::{Claimed, CredentialKind, Lifetime};
use domain::id::{ApplicationId, CredentialId, OrganizationId};
use domain::key::{Environment, KeyDigest};
use domain::snapshot;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{QueryOrder, UpdateMany};

use crate::row::{RowError, read_json, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credential")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub application_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// SHA-256 of the whole key. Of another kind one that nobody has: see `claim`.
    #[sea_orm(unique, column_type = "Blob")]
    pub digest: Vec<u8>,
    /// The digest by which gateways find what is no key. Several organizations may have the same
    /// one; of an organization, one that is not revoked.
    #[sea_orm(column_type = "Blob", nullable)]
    pub claim: Option<Vec<u8>>,
    /// JSON of [`Claimed`].
    #[sea_orm(column_type = "Text", nullable)]
    pub claimed: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub display_id: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub environment: String,
    /// JSON list of networks; empty: from anywhere.
    #[sea_orm(column_type = "Text")]
    pub cidrs: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<Uuid>,
    pub expires_at: Option<DateTime<Utc>>,
    pub retires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub revoked_by: Option<Uuid>,
    pub rolled_from: Option<Uuid>,
    /// The end that its holders were told of when it had come. Another one is told of anew.
    pub told_end: Option<DateTime<Utc>>,
    /// The end that they were told of ahead.
    pub told_ahead: Option<DateTime<Utc>>,
    pub etag: i64,
}

/// When it ends: at the earlier of both, as a former release may have rolled one beyond its own
/// expiry. As the indexes have it.
const END: &str = "(CASE WHEN expires_at < retires_at THEN expires_at \
    ELSE COALESCE(retires_at, expires_at) END)";
const END_UNTOLD: &str = "told_end IS DISTINCT FROM \
    (CASE WHEN expires_at < retires_at THEN expires_at \
    ELSE COALESCE(retires_at, expires_at) END)";
const AHEAD_UNTOLD: &str = "told_ahead IS DISTINCT FROM expires_at";

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::organization::Entity",
        from = "Column::OrganizationId",
        to = "super::organization::Column::Id"
    )]
    Organization,
    #[sea_orm(
        belongs_to = "super::application::Entity",
        from = "Column::ApplicationId",
        to = "super::application::Column::Id"
    )]
    Application,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl Related<super::application::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Application.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: CredentialId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    /// What gateways know: all keys, as a revoked one is told so, and what others issued unless it
    /// is revoked.
    pub fn in_state() -> Select<Self> {
        let told = Column::Claim.is_null().or(Column::RevokedAt.is_null());
        Self::find().filter(told)
    }

    /// Those that work at `now`.
    pub fn working(application: Uuid, now: DateTime<Utc>) -> Select<Self> {
        let lives = |column: Column| column.is_null().or(column.gt(now));
        Self::find()
            .filter(Column::ApplicationId.eq(application))
            .filter(Column::RevokedAt.is_null())
            .filter(lives(Column::ExpiresAt))
            .filter(lives(Column::RetiresAt))
    }

    /// Those whose end has come and was not told of, the earliest first; of all organizations.
    pub fn ended(now: DateTime<Utc>) -> Select<Self> {
        Self::find()
            .filter(Column::RevokedAt.is_null())
            .filter(Expr::cust(END_UNTOLD))
            .filter(Expr::cust(END).lte(now))
            .order_by_asc(Expr::cust(END))
    }

    /// Those that expire after `now` and up to `until`, of which nobody was told ahead, the earliest
    /// first; of all organizations. Whoever rolled one chose its end and knows.
    pub fn ending(now: DateTime<Utc>, until: DateTime<Utc>) -> Select<Self> {
        Self::find()
            .filter(Column::RevokedAt.is_null())
            .filter(Column::RetiresAt.is_null())
            .filter(Expr::cust(AHEAD_UNTOLD))
            .filter(Column::ExpiresAt.gt(now))
            .filter(Column::ExpiresAt.lte(until))
            .order_by_asc(Column::ExpiresAt)
    }

    /// Notes that the ends of these were told of, as they stand in the rows now.
    pub fn note_end(ids: impl IntoIterator<Item = Uuid>) -> UpdateMany<Self> {
        Self::update_many()
            .col_expr(Column::ToldEnd, Expr::cust(END))
            .filter(Column::Id.is_in(ids))
    }

    /// Notes that the ends of these were told of ahead, as they stand in the rows now.
    pub fn note_ahead(ids: impl IntoIterator<Item = Uuid>) -> UpdateMany<Self> {
        Self::update_many()
            .col_expr(Column::ToldAhead, Expr::col(Column::ExpiresAt))
            .filter(Column::Id.is_in(ids))
    }

    pub fn of_application(application: ApplicationId) -> Select<Self> {
        Self::find().filter(Column::ApplicationId.eq(application.uuid()))
    }
}

impl Model {
    pub fn environment(&self) -> Result<Environment, RowError> {
        read_word(
            "credential.environment",
            &self.environment,
            Environment::parse,
        )
    }

    pub fn kind(&self) -> Result<CredentialKind, RowError> {
        read_word("credential.kind", &self.kind, CredentialKind::parse)
    }

    /// What it is of, unless it is a key.
    pub fn claimed(&self) -> Result<Option<Claimed>, RowError> {
        let read = |text: &String| read_json("credential.claimed", text);
        self.claimed.as_ref().map(read).transpose()
    }

    pub fn lifetime(&self) -> Lifetime {
        Lifetime {
            expires_at: self.expires_at,
            retires_at: self.retires_at,
            revoked_at: self.revoked_at,
        }
    }

    /// When it stops, unless it is revoked before.
    pub fn ends_at(&self) -> Option<DateTime<Utc>> {
        let ends = self.retires_at.into_iter().chain(self.expires_at);
        ends.min()
    }

    pub fn to_state(self) -> Result<snapshot::Credential, RowError> {
        let environment = self.environment()?;
        let lifetime = self.lifetime();
        let unfit = |reason: &str| RowError {
            column: "credential.claimed",
            reason: reason.to_owned(),
        };
        // Of a kind that is not known it may be bound to what this release does not check.
        let (signs, argon2id) = match self.kind()? {
            CredentialKind::Signature => match self.claimed()? {
                Some(Claimed::Signature { key, .. }) => (Some(key), None),
                Some(
                    Claimed::Client(_)
                    | Claimed::Platform(_)
                    | Claimed::Certificate(_)
                    | Claimed::CertificateName(_)
                    | Claimed::Password(_),
                )
                | None => return Err(unfit("a signature has a public key")),
            },
            CredentialKind::Password => match self.claimed()? {
                // One that we made is found by its digest.
                None => (None, None),
                Some(Claimed::Password(hash)) => (None, Some(hash)),
                Some(
                    Claimed::Client(_)
                    | Claimed::Platform(_)
                    | Claimed::Certificate(_)
                    | Claimed::CertificateName(_)
                    | Claimed::Signature { .. },
                ) => return Err(unfit("a password has a hash")),
            },
            CredentialKind::Key | CredentialKind::Client | CredentialKind::Certificate => {
                (None, None)
            }
        };
        let Self {
            id,
            organization_id: _,
            application_id,
            kind: _,
            digest,
            claim,
            claimed: _,
            display_id: _,
            name: _,
            environment: _,
            cidrs,
            created_at: _,
            created_by: _,
            expires_at: _,
            retires_at: _,
            revoked_at: _,
            revoked_by: _,
            rolled_from: _,
            told_end: _,
            told_ahead: _,
            etag: _,
        } = self;
        let digest = claim.unwrap_or(digest).try_into().map_err(|_| RowError {
            column: "credential.digest",
            reason: "a SHA-256 has 32 bytes".to_owned(),
        })?;
        Ok(snapshot::Credential {
            id: id.into(),
            application: application_id.into(),
            environment,
            digest: KeyDigest(digest),
            lifetime,
            cidrs: read_json("credential.cidrs", &cidrs)?,
            signs,
            argon2id,
        })
    }
}

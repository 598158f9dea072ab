//! Tenants and people, written straight into the tables so that a test begins where it wants.

use api::secret::digest;
use domain::actor::{OrganizationRole, Resource, TeamRole};
use domain::id::{Id, OrganizationId, TeamId, UserId};
use entity::{organization, organization_member, personal_token, team, team_member, user};
use sea_orm::{ActiveValue::Set, EntityTrait};
use tokio::sync::OnceCell;

use super::{App, Client, PASSWORD};

/// A person with a token of all scopes.
#[derive(Clone)]
pub struct Caller {
    pub id: UserId,
    pub email: String,
    pub client: Client,
}

/// An organization with one team.
#[derive(Clone, Copy)]
pub struct Tenant {
    pub id: OrganizationId,
    pub team: TeamId,
}

/// Two tenants and everybody who matters to a rule.
pub struct World {
    pub app: App,
    /// The tenant whose things are called.
    pub here: Tenant,
    pub there: Tenant,
    pub owner: Caller,
    /// A plain member of `here`, viewer in its team.
    pub member: Caller,
    /// Another plain member, viewer in its team.
    pub colleague: Caller,
    /// Owner of `there`.
    pub stranger: Caller,
    pub operator: Caller,
}

impl World {
    pub async fn new(app: App) -> Self {
        let owner = app.person("owner", false).await;
        let member = app.person("member", false).await;
        let stranger = app.person("stranger", false).await;
        let operator = app.person("operator", true).await;
        let here = app.tenant("here", owner.id).await;
        let there = app.tenant("there", stranger.id).await;
        app.join(here, member.id, OrganizationRole::Member).await;
        app.join_team(here, member.id, TeamRole::Viewer).await;
        let colleague = app.person("colleague", false).await;
        app.join(here, colleague.id, OrganizationRole::Member).await;
        app.join_team(here, colleague.id, TeamRole::Viewer).await;
        Self {
            app,
            here,
            there,
            owner,
            member,
            colleague,
            stranger,
            operator,
        }
    }
}

/// Hashed once: it is slow on purpose.
async fn password_hash(app: &App) -> String {
    static HASH: OnceCell<String> = OnceCell::const_new();
    HASH.get_or_init(|| async { app.plane.passwords.hash(PASSWORD, [7; 16]).await.unwrap() })
        .await
        .clone()
}

impl App {
    /// An account `<name>@<name>.example` with [`PASSWORD`].
    pub async fn person(&self, name: &str, operator: bool) -> Caller {
        let now = self.plane.clock.now();
        let id = UserId::from_name("user", name);
        let email = format!("{name}@{name}.example");
        let row = user::ActiveModel {
            id: Set(id.into()),
            email: Set(email.clone()),
            email_key: Set(email.clone()),
            name: Set(name.to_owned()),
            password_hash: Set(password_hash(self).await),
            operator: Set(operator),
            verified_at: Set(Some(now)),
            failed_count: Set(0),
            created_at: Set(now),
            etag: Set(1),
            ..<user::ActiveModel as sea_orm::ActiveModelTrait>::default()
        };
        let db = &self.plane.databases.main;
        user::Entity::insert(row)
            .exec_without_returning(db)
            .await
            .unwrap();
        let scopes: Vec<String> = Resource::ALL
            .iter()
            .map(|resource| format!("{}:write", resource.as_str()))
            .collect();
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let client = self
            .client()
            .with_token(&self.token(id, name, &scopes).await);
        Caller { id, email, client }
    }

    /// A personal token of `user`.
    pub async fn token(&self, user: UserId, name: &str, scopes: &[&str]) -> String {
        let scope: String =
            domain::id::Id::<domain::id::of::Token>::from_name("scopes", &scopes.join(" "))
                .to_string();
        let value = format!("ptn_pat_{name}_{scope}");
        let row = personal_token::ActiveModel {
            id: Set(Id::<domain::id::of::Token>::from_name("token", &value).into()),
            user_id: Set(user.into()),
            name: Set(name.to_owned()),
            display_id: Set("ptn_pat_test".to_owned()),
            digest: Set(digest(value.as_bytes())),
            scopes: Set(serde_json::to_string(scopes).unwrap()),
            created_at: Set(self.plane.clock.now()),
            expires_at: Set(None),
            last_used_at: Set(None),
            revoked_at: Set(None),
        };
        personal_token::Entity::insert(row)
            .exec_without_returning(&self.plane.databases.main)
            .await
            .unwrap();
        value
    }

    pub async fn tenant(&self, slug: &str, owner: UserId) -> Tenant {
        let (db, now) = (&self.plane.databases.main, self.plane.clock.now());
        let id = OrganizationId::from_name("organization", slug);
        let team = TeamId::from_name("team", slug);
        let row = organization::ActiveModel {
            id: Set(id.into()),
            slug: Set(slug.to_owned()),
            name: Set(slug.to_owned()),
            state: Set("active".to_owned()),
            grants: Set(format!("[{{\"path\":\"/{slug}\"}}]")),
            client_addresses: Set("whole".to_owned()),
            policies: Set("[]".to_owned()),
            created_at: Set(now),
            created_by: Set(Some(owner.into())),
            etag: Set(1),
        };
        organization::Entity::insert(row)
            .exec_without_returning(db)
            .await
            .unwrap();
        let row = team::ActiveModel {
            id: Set(team.into()),
            organization_id: Set(id.into()),
            slug: Set("main".to_owned()),
            name: Set("Main".to_owned()),
            description: Set(String::new()),
            created_at: Set(now),
            etag: Set(1),
        };
        team::Entity::insert(row)
            .exec_without_returning(db)
            .await
            .unwrap();
        let tenant = Tenant { id, team };
        self.join(tenant, owner, OrganizationRole::Owner).await;
        tenant
    }

    pub async fn join(&self, tenant: Tenant, user: UserId, role: OrganizationRole) {
        let row = organization_member::ActiveModel {
            organization_id: Set(tenant.id.into()),
            user_id: Set(user.into()),
            role: Set(role.as_str().to_owned()),
            created_at: Set(self.plane.clock.now()),
            etag: Set(1),
        };
        organization_member::Entity::insert(row)
            .exec_without_returning(&self.plane.databases.main)
            .await
            .unwrap();
    }

    pub async fn join_team(&self, tenant: Tenant, user: UserId, role: TeamRole) {
        let row = team_member::ActiveModel {
            team_id: Set(tenant.team.into()),
            user_id: Set(user.into()),
            organization_id: Set(tenant.id.into()),
            role: Set(role.as_str().to_owned()),
            created_at: Set(self.plane.clock.now()),
            etag: Set(1),
        };
        team_member::Entity::insert(row)
            .exec_without_returning(&self.plane.databases.main)
            .await
            .unwrap();
    }
}

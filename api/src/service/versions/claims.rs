//! A version's place in the gateways' address space. The table's primary key makes two versions
//! at one place impossible, also for two that publish at the same moment.

use domain::id::OrganizationId;
use domain::problem::{Code, Invalid};
use domain::route::{Clash, Grant, clash};
use domain::snapshot::Route;
use entity::{organization, route};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, Set};
use uuid::Uuid;

use crate::error::{Error, Result};

/// `Err` (422) for a malformed route, 409 `route_taken` for one that cannot stand there. Names
/// nobody. Pointers start with `/route`.
pub(crate) async fn check<C: ConnectionTrait>(
    db: &C,
    version: Uuid,
    organization: Uuid,
    route: &Route,
) -> Result<()> {
    let malformed: Vec<Invalid> = domain::prefix::check(route)
        .into_iter()
        .map(|found| found.under("/route"))
        .collect();
    if !malformed.is_empty() {
        return Err(Error::invalid(malformed));
    }
    let grants = grants(db).await?;
    let refused = clash(route, OrganizationId::from(organization), &grants, []);
    let refused = match refused {
        Some(refused) => Some(refused),
        None if is_taken(db, version, route).await? => Some(Clash::Taken),
        None => None,
    };
    match refused {
        None => Ok(()),
        Some(clash) => Err(taken(&clash.to_string())),
    }
}

fn taken(message: &str) -> Error {
    Error {
        invalid: vec![Invalid::new("/route/path", message)],
        ..Error::new(Code::RouteTaken, message)
    }
}

/// Every organization's part of the address space.
async fn grants<C: ConnectionTrait>(db: &C) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for row in organization::Entity::find().all(db).await? {
        grants.extend(row.grants()?);
    }
    Ok(grants)
}

fn hosts(route: &Route) -> Vec<String> {
    if route.hosts.is_empty() {
        vec![String::new()]
    } else {
        route.hosts.clone()
    }
}

async fn is_taken<C: ConnectionTrait>(db: &C, version: Uuid, route: &Route) -> Result<bool> {
    let found = route::Entity::find()
        .filter(route::Column::Host.is_in(hosts(route)))
        .filter(route::Column::Path.eq(&route.path))
        .filter(route::Column::VersionId.ne(version));
    Ok(found.count(db).await? > 0)
}

/// Takes the place for a version that is about to be served, and gives up what it had before.
pub(crate) async fn claim<C: ConnectionTrait>(
    db: &C,
    version: Uuid,
    organization: Uuid,
    route: &Route,
) -> Result<()> {
    release(db, version).await?;
    let rows = hosts(route).into_iter().map(|host| route::ActiveModel {
        host: Set(host),
        path: Set(route.path.clone()),
        version_id: Set(version),
        organization_id: Set(organization),
    });
    let claimed = route::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await;
    match claimed {
        Ok(_) => Ok(()),
        Err(error) if entity::database::is_taken(&error) => Err(taken(&Clash::Taken.to_string())),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn release<C: ConnectionTrait>(db: &C, version: Uuid) -> Result<()> {
    route::Entity::delete_many()
        .filter(route::Column::VersionId.eq(version))
        .exec(db)
        .await?;
    Ok(())
}

/// The first prefix of an organization, to propose routes under.
pub(crate) async fn own_prefix<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<String> {
    let row = organization::Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let first = row.grants()?.into_iter().next().map(|grant| grant.path);
    Ok(first.unwrap_or_else(|| format!("/{}", row.slug)))
}

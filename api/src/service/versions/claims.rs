//! A version's place in the gateways' address space. The table's primary key makes two versions
//! at one place impossible, also for two that publish at the same moment.

use std::collections::BTreeSet;

use domain::id::ApiId;
use domain::problem::{Code, Invalid};
use domain::route::{Claim, Clash, Grant, Rule, clash, covers};
use domain::snapshot::Route;
use entity::row::write_json;
use entity::{draft, organization, revision, route, version};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use super::{DraftSettings, Loaded};
use crate::error::{Error, Result};

/// `Err` (422) for a malformed route, 409 `route_taken` for one that cannot stand there. Names
/// nobody. Pointers start with `/route`.
pub(crate) async fn check<C: ConnectionTrait>(
    db: &C,
    loaded: &Loaded,
    route: &Route,
) -> Result<()> {
    let malformed: Vec<Invalid> = domain::prefix::check(route)
        .into_iter()
        .map(|found| found.under("/route"))
        .collect();
    if !malformed.is_empty() {
        return Err(Error::invalid(malformed));
    }
    let claim = Claim {
        organization: loaded.api.organization_id.into(),
        api: loaded.api.id.into(),
        version: loaded.version.slug.clone(),
        route: route.clone(),
    };
    let grants = grants(db).await?;
    let others = at_or_above(db, loaded.version.id, &route.path).await?;
    match clash(&claim, &grants, &others) {
        None => Ok(()),
        Some(clash) => Err(taken(clash)),
    }
}

fn taken(clash: Clash) -> Error {
    let message = clash.to_string();
    let pointer = format!("/route{}", clash.pointer());
    Error {
        invalid: vec![Invalid::new(pointer, message.clone())],
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

/// The routes of other versions that calls to `path` may reach: those at it and above it.
async fn at_or_above<C: ConnectionTrait>(db: &C, version: Uuid, path: &str) -> Result<Vec<Claim>> {
    let ends = path.match_indices('/').map(|(end, _)| &path[..end]);
    let above = ends.filter(|path| !path.is_empty());
    let found = route::Entity::find()
        .filter(route::Column::Path.is_in(above.chain(["/", path])))
        .filter(route::Column::VersionId.ne(version))
        .find_also_related(version::Entity)
        .all(db)
        .await?;
    let claim = |(row, version): (route::Model, Option<version::Model>)| {
        // A foreign key sees to it that there is one.
        let version = version.ok_or_else(Error::not_found)?;
        Ok(Claim {
            organization: row.organization_id.into(),
            api: version.api_id.into(),
            route: row.route()?,
            version: version.slug,
        })
    };
    found.into_iter().map(claim).collect()
}

/// Whether nobody has anything at or under `prefix`, so that it can become a new organization's:
/// no grant, no route in use or of a version that is retired, and no draft that asks for one. The holder of `/` has routes there
/// without a grant that would say so.
pub(crate) async fn is_free<C: ConnectionTrait>(db: &C, prefix: &str) -> Result<bool> {
    // The texts are searched only to load little; what counts is decided by `covers`.
    let granted = organization::Entity::find()
        .filter(organization::Column::Grants.contains(prefix))
        .all(db)
        .await?;
    for row in granted {
        if row.grants()?.iter().any(|held| covers(prefix, &held.path)) {
            return Ok(false);
        }
    }
    let in_use: Vec<String> = route::Entity::find()
        .select_only()
        .column(route::Column::Path)
        .filter(route::Column::Path.starts_with(prefix))
        .into_tuple()
        .all(db)
        .await?;
    if in_use.iter().any(|path| covers(prefix, path)) {
        return Ok(false);
    }
    if !retired_under(db, prefix).await?.is_empty() {
        return Ok(false);
    }
    let drafts = draft::Entity::find()
        .filter(draft::Column::Settings.contains(prefix))
        .all(db)
        .await?;
    for row in drafts {
        let settings = DraftSettings::read(&row);
        // One that cannot be read may be for any place.
        if settings.is_lost() || covers(prefix, &settings.route.path) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// APIs with a version that is retired, of which callers may still know the place, at or under
/// `prefix`.
pub(crate) async fn retired_under<C: ConnectionTrait>(
    db: &C,
    prefix: &str,
) -> Result<BTreeSet<ApiId>> {
    let current = version::Entity::retired()
        .select_only()
        .column(version::Column::CurrentRevisionId)
        .into_query();
    let found = revision::Entity::find()
        .filter(revision::Column::Id.in_subquery(current))
        .filter(revision::Column::Snapshot.contains(prefix))
        .find_also_related(version::Entity)
        .all(db)
        .await?;
    let is_there = |row: &revision::Model| {
        let place = row.place();
        place.is_some_and(|place| covers(prefix, &place.route.path))
    };
    let found = found.into_iter().filter(|(row, _)| is_there(row));
    let apis = found.filter_map(|(_, version)| Some(version?.api_id.into()));
    Ok(apis.collect())
}

/// Takes the place for a version that is about to be served, and gives up what it had before.
pub(crate) async fn claim<C: ConnectionTrait>(
    db: &C,
    loaded: &Loaded,
    route: &Route,
) -> Result<()> {
    release(db, loaded.version.id).await?;
    let rule = Rule::new(route, &loaded.version.slug).map_err(Error::invalid)?;
    // A former release writes nothing there, and means the same.
    let written = if rule.is_plain() {
        String::new()
    } else {
        // Time-outs tell no requests apart, and a former release does not know them.
        let told_apart = Route {
            timeouts: None,
            ..route.clone()
        };
        write_json("route.rule", &told_apart)?
    };
    let rows = hosts(route).into_iter().map(|host| route::ActiveModel {
        host: Set(host),
        path: Set(route.path.clone()),
        selector: Set(rule.to_string()),
        rule: Set(written.clone()),
        version_id: Set(loaded.version.id),
        organization_id: Set(loaded.api.organization_id),
    });
    let claimed = route::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await;
    match claimed {
        Ok(_) => Ok(()),
        Err(error) if entity::database::is_taken(&error) => Err(taken(Clash::Taken)),
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

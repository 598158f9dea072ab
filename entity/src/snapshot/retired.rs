//! What is retired of APIs, as far as its place is still their organization's: it would answer in
//! somebody else's part of the address space otherwise.

use std::collections::HashMap;

use domain::route::{Claim, Grant, clash};
use domain::snapshot;
use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::parts::CHUNK;
use crate::organization::Granted;
use crate::row::read_json;
use crate::{organization, revision, version};

/// By API, each in the order of ids. One whose place cannot be read has none: there is nothing to
/// answer.
pub(super) async fn of<C: ConnectionTrait>(
    tx: &C,
    apis: SelectStatement,
) -> Result<HashMap<Uuid, Vec<snapshot::Retired>>, DbErr> {
    let mut found: HashMap<Uuid, Vec<snapshot::Retired>> = HashMap::new();
    let gone = version::Entity::retired()
        .filter(version::Column::ApiId.in_subquery(apis))
        .order_by_asc(version::Column::Id)
        .all(tx)
        .await?;
    if gone.is_empty() {
        return Ok(found);
    }
    let grants = Grants::load(tx).await?;
    for rows in gone.chunks(CHUNK) {
        let current = rows.iter().filter_map(|row| row.current_revision_id);
        let current = revision::Entity::find()
            .filter(revision::Column::Id.is_in(current))
            .all(tx)
            .await?;
        let current = current.into_iter().map(|row| (row.version_id, row));
        let current: HashMap<Uuid, revision::Model> = current.collect();
        for row in rows {
            let Some(current) = current.get(&row.id) else {
                continue;
            };
            if let Ok(Some(told)) = row.clone().to_retired(current)
                && grants.allow(row, &told)
            {
                found.entry(row.api_id).or_default().push(told);
            }
        }
    }
    Ok(found)
}

/// All grants, by their paths without a slash at the end.
struct Grants(HashMap<String, Vec<Grant>>);

impl Grants {
    async fn load<C: ConnectionTrait>(tx: &C) -> Result<Self, DbErr> {
        let rows: Vec<(Uuid, String)> = organization::Entity::find()
            .select_only()
            .columns([organization::Column::Id, organization::Column::Grants])
            .into_tuple()
            .all(tx)
            .await?;
        let mut all: HashMap<String, Vec<Grant>> = HashMap::new();
        for (id, written) in rows {
            // What cannot be read grants nothing.
            let granted: Vec<Granted> =
                read_json("organization.grants", &written).unwrap_or_default();
            for Granted { path, hosts } in granted {
                let at = all.entry(path.trim_end_matches('/').to_owned());
                at.or_default().push(Grant {
                    organization: id.into(),
                    path,
                    hosts,
                });
            }
        }
        Ok(Self(all))
    }

    /// Whether the version could be published at its place today, were that free.
    fn allow(&self, row: &version::Model, retired: &snapshot::Retired) -> bool {
        let path = retired.route.path.as_str();
        let above = path.match_indices('/').map(|(end, _)| &path[..end]);
        let reached = above.chain([path.trim_end_matches('/')]);
        let grants = reached.filter_map(|path| self.0.get(path)).flatten();
        let grants: Vec<Grant> = grants.cloned().collect();
        let claim = Claim {
            organization: row.organization_id.into(),
            api: row.api_id.into(),
            version: retired.slug.clone(),
            route: retired.route.clone(),
        };
        clash(&claim, &grants, &[]).is_none()
    }
}

//! Objects of a state, by kind: all of them, or those with certain ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::id::VersionId;
use domain::snapshot::{self, Delta, Kind, Parts};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use uuid::Uuid;

use super::documents::Documents;
use super::lines;
use crate::row::RowError;
use crate::{
    api, application, certificate, certificate_host, credential, host, ip_list, ip_list_content,
    organization, plan, product, product_version, revision, setting, subscription, upstream,
    version,
};

/// Ids per statement: far below the number of parameters that a database takes.
const CHUNK: usize = 1000;

pub(super) async fn all<C: ConnectionTrait>(tx: &C) -> Result<Parts, DbErr> {
    Ok(Parts {
        certificates: certificates(tx, certificate::Entity::find()).await?,
        ip_lists: ip_lists(tx, ip_list::Entity::find()).await?,
        hosts: read(
            tx,
            host::Entity::find(),
            host::Column::Id,
            host::Model::to_state,
        )
        .await?,
        organizations: read(
            tx,
            organization::Entity::find(),
            organization::Column::Id,
            organization::Model::to_state,
        )
        .await?,
        apis: apis(tx, api::Entity::find()).await?,
        versions: versions(tx, version::Entity::served()).await?,
        upstreams: read(
            tx,
            upstream::Entity::find(),
            upstream::Column::Id,
            upstream::Model::to_state,
        )
        .await?,
        products: products(tx, product::Entity::find()).await?,
        plans: read(
            tx,
            plan::Entity::find(),
            plan::Column::Id,
            plan::Model::to_state,
        )
        .await?,
        applications: lines::applications(tx).await?,
        credentials: lines::credentials(tx).await?,
        subscriptions: lines::subscriptions(tx).await?,
        settings: Some(setting::for_gateways(tx).await?),
        mark: None,
    })
}

/// Puts into `delta` the objects of one kind that are in the state, and names those that are not.
pub(super) async fn some<C: ConnectionTrait>(
    tx: &C,
    kind: Kind,
    ids: &BTreeSet<Uuid>,
    delta: &mut Delta,
) -> Result<(), DbErr> {
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    let mut found = BTreeSet::new();
    for ids in ids.chunks(CHUNK) {
        let ids = ids.iter().copied();
        let put = &mut delta.put;
        match kind {
            Kind::Organization => {
                let query =
                    organization::Entity::find().filter(organization::Column::Id.is_in(ids));
                let rows = read(
                    tx,
                    query,
                    organization::Column::Id,
                    organization::Model::to_state,
                )
                .await?;
                keep(&mut put.organizations, rows, &mut found, |item| {
                    item.id.uuid()
                });
            }
            Kind::Api => {
                let query = api::Entity::find().filter(api::Column::Id.is_in(ids));
                keep(&mut put.apis, apis(tx, query).await?, &mut found, |item| {
                    item.id.uuid()
                });
            }
            Kind::Version => {
                let query = version::Entity::served().filter(version::Column::Id.is_in(ids));
                keep(
                    &mut put.versions,
                    versions(tx, query).await?,
                    &mut found,
                    |item| item.id.uuid(),
                );
            }
            Kind::Upstream => {
                let query = upstream::Entity::find().filter(upstream::Column::Id.is_in(ids));
                let rows = read(tx, query, upstream::Column::Id, upstream::Model::to_state).await?;
                keep(&mut put.upstreams, rows, &mut found, |item| item.id.uuid());
            }
            Kind::Product => {
                let query = product::Entity::find().filter(product::Column::Id.is_in(ids));
                keep(
                    &mut put.products,
                    products(tx, query).await?,
                    &mut found,
                    |item| item.id.uuid(),
                );
            }
            Kind::Plan => {
                let query = plan::Entity::find().filter(plan::Column::Id.is_in(ids));
                let rows = read(tx, query, plan::Column::Id, plan::Model::to_state).await?;
                keep(&mut put.plans, rows, &mut found, |item| item.id.uuid());
            }
            Kind::Application => {
                let query = application::Entity::find().filter(application::Column::Id.is_in(ids));
                let rows = read(
                    tx,
                    query,
                    application::Column::Id,
                    application::Model::to_state,
                )
                .await?;
                keep(&mut put.applications, rows, &mut found, |item| {
                    item.id.uuid()
                });
            }
            Kind::Credential => {
                let query =
                    credential::Entity::in_state().filter(credential::Column::Id.is_in(ids));
                let rows = read(
                    tx,
                    query,
                    credential::Column::Id,
                    credential::Model::to_state,
                )
                .await?;
                keep(&mut put.credentials, rows, &mut found, |item| {
                    item.id.uuid()
                });
            }
            Kind::Subscription => {
                let query =
                    subscription::Entity::in_state().filter(subscription::Column::Id.is_in(ids));
                let rows = read(
                    tx,
                    query,
                    subscription::Column::Id,
                    subscription::Model::to_state,
                )
                .await?;
                keep(&mut put.subscriptions, rows, &mut found, |item| {
                    item.id.uuid()
                });
            }
            Kind::Certificate => {
                let query = certificate::Entity::find().filter(certificate::Column::Id.is_in(ids));
                keep(
                    &mut put.certificates,
                    certificates(tx, query).await?,
                    &mut found,
                    |item| item.id.uuid(),
                );
            }
            Kind::Host => {
                let query = host::Entity::find().filter(host::Column::Id.is_in(ids));
                let rows = read(tx, query, host::Column::Id, host::Model::to_state).await?;
                keep(&mut put.hosts, rows, &mut found, |item| item.id.uuid());
            }
            Kind::IpList => {
                let query = ip_list::Entity::find().filter(ip_list::Column::Id.is_in(ids));
                keep(
                    &mut put.ip_lists,
                    ip_lists(tx, query).await?,
                    &mut found,
                    |item| item.id.uuid(),
                );
            }
            // There is one, and it is always there.
            Kind::Settings => {
                put.settings = Some(setting::for_gateways(tx).await?);
                found.extend(ids);
            }
        }
    }
    let gone = ids.into_iter().filter(|id| !found.contains(id));
    delta.gone.extend(gone.map(|id| (kind, id)));
    Ok(())
}

fn keep<T>(kept: &mut Vec<T>, items: Vec<T>, found: &mut BTreeSet<Uuid>, id: impl Fn(&T) -> Uuid) {
    found.extend(items.iter().map(id));
    kept.extend(items);
}

/// In the order of ids, so that the same rows are always the same state.
async fn read<C: ConnectionTrait, E: EntityTrait, T>(
    tx: &C,
    query: Select<E>,
    id: E::Column,
    convert: impl Fn(E::Model) -> Result<T, RowError>,
) -> Result<Vec<T>, DbErr> {
    let rows = query.order_by_asc(id).all(tx).await?;
    Ok(rows.into_iter().map(convert).collect::<Result<_, _>>()?)
}

/// With what is retired of them.
async fn apis<C: ConnectionTrait>(
    tx: &C,
    query: Select<api::Entity>,
) -> Result<Vec<snapshot::Api>, DbErr> {
    let ids = query
        .clone()
        .select_only()
        .column(api::Column::Id)
        .into_query();
    let gone = version::Entity::retired()
        .filter(version::Column::ApiId.in_subquery(ids))
        .order_by_asc(version::Column::Id)
        .all(tx)
        .await?;
    let mut retired: HashMap<Uuid, Vec<snapshot::Retired>> = HashMap::new();
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
            let api = row.api_id;
            let told = row.clone().to_retired(current)?;
            retired.entry(api).or_default().extend(told);
        }
    }
    let rows = query.order_by_asc(api::Column::Id).all(tx).await?;
    let to_state = |row: api::Model| {
        let retired = retired.remove(&row.id).unwrap_or_default();
        row.to_state(retired)
    };
    Ok(rows.into_iter().map(to_state).collect::<Result<_, _>>()?)
}

async fn versions<C: ConnectionTrait>(
    tx: &C,
    query: Select<version::Entity>,
) -> Result<Vec<snapshot::Version>, DbErr> {
    let current = query
        .clone()
        .select_only()
        .column(version::Column::CurrentRevisionId)
        .into_query();
    let revisions = revision::Entity::find()
        .filter(revision::Column::Id.in_subquery(current))
        .all(tx)
        .await?;
    let mut revisions: HashMap<Uuid, revision::Model> =
        revisions.into_iter().map(|row| (row.id, row)).collect();
    let rows = query.order_by_asc(version::Column::Id).all(tx).await?;
    let mut found = Vec::with_capacity(rows.len());
    let mut documents = Documents::default();
    for row in rows {
        let current = row.current_revision_id.and_then(|id| revisions.remove(&id));
        let current = current.ok_or_else(|| RowError {
            column: "version.current_revision_id",
            reason: format!("the version {} names a revision that is not there", row.id),
        })?;
        documents.note(&row, current.document_id);
        found.push(row.to_state(current)?);
    }
    documents.fill(tx, &mut found).await?;
    Ok(found)
}

async fn products<C: ConnectionTrait>(
    tx: &C,
    query: Select<product::Entity>,
) -> Result<Vec<snapshot::Product>, DbErr> {
    let ids = query
        .clone()
        .select_only()
        .column(product::Column::Id)
        .into_query();
    let bundled = product_version::Entity::find()
        .filter(product_version::Column::ProductId.in_subquery(ids))
        .order_by_asc(product_version::Column::VersionId)
        .all(tx)
        .await?;
    let mut versions: BTreeMap<Uuid, Vec<VersionId>> = BTreeMap::new();
    for product_version::Model {
        product_id,
        version_id,
    } in bundled
    {
        versions
            .entry(product_id)
            .or_default()
            .push(version_id.into());
    }
    let rows = query.order_by_asc(product::Column::Id).all(tx).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let bundled = versions.remove(&row.id).unwrap_or_default();
            row.to_state(bundled)
        })
        .collect())
}

/// Their contents, which may be large, come a few at a time.
async fn ip_lists<C: ConnectionTrait>(
    tx: &C,
    query: Select<ip_list::Entity>,
) -> Result<Vec<snapshot::IpList>, DbErr> {
    const AT_ONCE: usize = 20;
    let rows = query.order_by_asc(ip_list::Column::Id).all(tx).await?;
    let mut found = Vec::with_capacity(rows.len());
    for rows in rows.chunks(AT_ONCE) {
        let ids = rows.iter().map(|row| row.id);
        let contents = ip_list_content::Entity::find()
            .filter(ip_list_content::Column::ListId.is_in(ids))
            .all(tx)
            .await?;
        let mut contents: HashMap<Uuid, _> =
            contents.into_iter().map(|row| (row.list_id, row)).collect();
        for row in rows {
            let content = contents.remove(&row.id);
            found.push(row.clone().to_state(content)?);
        }
    }
    Ok(found)
}

async fn certificates<C: ConnectionTrait>(
    tx: &C,
    query: Select<certificate::Entity>,
) -> Result<Vec<snapshot::Certificate>, DbErr> {
    let ids = query
        .clone()
        .select_only()
        .column(certificate::Column::Id)
        .into_query();
    let shown = certificate_host::Entity::find()
        .filter(certificate_host::Column::CertificateId.in_subquery(ids))
        .order_by_asc(certificate_host::Column::Host)
        .all(tx)
        .await?;
    let mut hosts: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for certificate_host::Model {
        host,
        certificate_id,
    } in shown
    {
        hosts.entry(certificate_id).or_default().push(host);
    }
    let rows = query.order_by_asc(certificate::Column::Id).all(tx).await?;
    let to_state = |row: certificate::Model| {
        let hosts = hosts.remove(&row.id).unwrap_or_default();
        row.to_state(hosts)
    };
    Ok(rows.into_iter().map(to_state).collect())
}

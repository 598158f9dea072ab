//! Objects of a state, by kind: all of them, or those with certain ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::id::VersionId;
use domain::snapshot::{self, Delta, Kind, Parts, Unreadable};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ModelTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::documents::Documents;
use super::{Watcher, packed, retired};
use crate::row::RowError;
use crate::{
    api, application, certificate, certificate_host, credential, host, ip_list, ip_list_content,
    organization, plan, product, product_version, revision, setting, subscription, upstream,
    version,
};

/// Ids per statement: far below the number of parameters that a database takes.
pub(super) const CHUNK: usize = 1000;

/// Everything, by connections that see the same moment.
pub(super) async fn all<C: ConnectionTrait>(
    [first, second, third]: [&C; 3],
    watcher: &dyn Watcher,
) -> Result<Parts, DbErr> {
    let keys = async {
        let mut unread = Vec::new();
        let all = packed::credentials(second, &mut unread, watcher).await?;
        Ok::<_, DbErr>((all, unread))
    };
    let owners = async {
        let mut unread = Vec::new();
        let applications = packed::applications(third, &mut unread, watcher).await?;
        let subscriptions = packed::subscriptions(third, &mut unread, watcher).await?;
        Ok::<_, DbErr>((applications, subscriptions, unread))
    };
    let (mut parts, keys, owners) = tokio::try_join!(few(first), keys, owners)?;
    let (credentials, keys_unread) = keys;
    let (applications, subscriptions, owners_unread) = owners;
    parts.applications = applications;
    parts.credentials = credentials;
    parts.subscriptions = subscriptions;
    parts.unread.extend(keys_unread);
    parts.unread.extend(owners_unread);
    Ok(parts)
}

/// What there are not millions of.
async fn few<C: ConnectionTrait>(tx: &C) -> Result<Parts, DbErr> {
    let mut unread = Vec::new();
    Ok(Parts {
        certificates: certificates(tx, certificate::Entity::find()).await?,
        ip_lists: ip_lists(tx, ip_list::Entity::find(), &mut unread).await?,
        hosts: hosts(tx, host::Entity::find(), &mut unread).await?,
        organizations: organizations(tx, organization::Entity::find()).await?,
        apis: apis(tx, api::Entity::find()).await?,
        versions: versions(tx, version::Entity::served(), &mut unread).await?,
        upstreams: upstreams(tx, upstream::Entity::find()).await?,
        products: products(tx, product::Entity::find()).await?,
        plans: plans(tx, plan::Entity::find(), &mut unread).await?,
        settings: Some(settings(tx, &mut unread).await?),
        unread,
        ..Parts::default()
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
        let unread = &mut put.unread;
        match kind {
            Kind::Organization => {
                let query =
                    organization::Entity::find().filter(organization::Column::Id.is_in(ids));
                let rows = organizations(tx, query).await?;
                keep(&mut put.organizations, rows, &mut found, |one| {
                    one.id.uuid()
                });
            }
            Kind::Api => {
                let query = api::Entity::find().filter(api::Column::Id.is_in(ids));
                let rows = apis(tx, query).await?;
                keep(&mut put.apis, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Version => {
                let query = version::Entity::served().filter(version::Column::Id.is_in(ids));
                let rows = versions(tx, query, unread).await?;
                keep(&mut put.versions, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Upstream => {
                let query = upstream::Entity::find().filter(upstream::Column::Id.is_in(ids));
                let rows = upstreams(tx, query).await?;
                keep(&mut put.upstreams, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Product => {
                let query = product::Entity::find().filter(product::Column::Id.is_in(ids));
                let rows = products(tx, query).await?;
                keep(&mut put.products, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Plan => {
                let query = plan::Entity::find().filter(plan::Column::Id.is_in(ids));
                let rows = plans(tx, query, unread).await?;
                keep(&mut put.plans, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Application => {
                let (id, to_state) = (application::Column::Id, application::Model::to_state);
                let query = application::Entity::find().filter(id.is_in(ids));
                let rows = read(tx, query, id, (kind, unread), to_state).await?;
                keep(&mut put.applications, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Credential => {
                let (id, to_state) = (credential::Column::Id, credential::Model::to_state);
                let query = credential::Entity::in_state().filter(id.is_in(ids));
                let rows = read(tx, query, id, (kind, unread), to_state).await?;
                keep(&mut put.credentials, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Subscription => {
                let (id, to_state) = (subscription::Column::Id, subscription::Model::to_state);
                let query = subscription::Entity::in_state().filter(id.is_in(ids));
                let rows = read(tx, query, id, (kind, unread), to_state).await?;
                keep(&mut put.subscriptions, rows, &mut found, |one| {
                    one.id.uuid()
                });
            }
            Kind::Certificate => {
                let query = certificate::Entity::find().filter(certificate::Column::Id.is_in(ids));
                let rows = certificates(tx, query).await?;
                keep(&mut put.certificates, rows, &mut found, |one| one.id.uuid());
            }
            Kind::Host => {
                let query = host::Entity::find().filter(host::Column::Id.is_in(ids));
                let rows = hosts(tx, query, unread).await?;
                keep(&mut put.hosts, rows, &mut found, |one| one.id.uuid());
            }
            Kind::IpList => {
                let query = ip_list::Entity::find().filter(ip_list::Column::Id.is_in(ids));
                let rows = ip_lists(tx, query, unread).await?;
                keep(&mut put.ip_lists, rows, &mut found, |one| one.id.uuid());
            }
            // There is one, and it is always there.
            Kind::Settings => {
                put.settings = Some(settings(tx, unread).await?);
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

fn unreadable(kind: Kind, id: Uuid, error: &RowError) -> Unreadable {
    Unreadable {
        kind,
        id,
        reason: error.to_string(),
    }
}

/// In the order of ids, so that the same rows are always the same state. What cannot be read is
/// noted as one of this kind, and left out: it is as if it were not there.
async fn read<C: ConnectionTrait, E: EntityTrait, T>(
    tx: &C,
    query: Select<E>,
    id: E::Column,
    (kind, unread): (Kind, &mut Vec<Unreadable>),
    convert: impl Fn(E::Model) -> Result<T, RowError>,
) -> Result<Vec<T>, DbErr> {
    let rows = query.order_by_asc(id).all(tx).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let own: Uuid = row.get(id).unwrap();
        match convert(row) {
            Ok(one) => found.push(one),
            Err(error) => unread.push(unreadable(kind, own, &error)),
        }
    }
    Ok(found)
}

async fn plans<C: ConnectionTrait>(
    tx: &C,
    query: Select<plan::Entity>,
    unread: &mut Vec<Unreadable>,
) -> Result<Vec<snapshot::Plan>, DbErr> {
    let noted = (Kind::Plan, unread);
    read(tx, query, plan::Column::Id, noted, plan::Model::to_state).await
}

/// Those that cannot be read say so themselves.
async fn organizations<C: ConnectionTrait>(
    tx: &C,
    query: Select<organization::Entity>,
) -> Result<Vec<snapshot::Organization>, DbErr> {
    let rows = query.order_by_asc(organization::Column::Id).all(tx).await?;
    let rows = rows.into_iter();
    Ok(rows.map(organization::Model::to_state).collect())
}

/// With what is retired of them. Those that cannot be read say so themselves.
async fn apis<C: ConnectionTrait>(
    tx: &C,
    query: Select<api::Entity>,
) -> Result<Vec<snapshot::Api>, DbErr> {
    let ids = query
        .clone()
        .select_only()
        .column(api::Column::Id)
        .into_query();
    let mut retired = retired::of(tx, ids).await?;
    let rows = query.order_by_asc(api::Column::Id).all(tx).await?;
    let to_state = |row: api::Model| {
        let retired = retired.remove(&row.id).unwrap_or_default();
        row.to_state(retired)
    };
    Ok(rows.into_iter().map(to_state).collect())
}

/// Those that cannot be read say so themselves.
async fn upstreams<C: ConnectionTrait>(
    tx: &C,
    query: Select<upstream::Entity>,
) -> Result<Vec<snapshot::Upstream>, DbErr> {
    let rows = query.order_by_asc(upstream::Column::Id).all(tx).await?;
    Ok(rows.into_iter().map(upstream::Model::to_state).collect())
}

async fn hosts<C: ConnectionTrait>(
    tx: &C,
    query: Select<host::Entity>,
    unread: &mut Vec<Unreadable>,
) -> Result<Vec<snapshot::Host>, DbErr> {
    let rows = query.order_by_asc(host::Column::Id).all(tx).await?;
    for row in &rows {
        let error = row.tls().err();
        unread.extend(error.map(|error| unreadable(Kind::Host, row.id, &error)));
    }
    Ok(rows.into_iter().map(host::Model::to_state).collect())
}

async fn settings<C: ConnectionTrait>(
    tx: &C,
    unread: &mut Vec<Unreadable>,
) -> Result<snapshot::Settings, DbErr> {
    let (settings, error) = setting::readable(tx).await?;
    unread.extend(error.map(|error| unreadable(Kind::Settings, Uuid::nil(), &error)));
    Ok(settings)
}

/// Those that cannot be read say so themselves, but where not even their place is known.
async fn versions<C: ConnectionTrait>(
    tx: &C,
    query: Select<version::Entity>,
    unread: &mut Vec<Unreadable>,
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
        let document = current.as_ref().and_then(|current| current.document_id);
        documents.note(&row, document);
        let id = row.id;
        match row.to_state(current) {
            Ok(one) => found.push(one),
            Err(error) => unread.push(unreadable(Kind::Version, id, &error)),
        }
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
    unread: &mut Vec<Unreadable>,
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
            match row.clone().to_state(content) {
                Ok(one) => found.push(one),
                Err(error) => unread.push(unreadable(Kind::IpList, row.id, &error)),
            }
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

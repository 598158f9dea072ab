//! Which hosts are whose: an organization speaks for those that it alone was granted, and a host
//! has one certificate on the whole platform.

use domain::certificate::holds;
use domain::id::CertificateId;
use domain::problem::Invalid;
use domain::route::Grant;
use entity::{certificate, certificate_host, host, organization};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};

use super::Owner;
use crate::error::{Error, Result};
use crate::write::Write;

const NOT_GRANTED: &str =
    "This host is not granted to the organization. The operator of the platform grants hosts.";
const TAKEN: &str = "Another certificate is shown for this host.";

/// Those that a certificate is shown for, by name.
pub(super) async fn of<C: ConnectionTrait>(db: &C, id: CertificateId) -> Result<Vec<String>> {
    let rows = certificate_host::Entity::of(id).all(db).await?;
    Ok(rows.into_iter().map(|row| row.host).collect())
}

/// Makes `hosts` those of a certificate. Who has a host that is taken is not told.
pub(super) async fn claim(
    write: &Write<'_>,
    owner: Owner,
    id: CertificateId,
    hosts: &[String],
) -> Result<()> {
    let tx = write.tx();
    let grants = grants(tx).await?;
    let mut found = Vec::new();
    for (index, host) in hosts.iter().enumerate() {
        if !may_have(owner, host, &grants) {
            found.push(Invalid::new(format!("/hosts/{index}"), NOT_GRANTED));
        }
    }
    if !found.is_empty() {
        return Err(Error::invalid(found));
    }
    let others = certificate_host::Entity::find()
        .filter(certificate_host::Column::Host.is_in(hosts.iter().map(String::as_str)))
        .filter(certificate_host::Column::CertificateId.ne(id.uuid()))
        .all(tx)
        .await?;
    let is_taken = |host: &String| others.iter().any(|row| row.host == *host);
    if let Some(index) = hosts.iter().position(is_taken) {
        return Err(Error::taken(&format!("/hosts/{index}"), TAKEN));
    }
    certificate_host::Entity::delete_many()
        .filter(certificate_host::Column::CertificateId.eq(id.uuid()))
        .exec(tx)
        .await?;
    if hosts.is_empty() {
        return Ok(());
    }
    let rows = hosts.iter().map(|host| certificate_host::ActiveModel {
        host: Set(host.clone()),
        certificate_id: Set(id.uuid()),
    });
    certificate_host::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// `Err` unless `owner` may decide about TLS for `host`.
pub(crate) async fn check<C: ConnectionTrait>(db: &C, owner: Owner, host: &str) -> Result<()> {
    if may_have(owner, host, &grants(db).await?) {
        return Ok(());
    }
    Err(Error::field("", NOT_GRANTED))
}

fn may_have(owner: Owner, host: &str, grants: &[Grant]) -> bool {
    match owner {
        Owner::Organization(id) => holds(id, host, grants),
        Owner::Platform => true,
    }
}

/// A host with a certificate or settings of an organization that would not hold it any more, as
/// the grants are now.
pub(crate) async fn orphan<C: ConnectionTrait>(db: &C) -> Result<Option<String>> {
    let grants = grants(db).await?;
    let shown = certificate_host::Entity::find()
        .find_also_related(certificate::Entity)
        .all(db)
        .await?;
    let shown = shown.into_iter().filter_map(|(row, certificate)| {
        let owner = certificate?.organization_id?;
        Some((owner, row.host))
    });
    let asked = host::Entity::find()
        .filter(host::Column::OrganizationId.is_not_null())
        .all(db)
        .await?;
    let asked = asked
        .into_iter()
        .filter_map(|row| Some((row.organization_id?, row.host)));
    let mut all = shown.chain(asked);
    let lost = all.find(|(owner, host)| !holds((*owner).into(), host, &grants));
    Ok(lost.map(|(_, host)| host))
}

async fn grants<C: ConnectionTrait>(db: &C) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for row in organization::Entity::find().all(db).await? {
        grants.extend(row.grants()?);
    }
    Ok(grants)
}

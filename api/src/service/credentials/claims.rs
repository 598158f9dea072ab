//! What others issued: clients of identity providers and certificates. Nobody proves to us that
//! they are the application's: whoever shows one has proved it to the gateway. So several
//! organizations may name the same; a gateway takes the one that is subscribed to what is called.

use chrono::{DateTime, Utc};
use domain::actor::Action;
use domain::application::{Claimed, TokenClient};
use domain::certificate::{CertificateName, Facts};
use domain::id::ApplicationId;
use domain::key::KeyDigest;
use domain::problem::Invalid;
use domain::wire::credentials::{AddCertificate, AddClient, Credential};
use entity::{application, credential};
use sea_orm::{ColumnTrait, QueryFilter};

use super::show;
use super::wanted::{Face, Wanted, insert};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::applications;
use crate::service::certificates::pair;
use crate::write::Write;

pub async fn add_client(
    ctx: &Ctx,
    application: ApplicationId,
    input: AddClient,
) -> Result<Credential> {
    applications::load(ctx, ctx.db(), application, Action::ManageCredentials).await?;
    let AddClient {
        name,
        environment,
        issuer,
        client_id,
        expires_at,
        cidrs,
    } = input;
    let mut check = Check::new();
    let wanted = Wanted::read(ctx, &mut check, &name, environment, expires_at, &cidrs);
    let issuer = issuer.trim();
    let client_id = client_id.trim();
    let is_issuer =
        (1..=500).contains(&issuer.len()) && issuer.bytes().all(|b| b.is_ascii_graphic());
    check.that(is_issuer, "/issuer", || {
        "Give 1 to 500 visible characters: the iss of the tokens.".to_owned()
    });
    let is_client =
        (1..=500).contains(&client_id.len()) && !client_id.chars().any(char::is_control);
    check.that(is_client, "/client_id", || {
        "Give 1 to 500 characters: what the issuer calls the client.".to_owned()
    });
    check.done()?;
    let claimed = Claimed::Client(TokenClient {
        issuer: issuer.to_owned(),
        client_id: client_id.to_owned(),
    });
    add(ctx, application, &claimed, wanted, "/client_id").await
}

pub async fn add_certificate(
    ctx: &Ctx,
    application: ApplicationId,
    input: AddCertificate,
) -> Result<Credential> {
    applications::load(ctx, ctx.db(), application, Action::ManageCredentials).await?;
    let AddCertificate {
        name,
        environment,
        certificate,
        certificate_name,
        expires_at,
        cidrs,
    } = input;
    let mut check = Check::new();
    let mut wanted = Wanted::read(ctx, &mut check, &name, environment, expires_at, &cidrs);
    if !certificate_name.trim().is_empty() {
        check.that(certificate.trim().is_empty(), "/certificate", || {
            "Give either the certificate or a name.".to_owned()
        });
        let name = CertificateName::parse(&certificate_name);
        let name = name.map_err(|why| check.add(Invalid::new("/certificate_name", why)));
        check.done()?;
        let name = name.map_err(|()| Error::internal("a name that was read"))?;
        let claimed = Claimed::CertificateName(name);
        return add(ctx, application, &claimed, wanted, "/certificate_name").await;
    }
    let facts = match read(&certificate, ctx.now) {
        Ok(facts) => Some(facts),
        Err(message) => {
            check.add(Invalid::new("/certificate", message));
            None
        }
    };
    if let (Some(facts), Some(at)) = (&facts, wanted.expires_at) {
        check.that(at <= facts.not_after, "/expires_at", || {
            let ends = facts.not_after.format("%Y-%m-%d at %H:%M UTC");
            format!("The certificate itself ends on {ends}.")
        });
    }
    check.done()?;
    let facts = facts.ok_or_else(|| Error::internal("a certificate that was read"))?;
    wanted.expires_at.get_or_insert(facts.not_after);
    let claimed = Claimed::Certificate(facts);
    add(ctx, application, &claimed, wanted, "/certificate").await
}

fn read(pem: &str, now: DateTime<Utc>) -> Result<Facts, String> {
    let facts = pair::first_of(pem).map_err(str::to_owned)?;
    if facts.not_after <= now {
        let ended = facts.not_after.format("%Y-%m-%d at %H:%M UTC");
        return Err(format!("The certificate has expired: it ended on {ended}."));
    }
    Ok(facts)
}

async fn add(
    ctx: &Ctx,
    application: ApplicationId,
    claimed: &Claimed,
    wanted: Wanted,
    pointer: &str,
) -> Result<Credential> {
    let claim = claimed
        .digest()
        .ok_or_else(|| Error::internal("a fingerprint that is none"))?;
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::ManageCredentials).await?;
    must_be_free(&mut write, &application, claim, pointer).await?;
    let face = Face::Claimed { claim, claimed };
    let row = insert(&mut write, &application, face, wanted).await?;
    write.commit().await?;
    show(ctx, row).await
}

/// Within an organization it would be unclear which application calls.
pub(super) async fn must_be_free(
    write: &mut Write<'_>,
    application: &application::Model,
    claim: KeyDigest,
    pointer: &str,
) -> Result<()> {
    let there = credential::Entity::in_org(application.organization_id.into())
        .filter(credential::Column::Claim.eq(claim.0.to_vec()))
        .filter(credential::Column::RevokedAt.is_null())
        .one(write.tx())
        .await?;
    match there {
        Some(there) => Err(Error::field(
            pointer,
            &taken(write, application, &there).await?,
        )),
        None => Ok(()),
    }
}

/// The other application is named only to those who may read it.
async fn taken(
    write: &mut Write<'_>,
    application: &application::Model,
    there: &credential::Model,
) -> Result<String> {
    if there.application_id == application.id {
        let name = &there.name;
        return Ok(format!("The application has it already, as {name}."));
    }
    let ctx = write.ctx();
    let other = there.application_id.into();
    let read = applications::load(ctx, write.tx(), other, Action::ReadApplication).await;
    Ok(match read {
        Ok(other) => format!(
            "The application {} has it. Revoke it there first.",
            other.name
        ),
        Err(_) => "Another application of the organization has it.".to_owned(),
    })
}

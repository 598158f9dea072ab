//! What every new credential has, whatever its kind.

use chrono::{DateTime, Duration, Utc};
use domain::application::{Claimed, CredentialKind};
use domain::key::{Environment, KeyDigest};
use domain::name::DisplayName;
use domain::password_hash::PasswordHash;
use domain::problem::Code;
use domain::signing::SigningKey;
use domain::wire::credentials::{MAX_CIDRS, MAX_CREDENTIALS};
use entity::row::{to_micros, write_json};
use entity::{application, credential};
use ipnet::IpNet;
use sea_orm::{EntityTrait, PaginatorTrait};
use uuid::Uuid;

use super::tell;
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::Write;

/// What a new credential is to be.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) environment: Environment,
    pub(super) cidrs: Vec<IpNet>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) rolled_from: Option<Uuid>,
}

/// What it is found and recognized by.
pub(super) enum Face<'a> {
    Key {
        digest: KeyDigest,
        display_id: &'a str,
    },
    Password {
        digest: KeyDigest,
        user: &'a str,
    },
    /// A password that somebody chose: its user name is the organization's once.
    Chosen {
        user: &'a str,
        hash: PasswordHash,
    },
    Claimed {
        claim: KeyDigest,
        claimed: &'a Claimed,
    },
    /// A public key: its `keyid` is the credential's id, which nobody else can take.
    Signing(SigningKey),
    /// An OAuth client of the platform: its id is the credential's.
    Platform {
        secret: KeyDigest,
    },
}

impl Wanted {
    /// Reads what all inputs have; notes what is wrong.
    pub(super) fn read(
        ctx: &Ctx,
        check: &mut Check,
        name: &str,
        environment: Environment,
        expires_at: Option<DateTime<Utc>>,
        cidrs: &[String],
    ) -> Self {
        let name = check.parse::<DisplayName>("/name", name);
        let cidrs = networks(check, cidrs);
        if let Some(at) = expires_at {
            check.that(at > ctx.now, "/expires_at", || {
                "Choose a time in the future.".to_owned()
            });
            let latest = ctx.now + Duration::days(3660);
            check.that(at <= latest, "/expires_at", || {
                "Choose a time within ten years.".to_owned()
            });
        }
        Self {
            name: name.map(|name| name.to_string()).unwrap_or_default(),
            environment,
            cidrs,
            expires_at,
            rolled_from: None,
        }
    }
}

fn networks(check: &mut Check, texts: &[String]) -> Vec<IpNet> {
    check.that(texts.len() <= MAX_CIDRS, "/cidrs", || {
        format!("Name at most {MAX_CIDRS} networks.")
    });
    let mut found = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let text = text.trim();
        let single = text.parse::<std::net::IpAddr>().map(IpNet::from);
        match text.parse::<IpNet>().or(single) {
            Ok(net) => found.push(net.trunc()),
            Err(_) => check.that(false, &format!("/cidrs/{index}"), || {
                "Write a network like 203.0.113.0/24.".to_owned()
            }),
        }
    }
    found
}

/// Longest of what a client or certificate is recognized by, in characters.
const MAX_DISPLAY: usize = 100;

pub(super) async fn insert(
    write: &mut Write<'_>,
    application: &application::Model,
    face: Face<'_>,
    wanted: Wanted,
) -> Result<credential::Model> {
    let ctx = write.ctx();
    let alive = credential::Entity::working(application.id, ctx.now)
        .count(write.tx())
        .await?;
    if alive >= MAX_CREDENTIALS {
        let detail = format!(
            "An application has at most {MAX_CREDENTIALS} working credentials. Revoke one first."
        );
        return Err(Error::new(Code::LimitReached, detail));
    }
    let id = ctx.id::<()>()?.uuid();
    let own;
    let ours = match face {
        Face::Password { .. } => CredentialKind::Password,
        Face::Key { .. }
        | Face::Chosen { .. }
        | Face::Claimed { .. }
        | Face::Signing(_)
        | Face::Platform { .. } => CredentialKind::Key,
    };
    let (digest, claimed, display_id) = match face {
        Face::Key { digest, display_id } => (Some(digest), None, display_id.to_owned()),
        Face::Password { digest, user } => (Some(digest), None, user.to_owned()),
        Face::Claimed { claim, claimed } => (None, Some((claim, claimed)), display(claimed)),
        Face::Chosen { user, hash } => {
            let claim = KeyDigest::of_user(user.as_bytes());
            own = Claimed::Password(hash);
            (None, Some((claim, &own)), user.to_owned())
        }
        Face::Signing(key) => {
            let keyid = id.to_string();
            let claim = KeyDigest::of_signing_key(&keyid);
            own = Claimed::Signature {
                keyid: keyid.clone(),
                key,
            };
            (None, Some((claim, &own)), keyid)
        }
        Face::Platform { secret } => {
            let client = id.to_string();
            own = Claimed::Platform(client.clone());
            let claim = KeyDigest::of_platform_client(&client);
            (Some(secret), Some((claim, &own)), client)
        }
    };
    // Where nothing is kept secret: of this row alone, and found by nobody.
    let filler = |claim: &KeyDigest| KeyDigest::of(&[id.as_bytes().as_slice(), &claim.0].concat());
    let (kind, claim, claimed) = match claimed {
        None => (ours, None, None),
        Some((claim, claimed)) => {
            let written = write_json("credential.claimed", claimed)?;
            (claimed.kind(), Some(claim), Some(written))
        }
    };
    let digest = digest.or_else(|| claim.as_ref().map(filler));
    let digest = digest.ok_or_else(|| Error::internal("a credential that nothing finds"))?;
    let row = credential::Model {
        id,
        organization_id: application.organization_id,
        application_id: application.id,
        kind: kind.as_str().to_owned(),
        digest: digest.0.to_vec(),
        claim: claim.map(|claim| claim.0.to_vec()),
        claimed,
        display_id,
        name: wanted.name,
        environment: wanted.environment.as_str().to_owned(),
        cidrs: write_json("credential.cidrs", &wanted.cidrs)?,
        created_at: ctx.now,
        created_by: ctx.user_id().map(Into::into),
        expires_at: wanted.expires_at.map(to_micros),
        retires_at: None,
        revoked_at: None,
        revoked_by: None,
        rolled_from: wanted.rolled_from,
        told_end: None,
        told_ahead: None,
        tell_after: None,
        etag: 1,
    };
    let active: credential::ActiveModel = row.clone().into();
    credential::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await?;
    tell(write, "credential.create", "credential.created", &row).await?;
    Ok(row)
}

fn display(claimed: &Claimed) -> String {
    let text: &str = match claimed {
        Claimed::Client(client) => &client.client_id,
        Claimed::Platform(client) => client,
        Claimed::Signature { keyid, .. } => keyid,
        Claimed::CertificateName(name) => name.as_str(),
        // Its user name stands beside it.
        Claimed::Password(_) => "",
        Claimed::Certificate(facts) if facts.subject.is_empty() => &facts.fingerprint,
        Claimed::Certificate(facts) => &facts.subject,
    };
    text.chars().take(MAX_DISPLAY).collect()
}

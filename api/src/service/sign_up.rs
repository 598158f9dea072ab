//! Signing up: the answer is always "we have sent a mail"; what comes into being, comes with the
//! link.

use domain::actor::{Actor, Person};
use domain::id::UserId;
use domain::name::{DisplayName, EmailAddress};
use domain::problem::Code;
use domain::wire::accounts as wire;
use entity::mail_token;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::attempts::{Kind, Mail, network};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::letter::Letters;
use crate::passwords::objection;
use crate::secret::LinkToken;
use crate::service::founding::{self, NewAccount};
use crate::service::links::{self, For, Purpose};
use crate::service::outbox::{self, Origin};
use crate::service::settings;
use crate::settings::SignUp;
use crate::write::Write;

/// What waits for the link.
#[derive(Serialize, Deserialize)]
struct Pending {
    email: EmailAddress,
    name: DisplayName,
    organization: DisplayName,
    password_hash: String,
}

impl Pending {
    /// What is written for an address that nobody signed up with, to do the same work.
    fn of_nobody(email: EmailAddress) -> Result<Self> {
        let name = || "Nobody".parse().map_err(Error::internal);
        Ok(Self {
            email,
            name: name()?,
            organization: name()?,
            password_hash: "-".repeat(97),
        })
    }
}

pub(crate) fn mail_sent() -> wire::MailSent {
    wire::MailSent {
        message: "We have sent a mail. Open the link in it to go on.".to_owned(),
    }
}

/// How many mails one may ask for: per network address, and of each kind per mail address.
pub(crate) fn admit_mail(ctx: &Ctx, mail: Mail, email_key: &str) -> Result<()> {
    ctx.plane
        .attempts
        .admit(Kind::MailFrom, &network(ctx.address), ctx.now)?;
    ctx.plane
        .attempts
        .admit(Kind::MailTo(mail), email_key, ctx.now)
}

/// Notes the wish for an account and sends the link.
pub async fn sign_up(ctx: &Ctx, input: wire::SignUp) -> Result<wire::MailSent> {
    let (email, name, organization) = checked(ctx, &input)?;
    admit_address(ctx, &email).await?;
    admit_mail(ctx, Mail::SignUp, &email.key())?;
    // Hashed in any case: a known address must not answer faster.
    let password_hash = ctx
        .plane
        .passwords
        .hash(&input.password, ctx.random()?)
        .await?;

    let pending = Pending {
        email,
        name,
        organization,
        password_hash,
    };
    let mut write = Write::begin(ctx).await?;
    match founding::find_account(write.tx(), &pending.email.key()).await? {
        Some(user) => {
            // As many rows as for an unknown address.
            issue(&write, Purpose::Nothing, &pending).await?;
            let letter = Letters(ctx.settings()).already_known(&user.email, &user.name);
            outbox::put(&mut write, &letter, Origin::None).await?;
        }
        None => send(&mut write, Purpose::SignUp, &pending).await?,
    }
    write.commit().await?;
    Ok(mail_sent())
}

fn checked(ctx: &Ctx, input: &wire::SignUp) -> Result<(EmailAddress, DisplayName, DisplayName)> {
    let mut check = Check::new();
    let email = check.parse::<EmailAddress>("/email", &input.email);
    let name = check.parse::<DisplayName>("/name", &input.name);
    let organization = check.parse::<DisplayName>("/organization", &input.organization);
    password(
        &mut check,
        ctx,
        &input.password,
        &[&input.email, &input.name, &input.organization],
    );
    check.all((email, name, organization))
}

/// Notes at `/password` what speaks against it.
pub(crate) fn password(check: &mut Check, ctx: &Ctx, clear: &str, context: &[&str]) {
    let objection = objection(clear, ctx.settings().password_min, context);
    check.that(objection.is_none(), "/password", || {
        objection.clone().unwrap_or_default()
    });
}

/// `Err` unless the operator's mode lets this address sign up by itself.
async fn admit_address(ctx: &Ctx, email: &EmailAddress) -> Result<()> {
    let closed = |detail: &str| Err(Error::new(Code::SignUpClosed, detail));
    match settings::sign_up(ctx).await? {
        SignUp::Open => Ok(()),
        SignUp::Invitation => closed("New accounts are made by invitation here."),
        SignUp::Domains(domains) => {
            let domain = email.as_str().rsplit('@').next().unwrap_or_default();
            if domains.iter().any(|known| known == domain) {
                return Ok(());
            }
            closed("New accounts are open to certain mail domains only, or by invitation.")
        }
    }
}

async fn issue(
    write: &Write<'_>,
    purpose: Purpose,
    pending: &Pending,
) -> Result<(Uuid, LinkToken)> {
    let whom = For {
        user: None,
        email_key: &pending.email.key(),
        payload: serde_json::to_string(pending)?,
    };
    links::issue(write, purpose, whom).await
}

async fn send(write: &mut Write<'_>, purpose: Purpose, pending: &Pending) -> Result<()> {
    let (id, token) = issue(write, purpose, pending).await?;
    let letter = Letters(write.ctx().settings()).verify(
        pending.email.as_str(),
        pending.name.as_str(),
        token.as_str(),
    );
    outbox::put(write, &letter, Origin::Link(purpose, id)).await
}

/// Sends the link of the last sign-up with this address once more, as a new one. Whoever signed
/// up last need not be who reads the mail; the link asks for the password of its own sign-up.
pub async fn resend(ctx: &Ctx, input: wire::Address) -> Result<wire::MailSent> {
    let mut check = Check::new();
    let email = check.parse::<EmailAddress>("/email", &input.email);
    let (email,) = check.all((email,))?;
    admit_mail(ctx, Mail::Resend, &email.key())?;
    let mut write = Write::begin(ctx).await?;
    let waiting = mail_token::Entity::find()
        .filter(mail_token::Column::EmailKey.eq(email.key()))
        .filter(mail_token::Column::Purpose.eq(Purpose::SignUp.as_str()))
        .filter(mail_token::Column::UsedAt.is_null())
        .filter(mail_token::Column::ExpiresAt.gt(ctx.now))
        .order_by_desc(mail_token::Column::CreatedAt)
        .one(write.tx())
        .await?;
    let (purpose, pending) = match waiting {
        Some(row) => (Purpose::SignUp, serde_json::from_str(&row.payload)?),
        None => (Purpose::Nothing, Pending::of_nobody(email)?),
    };
    send(&mut write, purpose, &pending).await?;
    write.commit().await?;
    Ok(mail_sent())
}

/// For the page behind the link: what it would make. Changes nothing.
pub async fn preview(ctx: &Ctx, token: &str) -> Result<wire::SignUpOffer> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    let row = links::find(ctx, ctx.db(), Purpose::SignUp, token).await?;
    let pending: Pending = serde_json::from_str(&row.payload)?;
    Ok(wire::SignUpOffer {
        email: pending.email.to_string(),
        name: pending.name.to_string(),
        organization: pending.organization.to_string(),
    })
}

/// Uses the link: account, organization and team come into being. Nobody is signed in by it.
///
/// The link proves the address, the password proves that its reader is who signed up: anybody can
/// sign up with anybody's address, and would otherwise have the password of the account that its
/// owner confirms.
pub async fn verify(ctx: &Ctx, input: wire::VerifySignUp) -> Result<wire::Verified> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    let row = links::find(ctx, ctx.db(), Purpose::SignUp, &input.token).await?;
    let pending: Pending = serde_json::from_str(&row.payload)?;
    confirm(ctx, row.id, &input.password, &pending).await?;

    let id: UserId = ctx.id()?;
    // What is made is made by the person whom the link proves.
    let ctx = &ctx.clone().acting(Actor::Person(Person {
        id,
        operator: false,
        memberships: Vec::new(),
        scopes: None,
    }));
    let mut write = Write::begin(ctx).await?;
    let row = links::take(&write, Purpose::SignUp, &input.token).await?;
    if founding::find_account(write.tx(), &row.email_key)
        .await?
        .is_some()
    {
        return Err(links::gone());
    }
    let email = pending.email.to_string();
    let new = NewAccount {
        id,
        email: pending.email,
        name: pending.name,
        password_hash: pending.password_hash,
        operator: false,
    };
    founding::account(&write, new).await?;
    let organization = founding::organization(&mut write, id, &pending.organization, None).await?;
    write.commit().await?;
    Ok(wire::Verified {
        email,
        organization: Some(organization.slug),
    })
}

/// `Err` unless `clear` is the password chosen at this sign-up. Guesses are counted by link, so
/// that only its holder can use them up.
async fn confirm(ctx: &Ctx, link: Uuid, clear: &str, pending: &Pending) -> Result<()> {
    let subject = link.to_string();
    ctx.plane.attempts.may_guess(&subject, ctx.now)?;
    let stored = Some(pending.password_hash.clone());
    if !ctx.plane.passwords.verify(clear, stored).await?.right {
        return Err(Error::field(
            "/password",
            "This is not the password that was chosen at this sign-up.",
        ));
    }
    ctx.plane.attempts.guessed_right(&subject);
    Ok(())
}

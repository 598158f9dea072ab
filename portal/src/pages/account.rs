//! One's own account.

use api::{
    http::extract::{Path, Query},
    service::{account as service, sessions, tokens},
};
use axum::http::{HeaderValue, header};
use domain::{
    id::{SessionId, TokenId},
    wire::accounts as wire,
};
use frontend::{form::Form, pages::account};
use serde::Deserialize;

use crate::{
    failure::Result,
    typed::{Typed, see},
    visit::Visit,
};

/// Whether the page comes after its own form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    saved: String,
}

pub(crate) async fn profile(visit: Visit, Query(asked): Query<Asked>) -> Result {
    visit.signed_in()?;
    let account = service::read(visit.ctx()).await?;
    let form = Form::default().with("name", account.name.clone());
    let saved = !asked.saved.is_empty();
    Ok(visit.page("Account", || {
        account::profile(&visit.visitor(), &account, &form, saved)
    }))
}

pub(crate) async fn save_profile(visit: Visit, typed: Typed) -> Result {
    visit.signed_in()?;
    let input = wire::EditAccount {
        name: typed.get("name").to_owned(),
    };
    match service::edit(visit.ctx(), typed.etag(), input).await {
        Ok(_) => Ok(see("/account?saved=1")),
        Err(error) => {
            let form = typed.refused(visit.ctx(), error).await?;
            let account = service::read(visit.ctx()).await?;
            Ok(visit.refused("Account", || {
                account::profile(&visit.visitor(), &account, &form, false)
            }))
        }
    }
}

pub(crate) async fn password(visit: Visit, Query(asked): Query<Asked>) -> Result {
    visit.signed_in()?;
    let least = visit.ctx().settings().password_min;
    let saved = !asked.saved.is_empty();
    Ok(visit.page("Password", || {
        account::password(&visit.visitor(), &Form::default(), least, saved)
    }))
}

pub(crate) async fn save_password(visit: Visit, typed: Typed) -> Result {
    visit.signed_in()?;
    let input = wire::ChangePassword {
        current: typed.raw("current").to_owned(),
        password: typed.raw("password").to_owned(),
    };
    match service::change_password(visit.ctx(), input).await {
        Ok(()) => Ok(see("/account/password?saved=1")),
        Err(error) => {
            let form = typed.refused(visit.ctx(), error).await?;
            let least = visit.ctx().settings().password_min;
            Ok(visit.refused("Password", || {
                account::password(&visit.visitor(), &form, least, false)
            }))
        }
    }
}

pub(crate) async fn sessions(visit: Visit) -> Result {
    visit.signed_in()?;
    let found = sessions::list(visit.ctx()).await?;
    Ok(visit.page("Sessions", || {
        account::sessions(&visit.visitor(), &found, visit.ctx().now)
    }))
}

pub(crate) async fn end_session(visit: Visit, Path(id): Path<SessionId>) -> Result {
    visit.signed_in()?;
    sessions::end(visit.ctx(), id).await?;
    Ok(see("/account/sessions"))
}

pub(crate) async fn end_others(visit: Visit) -> Result {
    visit.signed_in()?;
    sessions::end_others(visit.ctx()).await?;
    Ok(see("/account/sessions"))
}

pub(crate) async fn tokens(visit: Visit) -> Result {
    visit.signed_in()?;
    let page = token_props(&visit, Form::default()).await?;
    Ok(visit.page("Personal tokens", || account::tokens(page)))
}

async fn token_props(visit: &Visit, form: Form) -> Result<account::Tokens> {
    Ok(account::Tokens {
        visitor: visit.visitor(),
        tokens: tokens::list(visit.ctx()).await?,
        form,
        operator: visit.ctx().actor.is_operator(),
        now: visit.ctx().now,
    })
}

pub(crate) async fn create_token(visit: Visit, typed: Typed) -> Result {
    visit.signed_in()?;
    let input = wire::CreateToken {
        name: typed.get("name").to_owned(),
        scopes: typed.all("scopes").map(str::to_owned).collect(),
        expires_in_days: typed.get("expires_in_days").parse().unwrap_or_default(),
    };
    match tokens::create(visit.ctx(), input).await {
        Ok(made) => {
            let mut page = visit.page("Your token is ready", || {
                account::token_created(&visit.visitor(), made)
            });
            let never = HeaderValue::from_static("no-store");
            page.headers_mut().insert(header::CACHE_CONTROL, never);
            Ok(page)
        }
        Err(error) => {
            let page = token_props(
                &visit,
                typed.refused_under(visit.ctx(), error, "scopes").await?,
            )
            .await?;
            Ok(visit.refused("Personal tokens", || account::tokens(page)))
        }
    }
}

pub(crate) async fn revoke_token(visit: Visit, Path(id): Path<TokenId>) -> Result {
    visit.signed_in()?;
    tokens::revoke(visit.ctx(), id).await?;
    Ok(see("/account/tokens"))
}

//! The page on which the end of a version is announced, changed and taken back.

use api::http::extract::Path;
use api::service::{apis, products, traffic::Subject, versions as service};
use chrono::{DateTime, NaiveTime, SecondsFormat, Utc};
use domain::actor::Action;
use domain::id::VersionId;
use domain::lifecycle::VersionState;
use domain::problem::Code;
use domain::wire::versions::{DeprecateVersion, Version};
use frontend::form::Form;
use frontend::pages::publish::version;

use super::{
    Ids,
    versions::{address, frame, tag_of},
};
use crate::{
    failure::{Failure, Result},
    pages::confirm,
    place::Workspace,
    typed::{Typed, moment, see},
};

const TITLE: &str = "Deprecation";

pub(super) async fn ask(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let frame = frame(&workspace, VersionId::from_uuid(ids.version)).await?;
    let form = form_of(&frame.version);
    let props = props(&workspace, frame, form).await?;
    Ok(workspace
        .visit
        .page(TITLE, move || version::deprecate(props)))
}

pub(super) async fn act(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = VersionId::from_uuid(ids.version);
    let frame = frame(&workspace, id).await?;
    let ctx = workspace.ctx();
    let done = match typed.get("do") {
        "undeprecate" => service::undeprecate(ctx, id, typed.etag()).await,
        "deprecate" => match read(&typed) {
            Ok(input) => service::deprecate(ctx, id, typed.etag(), input).await,
            Err(error) => Err(error),
        },
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match done {
        Ok(version) => Ok(see(&address(&workspace, &version))),
        Err(error) => {
            let present = form_of(&frame.version);
            let form = if typed.get("do") == "undeprecate" {
                // Nothing was typed: what is announced stands there.
                let tag = tag_of(&frame.version);
                present.also(typed.refused_over(ctx, error, &tag).await?)
            } else {
                typed.refused_over(ctx, error, &present).await?
            };
            let props = props(&workspace, frame, form).await?;
            Ok(workspace
                .visit
                .refused(TITLE, move || version::deprecate(props)))
        }
    }
}

async fn props(
    workspace: &Workspace,
    frame: version::Frame,
    form: Form,
) -> Result<version::Deprecate> {
    let (ctx, found) = (workspace.ctx(), &frame.version);
    ctx.may(Action::EditApi, found.organization, Some(found.team.id))?;
    let own = found.summary.id;
    let others = apis::get(ctx, found.api.id).await?.versions.into_iter();
    let others = others
        .filter(|other| other.id != own && other.state != VersionState::Retired)
        .map(|other| (other.id.to_string(), other.slug))
        .collect();
    let mut open = 0;
    for product in &found.products {
        open += products::get(ctx, product.id).await?.subscriptions;
    }
    let mut blast = vec![confirm::subscribed(open)];
    blast.extend(confirm::callers(ctx, Subject::Version(own)).await);
    Ok(version::Deprecate {
        frame,
        others,
        blast,
        form,
    })
}

fn form_of(version: &Version) -> Form {
    let form = tag_of(version);
    let Some(told) = &version.deprecation else {
        return form;
    };
    let successor = told.successor.as_ref().map(|next| next.id.to_string());
    let ticked = if told.retire_at_sunset { "true" } else { "" };
    form.with("sunset_at", told.sunset_at.map(written).unwrap_or_default())
        .with("retire_at_sunset", ticked)
        .with("successor", successor.unwrap_or_default())
        .with("message", told.message.clone())
}

fn read(typed: &Typed) -> api::Result<DeprecateVersion> {
    let sunset_at = match typed.get("sunset_at") {
        "" => None,
        text => Some(moment(text).ok_or_else(|| {
            let message = "Write a day like 2026-12-31, or a time like 2026-12-31T08:00:00Z.";
            api::Error::field("/sunset_at", message)
        })?),
    };
    Ok(DeprecateVersion {
        sunset_at,
        successor: typed.get("successor").parse().ok(),
        message: typed.get("message").to_owned(),
        retire_at_sunset: typed.is_ticked("retire_at_sunset"),
    })
}

/// As [`moment`] reads it.
fn written(at: DateTime<Utc>) -> String {
    if at.time() == NaiveTime::MIN {
        at.date_naive().to_string()
    } else {
        at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "2026-12-31",
            "2026-12-31T08:00:00Z",
            "2026-12-31T08:00:00.000001Z",
        ] {
            assert_eq!(moment(text).map(written).as_deref(), Some(text));
        }
        for wrong in ["", "tomorrow", "2026-13-01", "31.12.2026"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}

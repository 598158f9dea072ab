//! What stands in a list: a page of it, and changes by people.

use std::sync::Arc;

use domain::actor::Action;
use domain::id::{IpListId, OrganizationId};
use domain::ip_list::{self, Entry};
use domain::policy::ip_filter;
use domain::problem::{Code, Invalid};
use domain::snapshot::Kind;
use domain::wire::ip_lists::{AddEntries, EntriesPaging, ImportEntries, IpList, RemoveEntries};
use domain::wire::{Page, Paging};
use entity::ip_list as rows;
use sea_orm::{ActiveModelTrait, ConnectionTrait};

use super::ready::{self, Change};
use super::{load, show, summary};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::write::{Audit, Write, expect};

pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    paging: &EntriesPaging,
) -> Result<Page<Entry>> {
    let row = load(ctx, ctx.db(), organization, id, Action::ReadOrganization).await?;
    let window = Window::<String>::new(&Paging {
        limit: paging.limit,
        after: paging.after.clone(),
    })?;
    let (after, most) = (window.after.clone(), window.fetch() as usize);
    if after
        .as_deref()
        .is_some_and(|net| ip_filter::net(net).is_none())
    {
        return Err(Error::field("/after", "This is not a cursor of this list."));
    }
    let find = paging.find.clone();
    let place = ready::place().await?;
    let stored = ready::stored(ctx.db(), row.id).await?;
    let look = move || -> Result<Vec<Entry>> {
        let all = ready::entries(stored.as_deref())?;
        let found = all.found(after.as_deref(), &find).take(most);
        Ok(found.cloned().collect())
    };
    let found = ready::apart(look).await??;
    drop(place);
    Ok(window.page(found, |entry| entry.net.clone()))
}

/// Puts networks in, in the place of entries of the same networks.
pub async fn add(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
    input: AddEntries,
) -> Result<IpList> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let new = ready::written(input.entries, ctx.now).await?;
    let new = new.map_err(|wrong| under(wrong, "/entries"))?;
    change(ctx, organization, id, if_match, Change::Add(new)).await
}

pub async fn remove(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
    input: RemoveEntries,
) -> Result<IpList> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let gone = Change::Remove(input.networks);
    change(ctx, organization, id, if_match, gone).await
}

/// Reads a text into it. A text is taken whole, or not at all.
pub async fn import(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
    input: ImportEntries,
) -> Result<IpList> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let ImportEntries { text, replace } = input;
    let now = ctx.now;
    let read = ready::apart(move || ip_list::read_lasting(&text, now)).await?;
    let entries = read.map_err(|wrong| under(wrong, "/text"))?;
    let new = Change::Import { entries, replace };
    change(ctx, organization, id, if_match, new).await
}

fn under(wrong: Vec<Invalid>, at: &str) -> Error {
    Error::invalid(wrong.into_iter().map(|one| one.under(at)).collect())
}

/// The row of a list that people write.
async fn by_hand<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
) -> Result<rows::Model> {
    let row = load(ctx, db, organization, id, Action::EditOrganization).await?;
    expect(if_match, row.etag)?;
    if row.source.is_some() {
        let detail = "This list is what its address answers. Remove the address to edit it.";
        return Err(Error::new(Code::Conflict, detail));
    }
    Ok(row)
}

/// Changes it and says so everywhere.
async fn change(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
    change: Change,
) -> Result<IpList> {
    let change = Arc::new(change);
    let seen = by_hand(ctx, ctx.db(), organization, id, if_match).await?;
    let place = ready::place().await?;
    let (mut made, mut told) = ready::changed(ctx.db(), seen.id, &change, ctx.now).await?;
    drop(place);
    let mut write = Write::begin(ctx).await?;
    let row = by_hand(ctx, write.tx(), organization, id, if_match).await?;
    if row.etag != seen.etag {
        // Somebody was quicker, and what is there now counts. It is rare, so the others wait.
        (made, told) = ready::changed(write.tx(), row.id, &change, ctx.now).await?;
    }
    let (before, digest) = (summary(&row, None)?, made.digest.clone());
    let mut active: rows::ActiveModel = row.clone().into();
    made.put(&write, &row, &mut active).await?;
    let row = active.update(write.tx()).await?;
    let mut after = summary(&row, Some(&digest))?;
    if let (Some(after), serde_json::Value::Object(told)) = (after.as_object_mut(), told) {
        after.extend(told);
    }
    let audit = Audit::new("ip_list.edit_entries", "ip_list", row.id).of(organization);
    write.audit(audit.before(before).after(after)).await?;
    write.changed(Kind::IpList, row.id).await?;
    write.commit().await?;
    show(ctx, row).await
}

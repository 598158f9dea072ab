//! What stands in a list: a page of it, and changes by people.

use domain::actor::Action;
use domain::hex::hex;
use domain::id::{IpListId, OrganizationId};
use domain::ip_list::{self, Entries, Entry, MAX_OF_ALL};
use domain::problem::{Code, Invalid};
use domain::snapshot::Kind;
use domain::wire::ip_lists::{AddEntries, EntriesPaging, ImportEntries, IpList, RemoveEntries};
use domain::wire::{Page, Paging};
use entity::row::write_json;
use entity::{ip_list as rows, ip_list_content as contents};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QuerySelect,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{load, show, summary};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::write::{Audit, Write, expect};

/// Largest content as it is stored, in bytes.
const MOST_STORED: usize = 16 * 1024 * 1024;
/// Of how many networks the audit says that they came or went.
const MOST_TOLD: usize = 100;

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
    let all = content(ctx.db(), row.id).await?;
    let found = all.found(after.as_deref(), &paging.find);
    let found: Vec<Entry> = found.take(most).cloned().collect();
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
    let new = Entries::new(input.entries).map_err(|wrong| under(wrong, "/entries"))?;
    let told: Vec<String> = new
        .iter()
        .take(MOST_TOLD)
        .map(|one| one.net.clone())
        .collect();
    let write = Write::begin(ctx).await?;
    let row = by_hand(ctx, &write, organization, id, if_match).await?;
    let mut all = content(write.tx(), row.id).await?;
    all.put(new);
    changed(write, row, all, "/entries", json!({ "added": told })).await
}

pub async fn remove(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
    input: RemoveEntries,
) -> Result<IpList> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let write = Write::begin(ctx).await?;
    let row = by_hand(ctx, &write, organization, id, if_match).await?;
    let mut all = content(write.tx(), row.id).await?;
    let mut gone = input.networks;
    gone.retain(|net| all.remove(net));
    gone.truncate(MOST_TOLD);
    changed(write, row, all, "/networks", json!({ "removed": gone })).await
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
    let new = read(text).await?.map_err(|wrong| under(wrong, "/text"))?;
    let write = Write::begin(ctx).await?;
    let row = by_hand(ctx, &write, organization, id, if_match).await?;
    let all = match replace {
        true => new,
        false => {
            let mut all = content(write.tx(), row.id).await?;
            all.put(new);
            all
        }
    };
    changed(write, row, all, "/text", json!({ "replaced": replace })).await
}

/// A hundred thousand lines take a while: not on this runtime's threads.
pub(super) async fn read(text: String) -> Result<Result<Entries, Vec<Invalid>>> {
    let read = tokio::task::spawn_blocking(move || ip_list::read(&text));
    read.await.map_err(Error::internal)
}

fn under(wrong: Vec<Invalid>, at: &str) -> Error {
    Error::invalid(wrong.into_iter().map(|one| one.under(at)).collect())
}

/// The row of a list that people write.
async fn by_hand(
    ctx: &Ctx,
    write: &Write<'_>,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
) -> Result<rows::Model> {
    let row = load(ctx, write.tx(), organization, id, Action::EditOrganization).await?;
    expect(if_match, row.etag)?;
    if row.source.is_some() {
        let detail = "This list is what its address answers. Remove the address to edit it.";
        return Err(Error::new(Code::Conflict, detail));
    }
    Ok(row)
}

pub(super) async fn content<C: ConnectionTrait>(db: &C, list: Uuid) -> Result<Entries> {
    let Some(row) = contents::Entity::find_by_id(list).one(db).await? else {
        return Ok(Entries::default());
    };
    Entries::new(row.entries()?).map_err(|_| Error::internal("a list holds what is no network"))
}

/// What was put into a list.
pub(super) struct Kept {
    count: i64,
    pub(super) digest: String,
    at: chrono::DateTime<chrono::Utc>,
}

impl Kept {
    /// Notes it in the list's row.
    pub(super) fn note(&self, row: &mut rows::ActiveModel) {
        let etag = match &row.etag {
            sea_orm::ActiveValue::Set(etag) | sea_orm::ActiveValue::Unchanged(etag) => *etag,
            sea_orm::ActiveValue::NotSet => 0,
        };
        row.entries = Set(self.count);
        row.updated_at = Set(self.at);
        row.etag = Set(etag + 1);
    }
}

/// Puts entries in the place of what stands in the list, without those that have ended. `pointer`
/// is where the caller named them.
pub(super) async fn keep(
    write: &Write<'_>,
    row: &rows::Model,
    mut entries: Entries,
    pointer: &str,
) -> Result<Kept> {
    let ctx = write.ctx();
    entries.drop_ended(ctx.now);
    if let Some(wrong) = entries.check_count() {
        return Err(Error::field(pointer, wrong.message));
    }
    let others: Vec<i64> = rows::Entity::in_org(row.organization_id.into())
        .select_only()
        .column(rows::Column::Entries)
        .filter(rows::Column::Id.ne(row.id))
        .into_tuple()
        .all(write.tx())
        .await?;
    let of_all = others.iter().sum::<i64>() + entries.len() as i64;
    if u64::try_from(of_all).unwrap_or(0) > MAX_OF_ALL {
        let detail = "All lists of an organization have at most 300,000 networks together.";
        return Err(Error::new(Code::LimitReached, detail));
    }
    let count = entries.len() as i64;
    let entries: Vec<Entry> = entries.into_iter().collect();
    let text = write_json("ip_list_content.entries", &entries)?;
    if text.len() > MOST_STORED {
        let message = "The list is too large as it is stored. Use shorter notes.";
        return Err(Error::field(pointer, message));
    }
    let digest = hex(&Sha256::digest(&text));
    let active = contents::ActiveModel {
        list_id: Set(row.id),
        entries: Set(text),
    };
    let again = OnConflict::column(contents::Column::ListId)
        .update_column(contents::Column::Entries)
        .to_owned();
    contents::Entity::insert(active)
        .on_conflict(again)
        .exec_without_returning(write.tx())
        .await?;
    Ok(Kept {
        count,
        digest,
        at: ctx.now,
    })
}

/// Keeps them and says so everywhere; ends the write.
async fn changed(
    mut write: Write<'_>,
    row: rows::Model,
    entries: Entries,
    pointer: &str,
    told: serde_json::Value,
) -> Result<IpList> {
    let kept = keep(&write, &row, entries, pointer).await?;
    let before = summary(&row, None);
    let mut active: rows::ActiveModel = row.into();
    kept.note(&mut active);
    let row = active.update(write.tx()).await?;
    let mut after = summary(&row, Some(&kept.digest));
    if let (Some(after), serde_json::Value::Object(told)) = (after.as_object_mut(), told) {
        after.extend(told);
    }
    let audit = Audit::new("ip_list.edit_entries", "ip_list", row.id);
    let audit = audit.of(row.organization_id.into());
    write.audit(audit.before(before).after(after)).await?;
    write.changed(Kind::IpList, row.id).await?;
    let shown = show(write.tx(), row).await?;
    write.commit().await?;
    Ok(shown)
}

//! Searching the catalog: words, category, tag, owner; with the values to filter by.

use std::collections::BTreeMap;

use domain::wire::Paging;
use domain::wire::catalog::{Catalog, CatalogQuery, Facet};
use entity::row::read_json;
use entity::{api, organization};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, LikeExpr},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{entry, listed};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::names;

/// Most words of a query that are looked at.
const MAX_WORDS: usize = 8;
/// Most rows that facets are counted over; a platform beyond that filters by what it shows.
const COUNTED: u64 = 5000;

/// Lists are by name; the id tells two of one name apart.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Key(String, Uuid);

pub async fn search(ctx: &Ctx, query: &CatalogQuery) -> Result<Catalog> {
    let window = Window::<Key>::new(&Paging {
        limit: query.limit,
        after: query.after.clone(),
    })?;
    let found = filtered(ctx, query).await?;
    let mut rows = found
        .clone()
        .order_by_asc(api::Column::Name)
        .order_by_asc(api::Column::Id);
    if let Some(Key(name, id)) = &window.after {
        let same = Condition::all()
            .add(api::Column::Name.eq(name.clone()))
            .add(api::Column::Id.gt(*id));
        rows = rows.filter(
            Condition::any()
                .add(api::Column::Name.gt(name.clone()))
                .add(same),
        );
    }
    let rows = rows.limit(window.fetch()).all(ctx.db()).await?;
    let page = window.page(rows, |row| Key(row.name.clone(), row.id));
    let items = entry::show_all(ctx, page.items).await?;
    let counts = facets(ctx, found).await?;
    Ok(Catalog {
        items,
        next: page.next,
        ..counts
    })
}

async fn filtered(ctx: &Ctx, query: &CatalogQuery) -> Result<Select<api::Entity>> {
    let mut found = listed(&ctx.actor);
    let words = query.q.as_deref().unwrap_or_default().to_lowercase();
    if words.len() > 200 {
        return Err(Error::field("/q", "Search for at most 200 characters."));
    }
    for word in words.split_whitespace().take(MAX_WORDS) {
        found = found.filter(Expr::col((api::Entity, api::Column::Search)).like(contains(word)));
    }
    if let Some(category) = query.category.as_deref().filter(|text| !text.is_empty()) {
        found = found.filter(api::Column::Category.eq(category.to_lowercase()));
    }
    if let Some(tag) = query.tag.as_deref().filter(|text| !text.is_empty()) {
        // Tags are a JSON list; the quotes make it the whole tag.
        let quoted = serde_json::to_string(&tag.to_lowercase())?;
        found = found.filter(Expr::col((api::Entity, api::Column::Tags)).like(contains(&quoted)));
    }
    if let Some(owner) = query.owner.as_deref().filter(|text| !text.is_empty()) {
        let owners = organization::Entity::find()
            .select_only()
            .column(organization::Column::Id)
            .filter(organization::Column::Slug.eq(owner))
            .into_query();
        found = found.filter(api::Column::OrganizationId.in_subquery(owners));
    }
    Ok(found)
}

/// `%word%` with the pattern's own characters taken literally.
pub(crate) fn contains(word: &str) -> LikeExpr {
    let literal = word
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    LikeExpr::new(format!("%{literal}%")).escape('\\')
}

async fn facets(ctx: &Ctx, found: Select<api::Entity>) -> Result<Catalog> {
    let rows: Vec<(String, String, Uuid)> = found
        .select_only()
        .columns([
            api::Column::Category,
            api::Column::Tags,
            api::Column::OrganizationId,
        ])
        .limit(COUNTED)
        .into_tuple()
        .all(ctx.db())
        .await?;
    let (mut categories, mut tags, mut owners) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (category, listed, owner) in &rows {
        if !category.is_empty() {
            *categories.entry(category.clone()).or_insert(0) += 1;
        }
        for tag in read_json::<Vec<String>>("api.tags", listed)? {
            *tags.entry(tag).or_insert(0) += 1;
        }
        *owners.entry(*owner).or_insert(0) += 1;
    }
    let named = names::organizations(ctx.db(), owners.keys().copied()).await?;
    let owners = owners.into_iter().map(|(id, count)| {
        let owner = named.get(id);
        Facet {
            value: owner.slug,
            label: owner.name,
            count,
        }
    });
    Ok(Catalog {
        total: rows.len() as u64,
        items: Vec::new(),
        next: None,
        categories: sorted(categories.into_iter().map(same)),
        tags: sorted(tags.into_iter().map(same)),
        owners: sorted(owners),
    })
}

fn same((value, count): (String, u64)) -> Facet {
    Facet {
        label: value.clone(),
        value,
        count,
    }
}

/// The most frequent first, at most thirty.
fn sorted(facets: impl Iterator<Item = Facet>) -> Vec<Facet> {
    let mut facets: Vec<Facet> = facets.collect();
    facets.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    facets.truncate(30);
    facets
}

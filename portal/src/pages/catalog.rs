//! The start page and the catalog.

use api::{http::extract::Query, service::catalog as service};
use domain::{
    plan::Approval,
    wire::catalog::{Catalog, CatalogEntry, CatalogQuery, Facet},
};
use frontend::{
    pages::{catalog, landing},
    part::{limits::approval, state::Badge},
};

use crate::{failure::Result, query::Query as Address, visit::Visit};

/// How many APIs the start page shows.
const FEATURED: u16 = 6;

pub(crate) async fn landing(visit: Visit) -> Result {
    let query = CatalogQuery {
        limit: Some(FEATURED),
        ..CatalogQuery::default()
    };
    let found = service::search(visit.ctx(), &query).await?;
    let page = landing::Landing {
        visitor: visit.visitor(),
        gateway_url: visit.ctx().settings().gateway_url.to_string(),
        apis: found.total,
        featured: found.items.into_iter().map(entry).collect(),
    };
    Ok(visit.page("Build on our APIs", || landing::view(page)))
}

pub(crate) async fn list(visit: Visit, Query(query): Query<CatalogQuery>) -> Result {
    let found = service::search(visit.ctx(), &query).await?;
    let page = props(&visit, &query, found);
    Ok(visit.page("APIs", || catalog::view(page)))
}

fn props(visit: &Visit, query: &CatalogQuery, found: Catalog) -> catalog::Catalog {
    let here = Address::of(query).without("after").without("limit");
    let mut filters = Vec::new();
    for (name, value) in here.iter().filter(|(name, _)| name != "q") {
        filters.push((
            name.clone(),
            value.clone(),
            here.without(name).after("/apis"),
        ));
    }
    let facets = [
        ("Category", "category", found.categories),
        ("Owner", "owner", found.owners),
        ("Tag", "tag", found.tags),
    ];
    let facets = facets
        .into_iter()
        .filter(|(_, _, values)| !values.is_empty());
    catalog::Catalog {
        visitor: visit.visitor(),
        words: query.q.clone().unwrap_or_default(),
        filters,
        facets: facets
            .map(|(title, name, values)| facet(title, name, values, &here))
            .collect(),
        entries: found.items.into_iter().map(entry).collect(),
        total: found.total,
        newer: query.after.is_some().then(|| here.after("/apis")),
        older: found
            .next
            .map(|next| here.with("after", &next).after("/apis")),
    }
}

fn facet(title: &'static str, name: &str, values: Vec<Facet>, here: &Address) -> catalog::Facet {
    let chosen = here
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.clone());
    let values = values.into_iter().take(20).map(|facet| {
        let on = chosen.as_ref() == Some(&facet.value);
        let to = if on {
            here.without(name)
        } else {
            here.with(name, &facet.value)
        };
        catalog::FacetValue {
            words: facet.label,
            href: to.after("/apis"),
            count: facet.count,
            on,
        }
    });
    catalog::Facet {
        title,
        values: values.collect(),
    }
}

fn entry(entry: CatalogEntry) -> catalog::Entry {
    let newest = entry.versions.first();
    let older = entry.versions.iter().skip(1);
    let mut remarks: Vec<String> = entry.tags.iter().take(3).cloned().collect();
    remarks.extend(older.map(|version| format!("{} {}", version.slug, version.state.as_str())));
    let plan = match (entry.approval, entry.needs_key) {
        (Some(Approval::Auto), _) => {
            Some(("Open plan".to_owned(), approval(Approval::Auto).into()))
        }
        (Some(Approval::Manual), _) => Some(("Plans".to_owned(), "need approval".into())),
        (None, false) => Some(("No key".to_owned(), "call at once".into())),
        (None, true) => None,
    };
    catalog::Entry {
        href: format!("/apis/{}/{}", entry.owner.slug, entry.slug),
        version: newest
            .map(|version| version.slug.clone())
            .unwrap_or_default(),
        state: newest.map_or_else(
            || Badge::from(entry.visibility),
            |version| Badge::from(version.state).quiet(),
        ),
        operations: newest.map_or(0, |version| version.operations),
        owner: format!("{}, {}", entry.team, entry.owner.name),
        name: entry.name,
        description: entry.summary,
        remarks,
        plan,
    }
}

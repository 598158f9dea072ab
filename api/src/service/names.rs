//! Names behind ids: what lists and pages show beside a reference. Asked for in one query per
//! kind; the caller has decided who may see them.

use std::collections::{HashMap, HashSet};

use domain::id::{Id, of};
use domain::wire::{Named, Who};
use entity::{api, application, organization, plan, team, upstream, user};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::error::Result;

/// Names by id. What is gone has an empty one.
#[derive(Debug)]
pub(crate) struct Names<K>(HashMap<Uuid, Named<K>>);

impl<K> Names<K> {
    pub(crate) fn get(&self, id: Uuid) -> Named<K> {
        let gone = || Named {
            id: Id::from_uuid(id),
            name: String::new(),
            slug: String::new(),
        };
        self.0.get(&id).cloned().unwrap_or_else(gone)
    }
}

macro_rules! named {
    ($($(#[$doc:meta])* $function:ident $module:ident $kind:ident $slug:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) async fn $function<C: ConnectionTrait>(
            db: &C,
            ids: impl IntoIterator<Item = Uuid>,
        ) -> Result<Names<of::$kind>> {
            use $module::Column::{Id, Name as Title, $slug as Short};
            resolve::<$module::Entity, _, _>(db, ids, Id, Title, Short).await
        }
    )*};
}

named! {
    organizations organization Organization Slug;
    teams team Team Slug;
    apis api Api Slug;
    plans plan Plan Slug;
    applications application Application Slug;
    /// Upstreams have no slug; the name stands in.
    upstreams upstream Upstream Name;
}

async fn resolve<E, K, C>(
    db: &C,
    ids: impl IntoIterator<Item = Uuid>,
    id: E::Column,
    name: E::Column,
    slug: E::Column,
) -> Result<Names<K>>
where
    E: EntityTrait,
    C: ConnectionTrait,
{
    let ids: HashSet<Uuid> = ids.into_iter().filter(|id| !id.is_nil()).collect();
    if ids.is_empty() {
        return Ok(Names(HashMap::new()));
    }
    let rows: Vec<(Uuid, String, String)> = E::find()
        .select_only()
        .column_as(id, "a")
        .column_as(name, "b")
        .column_as(slug, "c")
        .filter(id.is_in(ids))
        .into_tuple()
        .all(db)
        .await?;
    let named = |(id, name, slug)| {
        (
            id,
            Named {
                id: Id::from_uuid(id),
                name,
                slug,
            },
        )
    };
    Ok(Names(rows.into_iter().map(named).collect()))
}

/// People by id, with their addresses: [`People::name`] leaves those out.
#[derive(Debug)]
pub(crate) struct People(HashMap<Uuid, (String, String)>);

impl People {
    /// For colleagues and anybody else who needs no address.
    pub(crate) fn name(&self, id: Option<Uuid>) -> Who {
        Who {
            email: None,
            ..self.with_address(id)
        }
    }

    /// For the provider, who may write to whoever asked.
    pub(crate) fn with_address(&self, id: Option<Uuid>) -> Who {
        match id.and_then(|id| self.0.get(&id)) {
            Some((name, email)) => Who {
                name: name.clone(),
                email: Some(email.clone()),
            },
            None => Who {
                name: String::new(),
                email: None,
            },
        }
    }
}

pub(crate) async fn people<C: ConnectionTrait>(
    db: &C,
    ids: impl IntoIterator<Item = Option<Uuid>>,
) -> Result<People> {
    let ids: HashSet<Uuid> = ids.into_iter().flatten().collect();
    if ids.is_empty() {
        return Ok(People(HashMap::new()));
    }
    let rows: Vec<(Uuid, String, String)> = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::Name, user::Column::Email])
        .filter(user::Column::Id.is_in(ids))
        .into_tuple()
        .all(db)
        .await?;
    Ok(People(
        rows.into_iter()
            .map(|(id, name, email)| (id, (name, email)))
            .collect(),
    ))
}

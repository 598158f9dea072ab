//! The few pieces that every migration is made of, so that each table reads as a list.

use sea_orm_migration::prelude::*;

/// A foreign key to the `id` of `parent`. With `Cascade` the row goes with its parent; with
/// `Restrict` the parent stays while the row does.
pub(crate) fn belongs(
    column: &'static str,
    parent: &'static str,
    action: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from_col(column)
        .to(parent, "id")
        .on_delete(action)
        .to_owned()
}

/// Creates one index; its name follows from table and columns.
pub(crate) async fn index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    manager.create_index(statement("by", table, columns)).await
}

/// Like [`index`], but no two rows may agree in all the columns.
pub(crate) async fn unique(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    manager
        .create_index(statement("one", table, columns).unique().to_owned())
        .await
}

/// An index statement to add conditions to.
pub(crate) fn statement(
    kind: &str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index
        .name(format!("{table}_{kind}_{}", columns.join("_")))
        .table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

//! Rows that this release does not understand, or that a hand wrote: each costs itself only, and the
//! whole state and its changes say the same of it.

use domain::organization::ClientAddresses;
use domain::snapshot::{Kind, Parts};
use entity::change;
use entity::database::{Databases, begin_write};
use entity::snapshot::{Changes, changes_since, load};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use uuid::Uuid;

use crate::world::{at, credential, id, insert, plant};

/// Does `statements`, tells the change of an object, and gives the state with that change and the
/// whole one.
async fn after(
    db: &DatabaseConnection,
    statements: &[&str],
    (kind, object): (Kind, Uuid),
) -> (Parts, Parts) {
    let mut held = load(db).await.unwrap();
    let tx = begin_write(db).await.unwrap();
    for statement in statements {
        tx.execute_unprepared(statement).await.unwrap();
    }
    change::append(&tx, kind, object, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let since = changes_since(db, held.state, None).await.unwrap();
    let Changes::Delta(delta) = since else {
        panic!("no delta: {since:?}");
    };
    held.parts.apply(*delta);
    (held.parts, load(db).await.unwrap().parts)
}

fn unread(parts: &Parts) -> Vec<(Kind, Uuid)> {
    let unread = parts.unreadable();
    unread.map(|one| (one.kind, one.id)).collect()
}

#[tokio::test]
async fn a_credential_that_is_not_known_is_no_plain_key() {
    // Each starts from what the former one left.
    let table = [
        ("kind = 'hologram'", false),
        ("kind = ''", false),
        ("kind = 'signature'", false),
        (r#"claimed = '{"hologram":1}'"#, false),
        (r#"claimed = '{"platform":"client"}'"#, false),
        ("kind = 'client'", true),
        // What was issued elsewhere is read by its digest alone.
        (r#"claimed = '{"hologram":1}'"#, true),
        ("kind = 'key', claimed = NULL", true),
    ];
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        for (set, is_read) in table {
            let of = (Kind::Credential, id("key"));
            let statement = format!("UPDATE credential SET {set}");
            let (held, whole) = after(&db, &[&statement], of).await;
            let expected = if is_read { vec![] } else { vec![of] };
            for parts in [held, whole] {
                assert_eq!(parts.credentials.len(), usize::from(is_read), "{set}");
                assert_eq!(unread(&parts), expected, "{set}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn by_a_word_that_is_not_known_no_address_is_kept() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        for (word, form) in [
            ("truncated", ClientAddresses::Truncated),
            ("hashed", ClientAddresses::Dropped),
            ("", ClientAddresses::Dropped),
            ("whole", ClientAddresses::Whole),
        ] {
            let of = (Kind::Organization, id("provider"));
            let statement = format!(
                "UPDATE organization SET client_addresses = '{word}' WHERE slug = 'provider'"
            );
            let (held, whole) = after(&db, &[&statement], of).await;
            for parts in [held, whole] {
                let mut all = parts.organizations.iter();
                let its = all.find(|one| one.slug == "provider").unwrap();
                assert_eq!(its.client_addresses, form, "{word}");
                assert!(unread(&parts).is_empty(), "{word}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_line_feed_in_a_row_ends_no_other_row() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let (_, whole) = after(
            &db,
            &[
                "UPDATE credential SET cidrs = '[\n\"10.0.0.0/8\"\n]'",
                "UPDATE application SET labels = '[\n]'",
                "UPDATE subscription SET state = 'dreaming\n'",
            ],
            (Kind::Credential, id("key")),
        )
        .await;
        assert_eq!(whole.credentials[0].cidrs.len(), 1);
        assert!(whole.applications[0].labels.is_empty());
        let subscription = (Kind::Subscription, id("subscription"));
        assert_eq!(unread(&whole), [subscription]);
    })
    .await;
}

#[tokio::test]
async fn a_value_of_another_size_spoils_no_other_row() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        for name in ["key a", "key b"] {
            insert(&db, credential(name)).await;
        }
        for digest in ["substr(digest, 1, 31)", "substr(digest, 1, 0)"] {
            let of = (Kind::Credential, id("key a"));
            let statement = format!(
                "UPDATE credential SET digest = (SELECT {digest} FROM credential WHERE name = 'key b') WHERE name = 'key a'"
            );
            let (held, whole) = after(&db, &[&statement], of).await;
            for parts in [held, whole] {
                assert_eq!(parts.credentials.len(), 2, "{digest}");
                assert_eq!(unread(&parts), [of], "{digest}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_version_in_a_state_that_is_not_known_keeps_its_place() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let of = (Kind::Version, id("v1"));
        for (state, is_read) in [("dreaming", false), ("", false), ("published", true)] {
            let statement = format!("UPDATE version SET state = '{state}'");
            let (held, whole) = after(&db, &[&statement], of).await;
            assert_eq!(held.versions, whole.versions, "{state}");
            let version = &whole.versions[0];
            assert_eq!(version.revision.route.path, "/provider/v1", "{state}");
            assert_eq!(version.unreadable.is_none(), is_read, "{state}");
        }
    })
    .await;
}

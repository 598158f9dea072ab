//! One request by the id that its client saw, seen from whichever side the caller stands on.

use domain::actor::Person;
use domain::id::RecordId;
use domain::traffic::Record;
use domain::wire::traffic::LogEntry;
use entity::store::traffic::{self as store, RequestFilter, Scope};

use super::entry::{entry, may_as_consumer, may_as_provider};
use crate::ctx::Ctx;
use crate::error::Result;

/// What is known of it.
#[derive(Debug)]
pub(crate) struct Past {
    /// As far as the caller may see it.
    pub(crate) entry: LogEntry,
    /// All of it.
    pub(crate) record: Record,
    /// The caller may read the application that called.
    pub(crate) consumer: bool,
}

/// Clients may choose ids where a proxy is trusted: of several the newest that is the caller's.
const MOST: u64 = 20;

pub(crate) async fn past(ctx: &Ctx, person: &Person, request_id: &str) -> Result<Option<Past>> {
    let wanted = RequestFilter {
        request_id: Some(request_id.to_owned()),
        ..RequestFilter::default()
    };
    let db = &ctx.plane.databases.traffic;
    for membership in &person.memberships {
        let organization = membership.organization;
        for scope in [Scope::consumer(organization), Scope::provider(organization)] {
            for row in store::requests(db, &scope, &wanted, None::<RecordId>, MOST).await? {
                let consumer = row.record.consumer == organization
                    && may_as_consumer(ctx, &row.record).await?;
                let provider = row.record.provider == organization
                    && may_as_provider(ctx, &row.record).await?;
                if consumer || provider {
                    return Ok(Some(Past {
                        entry: entry(ctx, organization, row.id).await?,
                        record: row.record,
                        consumer,
                    }));
                }
            }
        }
    }
    Ok(None)
}

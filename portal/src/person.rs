//! The signed-in person as the top bar shows them: name, organizations with their teams.

use api::{
    Ctx,
    service::{account, subscriptions},
};
use frontend::frame::{Membership, Person};

/// `None` for an anonymous reader.
pub(crate) async fn of(ctx: &Ctx) -> api::Result<Option<Person>> {
    // A personal token opens pages as far as its scopes go; without that of the account the
    // reader stays nameless.
    if ctx.account(false).is_err() {
        return Ok(None);
    }
    let account = account::read(ctx).await?;
    let mut waiting = 0;
    for membership in &account.memberships {
        // Whoever decides nothing there has nothing waiting.
        waiting += subscriptions::pending_count(ctx, membership.organization, None)
            .await
            .unwrap_or(0);
    }
    let organizations = account
        .memberships
        .into_iter()
        .map(|membership| Membership {
            slug: membership.slug,
            name: membership.name,
            teams: membership
                .teams
                .into_iter()
                .map(|team| (team.slug, team.name))
                .collect(),
        })
        .collect();
    Ok(Some(Person {
        name: account.name,
        email: account.email,
        organizations,
        operator: account.operator,
        waiting,
    }))
}

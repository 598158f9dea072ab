//! Where a signed-in person starts.

use api::service::{account, apis, applications, subscriptions};
use domain::{actor::Action, wire::TeamPaging};
use frontend::pages::home;

use crate::{failure::Result, visit::Visit};

/// How many applications the page shows, over all organizations.
const APPLICATIONS: usize = 8;

pub(crate) async fn show(visit: Visit) -> Result {
    visit.signed_in()?;
    let ctx = visit.ctx();
    let account = account::read(ctx).await?;
    let (mut found, mut waiting, mut import) = (Vec::new(), Vec::new(), None);
    for membership in &account.memberships {
        let home = format!("/o/{}", membership.slug);
        for team in &membership.teams {
            let address = format!("{home}/t/{}", team.slug);
            // What a role does not open is not there, on this page as on any.
            let paging = TeamPaging {
                team: Some(team.team),
                ..TeamPaging::default()
            };
            if let Ok(page) = applications::list(ctx, membership.organization, &paging).await {
                found.extend(
                    page.items
                        .into_iter()
                        .map(|application| (address.clone(), application)),
                );
            }
            // Whoever may publish there and has not begun to.
            if import.is_none()
                && ctx.can(Action::EditApi, membership.organization, Some(team.team))
            {
                let apis = apis::list(ctx, membership.organization, &paging).await?;
                import = Some(
                    apis.items
                        .is_empty()
                        .then(|| format!("{address}/apis/import")),
                );
            }
            if let Ok(count @ 1..) =
                subscriptions::pending_count(ctx, membership.organization, Some(team.team)).await
            {
                waiting.push((address, team.name.clone(), count));
            }
        }
    }
    found.sort_by_key(|(_, application)| std::cmp::Reverse(application.created_at));
    found.truncate(APPLICATIONS);
    let page = home::Home {
        visitor: visit.visitor(),
        memberships: account.memberships,
        applications: found,
        waiting,
        import: import.flatten(),
        now: ctx.now,
    };
    Ok(visit.page("Home", || home::view(page)))
}

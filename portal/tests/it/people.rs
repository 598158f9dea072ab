//! Teams, members, invitations and the audit through the pages, without JavaScript.

use migration::testing::TestDatabase;

use crate::{
    looks::keep,
    support::{Answer, App, Browser, PASSWORD, each},
};

/// The address of somebody's one organization.
async fn organization(browser: &mut Browser) -> String {
    let home = browser.get("/home").await.ok(200);
    let place = home.between("<td><a href=\"", "\"");
    place.split("/t/").next().unwrap().to_owned()
}

/// Invites an address by the form of the members' page.
async fn invite(owner: &mut Browser, place: &str, email: &str, role: &str) -> Answer {
    let form = [
        ("email", email),
        ("role", role),
        ("team", ""),
        ("team_role", ""),
    ];
    owner.post(&format!("{place}/invitations"), &form).await
}

/// Somebody new who accepts the invitation to `email` and signs in.
async fn accept(app: &App, name: &str, email: &str) -> Browser {
    let mut browser = app.browser();
    let link = app.mailed("invitation", email).await;
    browser
        .get(&link)
        .await
        .ok(200)
        .says("Accept the invitation");
    let form = [("name", name), ("password", PASSWORD)];
    browser.post(&link, &form).await.to("/sign-in?done=joined");
    browser.sign_in(email, PASSWORD).await.to("/home");
    browser
}

/// The row of the table that shows `words`.
fn row<'a>(answer: &'a Answer, words: &str) -> &'a str {
    let found = answer
        .body
        .split("<tr>")
        .skip(1)
        .find(|row| row.contains(words));
    found
        .unwrap_or_else(|| panic!("no row with {words}"))
        .split("</tr>")
        .next()
        .unwrap()
}

/// The address that a member's role is posted to, and the tag of the row.
fn role_form(answer: &Answer, name: &str) -> (String, String) {
    let row = row(answer, name);
    let piece = |before: &str| {
        row.split(before)
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    };
    (
        piece("method=\"post\" action=\""),
        piece("name=\"etag\" value=\""),
    )
}

#[tokio::test]
async fn invited_accepted_promoted_and_the_last_owner_stays() {
    each(async |app: App| {
        let mut ines = app.member("ines").await;
        let place = organization(&mut ines).await;
        let members = format!("{place}/members");
        ines.get(&members)
            .await
            .ok(200)
            .says("the only one, so it stays")
            .hides(&format!("{members}/"));

        invite(&mut ines, &place, "tom@tom.example", "admin")
            .await
            .to(&format!("{members}?done=invited"));
        let waiting = ines.get(&format!("{members}?done=invited")).await.ok(200);
        waiting
            .says("tom@tom.example")
            .says("Withdraw")
            .says("on its way");

        let mut tom = accept(&app, "Tom Lee", "tom@tom.example").await;
        let list = ines
            .get(&members)
            .await
            .ok(200)
            .says("Tom Lee")
            .says("No invitation waits");
        keep("members", &list);
        let (tom_action, etag) = role_form(&list, "Tom Lee");

        // An admin does not make owners, and does not touch one.
        let seen = tom.get(&members).await.ok(200).says("Invite somebody");
        assert!(!row(&seen, "ines@ines.example").contains("<select"));
        assert!(!row(&seen, "Tom Lee").contains("value=\"owner\""));
        tom.post(
            &tom_action,
            &[("do", "role"), ("role", "owner"), ("etag", &etag)],
        )
        .await
        .ok(403);

        // A role over somebody else's change is refused where it was typed.
        let stale = [("do", "role"), ("role", "owner"), ("etag", "99")];
        let again = ines
            .post(&tom_action, &stale)
            .await
            .ok(422)
            .says("role=\"alert\"");
        assert!(row(&again, "Tom Lee").contains("<option value=\"owner\" selected"));
        ines.post(
            &tom_action,
            &[("do", "role"), ("role", "owner"), ("etag", &etag)],
        )
        .await
        .to(&format!("{members}?done=role"));

        // Two owners: one may step down, not both.
        let list = ines.get(&members).await.ok(200).hides("the only one");
        let (ines_action, etag) = role_form(&list, "ines@ines.example");
        ines.post(
            &ines_action,
            &[("do", "role"), ("role", "member"), ("etag", &etag)],
        )
        .await
        .to(&format!("{members}?done=role"));
        let mut tom = sign_in(&app, "tom@tom.example").await;
        let list = tom.get(&members).await.ok(200);
        assert!(!row(&list, "Tom Lee").contains("<select"));
        let last = tom
            .post(
                &tom_action,
                &[("do", "role"), ("role", "member"), ("etag", "")],
            )
            .await
            .ok(422);
        assert!(row(&last, "Tom Lee").contains("keeps at least one owner"));
        tom.get(&format!("{tom_action}/remove")).await.ok(200);
        let last = tom.post(&format!("{tom_action}/remove"), &[]).await.ok(422);
        last.says("keeps at least one owner");

        // A member sees who is there, and no button.
        let mut ines = sign_in(&app, "ines@ines.example").await;
        let list = ines
            .get(&members)
            .await
            .ok(200)
            .hides("Invite somebody")
            .hides("<select")
            .says("Leave");
        assert!(!row(&list, "Tom Lee").contains("<a "));
        invite(&mut ines, &place, "eve@eve.example", "member")
            .await
            .ok(403);
        // What it does stands there before it is done.
        ines.get(&format!("{ines_action}/remove"))
            .await
            .ok(200)
            .says("What it does")
            .says("new invitation");
        ines.post(&format!("{ines_action}/remove"), &[])
            .await
            .to("/home");
        ines.get(&members).await.ok(404);
    })
    .await;
}

async fn sign_in(app: &App, email: &str) -> Browser {
    let mut browser = app.browser();
    browser.sign_in(email, PASSWORD).await.to("/home");
    browser
}

#[tokio::test]
async fn an_invitation_is_sent_again_and_withdrawn() {
    let app = App::new(TestDatabase::sqlite().await).await;
    let mut ines = app.member("ines").await;
    let place = organization(&mut ines).await;
    let wrong = invite(&mut ines, &place, "no address", "chief")
        .await
        .ok(422);
    wrong
        .says("value=\"no address\"")
        .says("Choose owner, admin or member.");
    invite(&mut ines, &place, "tom@tom.example", "member")
        .await
        .ok(303);
    let first = app.mailed("invitation", "tom@tom.example").await;
    let list = ines.get(&format!("{place}/members")).await.ok(200);
    let action = list.between(&format!("action=\"{place}/invitations/"), "\"");
    let action = format!("{place}/invitations/{action}");
    ines.post(&action, &[("do", "resend")])
        .await
        .to(&format!("{place}/members?done=resent"));
    let second = app.mailed("invitation", "tom@tom.example").await;
    assert_ne!(first, second);
    app.browser().get(&first).await.ok(410);
    app.browser().get(&second).await.ok(200);
    // Somebody else's organization does not know it.
    let mut eve = app.member("eve").await;
    let elsewhere = organization(&mut eve).await;
    let id = action.rsplit('/').next().unwrap();
    eve.post(&format!("{elsewhere}/invitations/{id}"), &[])
        .await
        .ok(404);
    eve.post(&action, &[]).await.ok(404);
    ines.get(&format!("{action}/withdraw"))
        .await
        .ok(200)
        .says("Withdraw the invitation of tom@tom.example?");
    ines.post(&format!("{action}/withdraw"), &[]).await.ok(303);
    app.browser().get(&second).await.ok(410);
}

#[tokio::test]
async fn a_team_is_made_filled_renamed_and_deleted() {
    each(async |app: App| {
        let mut ines = app.member("ines").await;
        let place = organization(&mut ines).await;
        invite(&mut ines, &place, "tom@tom.example", "member")
            .await
            .ok(303);
        let mut tom = accept(&app, "Tom Lee", "tom@tom.example").await;

        let form = [
            ("name", ""),
            ("slug", "No Slug"),
            ("description", "Parcels"),
        ];
        let again = ines.post(&format!("{place}/teams"), &form).await.ok(422);
        again
            .says("id=\"name-e\"")
            .says("id=\"slug-e\"")
            .says("Parcels");
        tom.post(&format!("{place}/teams"), &[("name", "Own")])
            .await
            .ok(403);
        tom.get(&format!("{place}/teams"))
            .await
            .ok(200)
            .hides("Make the team");
        let team = format!("{place}/t/shipping");
        ines.post(&format!("{place}/teams"), &[("name", "Shipping")])
            .await
            .to(&format!("{team}/members"));
        keep(
            "teams",
            &ines
                .get(&format!("{place}/teams"))
                .await
                .ok(200)
                .says("Shipping"),
        );

        let page = ines
            .get(&format!("{team}/members"))
            .await
            .ok(200)
            .says("Nobody in this team yet");
        let user = page.between("<option value=\"", "\"");
        let tom_id = page
            .body
            .split("<option value=\"")
            .find(|option| option.contains("Tom Lee"));
        let tom_id = tom_id.unwrap().split('"').next().unwrap().to_owned();
        assert!(!user.is_empty());
        ines.post(
            &format!("{team}/members"),
            &[("user", &tom_id), ("role", "boss")],
        )
        .await
        .ok(422)
        .says("Choose maintainer");
        ines.post(
            &format!("{team}/members"),
            &[("user", &tom_id), ("role", "viewer")],
        )
        .await
        .ok(303);
        let list = ines.get(&format!("{team}/members")).await.ok(200);
        keep("team-members", &list);
        let (action, etag) = role_form(&list, "Tom Lee");
        ines.post(
            &action,
            &[("do", "role"), ("role", "maintainer"), ("etag", &etag)],
        )
        .await
        .ok(303);

        // A maintainer runs the team: renames it, invites into it, but does not end it.
        let mut tom_again = sign_in(&app, "tom@tom.example").await;
        let settings = tom_again
            .get(&format!("{team}/settings"))
            .await
            .ok(200)
            .hides("Delete the team");
        let etag = settings.between("name=\"etag\" value=\"", "\"");
        let form = [
            ("do", "save"),
            ("name", "Shipping and returns"),
            ("description", ""),
            ("etag", &etag),
        ];
        tom_again
            .post(&format!("{team}/settings"), &form)
            .await
            .to(&format!("{team}/settings?done=1"));
        let form = [("email", "joy@joy.example"), ("team_role", "developer")];
        tom_again
            .post(&format!("{team}/invitations"), &form)
            .await
            .to(&format!("{team}/members?done=invited"));
        accept(&app, "Joy", "joy@joy.example")
            .await
            .get(&format!("{team}/members"))
            .await
            .ok(200)
            .says("Joy")
            .hides("<select");

        // The end says what it takes along, and asks for the name.
        let settings = ines
            .get(&format!("{team}/settings"))
            .await
            .ok(200)
            .says("2 members lose");
        keep("team-settings", &settings);
        let etag = settings.between("name=\"etag\" value=\"", "\"");
        let wrong = [("do", "delete"), ("confirm", "Shipping"), ("etag", &etag)];
        ines.post(&format!("{team}/settings"), &wrong)
            .await
            .ok(422)
            .says("id=\"confirm-e\"");
        let right = [
            ("do", "delete"),
            ("confirm", "Shipping and returns"),
            ("etag", &etag),
        ];
        ines.post(&format!("{team}/settings"), &right)
            .await
            .to(&format!("{place}/teams"));
        ines.get(&team).await.ok(404);
    })
    .await;
}

#[tokio::test]
async fn the_audit_shows_who_did_what() {
    each(async |app: App| {
        let mut ines = app.member("ines").await;
        let place = organization(&mut ines).await;
        let settings = ines
            .get(&format!("{place}/settings"))
            .await
            .ok(200)
            .says("set by the operator")
            .says("Truncated: /24 of IPv4");
        keep("organization-settings", &settings);
        let etag = settings.between("name=\"etag\" value=\"", "\"");
        let form = [
            ("name", "Ines & sons"),
            ("client_addresses", "truncated"),
            ("etag", etag.as_str()),
        ];
        ines.post(&format!("{place}/settings"), &form).await.ok(303);
        let stale = ines.post(&format!("{place}/settings"), &form).await.ok(422);
        stale.says("Ines &amp; sons");
        invite(&mut ines, &place, "tom@tom.example", "member")
            .await
            .ok(303);
        let mut tom = accept(&app, "Tom Lee", "tom@tom.example").await;

        let audit = format!("{place}/audit");
        let page = ines.get(&audit).await.ok(200);
        let renamed = row(&page, "organization.edit");
        assert!(renamed.contains("ines@ines.example"), "{renamed}");
        assert!(
            renamed.contains("name: ines and co") && renamed.contains("name: Ines &amp; sons"),
            "{renamed}"
        );
        assert!(
            renamed.contains("client_addresses: whole")
                && renamed.contains("client_addresses: truncated"),
            "{renamed}"
        );
        assert!(row(&page, "invitation.create").contains("row "));
        keep("audit", &page);
        let only = ines
            .get(&format!("{audit}?action=invitation"))
            .await
            .ok(200);
        let only = only
            .says("<i>action=</i>")
            .says("invitation.create")
            .hides("organization.edit");
        only.says("audit.jsonl?action=invitation").says(&format!(
            "href=\"{audit}\" aria-label=\"Remove filter action\""
        ));
        ines.get(&format!("{audit}?from=2026-11-22"))
            .await
            .ok(200)
            .says("Nothing fits");
        ines.get(&format!("{audit}?to=2026-11-21"))
            .await
            .ok(200)
            .says("organization.edit");
        ines.get(&format!("{audit}?from=soon&actor=x"))
            .await
            .ok(422)
            .says("Write a day like")
            .hides("organization.edit");
        let export = ines
            .get(&page.between("href=\"/api/v1/", "\"").replacen(
                "organizations",
                "/api/v1/organizations",
                1,
            ))
            .await
            .ok(200);
        assert_eq!(
            export
                .body
                .lines()
                .filter(|line| line.contains("\"organization.edit\""))
                .count(),
            1
        );

        let whole = ines
            .post(&audit, &[("do", "verify")])
            .await
            .ok(200)
            .says("The chain is whole");
        keep("audit-verified", &whole);
        tom.get(&audit).await.ok(403);
        tom.get(&format!("{place}/settings")).await.ok(403);
        tom.get(&place).await.ok(200).hides(&audit);
        let mut eve = app.member("eve").await;
        for path in ["members", "teams", "audit", "settings"] {
            eve.get(&format!("{place}/{path}")).await.ok(404);
        }
    })
    .await;
}

//! Policies that this release cannot read, as a newer one wrote them: each page shows what it can,
//! says what it cannot and what to do, and nothing is edited that would lose them.

use sea_orm::ConnectionTrait;
use serde_json::Value;

use crate::looks::keep;
use crate::publishing::{first, home, id, version};
use crate::support::{App, each, publish};

#[tokio::test]
async fn pages_of_policies_say_what_cannot_be_read() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let shop = publish(&mut owner).await;
        let home = home(&mut owner).await;
        let version = version(&mut owner, &home).await;
        let slug = home.base.split('/').nth(2).unwrap();
        let api = first(&mut owner, &home, "apis").await;
        let api = format!("{}/apis/{}", home.base, id(&api));
        let product = first(&mut owner, &home, "products").await;
        let plan = format!("{}/products/{}/plans/{}", home.base, id(&product), shop.open);
        let of_organization = format!("/o/{slug}/policies");
        let of_plan = format!("{plan}/policies");
        let of_api = format!("{api}/policies");
        let of_version = format!("{version}/policies");

        let db = &app.plane.databases.main;
        let list = r#"[{"hologram":{}},{"rate_limit":{"limit":777,"window":"1s"}}]"#;
        for table in ["api", "plan"] {
            let sql = format!("UPDATE {table} SET policies = '{list}'");
            db.execute_unprepared(&sql).await.unwrap();
        }
        // What its APIs have does not make the page of their organization unreadable.
        let shown = owner.get(&of_organization).await.ok(200);
        keep("policies-unreadable-nearer", &shown);
        shown
            .says("not all of its own can be read")
            .says("?kind=rate_limit")
            .says("?add=cors");
        let sql = format!("UPDATE organization SET policies = '{list}'");
        db.execute_unprepared(&sql).await.unwrap();
        for (table, column) in [("draft", "settings"), ("revision", "snapshot")] {
            let sql = format!(
                "UPDATE {table} SET {column} = REPLACE({column}, '\"policies\":[{{\"key_auth\":{{}}}}]', '\"policies\":{list}')"
            );
            db.execute_unprepared(&sql).await.unwrap();
        }
        for page in [&of_organization, &of_api, &of_plan, &of_version] {
            let shown = owner.get(page).await.ok(200);
            shown
                .says("Not all policies here can be read")
                .says("This release knows no policy `hologram`.")
                .says("update Portunus")
                .says("?policy=0")
                .hides("?add=");
            owner.get(&format!("{page}?policy=0")).await.ok(200).says("777");
            for form in [
                [("do", "save"), ("kind", "mtls")],
                [("do", "remove"), ("kind", "rate_limit")],
            ] {
                let refused = owner.post(&format!("{page}?policy=0"), &form).await;
                refused.ok(409).says("wrote them, and saving would lose those");
            }
        }
        let shown = owner.get(&of_version).await.ok(200);
        keep("policies-unreadable", &shown);
        shown.says("Not all policies on the way can be read");
        let form = [("do", "save"), ("name", "Free"), ("approval", "auto")];
        owner.post(&plan, &form).await.ok(422).says("saving would lose those");
        let kept = owner.api("GET", &format!("/plans/{}", shop.open), Value::Null).await;
        assert_eq!(kept["unreadable"][0]["pointer"], "/0");

        // All other pages that look at them, then also where nothing at all can be read.
        let others = [
            version.clone(),
            format!("{version}/document"),
            format!("{version}/revisions"),
            format!("{version}/observed"),
            format!("{}/apis", home.base),
            api,
            format!("{}/products", home.base),
            plan,
            "/apis".to_owned(),
            shop.page,
        ];
        for page in &others {
            owner.get(page).await.ok(200);
        }
        for (table, column) in [
            ("organization", "policies"),
            ("api", "policies"),
            ("plan", "policies"),
            ("draft", "settings"),
            ("revision", "snapshot"),
        ] {
            let sql = format!("UPDATE {table} SET {column} = 'lost'");
            db.execute_unprepared(&sql).await.unwrap();
        }
        for page in others.iter().chain([&of_organization, &of_api, &of_plan, &of_version]) {
            owner.get(page).await.ok(200);
        }
    })
    .await;
}

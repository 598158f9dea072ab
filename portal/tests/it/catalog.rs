//! The catalog, the page of an API and its reference, for readers without an account.

use crate::support::{Answer, App, each, publish};

#[tokio::test]
async fn an_empty_portal_says_what_comes_next() {
    each(async |app: App| {
        let mut browser = app.browser();
        browser
            .get("/")
            .await
            .ok(200)
            .says("No API is published yet");
        browser
            .get("/apis")
            .await
            .ok(200)
            .says("No API is published yet");
        browser.get("/apis/nobody/nothing").await.ok(404);
    })
    .await;
}

#[tokio::test]
async fn search_and_filters_live_in_the_address() {
    each(async |app: App| {
        let shop = publish(&mut app.member("storefront").await).await;
        let mut reader = app.browser();
        let link = format!("href=\"{}\"", shop.page);
        reader.get("/").await.ok(200).says(&link);
        reader.get("/apis").await.ok(200).says(&link).says("1 API");
        reader
            .get("/apis?q=bookshop")
            .await
            .ok(200)
            .says(&link)
            .says("value=\"bookshop\"");
        reader
            .get("/apis?q=nothing+like+it")
            .await
            .ok(200)
            .hides(&link)
            .says("Nothing matches");
        let owner = shop.page.split('/').nth(2).unwrap();
        let owned = reader
            .get(&format!("/apis?owner={owner}"))
            .await
            .ok(200)
            .says(&link);
        owned
            .says("<i>owner=</i>")
            .says("href=\"/apis\" aria-label=\"Remove filter owner\"");
        reader
            .get("/apis?owner=somebody-else")
            .await
            .ok(200)
            .hides(&link);
        reader
            .get("/apis?after=nonsense")
            .await
            .ok(422)
            .says("validation_failed");
    })
    .await;
}

#[tokio::test]
async fn the_page_of_an_api_has_plans_and_versions() {
    each(async |app: App| {
        let shop = publish(&mut app.member("storefront").await).await;
        let mut reader = app.browser();
        let page = reader.get(&shop.page).await.ok(200);
        let page = page
            .says("Titles, authors, prices and orders")
            .says("/bookshop/v1")
            .says("The first shelf");
        let page = page
            .says("5 a minute")
            .says("1,000 a month")
            .says("needs approval")
            .says("approved at once");
        page.says(&format!("{}/subscribe?plan={}", shop.page, shop.manual))
            .hides(">Edit<");
        reader
            .get(&format!("{}?version=v9", shop.page))
            .await
            .ok(404);
        // Asking for a plan needs an account, and comes back.
        let led = reader
            .get(&format!("{}/subscribe", shop.page))
            .await
            .ok(303);
        assert!(
            led.header("location")
                .starts_with("/sign-in?next=%2Fapis%2F")
        );
    })
    .await;
}

#[tokio::test]
async fn the_reference_is_one_operation_per_address() {
    each(async |app: App| {
        let shop = publish(&mut app.member("storefront").await).await;
        let mut reader = app.browser();
        let reference = format!("{}/v1/reference", shop.page);
        let list = reader
            .get(&reference)
            .await
            .ok(200)
            .says("Authentication")
            .says("List books");
        let operation = list.between(&format!("<a href=\"{reference}/"), "\"");
        let address = format!("{reference}/{operation}");
        let page = reader
            .get(&address)
            .await
            .ok(200)
            .says("X-Api-Key")
            .says("curl ");
        page.says("in_stock")
            .says("Answer")
            .says("http://localhost:8080/");
        // The language is a link, and remembered.
        reader
            .get(&format!("{address}?lang=python"))
            .await
            .ok(200)
            .says("import ");
        assert_eq!(reader.cookies["lang"], "python");
        reader.get(&address).await.ok(200).says("import ");
        reader
            .get(&format!("{address}?lang=cobol"))
            .await
            .ok(200)
            .says("import ");
        reader
            .get(&format!("{reference}/no-such-operation"))
            .await
            .ok(404);
        let rows = |page: &Answer| page.body.matches("<td class=\"op-cell\">").count();
        let all = reader.get(&reference).await.ok(200);
        let found = reader.get(&format!("{reference}?q=author")).await.ok(200);
        assert!((1..rows(&all)).contains(&rows(&found)));
        let none = format!("{reference}?q=nothing+like+it");
        reader.get(&none).await.ok(200).says("Nothing matches");
    })
    .await;
}

#[tokio::test]
async fn the_raw_document_is_there_in_both_forms() {
    each(async |app: App| {
        let shop = publish(&mut app.member("storefront").await).await;
        let mut reader = app.browser();
        let json = reader
            .get(&format!("{}/v1/openapi.json", shop.page))
            .await
            .ok(200);
        assert!(json.header("content-disposition").starts_with("attachment"));
        let value: serde_json::Value = serde_json::from_str(&json.body).unwrap();
        assert_eq!(value["info"]["title"], "Bookshop");
        reader
            .get(&format!("{}/v1/openapi.yaml", shop.page))
            .await
            .ok(200)
            .says("title: Bookshop");
        reader
            .get(&format!("{}/v1/openapi.xml", shop.page))
            .await
            .ok(404);
        reader
            .get(&format!("{}/v2/openapi.json", shop.page))
            .await
            .ok(404);
    })
    .await;
}

//! Requests for the same thing at the same time, answers behind their time, and clients that leave.

use std::time::Duration;

use super::{get, rig, status, until};

#[tokio::test(flavor = "multi_thread")]
async fn one_asks_and_the_others_get_what_it_got() {
    let (rig, origin) = rig().await;
    let held = "200 | Cache-Control: max-age=60 | hold";
    let asks = (0..8).map(|_| get(&rig, "/plain", held, &[]));
    let (answers, ()) = tokio::join!(futures::future::join_all(asks), async {
        until(async || waiting(&rig).await == 7).await;
        assert_eq!(origin.count(), 1);
        origin.release.add_permits(1);
    });
    for answer in &answers {
        assert_eq!(answer.body, "answer 1");
    }
    let waited = answers
        .iter()
        .filter(|answer| status(answer).contains("collapsed"));
    assert_eq!(waited.count(), 7);
}

async fn waiting(rig: &crate::rig::Rig) -> u64 {
    let page = rig.admin("/metrics").await.body;
    let mut lines = page.lines();
    let line = lines.find_map(|line| line.strip_prefix("portunus_cache_collapsed_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_what_turned_out_private() {
    let (rig, origin) = rig().await;
    let private = "200 | Cache-Control: private | hold";
    let asks = (0..4).map(|_| get(&rig, "/plain", private, &[]));
    let (answers, ()) = tokio::join!(futures::future::join_all(asks), async {
        until(async || waiting(&rig).await == 3).await;
        origin.release.add_permits(1);
        // The others ask by themselves, at the same time.
        until(async || origin.count() == 4).await;
        origin.release.add_permits(3);
    });
    let mut bodies: Vec<&str> = answers.iter().map(|answer| answer.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["answer 1", "answer 2", "answer 3", "answer 4"]);
    let asks = (0..3).map(|_| get(&rig, "/plain", private, &[]));
    let (_, ()) = tokio::join!(futures::future::join_all(asks), async {
        until(async || origin.count() == 7).await;
        origin.release.add_permits(3);
    });
    assert_eq!(waiting(&rig).await, 3, "it is remembered for a while");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_keeps_nothing_and_nobody() {
    let (rig, origin) = rig().await;
    let mut leaves = rig.client().await;
    leaves
        .write(b"GET /plain HTTP/1.1\r\nHost: test\r\nX-Answer: 200 | Cache-Control: max-age=60 | hold\r\n\r\n")
        .await;
    until(async || origin.count() == 1).await;
    let waits = get(&rig, "/plain", "200 | Cache-Control: max-age=60", &[]);
    let (answer, ()) = tokio::join!(waits, async {
        until(async || waiting(&rig).await == 1).await;
        drop(leaves);
    });
    assert_eq!(answer.body, "answer 2");
    let again = get(&rig, "/plain", "200", &[]).await;
    assert_eq!(again.body, "answer 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_given_while_a_new_one_comes() {
    let (rig, origin) = rig().await;
    let first = "200 | Cache-Control: max-age=5 | ETag: \"a\"";
    get(&rig, "/late", first, &[]).await;
    rig.advance(8);
    let began = std::time::Instant::now();
    for _ in 0..3 {
        let held = "200 | Cache-Control: max-age=5 | ETag: \"b\" | hold";
        let stale = get(&rig, "/late", held, &[]).await;
        assert_eq!((stale.status, stale.body.as_str()), (200, "answer 1"));
        assert!(status(&stale).contains("hit; ttl=-3"), "{stale:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    until(async || origin.count() == 2).await;
    origin.release.add_permits(1);
    until(async || {
        let answer = get(&rig, "/late", "200", &["Cache-Control: only-if-cached"]).await;
        answer.body == "answer 2"
    })
    .await;
    assert_eq!(origin.count(), 2, "one asked for all");
    rig.advance(8);
    let same = "200 | Cache-Control: max-age=5 | ETag: \"b\"";
    assert!(status(&get(&rig, "/late", same, &[]).await).contains("ttl=-3"));
    until(async || {
        let answer = get(&rig, "/late", same, &[]).await;
        status(&answer).contains("hit; ttl=5")
    })
    .await;
    let refused = get(
        &rig,
        "/late/none",
        "200",
        &["Cache-Control: only-if-cached"],
    )
    .await;
    assert_eq!(refused.code(), "not_cached");
}

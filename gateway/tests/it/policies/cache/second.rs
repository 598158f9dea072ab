//! Two nodes with a real Redis between them, which is emptied, filled with something else, stopped,
//! made read-only, full, killed and started again.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use domain::api::Purge;
use domain::snapshot::{Delta, Kind, Parts, Purged};
use domain::traffic::Cached;
use gateway::source::Change;
use redis::Value;

use super::{by, get, status, until};
use crate::rig::origin::Origin;
use crate::rig::redis::RedisServer;
use crate::rig::{Answer, Client, Rig, snapshot};

const CACHE: &str = r#"
portunus: 1
upstreams:
  origin: { targets: [{ url: "http://@ORIGIN@" }], retries: { tries: 1 } }
apis:
  shop:
    versions:
      far: { match: { path: /far }, upstream: origin, policies: [{ cache: { second_level: redis } }, { key_auth: { optional: true } }] }
      late: { match: { path: /late }, upstream: origin, policies: [{ cache: { second_level: redis, stale_while_revalidate: 60s } }] }
      near: { match: { path: /near }, upstream: origin, policies: [{ cache: {} }] }
      seen: { match: { path: /seen }, upstream: origin, policies: [{ cache: { mode: observe, second_level: redis } }] }
  zoo:
    versions:
      v1: { match: { path: /zoo }, upstream: origin, policies: [{ cache: { second_level: redis } }] }
products:
  shop: { versions: [shop/far], plans: { free: {} } }
applications:
  one: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
  two: { keys: [{ name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

static ASKED: AtomicUsize = AtomicUsize::new(0);

const MINUTE: &str = "200 | Cache-Control: max-age=60";

/// What requests wait for Redis where it is not about that: a busy machine may stand still.
const PATIENCE: Duration = Duration::from_secs(2);

/// Two nodes, one origin, one Redis.
struct Pair {
    redis: RedisServer,
    origin: Origin,
    here: Rig,
    there: Rig,
}

impl Pair {
    /// `None` where there is no Redis to be had.
    async fn start() -> Option<Self> {
        Self::patient(PATIENCE).await
    }

    /// The same, with nodes whose requests wait for so long.
    async fn patient(patience: Duration) -> Option<Self> {
        let redis = RedisServer::start().await?;
        let origin = Origin::start().await;
        let here = node(&redis, &origin, patience).await;
        let there = node(&redis, &origin, patience).await;
        let pair = Self {
            redis,
            origin,
            here,
            there,
        };
        pair.is_shared().await;
        Some(pair)
    }

    /// Until both nodes ask Redis.
    async fn is_shared(&self) {
        for rig in [&self.here, &self.there] {
            until(async || {
                let before = metric(rig, "asked_total").await;
                // What turned out not to be kept is not asked for again for a while.
                let path = format!("/far/anything/{}", ASKED.fetch_add(1, Relaxed));
                get(rig, &path, "200", &[]).await;
                metric(rig, "degraded").await == 0 && metric(rig, "asked_total").await > before
            })
            .await;
        }
    }

    /// Asks here, until the answer is kept for the other node.
    async fn keep(&self, path: &str, answer: &str, fields: &[&str]) -> Answer {
        let before = metric(&self.here, "kept_total").await;
        let got = get(&self.here, path, answer, fields).await;
        assert!(status(&got).contains("; stored"), "{path}: {got:?}");
        until(async || metric(&self.here, "kept_total").await > before).await;
        got
    }

    /// What the other node gives, and whether it got it from the second level.
    async fn there(&self, path: &str, fields: &[&str]) -> (String, bool) {
        let got = get(&self.there, path, MINUTE, fields).await;
        let is_shared = status(&got).contains("; detail=second-level");
        (got.body, is_shared)
    }
}

async fn node(redis: &RedisServer, origin: &Origin, patience: Duration) -> Rig {
    let text = CACHE.replace("@ORIGIN@", &origin.address.to_string());
    Rig::with(&text, |settings| {
        settings.redis_url = Some(redis.url());
        settings.redis_patience = patience;
        settings.workers = Some(1);
    })
    .await
}

async fn metric(rig: &Rig, name: &str) -> u64 {
    let page = rig.admin("/metrics").await.body;
    let name = format!("portunus_cache_second_{name} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

async fn keys(redis: &RedisServer, pattern: &str) -> Vec<String> {
    let Value::Array(found) = redis.ask(&["KEYS", pattern]).await else {
        panic!("KEYS gives a list");
    };
    let text = |value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    found.into_iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_asked_for_the_others_need_not() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let tagged = "200 | Cache-Control: max-age=60 | ETag: \"a\" | Surrogate-Key: t | X-Own: 1";
    let kept = pair.keep("/far/a?b=1", tagged, &[]).await;
    let asked = pair.origin.count();
    pair.here.advance(10);
    pair.there.advance(10);
    pair.there.records();
    let got = get(&pair.there, "/far/a?b=1", "200", &[]).await;
    assert_eq!((got.status, &got.body), (200, &kept.body));
    assert!(
        status(&got).contains("hit; ttl=50; detail=second-level"),
        "{got:?}"
    );
    assert_eq!(
        (got.field("age"), got.field("x-own")),
        (Some("10"), Some("1"))
    );
    assert_eq!(got.field("etag"), Some("\"a\""));
    assert_eq!(got.field("surrogate-key"), None);
    // From then on it is kept there as well.
    let again = get(&pair.there, "/far/a?b=1", "200", &["If-None-Match: \"a\""]).await;
    assert_eq!(again.status, 304);
    assert!(!status(&again).contains("detail"), "{again:?}");
    let records = pair.there.wait_records(2).await;
    let told: Vec<Cached> = records.iter().map(|record| record.cached).collect();
    assert_eq!(told, [Cached::Shared, Cached::Hit]);
    let only = get(
        &pair.there,
        "/far/none",
        "200",
        &["Cache-Control: only-if-cached"],
    )
    .await;
    assert_eq!(only.code(), "not_cached");
    assert_eq!(pair.origin.count(), asked, "nobody was asked");
    // What asks for more than what is kept goes on.
    let anew = get(
        &pair.there,
        "/far/a?b=1",
        MINUTE,
        &["Cache-Control: no-cache"],
    )
    .await;
    assert!(status(&anew).contains("fwd=request"), "{anew:?}");
    // Without the field nothing is shared, and what only watches asks nobody.
    for (path, why) in [("/near/a", "fwd=uri-miss"), ("/seen/a", "")] {
        let asked = metric(&pair.there, "asked_total").await;
        get(&pair.here, path, MINUTE, &[]).await;
        let got = get(&pair.there, path, MINUTE, &[]).await;
        assert!(status(&got).contains(why), "{path}: {got:?}");
        assert_eq!(status(&got).is_empty(), why.is_empty(), "{path}: {got:?}");
        assert_eq!(metric(&pair.there, "asked_total").await, asked);
    }
    // The limits of the cluster note their nodes in the same Redis.
    let all = keys(&pair.redis, "*").await;
    let own = all
        .iter()
        .filter(|key| !key.starts_with("portunus:limits:node"));
    for key in own {
        assert!(key.starts_with("portunus:cache:1:"), "{key}");
        let ttl = pair.redis.ask(&["TTL", key]).await;
        assert!(matches!(ttl, Value::Int(1..=3600)), "{key}: {ttl:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_what_is_anothers() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let (one, two) = (by(1), by(2));
    let mine = pair.keep("/far/mine", MINUTE, &[&one]).await.body;
    for (fields, is) in [
        (&[two.as_str()][..], false),
        (&[], false),
        (&["Authorization: Basic eA=="], false),
        (&[one.as_str()], true),
    ] {
        let got = pair.there("/far/mine", fields).await;
        assert_eq!(got.1, is, "{fields:?}");
        assert_eq!(got.0 == mine, is, "{fields:?}");
    }
    // What the origin gives to all goes to all.
    let public = "200 | Cache-Control: public, max-age=60";
    let all = pair.keep("/far/all", public, &[&one]).await.body;
    assert_eq!(
        pair.there("/far/all", &["Authorization: Basic eA=="]).await,
        (all, true)
    );
    // Values that `Vary` names tell requests apart there as here.
    let vary = "200 | Cache-Control: max-age=60 | Vary: X-Lang";
    let german = pair.keep("/far/lang", vary, &["X-Lang: de"]).await.body;
    let english = pair.keep("/far/lang", vary, &["X-Lang: en"]).await.body;
    for (lang, is) in [
        ("X-Lang: de", Some(german)),
        ("X-Lang: en", Some(english)),
        ("X-Lang: fr", None),
    ] {
        let got = pair.there("/far/lang", &[lang]).await;
        assert_eq!(got.1, is.is_some(), "{lang}");
        if let Some(body) = is {
            assert_eq!(got.0, body, "{lang}");
        }
    }
    for never in [
        "200 | Cache-Control: private, max-age=60",
        "200 | Cache-Control: no-store",
        "200 | Cache-Control: max-age=60 | Set-Cookie: a=1",
    ] {
        let before = keys(&pair.redis, "portunus:cache:*:s*").await.len();
        get(&pair.here, "/far/never", never, &[]).await;
        assert!(
            !pair
                .there("/far/never", &["Cache-Control: no-store"])
                .await
                .1
        );
        assert_eq!(
            keys(&pair.redis, "portunus:cache:*:s*").await.len(),
            before,
            "{never}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_out_here_is_taken_out_there() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let tagged = "200 | Cache-Control: max-age=60 | Surrogate-Key: t";
    let send = async |line: &str, answer: &str| {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: test\r\nX-Answer: {answer}\r\nContent-Length: 0\r\n\r\n"
        );
        pair.here.send(&request).await.status
    };
    for (number, way) in ["unsafe", "location", "group", "purge"]
        .into_iter()
        .enumerate()
    {
        let (path, other) = (format!("/far/{number}"), format!("/far/{number}/other"));
        pair.keep(&path, tagged, &[]).await;
        pair.keep(&other, MINUTE, &[]).await;
        let renewed = metric(&pair.here, "renewed_total").await;
        let done = match way {
            "unsafe" => send(&format!("PUT {path}"), "204").await,
            "location" => send("POST /far/x", &format!("201 | Location: /{number}")).await,
            "group" => send("POST /far/x", "200 | Cache-Group-Invalidation: \"t\"").await,
            _ => purge(&pair.here, &format!(r#"{{"url":"test{path}"}}"#)).await,
        };
        assert!(done < 300, "{way}");
        until(async || metric(&pair.here, "renewed_total").await > renewed).await;
        let (_, is_shared) = pair.there(&path, &[]).await;
        assert!(!is_shared, "{way}");
        let (_, is_shared) = pair.there(&other, &[]).await;
        // The command is of no version: everything goes.
        assert_eq!(is_shared, way != "purge", "{way}");
    }
    // What was asked for before is not kept after it.
    let kept = metric(&pair.here, "outdated_total").await;
    let held = get(
        &pair.here,
        "/far/held",
        "200 | Cache-Control: max-age=60 | hold",
        &[],
    );
    let before = pair.origin.count();
    let (_, ()) = tokio::join!(held, async {
        until(async || pair.origin.count() > before).await;
        get(&pair.there, "/far/warm", MINUTE, &[]).await;
        let put =
            "PUT /far/held HTTP/1.1\r\nHost: test\r\nX-Answer: 204\r\nContent-Length: 0\r\n\r\n";
        let renewed = metric(&pair.there, "renewed_total").await;
        pair.there.send(put).await;
        until(async || metric(&pair.there, "renewed_total").await > renewed).await;
        pair.origin.release.add_permits(1);
    });
    until(async || metric(&pair.here, "outdated_total").await > kept).await;
    assert!(!pair.there("/far/held", &[]).await.1);
    // A generation that is gone is none that anything belongs to.
    pair.keep("/far/gone", MINUTE, &[]).await;
    for key in keys(&pair.redis, "portunus:cache:*:u*").await {
        pair.redis.ask(&["DEL", &key]).await;
    }
    assert!(!pair.there("/far/gone", &[]).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_keeps_nothing_tells_what_it_changed() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let third = node(&pair.redis, &pair.origin, PATIENCE).await;
    pair.keep("/far/a", MINUTE, &[]).await;
    let put = "PUT /far/a HTTP/1.1\r\nHost: test\r\nX-Answer: 204\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(third.send(put).await.status, 204);
    until(async || metric(&third, "renewed_total").await > 0).await;
    assert!(!pair.there("/far/a", &[]).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_strange_is_believed() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let junk = "x".repeat(3_000_000);
    for (number, value) in ["", "x", "PTNC", &junk].into_iter().enumerate() {
        let path = format!("/far/{number}");
        let before = keys(&pair.redis, "portunus:cache:*:s*").await;
        let kept = pair.keep(&path, MINUTE, &[]).await.body;
        for key in keys(&pair.redis, "portunus:cache:*:s*").await {
            if !before.contains(&key) {
                pair.redis.ask(&["SET", &key, value]).await;
            }
        }
        let (body, is_shared) = pair.there(&path, &[]).await;
        assert!(!is_shared && body != kept, "{value:.9}");
    }
    assert_eq!(metric(&pair.there, "strange_total").await, 3);
    // One answer in the place of another.
    pair.keep("/far/a", MINUTE, &[]).await;
    let before = keys(&pair.redis, "portunus:cache:*:s*").await;
    pair.keep("/far/b", MINUTE, &[]).await;
    let after = keys(&pair.redis, "portunus:cache:*:s*").await;
    let new = after.iter().find(|key| !before.contains(key)).unwrap();
    for key in &before {
        pair.redis.ask(&["COPY", new, key, "REPLACE"]).await;
    }
    assert!(!pair.there("/far/a", &[]).await.1);
    // Something that is no text at all says nothing of the others.
    let strange = metric(&pair.there, "strange_total").await;
    pair.redis.ask(&["DEL", new]).await;
    pair.redis.ask(&["LPUSH", new, "1"]).await;
    assert!(!pair.there("/far/b", &[]).await.1);
    assert_eq!(metric(&pair.there, "strange_total").await, strange + 1);
    assert_eq!(metric(&pair.there, "degraded").await, 0);
    // An index that others have put back says nothing of what was kept under another one.
    let vary = "200 | Cache-Control: max-age=60 | Vary: X-Lang";
    pair.keep("/far/lang", vary, &["X-Lang: de"]).await;
    let written = keys(&pair.redis, "portunus:cache:*:s*").await;
    for key in written.iter().filter(|key| !after.contains(key)) {
        let Value::Int(length) = pair.redis.ask(&["STRLEN", key]).await else {
            panic!("a length");
        };
        // The index is the short one.
        if length < 120 {
            pair.redis.ask(&["DEL", key]).await;
        }
    }
    pair.keep("/far/lang", vary, &["X-Lang: en"]).await;
    assert!(pair.there("/far/lang", &["X-Lang: en"]).await.1);
    assert!(!pair.there("/far/lang", &["X-Lang: de"]).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn younger_answers_win() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    // Who asks for a new one has it kept for the others, and one that is not kept takes the old away.
    pair.keep("/far/a", MINUTE, &[]).await;
    let anew = pair
        .keep("/far/a", MINUTE, &["Cache-Control: no-cache"])
        .await;
    assert_eq!(pair.there("/far/a", &[]).await, (anew.body, true));
    // What was seen here is not replaced by what is older there.
    let five = "200 | Cache-Control: max-age=5";
    pair.keep("/far/b", MINUTE, &[]).await;
    for rig in [&pair.here, &pair.there] {
        rig.advance(10);
    }
    pair.redis.signal("STOP");
    let own = get(&pair.there, "/far/b", five, &[]).await;
    assert!(status(&own).contains("fwd=uri-miss"), "{own:?}");
    pair.redis.signal("CONT");
    pair.is_shared().await;
    for rig in [&pair.here, &pair.there] {
        rig.advance(6);
    }
    let got = get(&pair.there, "/far/b", MINUTE, &[]).await;
    assert!(status(&got).contains("fwd=stale"), "{got:?}");
    // A HEAD that says that it is another by now takes it out there as well.
    let tagged = "200 | Cache-Control: max-age=60 | ETag: \"a\"";
    pair.keep("/far/c", tagged, &[]).await;
    let renewed = metric(&pair.here, "renewed_total").await;
    let head = "HEAD /far/c HTTP/1.1\r\nHost: test\r\nCache-Control: no-cache\r\nX-Answer: 200 | ETag: \"b\"\r\n\r\n";
    let mut client = pair.here.client().await;
    client.write(head.as_bytes()).await;
    client.read_bare().await;
    until(async || metric(&pair.here, "renewed_total").await > renewed).await;
    assert!(!pair.there("/far/c", &[]).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_kept_is_left_and_nobody_pays_for_a_flood() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    // What is never kept is asked for once.
    for is in [1, 0] {
        let asked = metric(&pair.here, "asked_total").await;
        get(
            &pair.here,
            "/far/never",
            "200 | Cache-Control: no-store",
            &[],
        )
        .await;
        let now = metric(&pair.here, "asked_total").await;
        assert_eq!(now - asked, is);
    }
    // Changes to many addresses leave nothing behind, and what is beside them stays.
    pair.keep("/far/stays", MINUTE, &[]).await;
    let before = keys(&pair.redis, "portunus:cache:*").await;
    let renewed = metric(&pair.here, "renewed_total").await;
    for number in 0..50 {
        let put = format!(
            "PUT /far/x/{number} HTTP/1.1\r\nHost: test\r\nX-Answer: 204\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(pair.here.send(&put).await.status, 204);
    }
    until(async || metric(&pair.here, "renewed_total").await >= renewed + 50).await;
    let after = keys(&pair.redis, "portunus:cache:*").await;
    assert!(after.iter().all(|key| before.contains(key)), "{after:?}");
    assert!(pair.there("/far/stays", &[]).await.1);
    // Nor do addresses that are only asked for, beside the few that stand for all of them.
    let of_one = |keys: &[String]| {
        let own = keys.iter().map(|key| key.rsplit(':').next().unwrap());
        own.filter(|name| name.starts_with(['u', 's'])).count()
    };
    let before = of_one(&after);
    for number in 0..50 {
        let path = format!("/far/y/{number}");
        get(&pair.here, &path, "200 | Cache-Control: no-store", &[]).await;
    }
    assert!(of_one(&keys(&pair.redis, "portunus:cache:*").await) <= before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_late_says_nothing_of_the_others() {
    // Twice as long as a request waits, and not as long as three questions in a row.
    let Some(pair) = Pair::patient(Duration::from_millis(500)).await else {
        return;
    };
    for number in 0..20 {
        pair.is_shared().await;
        let failed = metric(&pair.there, "failed_total").await;
        pair.redis.ask(&["CLIENT", "PAUSE", "1000"]).await;
        let got = get(&pair.there, &format!("/far/late/{number}"), MINUTE, &[]).await;
        assert_eq!(got.status, 200);
        until(async || metric(&pair.there, "failed_total").await > failed).await;
        pair.redis.ask(&["PING"]).await;
        // Where the machine stood still there were more than two: once more.
        let is_away = metric(&pair.there, "degraded").await == 1;
        let late = metric(&pair.there, "failed_total").await - failed;
        if late <= 2 {
            assert!(!is_away);
            return;
        }
    }
    panic!("the machine is too busy for it");
}

/// What a node takes out while Redis does not answer is taken out when it does.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_out_while_redis_is_late_or_away_is_told_later() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    for path in ["/far/stays", "/far/late", "/far/away", "/far/unseen"] {
        let hour = "200 | Cache-Control: max-age=3600";
        pair.keep(path, hour, &[]).await;
    }
    let renewed = metric(&pair.there, "renewed_total").await;
    pair.redis.signal("STOP");
    // Newer, and not kept: nobody has seen what it takes the place of.
    let never = "200 | Cache-Control: no-store";
    get(&pair.there, "/far/late", never, &[]).await;
    until(async || metric(&pair.there, "degraded").await == 1).await;
    // One that nobody has seen, while it is known that Redis is away, ends by itself.
    get(&pair.there, "/far/unseen", never, &[]).await;
    let put = "PUT /far/away HTTP/1.1\r\nHost: test\r\nX-Answer: 204\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(pair.there.send(put).await.status, 204);
    pair.redis.signal("CONT");
    until(async || metric(&pair.there, "renewed_total").await >= renewed + 2).await;
    // What was not kept is not asked for again for a minute.
    pair.there.advance(61);
    pair.here.advance(61);
    pair.is_shared().await;
    for path in ["/far/late", "/far/away"] {
        assert!(!pair.there(path, &[]).await.1, "{path}");
    }
    for path in ["/far/stays", "/far/unseen"] {
        assert!(pair.there(path, &[]).await.1, "{path}");
    }
}

/// As the operator's command does.
async fn purge(rig: &Rig, what: &str) -> u16 {
    let length = what.len();
    let request = format!(
        "POST /cache/purge HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{what}"
    );
    let mut client = Client::connect(rig.handle.admin.unwrap()).await;
    client.send(&request).await.status
}

/// Hands a state over in which so many purges of APIs are known, and waits until `path` is gone here.
async fn know(pair: &Pair, rig: &Rig, number: u64, known: &[(&str, u64)], path: &str) {
    let renewed = metric(rig, "renewed_total").await;
    let text = CACHE.replace("@ORIGIN@", &pair.origin.address.to_string());
    let mut snapshot = snapshot(&text, &rig.upstream, number);
    for (slug, count) in known {
        let mut apis = snapshot.parts.apis.iter_mut();
        let api = apis.find(|api| api.slug == *slug).unwrap();
        let purged = (1..=*count).map(|number| Purged {
            number,
            what: Purge::All(true),
        });
        api.purges = purged.collect();
    }
    rig.change(Change::Full(Box::new(snapshot)), number).await;
    until(async || metric(rig, "renewed_total").await > renewed).await;
    until(async || {
        let only = &["Cache-Control: only-if-cached"];
        get(rig, path, "200", only).await.status == 504
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purges_are_done_once_and_late_nodes_undo_nothing() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    pair.keep("/far/a", MINUTE, &[]).await;
    know(&pair, &pair.here, 2, &[("shop", 2)], "/far/a").await;
    assert!(!pair.there("/far/a", &[]).await.1);
    // The other node knows of less than was done; what it does of another API says when it has
    // looked at both.
    pair.there("/zoo/a", &[]).await;
    let kept = pair.keep("/far/b", MINUTE, &[]).await.body;
    let less = [("shop", 1), ("zoo", 1)];
    know(&pair, &pair.there, 2, &less, "/zoo/a").await;
    assert_eq!(pair.there("/far/b", &[]).await, (kept, true));
    pair.keep("/far/c", MINUTE, &[]).await;
    know(&pair, &pair.here, 3, &[("shop", 3)], "/far/c").await;
    assert!(!pair.there("/far/c", &[]).await.1);
    // A database that was restored gives the same numbers once more.
    pair.keep("/far/d", MINUTE, &[]).await;
    know(&pair, &pair.here, 4, &[("shop", 1)], "/far/d").await;
    assert!(!pair.there("/far/d", &[]).await.1);
    pair.keep("/far/e", MINUTE, &[]).await;
    know(&pair, &pair.here, 5, &[("shop", 2)], "/far/e").await;
    assert!(!pair.there("/far/e", &[]).await.1);
}

/// Where no node saw the database before it was restored, the operator takes everything out.
#[tokio::test(flavor = "multi_thread")]
async fn notes_of_a_database_that_is_gone_go_with_everything() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    pair.keep("/far/a", MINUTE, &[]).await;
    know(&pair, &pair.here, 2, &[("shop", 10)], "/far/a").await;
    // This one has seen nothing of the ten.
    pair.there("/zoo/a", &[]).await;
    let restored = [("shop", 3), ("zoo", 1)];
    know(&pair, &pair.there, 2, &restored, "/zoo/a").await;
    let renewed = metric(&pair.there, "renewed_total").await;
    assert!(purge(&pair.there, r#"{"all":true}"#).await < 300);
    until(async || metric(&pair.there, "renewed_total").await > renewed).await;
    let kept = pair.keep("/far/b", MINUTE, &[]).await.body;
    assert_eq!(pair.there("/far/b", &[]).await, (kept, true));
    let anew = [("shop", 4), ("zoo", 1)];
    know(&pair, &pair.there, 3, &anew, "/far/b").await;
    assert!(!pair.there("/far/b", &[]).await.1);
}

/// Nobody knows what was purged of a version while it was not served.
#[tokio::test(flavor = "multi_thread")]
async fn versions_that_are_served_again_begin_with_nothing() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let text = CACHE.replace("@ORIGIN@", &pair.origin.address.to_string());
    let only = &["Cache-Control: only-if-cached"][..];
    for (number, is_whole) in [(2, true), (4, false)] {
        let (far, zoo) = (format!("/far/{number}"), format!("/zoo/{number}"));
        for path in [&far, &zoo] {
            pair.keep(path, MINUTE, &[]).await;
        }
        let renewed = metric(&pair.here, "renewed_total").await;
        let mut less = snapshot(&text, &pair.here.upstream, number);
        let mut versions = std::mem::take(&mut less.parts.versions);
        let at = versions.iter().position(|version| version.slug == "far");
        let gone = versions.remove(at.unwrap());
        let change = match is_whole {
            true => {
                less.parts.versions = versions;
                Change::Full(Box::new(less))
            }
            false => Change::Delta(Box::new(Delta {
                from: number - 1,
                state: number,
                put: Parts::default(),
                gone: vec![(Kind::Version, gone.id.uuid())],
            })),
        };
        pair.here.change(change, number).await;
        until(async || metric(&pair.here, "renewed_total").await > renewed).await;
        pair.here.load(&text, number + 1).await;
        assert_eq!(get(&pair.here, &far, "200", only).await.status, 504);
        assert!(!pair.there(&far, &[]).await.1);
        assert_eq!(get(&pair.here, &zoo, "200", only).await.status, 200);
    }
}

/// Who goes to the upstream in any case does not wait for a Redis that does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn no_cache_waits_for_nobody() {
    let Some(pair) = Pair::patient(Duration::from_secs(3600)).await else {
        return;
    };
    pair.redis.signal("STOP");
    for path in ["/far/a", "/far/b"] {
        let got = get(&pair.here, path, MINUTE, &["Cache-Control: no-cache"]);
        let got = tokio::time::timeout(Duration::from_secs(60), got).await;
        assert_eq!(got.unwrap().status, 200, "{path}");
    }
    pair.redis.signal("CONT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_fails_nothing() {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    let good = async |pair: &Pair, what: &str| {
        for number in 0..5 {
            let began = Instant::now();
            let path = format!("/far/{what}/{number}");
            for rig in [&pair.here, &pair.there] {
                let got = get(rig, &path, MINUTE, &[]).await;
                assert_eq!(got.status, 200, "{what}");
                let again = get(rig, &path, MINUTE, &[]).await;
                assert!(status(&again).contains("hit"), "{what}: {again:?}");
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        }
    };
    // It can be asked, and keeps nothing.
    pair.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    good(&pair, "full").await;
    until(async || metric(&pair.here, "failed_total").await > 0).await;
    // What is taken out meanwhile is taken out all the same.
    pair.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    pair.is_shared().await;
    pair.keep("/far/a", MINUTE, &[]).await;
    pair.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let renewed = metric(&pair.here, "renewed_total").await;
    let put = "PUT /far/a HTTP/1.1\r\nHost: test\r\nX-Answer: 204\r\nContent-Length: 0\r\n\r\n";
    pair.here.send(put).await;
    until(async || metric(&pair.here, "renewed_total").await > renewed).await;
    assert!(!pair.there("/far/a", &[]).await.1);
    pair.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    // The newer one finds no room, and the older one goes all the same.
    pair.is_shared().await;
    pair.keep("/far/c", MINUTE, &[]).await;
    pair.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let renewed = metric(&pair.here, "renewed_total").await;
    get(&pair.here, "/far/c", MINUTE, &["Cache-Control: no-cache"]).await;
    until(async || metric(&pair.here, "renewed_total").await > renewed).await;
    assert!(!pair.there("/far/c", &[]).await.1);
    pair.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    // Read-only: what could not be told is told before anything is asked again.
    pair.is_shared().await;
    pair.keep("/far/b", MINUTE, &[]).await;
    pair.redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    good(&pair, "read-only").await;
    pair.here.send(&put.replace("/far/a", "/far/b")).await;
    until(async || metric(&pair.here, "degraded").await == 1).await;
    pair.redis.ask(&["REPLICAOF", "NO", "ONE"]).await;
    pair.is_shared().await;
    assert!(!pair.there("/far/b", &[]).await.1);
    // Hanging, gone, and back with nothing.
    pair.redis.signal("STOP");
    good(&pair, "stopped").await;
    until(async || metric(&pair.here, "degraded").await == 1).await;
    pair.redis.signal("CONT");
    pair.is_shared().await;
    pair.redis.kill();
    good(&pair, "killed").await;
    until(async || metric(&pair.here, "degraded").await == 1).await;
    pair.redis.start_again().await;
    pair.is_shared().await;
    let kept = pair.keep("/far/again", MINUTE, &[]).await.body;
    assert_eq!(pair.there("/far/again", &[]).await, (kept, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_renewed_in_the_background_comes_from_the_other_node() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let five = "200 | Cache-Control: max-age=5";
    pair.keep("/late/a", five, &[]).await;
    assert!(pair.there("/late/a", &[]).await.1);
    for rig in [&pair.here, &pair.there] {
        rig.advance(8);
    }
    // It is stale on both; here it is asked for anew, and there that is found.
    let kept = metric(&pair.here, "kept_total").await;
    let asked = pair.origin.count();
    get(&pair.here, "/late/a", five, &[]).await;
    until(async || metric(&pair.here, "kept_total").await > kept).await;
    assert_eq!(pair.origin.count(), asked + 1);
    get(&pair.there, "/late/a", five, &[]).await;
    until(async || {
        let got = get(
            &pair.there,
            "/late/a",
            "200",
            &["Cache-Control: only-if-cached"],
        )
        .await;
        status(&got).contains("hit; ttl=5")
    })
    .await;
    assert_eq!(pair.origin.count(), asked + 1, "one node asked for both");
}

//! The tab that explains a request: what is asked, and what is not written back. What the gateway
//! would do is the gateway's to test; here something stands in its place.

use std::sync::{Arc, Mutex};

use api::explain::Explains;
use async_trait::async_trait;
use domain::explain::{Asked, Decision, Explanation, KeyState, Read, Sight, Step, Verdict};
use domain::policy::{AttachPoint, Mode, Stage};
use serde_json::Value;

use crate::support::{App, each, publish};

#[derive(Debug, Clone, Default)]
struct Listener(Arc<Mutex<Vec<Asked>>>);

#[async_trait]
impl Explains for Listener {
    async fn explain(
        &self,
        asked: &Asked,
        _: KeyState,
        _: &Sight,
    ) -> Result<Explanation, Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().push(asked.clone());
        Ok(Explanation {
            state: 7,
            at: chrono::DateTime::UNIX_EPOCH,
            request: Read {
                method: asked.method.clone(),
                sent: asked.target.clone(),
                path: Some("/canonical/path".to_owned()),
                host: None,
                client: [127, 0, 0, 1].into(),
            },
            route: None,
            runners_up: Vec::new(),
            operation: None,
            caller: None,
            steps: vec![Step {
                policy: "key_auth/door".to_owned(),
                stage: Stage::Identity,
                from: Some(AttachPoint::Version),
                mode: Mode::Enforce,
                decision: Decision::Refuses,
                code: Some("key_invalid".to_owned()),
                why: "No such key.".to_owned(),
                limit: None,
            }],
            upstream: None,
            headers: None,
            verdict: Verdict {
                forwarded: false,
                status: Some(401),
                code: Some("key_invalid".to_owned()),
                why: "No such key.".to_owned(),
                decided_by: Some("key_auth/door".to_owned()),
            },
        })
    }
}

#[tokio::test]
async fn a_request_is_asked_about_and_its_key_is_not_written_back() {
    each(async |app: App| {
        let listener = Listener::default();
        app.plane.explainer.set(Arc::new(listener.clone())).unwrap();
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let account = owner.api("GET", "/account", Value::Null).await;
        let membership = &account["memberships"][0];
        let place = format!(
            "/organizations/{}/apis",
            membership["organization"].as_str().unwrap()
        );
        let api = owner.api("GET", &place, Value::Null).await["items"][0].clone();
        let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let page = format!(
            "/o/{}/apis/{}/versions/{}/explain",
            membership["slug"].as_str().unwrap(),
            text(&api),
            text(&api["versions"][0])
        );
        let form = owner.get(&page).await.ok(200);
        assert!(form.body.contains("name=\"target\""), "{}", form.body);

        let typed = [
            ("method", "DELETE"),
            ("target", "/x?a=1"),
            ("headers", "Accept: */*\n\nX-Other: ptn_live_othersecret"),
            ("key", "ptn_live_secret"),
        ];
        let answer = owner.post(&page, &typed).await.ok(200);
        let asked = listener.0.lock().unwrap().pop().unwrap();
        assert_eq!(
            (asked.method.as_str(), asked.target.as_str()),
            ("DELETE", "/x?a=1")
        );
        let fields: Vec<_> = asked
            .headers
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("Accept", "*/*"),
                ("X-Other", "ptn_live_othersecret"),
                ("x-api-key", "ptn_live_secret"),
            ]
        );
        for shown in [
            "key_invalid",
            "key_auth/door",
            "identity",
            "/canonical/path",
            "refuses",
        ] {
            assert!(answer.body.contains(shown), "{shown} in {}", answer.body);
        }
        assert!(!answer.body.contains("secret"), "{}", answer.body);

        let wrong = owner
            .post(&page, &[("target", "/x y"), ("key", "ptn_live_secret")])
            .await
            .ok(422);
        assert!(wrong.body.contains("without spaces"), "{}", wrong.body);
        assert!(!wrong.body.contains("secret"), "{}", wrong.body);
        assert!(listener.0.lock().unwrap().is_empty(), "not even asked");
    })
    .await;
}

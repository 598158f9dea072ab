//! The route table of the portal: what answers where.

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, get, post},
};
use domain::problem::Code;

use crate::{
    assets,
    failure::Failure,
    pages::{
        account, apis, applications, catalog, claims, error_codes, home, invitation, keys, people,
        platform, publish, reset, setup, sign_in, sign_up, subscriptions, traffic, workspaces,
    },
    visit::Portal,
};

/// Routes of pages, with their patterns kept beside them so that tests can tell that they know
/// every page.
#[derive(Default)]
pub(crate) struct Pages {
    router: Router<Portal>,
    patterns: Vec<String>,
}

impl Pages {
    pub(crate) fn route(mut self, pattern: &str, methods: MethodRouter<Portal>) -> Self {
        self.patterns.push(pattern.to_owned());
        self.router = self.router.route(pattern, methods);
        self
    }

    fn merge(mut self, other: Self) -> Self {
        self.patterns.extend(other.patterns);
        self.router = self.router.merge(other.router);
        self
    }
}

/// Every page.
fn pages() -> Pages {
    anyone()
        .merge(developer())
        .merge(publish::routes())
        .merge(people::routes())
        .merge(platform::routes())
}

/// The patterns of all pages, like `/o/{organization}/apis/{api}`.
#[must_use]
pub fn patterns() -> Vec<String> {
    pages().patterns
}

/// All routes, without the layers around them.
pub fn routes(portal: &Portal) -> Router {
    pages()
        .router
        .route("/assets/{digest}/{*name}", get(assets::show))
        .fallback(|| async { Failure::of(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Failure::of(Code::MethodNotAllowed) })
        .with_state(portal.clone())
        // `/api/v1` and `/api/openapi.json`.
        .merge(api::http::router(Arc::clone(portal.plane())))
}

/// What readers without an account use, and the way to one.
fn anyone() -> Pages {
    Pages::default()
        .route("/", get(catalog::landing))
        .route("/apis", get(catalog::list))
        .route("/apis/{owner}/{api}", get(apis::show))
        .route(
            "/apis/{owner}/{api}/subscribe",
            get(subscriptions::ask).post(subscriptions::request),
        )
        .route(
            "/apis/{owner}/{api}/{version}/reference",
            get(apis::reference),
        )
        .route(
            "/apis/{owner}/{api}/{version}/reference/{operation}",
            get(apis::operation),
        )
        .route("/apis/{owner}/{api}/{version}/{file}", get(apis::document))
        .route("/docs/errors", get(error_codes::list))
        .route("/docs/errors/{code}", get(error_codes::show))
        .route("/sign-up", get(sign_up::show).post(sign_up::ask))
        .route("/sign-up/resend", post(sign_up::resend))
        .route("/verify/{token}", get(sign_up::link).post(sign_up::verify))
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/reset", get(reset::show).post(reset::ask))
        .route("/reset/{token}", get(reset::link).post(reset::choose))
        .route("/setup/{token}", get(setup::link).post(setup::complete))
        .route(
            "/invitations/{token}",
            get(invitation::link).post(invitation::accept),
        )
}

/// What a signed-in person has, and what the consumer's side of a team does.
fn developer() -> Pages {
    const TEAM: &str = "/o/{organization}/t/{team}";
    const APPLICATION: &str = "/o/{organization}/t/{team}/applications/{application}";
    Pages::default()
        .route("/home", get(home::show))
        .route(
            "/account",
            get(account::profile).post(account::save_profile),
        )
        .route(
            "/account/password",
            get(account::password).post(account::save_password),
        )
        .route("/account/sessions", get(account::sessions))
        .route("/account/sessions/end-others", post(account::end_others))
        .route(
            "/account/sessions/{session}/end",
            post(account::end_session),
        )
        .route(
            "/account/tokens",
            get(account::tokens).post(account::create_token),
        )
        .route(
            "/account/tokens/{token}/revoke",
            post(account::revoke_token),
        )
        .route("/o/{organization}", get(workspaces::organization))
        .route("/o/{organization}/analytics", get(traffic::usage))
        .route("/o/{organization}/log", get(traffic::list))
        .route("/o/{organization}/log/{record}", get(traffic::entry))
        .route(TEAM, get(workspaces::team))
        .route(&format!("{TEAM}/analytics"), get(traffic::usage))
        .route(&format!("{TEAM}/log"), get(traffic::list))
        .route(&format!("{TEAM}/log/{{record}}"), get(traffic::entry))
        .route(&format!("{TEAM}/applications"), get(applications::list))
        .route(
            &format!("{TEAM}/applications/new"),
            get(applications::new).post(applications::create),
        )
        .route(APPLICATION, get(applications::show))
        .route(
            &format!("{APPLICATION}/edit"),
            get(applications::edit).post(applications::save),
        )
        .route(
            &format!("{APPLICATION}/disable"),
            get(applications::ask_disable).post(applications::disable),
        )
        .route(&format!("{APPLICATION}/enable"), post(applications::enable))
        .route(
            &format!("{APPLICATION}/keys/new"),
            get(keys::new).post(keys::create),
        )
        .route(
            &format!("{APPLICATION}/keys/{{key}}/roll"),
            get(keys::ask_roll).post(keys::roll),
        )
        .route(
            &format!("{APPLICATION}/keys/{{key}}/revoke"),
            get(keys::ask_revoke).post(keys::revoke),
        )
        .route(
            &format!("{APPLICATION}/oauth-clients/new"),
            get(claims::new_oauth_client).post(claims::make_oauth_client),
        )
        .route(
            &format!("{APPLICATION}/passwords/new"),
            get(claims::new_password).post(claims::make_password),
        )
        .route(
            &format!("{APPLICATION}/signing-keys/new"),
            get(claims::new_signing_key).post(claims::add_signing_key),
        )
        .route(
            &format!("{APPLICATION}/clients/new"),
            get(claims::new_client).post(claims::add_client),
        )
        .route(
            &format!("{APPLICATION}/certificates/new"),
            get(claims::new_certificate).post(claims::add_certificate),
        )
        .route(&format!("{TEAM}/subscriptions"), get(subscriptions::list))
        .route(
            &format!("{TEAM}/subscriptions/{{subscription}}/cancel"),
            get(subscriptions::ask_cancel).post(subscriptions::cancel),
        )
        .route(
            &format!("{TEAM}/subscriptions/{{subscription}}/{{verb}}"),
            post(subscriptions::step),
        )
}

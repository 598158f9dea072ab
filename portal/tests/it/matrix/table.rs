//! The table.

use super::{Door, Line};

const ORGANIZATION: &str = "/o/{organization}";
const TEAM: &str = "/o/{organization}/t/{team}";

type Form = &'static [(&'static str, &'static str)];

/// What most forms read.
const SAVE: Form = &[("do", "save"), ("name", "x"), ("etag", "1")];
const APPROVE: Form = &[("do", "approve"), ("note", "")];
const ROLL: Form = &[("overlap", "none")];
const NAMED: Form = &[("name", "k")];
const DEPRECATE: Form = &[("do", "deprecate"), ("message", "x")];
const PROMOTE: Form = &[("number", "1")];
const MEMBER: Form = &[("role", "member"), ("etag", "1")];
const VIEWER: Form = &[("role", "viewer"), ("etag", "1")];
const SUSPEND: Form = &[
    ("do", "suspend"),
    ("confirm", "here-and-co"),
    ("reason", "x"),
];
const VERIFY: Form = &[("do", "verify")];

/// Every page.
pub(super) fn lines() -> Vec<Line> {
    let mut lines = anyone();
    lines.extend(tenants());
    for below in [ORGANIZATION, TEAM] {
        lines.extend(publishing().into_iter().map(|line| Line {
            pattern: format!("{below}{}", line.pattern),
            ..line
        }));
    }
    lines
}

fn line(pattern: impl Into<String>, door: Door, form: Form) -> Line {
    Line {
        pattern: pattern.into(),
        door,
        form,
        has_file: false,
        leads_back: false,
    }
}

fn anyone() -> Vec<Line> {
    use Door::{Anyone, Link, Operator, Own, Private, PrivateSignedIn};
    vec![
        line("/", Anyone, &[]),
        line("/apis", Anyone, &[]),
        line("/docs/errors", Anyone, &[]),
        line("/docs/errors/{code}", Anyone, &[]),
        line("/sign-up", Anyone, &[]),
        line("/sign-up/resend", Anyone, &[]),
        line("/sign-in", Anyone, &[]),
        line("/sign-out", Anyone, &[]),
        line("/reset", Anyone, &[]),
        line("/verify/{token}", Link, &[]),
        line("/reset/{token}", Link, &[]),
        line("/setup/{token}", Link, &[]),
        line("/invitations/{token}", Link, &[]),
        line("/apis/{owner}/{api}", Private, &[]),
        line("/apis/{owner}/{api}/subscribe", PrivateSignedIn, &[]),
        line("/apis/{owner}/{api}/{version}/reference", Private, &[]),
        line(
            "/apis/{owner}/{api}/{version}/reference/{operation}",
            Private,
            &[],
        ),
        line("/apis/{owner}/{api}/{version}/{file}", Private, &[]),
        line("/home", Own, &[]),
        line("/account", Own, &[]),
        line("/account/password", Own, &[]),
        line("/account/sessions", Own, &[]),
        line("/account/sessions/end-others", Own, &[]),
        line("/account/sessions/{session}/end", Own, &[]),
        line("/account/tokens", Own, &[]),
        line("/account/tokens/{token}/revoke", Own, &[]),
        line("/operator", Operator, &[]),
        line("/operator/organizations", Operator, &[]),
        line("/operator/organizations/{organization}", Operator, SUSPEND),
        line("/operator/nodes", Operator, &[]),
        line("/operator/outbox", Operator, &[]),
        line("/operator/outbox/{mail}", Operator, &[]),
        line("/operator/settings", Operator, &[]),
        line(
            "/operator/settings/{name}",
            Operator,
            &[("sign_up", "open")],
        ),
        line("/operator/audit", Operator, VERIFY),
        line("/operator/certificates", Operator, &[]),
        line("/operator/certificates/new", Operator, NAMED),
        line("/operator/certificates/hosts", Operator, SAVE),
        line("/operator/certificates/{certificate}", Operator, SAVE),
        line(
            "/operator/certificates/{certificate}/delete",
            Operator,
            NAMED,
        ),
    ]
}

fn tenants() -> Vec<Line> {
    let of_organization: &[(&str, Form)] = &[
        ("", &[]),
        ("/analytics", &[]),
        ("/log", &[]),
        ("/log/{record}", &[]),
        ("/teams", NAMED),
        ("/members", &[]),
        ("/members/{user}", MEMBER),
        ("/members/{user}/remove", &[]),
        (
            "/invitations",
            &[("email", "x@x.example"), ("role", "member")],
        ),
        ("/invitations/{invitation}", &[]),
        ("/invitations/{invitation}/withdraw", &[]),
        ("/settings", SAVE),
        ("/webhooks", &[("do", "create"), ("url", "")]),
        ("/policies", SAVE),
        ("/audit", VERIFY),
        ("/certificates", &[]),
        ("/certificates/new", NAMED),
        ("/certificates/hosts", SAVE),
        ("/certificates/{certificate}", SAVE),
        ("/certificates/{certificate}/delete", NAMED),
        ("/ip-lists", &[]),
        ("/ip-lists/new", NAMED),
        ("/ip-lists/{ip_list}", SAVE),
        ("/ip-lists/{ip_list}/import", &[]),
        ("/ip-lists/{ip_list}/delete", NAMED),
    ];
    let of_team: &[(&str, Form)] = &[
        ("", &[]),
        ("/analytics", &[]),
        ("/log", &[]),
        ("/log/{record}", &[]),
        ("/applications", &[]),
        ("/applications/new", NAMED),
        ("/applications/{application}", &[]),
        ("/applications/{application}/edit", NAMED),
        ("/applications/{application}/disable", &[]),
        ("/applications/{application}/enable", &[]),
        ("/applications/{application}/keys/new", NAMED),
        ("/applications/{application}/oauth-clients/new", NAMED),
        ("/applications/{application}/passwords/new", NAMED),
        ("/applications/{application}/signing-keys/new", NAMED),
        ("/applications/{application}/clients/new", NAMED),
        ("/applications/{application}/certificates/new", NAMED),
        ("/applications/{application}/keys/{key}/roll", ROLL),
        ("/applications/{application}/keys/{key}/revoke", NAMED),
        ("/subscriptions", &[]),
        ("/subscriptions/{subscription}/cancel", &[]),
        ("/subscriptions/{subscription}/{verb}", &[]),
        ("/members", VIEWER),
        ("/members/{user}", VIEWER),
        ("/members/{user}/remove", &[]),
        (
            "/invitations",
            &[("email", "x@x.example"), ("team_role", "viewer")],
        ),
        ("/settings", SAVE),
    ];
    let of = |below: &str, pages: &[(&str, Form)]| -> Vec<Line> {
        let pages = pages.iter();
        let lines = pages.map(|(path, form)| Line {
            leads_back: *path == "/members/{user}",
            has_file: path.ends_with("/import"),
            ..line(format!("{below}{path}"), Door::Tenant, form)
        });
        lines.collect()
    };
    let mut lines = of(ORGANIZATION, of_organization);
    lines.extend(of(TEAM, of_team));
    lines
}

/// Pages that stand in a team's workspace and in the organization's own.
fn publishing() -> Vec<Line> {
    let pages: &[(&str, Form)] = &[
        ("/apis", &[]),
        ("/apis/import", &[]),
        ("/apis/{api}", SAVE),
        ("/apis/{api}/purge", &[]),
        ("/apis/{api}/policies", SAVE),
        ("/apis/{api}/versions/{version}", SAVE),
        ("/apis/{api}/versions/{version}/policies", SAVE),
        (
            "/apis/{api}/versions/{version}/operations/{operation}/policies",
            SAVE,
        ),
        ("/apis/{api}/versions/{version}/observed", &[]),
        ("/apis/{api}/versions/{version}/document", &[]),
        ("/apis/{api}/versions/{version}/revisions", PROMOTE),
        ("/apis/{api}/versions/{version}/explain", &[]),
        ("/apis/{api}/versions/{version}/deprecate", DEPRECATE),
        ("/apis/{api}/versions/{version}/retire", NAMED),
        ("/apis/{api}/versions/{version}/switch-off", NAMED),
        ("/apis/{api}/versions/{version}/unpublish", NAMED),
        ("/upstreams", &[]),
        ("/upstreams/new", NAMED),
        ("/upstreams/{upstream}", SAVE),
        ("/products", &[]),
        ("/products/new", NAMED),
        ("/products/{product}", SAVE),
        ("/products/{product}/plans/new", NAMED),
        ("/products/{product}/plans/{plan}", SAVE),
        ("/products/{product}/plans/{plan}/close", NAMED),
        ("/products/{product}/plans/{plan}/policies", SAVE),
        ("/subscribers", &[]),
        ("/approvals", &[]),
        ("/approvals/{subscription}", APPROVE),
        ("/subscribers/{subscription}", APPROVE),
    ];
    let lines = pages.iter().map(|(path, form)| Line {
        has_file: path.ends_with("/document") || path.ends_with("/import"),
        ..line(*path, Door::Tenant, form)
    });
    lines.collect()
}

//! One's own account: profile, password, sessions, personal tokens.

use chrono::{DateTime, Utc};
use domain::{
    actor::Resource,
    wire::accounts::{Account as Wire, NewToken, Session, Token},
};
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    part::{
        boxes::{callout, pairs},
        code::{Once, once},
        field::{Field, error, refusal},
        head::{Link, PageHead, Section, crumbs, tabs},
        state::{Badge, Tone, tag},
        table::{self, Empty, Shape, Table},
    },
};

const PROFILE: &str = "/account";
const PASSWORD: &str = "/account/password";
const SESSIONS: &str = "/account/sessions";
const TOKENS: &str = "/account/tokens";

fn page(visitor: &Visitor, open: &'static str, body: impl IntoAny) -> AnyView {
    let links = vec![
        Link::new(PROFILE, "Profile"),
        Link::new(PASSWORD, "Password"),
        Link::new(SESSIONS, "Sessions"),
        Link::new(TOKENS, "Personal tokens"),
    ];
    let content = view! {
        {PageHead::new("Account")}
        {tabs("Account", links, open)}
        {body.into_any()}
    };
    frame::public(visitor, Area::Elsewhere, content)
}

/// Name and address.
#[must_use]
pub fn profile(visitor: &Visitor, account: &Wire, form: &Form, saved: bool) -> AnyView {
    let facts = pairs(vec![
        (
            "E-mail".into(),
            view! { {account.email.clone()} }.into_any(),
        ),
        (
            "Since".into(),
            view! { {format::date(account.created_at)} }.into_any(),
        ),
        (
            "Role".into(),
            view! { {if account.operator { "operator of the platform" } else { "member" }} }
                .into_any(),
        ),
    ]);
    let body = view! {
        <div class="stack">
            {saved.then(|| callout(Tone::Ok, "Saved."))}
            <form class="form form--page" method="post">
                {refusal(form, &["name"])}
                <input type="hidden" name="etag" value=account.etag.to_string() />
                {Field::text("name", "Name").autocomplete("name").of(form)}
                <div class="actions"><button class="btn btn--primary">"Save"</button></div>
            </form>
            {facts}
        </div>
    };
    page(visitor, PROFILE, body)
}

/// A new password.
#[must_use]
pub fn password(visitor: &Visitor, form: &Form, password_min: usize, saved: bool) -> AnyView {
    let length = format!("At least {password_min} characters; a sentence is fine.");
    let body = view! {
        <div class="stack">
            {saved.then(|| callout(Tone::Ok, "The password is changed. Your other sessions have ended."))}
            <form class="form form--page" method="post">
                {refusal(form, &["current", "password"])}
                {Field::password("current", "Present password").autocomplete("current-password").of(form)}
                {Field::password("password", "New password")
                    .autocomplete("new-password")
                    .help(length)
                    .of(form)}
                <div class="actions"><button class="btn btn--primary">"Change the password"</button></div>
                <p class="small soft">"Your other sessions end with it, and you are told by mail."</p>
            </form>
        </div>
    };
    page(visitor, PASSWORD, body)
}

/// Devices that are signed in.
#[must_use]
pub fn sessions(visitor: &Visitor, sessions: &[Session], now: DateTime<Utc>) -> AnyView {
    let rows: Vec<_> = sessions
        .iter()
        .map(|session| session_row(session, now))
        .collect();
    let columns = vec![
        table::wide("Device"),
        table::text("Signed in"),
        table::text("Last seen"),
        table::text("Ends"),
        table::actions(),
    ];
    let others = (sessions.len() > 1).then(|| {
        view! {
            <form method="post" action="/account/sessions/end-others">
                <button class="btn">"Sign out the others"</button>
            </form>
        }
    });
    let body = view! {
        <div class="stack">
            {Table::new(Shape::Rows, columns).rows(rows)}
            <div class="actions">{others}</div>
        </div>
    };
    page(visitor, SESSIONS, body)
}

fn session_row(session: &Session, now: DateTime<Utc>) -> AnyView {
    let device = device(&session.user_agent);
    let current = session
        .current
        .then(|| view! { " " {Badge::new(Tone::Ok, Icon::Ok, "this one")} });
    let end = (!session.current).then(|| {
        view! {
            <form method="post" action=format!("/account/sessions/{}/end", session.id)>
                <button class="btn btn--s">"Sign out"</button>
            </form>
        }
    });
    let remembered = session
        .remember
        .then(|| view! { <span class="sub">"remembered"</span> });
    view! {
        <tr>
            <td>
                <span class="break" title=session.user_agent.clone()>{device}</span> {current}
                <span class="sub mono">{session.address.clone()}</span>
            </td>
            <td data-label="Signed in">{format::time(session.created_at, now)}</td>
            <td data-label="Last seen">{format::time(session.last_seen_at, now)}</td>
            <td data-label="Ends">{format::time(session.expires_at, now)} {remembered}</td>
            <td class="act">{end}</td>
        </tr>
    }
    .into_any()
}

/// `Chrome on Linux`, out of a `User-Agent` (RFC 9110, section 10.1.5); what it does not tell is
/// left out, and a program that is no browser goes by its first word.
fn device(agent: &str) -> String {
    // Each also claims to be those below it.
    const PROGRAMS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrom", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iPadOS"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        known
            .iter()
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, name)| *name)
    };
    let first = agent.split(['/', ' ', '(']).next().unwrap_or_default();
    match (find(&PROGRAMS), find(&SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program.to_owned(),
        (None, Some(system)) if !first.is_empty() => format!("{first} on {system}"),
        (None, _) if first.is_empty() => "Unknown program".to_owned(),
        (None, _) => first.to_owned(),
    }
}

/// What the page of tokens shows.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub visitor: Visitor,
    pub tokens: Vec<Token>,
    pub form: Form,
    /// Only the operator's tokens may speak of the platform.
    pub operator: bool,
    pub now: DateTime<Utc>,
}

#[must_use]
pub fn tokens(props: Tokens) -> AnyView {
    let rows: Vec<_> = props
        .tokens
        .iter()
        .map(|token| token_row(token, props.now))
        .collect();
    let columns = vec![
        table::wide("Name"),
        table::text("Scopes"),
        table::text("Last used"),
        table::text("Expires"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Terminal,
        "No token yet",
        "A token lets a program of yours use the management API in your name, as far as its scopes go.",
    );
    let body = view! {
        <div class="stack">
            {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
            <p class="small soft">
                "What the management API can do is in its OpenAPI document: "
                <a href="/api/openapi.json">"/api/openapi.json"</a>
            </p>
        </div>
        {Section::new("new", "New token").body(token_form(&props.form, props.operator))}
    };
    page(&props.visitor, TOKENS, body)
}

fn token_row(token: &Token, now: DateTime<Utc>) -> AnyView {
    let scopes = token
        .scopes
        .iter()
        .map(|scope| view! { {tag(scope.clone())} " " })
        .collect_view();
    let used = match token.last_used_at {
        Some(at) => view! { {format::time(at, now)} }.into_any(),
        None => view! { <span class="faint">"never"</span> }.into_any(),
    };
    let expires = token.expires_at.map(|at| view! { {format::time(at, now)} });
    view! {
        <tr>
            <td>
                <b>{token.name.clone()}</b>
                <span class="sub mono">{format!("{}…", token.display_id)}</span>
            </td>
            <td data-label="Scopes">{scopes}</td>
            <td data-label="Last used">{used}</td>
            <td data-label="Expires">{expires}</td>
            <td class="act">
                <form method="post" action=format!("/account/tokens/{}/revoke", token.id)>
                    <button class="btn btn--s btn--danger">"Revoke"</button>
                </form>
            </td>
        </tr>
    }
    .into_any()
}

fn token_form(form: &Form, operator: bool) -> AnyView {
    let expiry = [
        ("30", "In 30 days"),
        ("90", "In 90 days"),
        ("365", "In a year"),
    ]
    .map(|(value, words)| (value.to_owned(), words.to_owned()))
    .to_vec();
    let scopes = Resource::ALL
        .into_iter()
        .filter(|resource| operator || *resource != Resource::Platform)
        .map(|resource| {
            let name = resource.as_str();
            view! {
                <tr>
                    <td>{name}</td>
                    <td>{scope_box(form, format!("{name}:read"), "read")}</td>
                    <td>{scope_box(form, format!("{name}:write"), "write")}</td>
                </tr>
            }
        })
        .collect::<Vec<_>>();
    let columns = vec![
        table::text("Scope"),
        table::text("Read"),
        table::text("Write"),
    ];
    let problem = form
        .problem("scopes")
        .map(|problem| error(None, problem.to_owned()));
    view! {
        <form class="form form--page" method="post">
            {refusal(form, &["name", "scopes", "expires_in_days"])}
            {Field::text("name", "Name").placeholder("release job").of(form)}
            {Field::select("expires_in_days", "Expires", expiry).of(form)}
            <fieldset class="field">
                <legend>"Scopes"</legend>
                {Table::new(Shape::Tight, columns).rows(scopes)}
                {problem}
            </fieldset>
            <div class="actions"><button class="btn btn--primary">"Make the token"</button></div>
        </form>
    }
    .into_any()
}

fn scope_box(form: &Form, scope: String, words: &'static str) -> AnyView {
    let checked = form.holds("scopes", &scope);
    view! {
        <label class="check">
            <input type="checkbox" name="scopes" value=scope checked=checked />
            <span>{words}</span>
        </label>
    }
    .into_any()
}

/// The one page that shows a token.
#[must_use]
pub fn token_created(visitor: &Visitor, made: NewToken) -> AnyView {
    let secret = once(Once {
        value: made.value,
        hint: format!("{}…", made.token.display_id),
        variable: "PORTUNUS_TOKEN".to_owned(),
        done: TOKENS.to_owned(),
    });
    let content = view! {
        {crumbs(vec![Link::new(TOKENS, "Personal tokens")], "New token")}
        {PageHead::new("Your token is ready")
            .lede("Store it now. We keep only its digest, so nobody, including us, can show it again.")}
        <div class="stack">
            {secret}
            <p class="small soft">{icon(Icon::Terminal)} " Send it as " <code>"Authorization: Bearer …"</code> " to /api/v1."</p>
        </div>
    };
    frame::public(visitor, Area::Elsewhere, content)
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn devices_are_told_by_program_and_system() {
        let mozilla = "Mozilla/5.0";
        for (rest, words) in [
            (
                " (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                " (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                " (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                " (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 FxiOS/130.0 Mobile Safari/605.1.15",
                "Firefox on iOS",
            ),
            (
                " (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
        ] {
            assert_eq!(device(&format!("{mozilla}{rest}")), words);
        }
        assert_eq!(device("curl/8.5.0"), "curl");
        assert_eq!(device(""), "Unknown program");
    }
}

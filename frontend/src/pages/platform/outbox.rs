//! The outbox: mails that wait; readable only while nothing sends them.

use domain::wire::platform::{Mail, ShownMail};
use leptos::prelude::*;

use crate::{
    format,
    frame::Section as Menu,
    icon::Icon,
    pages::publish::{At, button},
    part::{
        boxes::{callout, pairs},
        head::{Link, PageHead, Section, crumbs},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Outbox {
    pub at: At,
    pub mails: Vec<Mail>,
    pub newest: Option<String>,
    pub older: Option<String>,
    /// Whether bodies can be shown: only while no SMTP server is configured.
    pub readable: bool,
}

#[must_use]
pub fn list(page: Outbox) -> AnyView {
    let shown = format::counted(page.mails.len() as u64, "mail", "mails");
    let base = format!("{}/outbox", page.at.base());
    let rows: Vec<_> = page
        .mails
        .iter()
        .map(|mail| row(mail, &page, &base))
        .collect();
    let columns = vec![
        table::wide("To"),
        table::text("Subject"),
        table::text("State"),
        table::text("Since"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Mail,
        "Nothing waits",
        "A mail is deleted when it was sent, when its link was used, or after 7 days.",
    );
    let note = if page.readable {
        callout(
            Tone::Warn,
            view! {
                <p><b>"No SMTP server is configured, so mails wait here and you can read them."</b></p>
                <p>"Whoever reads one can act as its recipient. Each time you open one, that is written into the audit."</p>
            },
        )
    } else {
        callout(
            Tone::Info,
            "Mails leave through the SMTP server; nobody reads them here.",
        )
    };
    let paged = (page.older.is_some() || page.newest.is_some())
        .then(|| pager(shown, page.newest.clone(), page.older.clone()));
    let content = view! {
        {PageHead::new("Mail outbox").lede("Mails wait here, sealed, until they are sent, their link is used, or 7 days have passed.")}
        <div class="stack">
            {note}
            {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        </div>
        {paged}
    };
    page.at.page(Menu::Outbox, content)
}

fn row(mail: &Mail, page: &Outbox, base: &str) -> AnyView {
    let open = page
        .readable
        .then(|| button(format!("{base}/{}", mail.id), "show", "btn btn--s", "Open"));
    let tries = u64::try_from(mail.tries).unwrap_or_default();
    let why = (tries > 0).then(|| {
        let tries = format::counted(tries, "try", "tries");
        let words = if mail.last_error.is_empty() {
            tries
        } else {
            format!("{tries}: {}", mail.last_error)
        };
        view! { <span class="sub break">{words}</span> }
    });
    view! {
        <tr>
            <td><b class="break">{mail.recipient.clone()}</b></td>
            <td data-label="Subject">{mail.subject.clone()} <span class="sub mono">{mail.kind.clone()}</span></td>
            <td data-label="State">{state(&mail.state)} {why}</td>
            <td class="nowrap" data-label="Since">{format::time(mail.created_at, page.at.now)}</td>
            <td class="act">{open}</td>
        </tr>
    }
    .into_any()
}

fn state(state: &str) -> Badge {
    match state {
        "waiting" => Badge::new(Tone::Info, Icon::Clock, "Waits").quiet(),
        "failed" => Badge::new(Tone::Danger, Icon::No, "Given up"),
        other => Badge::new(Tone::Plain, Icon::Mail, other.to_owned()).quiet(),
    }
}

/// What the page of one mail shows.
#[derive(Clone, Debug)]
pub struct One {
    pub at: At,
    pub shown: ShownMail,
}

#[must_use]
pub fn one(page: One) -> AnyView {
    let ShownMail {
        mail,
        text,
        warning,
    } = page.shown;
    let base = format!("{}/outbox", page.at.base());
    let facts = pairs(vec![
        ("To".into(), view! { {mail.recipient} }.into_any()),
        (
            "Kind".into(),
            view! { <span class="mono">{mail.kind}</span> }.into_any(),
        ),
        (
            "Written".into(),
            view! { {format::time(mail.created_at, page.at.now)} }.into_any(),
        ),
    ]);
    let lines = text.lines().map(line).collect_view();
    let content = view! {
        {crumbs(vec![Link::new(base, "Mail outbox")], mail.subject.clone())}
        {PageHead::new(mail.subject)}
        <div class="stack">
            {callout(Tone::Warn, view! { <p><b>{warning}</b></p> <p>"Follow its link only if it is yours, or hand it to the recipient and to nobody else."</p> })}
            {facts}
        </div>
        {Section::new("text", "Text").body(view! { <div class="code"><pre class="mail">{lines}</pre></div> })}
    };
    page.at.page(Menu::Outbox, content)
}

/// A line that is an address becomes a link, which takes no referrer along.
fn line(text: &str) -> AnyView {
    let end = "\n";
    if text.starts_with("https://") || text.starts_with("http://") {
        let href = text.trim_end().to_owned();
        return view! { <a href=href.clone() rel="noreferrer">{href.clone()}</a> {end} }.into_any();
    }
    view! { {text.to_owned()} {end} }.into_any()
}

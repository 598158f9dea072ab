//! What `log_detail` kept of a request: header fields and bodies, as text and never as a page.

use domain::wire::traffic::{RequestDetail, SeenBody, SeenField, SeenMessage};
use leptos::prelude::*;

use super::pretty::pretty;
use crate::{
    format,
    part::{
        code::code,
        head::Section,
        state::tag,
        table::{self, Shape, Table},
    },
};

/// Both sides of the exchange.
pub(super) fn detail(detail: RequestDetail) -> AnyView {
    let RequestDetail { request, answer } = detail;
    view! {
        {Section::new("request", "Request").note("as the client sent it").body(message(request))}
        {Section::new("answer", "Answer").note("as the client got it").body(message(answer))}
    }
    .into_any()
}

fn message(message: SeenMessage) -> AnyView {
    let SeenMessage {
        headers,
        headers_cut,
        body,
    } = message;
    let nothing = headers.is_none() && body.is_none();
    let nothing = nothing.then(|| view! { <p class="soft">"Nothing of it is kept."</p> });
    let headers = headers.map(|headers| {
        let rows: Vec<_> = headers.into_iter().map(field).collect();
        let columns = vec![table::text("Header field"), table::wide("Value")];
        view! { {Table::new(Shape::Tight, columns).rows(rows)} }
    });
    let cut = headers_cut.then(|| {
        view! { <p class="small faint">"More header fields came than are kept."</p> }
    });
    view! { <div class="stack">{nothing} {headers} {cut} {body.map(self::body)}</div> }.into_any()
}

fn field(field: SeenField) -> AnyView {
    let SeenField {
        name,
        value,
        masked,
    } = field;
    let masked = masked.then(|| view! { " " {tag("masked")} });
    view! {
        <tr>
            <td class="mono nowrap">{name}</td>
            <td class="mono break">{value} {masked}</td>
        </tr>
    }
    .into_any()
}

fn body(body: SeenBody) -> AnyView {
    let SeenBody {
        media_type,
        bytes,
        text,
        left_out,
        masked,
        cut,
    } = body;
    let mut words = vec![format::size(bytes)];
    if masked > 0 {
        words.push(format!(
            "{} masked",
            format::counted(u64::from(masked), "value", "values")
        ));
    }
    if cut {
        let kept = text.as_ref().map_or(0, String::len) as u64;
        words.push(format!("cut at {}", format::size(kept)));
    }
    if let Some(why) = left_out {
        words.push(why_not(&why).to_owned());
    }
    let title = match media_type.is_empty() {
        true => "Body".to_owned(),
        false => format!("Body, {media_type}"),
    };
    let shown = text
        .filter(|text| !text.is_empty())
        .map(|text| code(title.clone(), pretty(&media_type, &text)));
    // The block has the title already.
    let lead = shown.is_none().then(|| format!("{title}: "));
    view! {
        <div class="stack">
            {shown}
            <p class="small soft">{lead} {words.join(", ")}</p>
        </div>
    }
    .into_any()
}

/// Why the text of a body is not there.
fn why_not(why: &str) -> &'static str {
    match why {
        "type" => "not kept: its media type is none of those that the policy names",
        "encoded" => "not kept: it was encoded",
        "charset" => "not kept: it says that it is not UTF-8",
        "unreadable" => "not kept: it is not what its media type says, so nothing could be masked",
        _ => "not kept",
    }
}

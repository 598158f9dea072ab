//! What `log_detail` kept of a request, as its provider sees it.

use domain::traffic::detail::{Body, Field, LeftOut, Message, Seen};
use domain::wire::traffic::{RequestDetail, SeenBody, SeenField, SeenMessage};

pub(super) fn shown(seen: Seen) -> RequestDetail {
    let Seen { request, answer } = seen;
    RequestDetail {
        request: message(request),
        answer: message(answer),
    }
}

fn message(message: Message) -> SeenMessage {
    let Message {
        fields,
        fields_cut,
        body,
    } = message;
    SeenMessage {
        headers: fields.map(|fields| fields.into_iter().map(field).collect()),
        headers_cut: fields_cut,
        body: body.map(self::body),
    }
}

fn field(field: Field) -> SeenField {
    let Field {
        name,
        value,
        masked,
    } = field;
    SeenField {
        name,
        value,
        masked,
    }
}

fn body(body: Body) -> SeenBody {
    let Body {
        media_type,
        bytes,
        text,
        left_out,
        masked,
        cut,
    } = body;
    let left_out = left_out.map(|why| match why {
        LeftOut::Type => "type",
        LeftOut::Encoded => "encoded",
        LeftOut::Charset => "charset",
        LeftOut::Unreadable => "unreadable",
    });
    SeenBody {
        media_type,
        bytes,
        text,
        left_out: left_out.map(str::to_owned),
        masked,
        cut,
    }
}

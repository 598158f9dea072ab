//! gRPC-Web as a browser speaks it, towards an upstream that speaks gRPC: the same messages, with the
//! trailers as the last of them, and all of it in base64 where the client wants text.
//! Source: the gRPC project's PROTOCOL-WEB.md.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::body::Cut;
use crate::fields::{Fields, Name};

/// One call that is translated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Web {
    text: bool,
    /// `+proto` and the like, with what may come behind it.
    suffix: Vec<u8>,
    /// Less than four characters of base64.
    carry: Vec<u8>,
}

/// Marks the message that holds the trailers.
const TRAILERS: u8 = 0x80;

impl Web {
    /// `None`: the request is no call of gRPC-Web.
    pub(super) fn of(fields: &Fields) -> Option<Self> {
        let media_type = fields.get(Name::ContentType)?;
        let rest = media_type.strip_prefix(b"application/grpc-web")?;
        let (text, suffix) = match rest.strip_prefix(b"-text") {
            Some(suffix) => (true, suffix),
            None => (false, rest),
        };
        matches!(suffix.first(), None | Some(b'+' | b';')).then(|| Self {
            text,
            suffix: suffix.to_owned(),
            carry: Vec::new(),
        })
    }

    pub(super) const fn is_text(&self) -> bool {
        self.text
    }

    /// The content type that the upstream gets.
    pub(super) fn asked(&self) -> Vec<u8> {
        [b"application/grpc", &*self.suffix].concat()
    }

    /// The one that the client gets.
    fn answered(&self) -> Vec<u8> {
        let kind = if self.text { "-text" } else { "" };
        [b"application/grpc-web", kind.as_bytes(), &*self.suffix].concat()
    }

    /// A part of the request's body, as the upstream gets it.
    pub(super) fn decode(&mut self, data: Vec<u8>, is_last: bool) -> Result<Vec<u8>, Cut> {
        if !self.text {
            return Ok(data);
        }
        self.carry.extend_from_slice(&data);
        let whole = self.carry.len() / 4 * 4;
        let mut out = Vec::with_capacity(whole / 4 * 3);
        let mut rest = &self.carry[..whole];
        while !rest.is_empty() {
            // Several texts may stand behind each other, each with its own padding.
            let padded = memchr::memchr(b'=', rest);
            let end = padded.map_or(rest.len(), |at| at / 4 * 4 + 4);
            STANDARD
                .decode_vec(&rest[..end], &mut out)
                .map_err(|_| Cut)?;
            rest = &rest[end..];
        }
        self.carry.drain(..whole);
        if is_last && !self.carry.is_empty() {
            return Err(Cut);
        }
        Ok(out)
    }

    /// The head of the answer, as the client gets it.
    pub(super) fn head(&self, fields: &mut Fields) {
        let media_type = fields.get(Name::ContentType).unwrap_or_default();
        if media_type.starts_with(b"application/grpc") {
            fields.set("content-type", &self.answered());
        }
        fields.remove(Name::ContentLength);
    }

    /// What was appended to `out` since `start`, as the client gets it.
    pub(super) fn encode(&self, out: &mut Vec<u8>, start: usize) {
        if self.text && out.len() > start {
            let text = STANDARD.encode(&out[start..]);
            out.truncate(start);
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// Appends the trailers as a message.
    pub(super) fn end(&self, trailers: &Fields, out: &mut Vec<u8>) {
        let start = out.len();
        let mut lines = Vec::new();
        trailers.write(&mut lines);
        out.push(TRAILERS);
        out.extend_from_slice(&u32::try_from(lines.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&lines);
        self.encode(out, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(media_type: &str) -> Option<Web> {
        let mut fields = Fields::new(b"");
        fields.push("Content-Type", media_type.as_bytes());
        Web::of(&fields)
    }

    #[test]
    fn calls_are_known_by_their_type() {
        for (media_type, asked) in [
            ("application/grpc-web", Some("application/grpc")),
            ("application/grpc-web+proto", Some("application/grpc+proto")),
            (
                "application/grpc-web-text+proto",
                Some("application/grpc+proto"),
            ),
            (
                "application/grpc-web-text; charset=utf-8",
                Some("application/grpc; charset=utf-8"),
            ),
            ("application/grpc", None),
            ("application/grpc-webs", None),
            ("application/json", None),
        ] {
            let found = of(media_type).map(|web| String::from_utf8(web.asked()).unwrap());
            assert_eq!(found.as_deref(), asked, "{media_type}");
        }
    }

    #[test]
    fn text_is_read_wherever_it_is_cut() {
        let text = format!("{}{}", STANDARD.encode("a"), STANDARD.encode("bcdef"));
        for step in 1..=text.len() {
            let mut web = of("application/grpc-web-text").unwrap();
            let mut out = Vec::new();
            let parts: Vec<&[u8]> = text.as_bytes().chunks(step).collect();
            for (index, part) in parts.iter().enumerate() {
                let is_last = index + 1 == parts.len();
                out.extend(web.decode(part.to_vec(), is_last).unwrap());
            }
            assert_eq!(out, b"abcdef", "{step}");
        }
        for bad in ["a", "ab!d", "====", "a==="] {
            let mut web = of("application/grpc-web-text").unwrap();
            assert_eq!(web.decode(bad.as_bytes().to_vec(), true), Err(Cut), "{bad}");
        }
    }

    #[test]
    fn trailers_are_the_last_message() {
        let mut trailers = Fields::new(b"");
        trailers.push("grpc-status", b"0");
        let mut out = b"x".to_vec();
        of("application/grpc-web").unwrap().end(&trailers, &mut out);
        assert_eq!(out, b"x\x80\0\0\0\x10grpc-status: 0\r\n");
        let mut text = Vec::new();
        of("application/grpc-web-text")
            .unwrap()
            .end(&trailers, &mut text);
        assert_eq!(STANDARD.decode(text).unwrap(), &out[1..]);
    }
}

//! What the fuzz targets (`gateway/fuzz`) and the replay of their corpora reach of the readers. No
//! part of what the gateway offers.

use crate::http1::{Chunked, LAST_CHUNK, Parsed, begin_chunk, end, end_chunk, parse};
use crate::settings::Limits;

/// Reads any bytes as the head of a request: whether it is taken. What is taken and written out
/// again says the same.
pub fn head(bytes: &[u8]) -> bool {
    let limits = Limits::default();
    let Ok(Some(at)) = end(bytes, 0) else {
        return false;
    };
    let Ok(first) = parse(&bytes[..at], &limits) else {
        return false;
    };
    let target = first.head.query().map_or_else(
        || first.head.path().to_owned(),
        |query| format!("{}?{query}", first.head.path()),
    );
    let version = if first.is_old { "1.0" } else { "1.1" };
    let mut again = format!("{} {target} HTTP/{version}\r\n", first.head.method).into_bytes();
    first.head.fields.write(&mut again);
    again.extend_from_slice(b"\r\n");
    match (end(&again, 0), parse(&again, &limits)) {
        (Ok(Some(length)), Ok(second)) => {
            assert_eq!(length, again.len(), "it ends where it ended");
            assert_eq!(said(&first), said(&second), "it says the same");
        }
        // Spaces that were missing may make it longer than a head may be.
        (_, Err(431 | 414)) => {}
        (_, refused) => panic!("what was taken is refused: {refused:?}"),
    }
    true
}

fn said(parsed: &Parsed) -> impl PartialEq + std::fmt::Debug {
    let fields = parsed.head.fields.iter();
    let fields: Vec<_> = fields
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let target = (
        parsed.head.path().to_owned(),
        parsed.head.query().map(str::to_owned),
    );
    let life = (
        parsed.framing,
        parsed.keeps,
        parsed.expects,
        parsed.head.asks_websocket,
    );
    (parsed.head.method.clone(), target, life, fields)
}

/// Reads any bytes as a body in chunks: the data, once it is whole. Cut anywhere it is read alike,
/// and what is read and framed again is read as the same.
pub fn chunks(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut state, mut data) = (Chunked::START, Vec::new());
    let used = state.decode(bytes, &mut data);
    let (mut slow, mut slowly) = (Chunked::START, Vec::new());
    let mut count = Ok(0);
    for byte in bytes {
        count = match (count, slow.decode(&[*byte], &mut slowly)) {
            (Ok(so_far), Ok(one)) => Ok(so_far + one),
            (Err(()), _) | (_, Err(())) => Err(()),
        };
        if count.is_err() {
            break;
        }
    }
    assert_eq!(used, count, "cut or not");
    used.ok()?;
    assert_eq!((state, &data), (slow, &slowly));
    (state == Chunked::Done).then_some(())?;
    let mut framed = Vec::new();
    for part in data.chunks(crate::body::ROOM) {
        let start = framed.len();
        begin_chunk(&mut framed);
        framed.extend_from_slice(part);
        end_chunk(&mut framed, start);
    }
    framed.extend_from_slice(LAST_CHUNK);
    let (mut state, mut again) = (Chunked::START, Vec::new());
    assert_eq!(state.decode(&framed, &mut again), Ok(framed.len()));
    assert!(state == Chunked::Done && again == data, "framed anew");
    Some(data)
}

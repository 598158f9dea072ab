//! What is kept in the second level, as bytes: with a form, lengths and a seal over all of it and
//! over where it stands. It comes from a server that others may write to, so it is believed as
//! far as an upstream's answer would be, and not at all where something does not fit.

use bytes::Bytes;
use uuid::Uuid;

use super::names::{Digest, Secret};
use crate::cache::directives::LONGEST as LONGEST_TIME;
use crate::cache::stored::{Draft, Owner, Stored, Use, is_of_all};
use crate::cache::vary::Vary;
use crate::fields::{Fields, Name};

const MAGIC: &[u8; 4] = b"PTNC";
/// Another form gets another number, and another prefix of its keys.
pub(super) const FORM: u8 = 1;
const ANSWER: u8 = 0;
const APART: u8 = 1;
const SEAL: usize = 32;

/// What a frame has beside its body, in bytes, at most.
pub(super) const AROUND: usize = 64 * 1024;
/// Longest frame: what is longer is not read.
pub(super) const MOST: usize = super::LONGEST + AROUND;
/// Seconds that a clock may be ahead of this node's: what is said to be of later would never age.
const AHEAD_S: u64 = 5;
const MOST_FIELDS: usize = 256;
const MOST_NAMES: usize = 20;
const LONGEST_NAME: usize = 256;
const MOST_TAGS: usize = 64;
const MOST_TARGET: usize = 16 * 1024;

/// The generations that something belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) everything: u64,
    pub(super) version: u64,
    pub(super) address: u64,
    /// Of the place that says by which fields answers are told apart; 0 for those that are not.
    pub(super) index: u64,
    /// By the tag's number.
    pub(super) tags: Vec<(u64, u64)>,
}

/// What a frame is read for.
#[derive(Debug, Clone)]
pub(super) struct Reading<'a> {
    pub(super) owner: Owner,
    pub(super) vary: Vary,
    pub(super) version: Uuid,
    pub(super) target: &'a str,
    /// Of the gateway's own clock, in seconds.
    pub(super) now: u64,
    /// Seconds since 1970.
    pub(super) wall: u64,
}

/// What stood in a frame.
#[derive(Debug)]
pub(super) enum Frame {
    Answer {
        stamps: Stamps,
        stored: Box<Stored>,
    },
    /// Answers are told apart by the values of these fields, and carry this stamp.
    Apart {
        names: Vec<Box<str>>,
        stamp: u64,
    },
}

/// When a frame that begins so says that it was written: seconds since 1970.
pub(super) fn written_at(start: &[u8]) -> u64 {
    let at = start.get(MAGIC.len() + 2..).and_then(<[u8]>::first_chunk);
    at.map_or(0, |at| u64::from_le_bytes(*at))
}

/// The bytes are no frame of this form, or of another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strange;

fn begin(kind: u8, at: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[FORM, kind]);
    number(&mut out, at);
    out
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

fn sealed(secret: &Secret, place: &Digest, mut out: Vec<u8>) -> Vec<u8> {
    let seal = secret.digest("frame", &[&place[..], &out[..]]);
    out.extend_from_slice(&seal);
    out
}

/// An answer as it is at `now`, of the gateway's own clock, which is `wall` since 1970. `None`: it
/// would not be read.
pub(super) fn answer(
    secret: &Secret,
    place: &Digest,
    stamps: &Stamps,
    stored: &Stored,
    (now, wall): (u64, u64),
) -> Option<Vec<u8>> {
    let usage = &stored.usage;
    let times = [
        usage.age_at(now),
        usage.lifetime,
        usage.while_revalidate,
        usage.if_error,
    ];
    let fields = stored.fields.fields();
    let is_readable = stamps.tags.len() <= MOST_TAGS
        && times.iter().all(|time| *time <= LONGEST_TIME)
        && stored.target.len() <= MOST_TARGET
        && fields.iter().count() <= MOST_FIELDS
        && fields.iter().all(|(name, value)| is_field(name, value));
    if !is_readable {
        return None;
    }
    let mut out = begin(ANSWER, wall);
    for stamp in [
        stamps.everything,
        stamps.version,
        stamps.address,
        stamps.index,
    ] {
        number(&mut out, stamp);
    }
    out.push(stamps.tags.len() as u8);
    for (tag, stamp) in &stamps.tags {
        number(&mut out, *tag);
        number(&mut out, *stamp);
    }
    for time in times {
        number(&mut out, time);
    }
    out.push(u8::from(usage.is_strict) | u8::from(usage.no_cache) << 1);
    out.extend_from_slice(&stored.status.to_le_bytes());
    text(&mut out, stored.target.as_bytes());
    out.extend_from_slice(&(fields.iter().count() as u32).to_le_bytes());
    for (name, value) in fields.iter() {
        text(&mut out, name);
        text(&mut out, value);
    }
    text(&mut out, &stored.body);
    let out = sealed(secret, place, out);
    (out.len() <= MOST).then_some(out)
}

/// Says by which fields the answers of a place are told apart. `None`: it would not be read.
pub(super) fn apart(
    secret: &Secret,
    place: &Digest,
    vary: &Vary,
    stamp: u64,
    wall: u64,
) -> Option<Vec<u8>> {
    let is_readable =
        vary.len() <= MOST_NAMES && vary.iter().all(|(name, _)| is_name(name.as_bytes()));
    if !is_readable {
        return None;
    }
    let mut out = begin(APART, wall);
    number(&mut out, stamp);
    out.push(vary.len() as u8);
    for (name, _) in vary {
        text(&mut out, name.as_bytes());
    }
    Some(sealed(secret, place, out))
}

fn is_name(name: &[u8]) -> bool {
    name.len() <= LONGEST_NAME && http::HeaderName::from_bytes(name).is_ok()
}

/// Only what could come from an upstream: no field of one hop, no line that would be two.
fn is_field(name: &[u8], value: &[u8]) -> bool {
    is_name(name) && http::HeaderValue::from_bytes(value).is_ok() && !Name::of(name).ends_here()
}

/// Reads what stands at `place`.
pub(super) fn read(
    secret: &Secret,
    place: &Digest,
    bytes: &[u8],
    reading: &Reading<'_>,
) -> Result<Frame, Strange> {
    let length = bytes.len().checked_sub(SEAL).ok_or(Strange)?;
    let (framed, seal) = bytes.split_at(length);
    if bytes.len() > MOST {
        return Err(Strange);
    }
    let own = secret.digest("frame", &[&place[..], framed]);
    if !bool::from(subtle::ConstantTimeEq::ct_eq(&own[..], seal)) {
        return Err(Strange);
    }
    let mut input = Input(framed);
    if input.take(MAGIC.len())? != MAGIC || input.byte()? != FORM {
        return Err(Strange);
    }
    let kind = input.byte()?;
    let at = input.number()?;
    if at > reading.wall.saturating_add(AHEAD_S) {
        return Err(Strange);
    }
    let frame = match kind {
        ANSWER => {
            let stamps = stamps(&mut input)?;
            let stored = Box::new(stored(&mut input, &stamps, at, reading)?);
            Frame::Answer { stamps, stored }
        }
        APART => Frame::Apart {
            stamp: input.number()?,
            names: names(&mut input)?,
        },
        _ => return Err(Strange),
    };
    match input.0 {
        [] => Ok(frame),
        _ => Err(Strange),
    }
}

fn stamps(input: &mut Input<'_>) -> Result<Stamps, Strange> {
    let (everything, version) = (input.number()?, input.number()?);
    let (address, index) = (input.number()?, input.number()?);
    let count = usize::from(input.byte()?);
    if count > MOST_TAGS {
        return Err(Strange);
    }
    let mut tags = Vec::with_capacity(count);
    for _ in 0..count {
        tags.push((input.number()?, input.number()?));
    }
    Ok(Stamps {
        everything,
        version,
        address,
        index,
        tags,
    })
}

fn names(input: &mut Input<'_>) -> Result<Vec<Box<str>>, Strange> {
    let count = usize::from(input.byte()?);
    if !(1..=MOST_NAMES).contains(&count) {
        return Err(Strange);
    }
    let mut names: Vec<Box<str>> = Vec::with_capacity(count);
    for _ in 0..count {
        let name = input.text(LONGEST_NAME)?;
        let text = std::str::from_utf8(name).map_err(|_| Strange)?;
        if !is_name(name) {
            return Err(Strange);
        }
        names.push(text.into());
    }
    Ok(names)
}

fn stored(
    input: &mut Input<'_>,
    stamps: &Stamps,
    at: u64,
    reading: &Reading<'_>,
) -> Result<Stored, Strange> {
    let times = [
        input.number()?,
        input.number()?,
        input.number()?,
        input.number()?,
    ];
    if times.iter().any(|time| *time > LONGEST_TIME) {
        return Err(Strange);
    }
    let [age, lifetime, while_revalidate, if_error] = times;
    let flags = input.byte()?;
    let status = u16::from_le_bytes(input.array()?);
    if flags > 3 || !(200..600).contains(&status) || !is_of_all(status) {
        return Err(Strange);
    }
    let target = std::str::from_utf8(input.text(MOST_TARGET)?).map_err(|_| Strange)?;
    if target != reading.target {
        return Err(Strange);
    }
    let fields = fields(input)?;
    let body = input.text(MOST)?;
    let length = fields.get(Name::ContentLength);
    if length.is_some_and(|length| length != body.len().to_string().as_bytes()) {
        return Err(Strange);
    }
    let draft = Draft {
        status,
        fields,
        owner: reading.owner,
        vary: reading.vary.clone(),
        usage: Use {
            since: reading.now,
            // A clock that is behind the one that wrote it makes nothing younger.
            age: age.saturating_add(reading.wall.saturating_sub(at)),
            lifetime,
            while_revalidate,
            if_error,
            is_strict: flags & 1 != 0,
            no_cache: flags & 2 != 0,
        },
        tags: stamps.tags.iter().map(|(tag, _)| *tag).collect(),
        target: target.into(),
        version: reading.version,
    };
    Ok(draft.finish(Bytes::copy_from_slice(body)))
}

fn fields(input: &mut Input<'_>) -> Result<Fields, Strange> {
    let count = u32::from_le_bytes(input.array()?) as usize;
    if count > MOST_FIELDS {
        return Err(Strange);
    }
    let mut fields = Fields::new(b"");
    for _ in 0..count {
        let (name, value) = (input.text(LONGEST_NAME)?, input.text(MOST)?);
        let text = std::str::from_utf8(name).map_err(|_| Strange)?;
        if !is_field(name, value) {
            return Err(Strange);
        }
        fields.push(text, value);
    }
    Ok(fields)
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Strange> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Strange)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Strange> {
        self.take(N)?.try_into().map_err(|_| Strange)
    }

    fn byte(&mut self) -> Result<u8, Strange> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u64, Strange> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self, most: usize) -> Result<&'a [u8], Strange> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        if length > most {
            return Err(Strange);
        }
        self.take(length)
    }
}

#[cfg(test)]
mod tests;

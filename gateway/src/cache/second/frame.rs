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

/// Longest frame: what is longer is not read.
pub(super) const MOST: usize = super::LONGEST + 64 * 1024;
const MOST_FIELDS: usize = 256;
const MOST_NAMES: usize = 20;
const MOST_TAGS: usize = 64;
const MOST_TARGET: usize = 16 * 1024;

/// The generations that something belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) everything: u64,
    pub(super) version: u64,
    pub(super) address: u64,
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

/// What stood in a frame, and when it was written: seconds since 1970.
#[derive(Debug)]
pub(super) enum Frame {
    Answer {
        stamps: Stamps,
        stored: Box<Stored>,
        at: u64,
    },
    /// Answers are told apart by the values of these fields.
    Apart { names: Vec<Box<str>>, at: u64 },
}

impl Frame {
    pub(super) const fn at(&self) -> u64 {
        match self {
            Self::Answer { at, .. } | Self::Apart { at, .. } => *at,
        }
    }
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

/// An answer as it is at `now`, of the gateway's own clock, which is `wall` since 1970.
pub(super) fn answer(
    secret: &Secret,
    place: &Digest,
    stamps: &Stamps,
    stored: &Stored,
    (now, wall): (u64, u64),
) -> Vec<u8> {
    let mut out = begin(ANSWER, wall);
    for stamp in [stamps.everything, stamps.version, stamps.address] {
        number(&mut out, stamp);
    }
    out.push(stamps.tags.len() as u8);
    for (tag, stamp) in &stamps.tags {
        number(&mut out, *tag);
        number(&mut out, *stamp);
    }
    let usage = &stored.usage;
    for time in [
        usage.age_at(now),
        usage.lifetime,
        usage.while_revalidate,
        usage.if_error,
    ] {
        number(&mut out, time);
    }
    out.push(u8::from(usage.is_strict) | u8::from(usage.no_cache) << 1);
    out.extend_from_slice(&stored.status.to_le_bytes());
    text(&mut out, stored.target.as_bytes());
    let fields = stored.fields.fields();
    out.extend_from_slice(&(fields.iter().count() as u32).to_le_bytes());
    for (name, value) in fields.iter() {
        text(&mut out, name);
        text(&mut out, value);
    }
    text(&mut out, &stored.body);
    sealed(secret, place, out)
}

/// Says by which fields the answers of a place are told apart.
pub(super) fn apart(secret: &Secret, place: &Digest, vary: &Vary, wall: u64) -> Vec<u8> {
    let mut out = begin(APART, wall);
    out.push(vary.len() as u8);
    for (name, _) in vary {
        text(&mut out, name.as_bytes());
    }
    sealed(secret, place, out)
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
    let frame = match kind {
        ANSWER => {
            let stamps = stamps(&mut input)?;
            let stored = Box::new(stored(&mut input, &stamps, at, reading)?);
            Frame::Answer { stamps, stored, at }
        }
        APART => Frame::Apart {
            names: names(&mut input)?,
            at,
        },
        _ => return Err(Strange),
    };
    match input.0 {
        [] => Ok(frame),
        _ => Err(Strange),
    }
}

fn stamps(input: &mut Input<'_>) -> Result<Stamps, Strange> {
    let [everything, version, address] = [input.number()?, input.number()?, input.number()?];
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
        let name = std::str::from_utf8(input.text(256)?).map_err(|_| Strange)?;
        http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| Strange)?;
        names.push(name.into());
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

/// Only what could come from an upstream: no field of one hop, no line that would be two.
fn fields(input: &mut Input<'_>) -> Result<Fields, Strange> {
    let count = u32::from_le_bytes(input.array()?) as usize;
    if count > MOST_FIELDS {
        return Err(Strange);
    }
    let mut fields = Fields::new(b"");
    for _ in 0..count {
        let name = std::str::from_utf8(input.text(256)?).map_err(|_| Strange)?;
        let value = input.text(MOST)?;
        let is_field = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_bytes(value).is_ok()
            && !Name::of(name.as_bytes()).ends_here();
        if !is_field {
            return Err(Strange);
        }
        fields.push(name, value);
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

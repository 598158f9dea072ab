//! One question to the second level, and one answer that is kept there.

use std::cmp::Reverse;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::figures::count;
use super::frame::{self, Frame, Reading, Stamps};
use super::link::{Claim, Failure, Kept, Link, SHORT, chance, written};
use super::names::{Name, Names};
use super::share::{Keep, Seen};
use super::{Answered, Ask, Reply, Second, What};
use crate::cache::stored::{Owner, Stored};
use crate::cache::vary::Vary;

/// Where something may stand, and for whom.
struct Spot {
    owner: Owner,
    vary: Vary,
    name: Name,
}

impl Spot {
    /// All where what is asked for may stand.
    fn of(second: &Second, ask: &Ask) -> Vec<Self> {
        let (names, secret) = (&ask.names, &second.secret);
        match &ask.what {
            What::Generations => Vec::new(),
            What::Variant(owner, vary, _) => {
                let name = names.variant(secret, *owner, vary);
                let spot = name.map(|name| Self {
                    owner: *owner,
                    vary: vary.clone(),
                    name,
                });
                spot.into_iter().collect()
            }
            What::Answers => {
                let own = names.own.iter().map(|(owner, _)| *owner);
                let owners = std::iter::once(Owner::Anyone).chain(own);
                let spot = |owner| {
                    Some(Self {
                        owner,
                        vary: Vary::default(),
                        name: names.slot(secret, owner)?,
                    })
                };
                owners.filter_map(spot).collect()
            }
        }
    }
}

pub(super) async fn look(second: &Second, link: &Link, ask: &Ask) -> Result<Reply, Failure> {
    let (names, secret) = (&ask.names, &second.secret);
    let micros = second.clock.micros();
    let spots = Spot::of(second, ask);
    let places: Vec<Name> = spots.iter().map(|spot| spot.name).collect();
    let (made, of_address) = names.generations(secret);
    let (now, kept) = link.begin(&made, &[of_address], &places).await?;
    let [everything, version, tagged, changed, address] = now[..] else {
        return Err(Failure::Strange);
    };
    let seen = Seen {
        everything,
        version,
        tagged,
        changed,
        at: micros,
        is_remembered: false,
    };
    let [.., part] = made;
    second.known.note(part, seen);
    let reply = |found, room| Reply {
        seen,
        found,
        _room: room,
    };
    let index = match ask.what {
        What::Variant(_, _, index) => index,
        What::Generations | What::Answers => 0,
    };
    let mut found: Vec<(Spot, Kept)> = Vec::new();
    for (spot, kept) in spots.into_iter().zip(kept) {
        match kept {
            Some(kept) if kept.length == 0 => {}
            Some(kept) => found.push((spot, kept)),
            None => count(&second.figures.strange),
        }
    }
    // The newest first, and only one at a time.
    found.sort_by_key(|(_, kept)| Reverse(frame::written_at(&kept.start)));
    for (spot, kept) in found {
        let Some((bytes, room)) = whole(second, link, ask, &spot.name, kept).await? else {
            continue;
        };
        let owner = spot.owner;
        let reading = reading(second, names, owner, spot.vary, micros);
        match frame::read(secret, spot.name.digest(), &bytes, &reading) {
            Err(frame::Strange) => count(&second.figures.strange),
            Ok(Frame::Apart { names, stamp }) => {
                // Where the values are known already it is somebody else's.
                if matches!(ask.what, What::Answers) {
                    return Ok(reply(Answered::Apart(owner, names, stamp), None));
                }
            }
            Ok(Frame::Answer { stamps, stored }) => {
                let is_one = stamps.index == index && stored.body.len() <= ask.longest;
                if is_one && holds(second, link, (&seen, address), &stamps).await? {
                    return Ok(reply(Answered::Found(Arc::new(*stored)), room));
                }
            }
        }
    }
    Ok(reply(Answered::Nothing, None))
}

fn reading<'n>(
    second: &Second,
    names: &'n Names,
    owner: Owner,
    vary: Vary,
    micros: u64,
) -> Reading<'n> {
    Reading {
        owner,
        vary,
        version: names.version,
        target: &names.target,
        now: micros / 1_000_000,
        wall: second.clock.wall(micros) / 1_000_000,
    }
}

/// All of what stands at a place, with the room that it takes meanwhile; nothing where it is longer
/// than anything of use, or where too much is on its way.
async fn whole(
    second: &Second,
    link: &Link,
    ask: &Ask,
    place: &Name,
    kept: Kept,
) -> Result<Option<(Vec<u8>, Option<OwnedSemaphorePermit>)>, Failure> {
    let Kept { start, length } = kept;
    if length <= SHORT {
        return Ok(Some((start, None)));
    }
    if length > frame::MOST {
        count(&second.figures.strange);
        return Ok(None);
    }
    if length > ask.longest.saturating_add(frame::AROUND) {
        return Ok(None);
    }
    let kib = length.div_ceil(1024) as u32;
    let Ok(room) = second.room.clone().try_acquire_many_owned(kib) else {
        count(&second.figures.skipped);
        return Ok(None);
    };
    let bytes = link.all(place, length).await?;
    // By now another one may stand there.
    Ok((bytes.len() == length).then_some((bytes, Some(room))))
}

/// Whether nothing that it belongs to was taken out since it was kept.
async fn holds(
    second: &Second,
    link: &Link,
    (seen, address): (&Seen, Option<u64>),
    stamps: &Stamps,
) -> Result<bool, Failure> {
    let are_same = seen.everything == Some(stamps.everything)
        && seen.version == Some(stamps.version)
        && address == Some(stamps.address);
    if !are_same || stamps.tags.is_empty() {
        return Ok(are_same);
    }
    let tags = stamps.tags.iter();
    let names: Vec<Name> = tags.map(|(tag, _)| second.secret.tag(*tag)).collect();
    let now = link.generations(&names).await?;
    let mut pairs = now.iter().zip(&stamps.tags);
    let are_all = now.len() == stamps.tags.len();
    Ok(are_all && pairs.all(|(now, (_, stamp))| *now == Some(*stamp)))
}

/// Whether it is there now: not where something that it belongs to was taken out since it was asked
/// for.
pub(super) async fn put(second: &Second, link: &Link, keep: &Keep) -> Result<bool, Failure> {
    let (secret, stored) = (&second.secret, &keep.stored);
    let Some(slot) = keep.names.slot(secret, stored.owner) else {
        return Ok(false);
    };
    let Seen {
        everything: Some(everything),
        version: Some(version),
        tagged: Some(tagged),
        changed: Some(changed),
        at: _,
        is_remembered: _,
    } = keep.seen
    else {
        return Err(Failure::Full);
    };
    let claim = |name, was, lasts| Claim {
        name,
        was: written(was).into_bytes(),
        lasts,
    };
    let ([of_all, of_version, of_tags, of_changes], of_address) = keep.names.generations(secret);
    let tags = stored.tags.iter().map(|tag| secret.tag(*tag));
    let made: Vec<Name> = std::iter::once(of_address).chain(tags).collect();
    let slots = (!stored.vary.is_empty()).then_some(slot);
    let (now, mut kept) = link.begin(&made, &[], slots.as_slice()).await?;
    let mut now = made.into_iter().zip(now);
    let Some((_, Some(address))) = now.next() else {
        return Err(Failure::Full);
    };
    let mut stamps = Stamps {
        everything,
        version,
        address,
        index: 0,
        tags: Vec::new(),
    };
    // Whether its address or one of its tags was taken out meanwhile is told by what stands for many:
    // of its own nobody had made one yet, or knew that it would be its own, when it was asked for.
    let mut claims = vec![
        claim(of_all, everything, true),
        claim(of_version, version, true),
        claim(of_address, address, true),
        claim(of_changes, changed, false),
    ];
    if !stored.tags.is_empty() {
        claims.push(claim(of_tags, tagged, false));
    }
    for (tag, (name, was)) in stored.tags.iter().zip(now) {
        let was = was.ok_or(Failure::Full)?;
        stamps.tags.push((*tag, was));
        claims.push(claim(name, was, true));
    }
    let micros = second.clock.micros();
    let clocks = (micros / 1_000_000, second.clock.wall(micros) / 1_000_000);
    let mut values = Vec::with_capacity(2);
    let mut place = slot;
    if let Some(variant) = slots.and_then(|_| variant(second, keep)) {
        place = variant;
        let start = kept.pop().flatten().map(|kept| kept.start);
        let known = start.and_then(|start| {
            let stamp = stamp_of(second, keep, &slot, &start, micros)?;
            Some((stamp, start))
        });
        if let Some((stamp, start)) = known {
            // What is there says the same: it stays, with the others that belong to it.
            stamps.index = stamp;
            claims.push(Claim {
                name: slot,
                was: start,
                lasts: true,
            });
        } else {
            stamps.index = chance()?;
            let vary = &stored.vary;
            let apart = frame::apart(secret, slot.digest(), vary, stamps.index, clocks.1);
            values.push((slot, apart.ok_or(Failure::Long)?));
        }
    }
    let framed = frame::answer(secret, place.digest(), &stamps, stored, clocks);
    values.push((place, framed.ok_or(Failure::Long)?));
    link.keep(&claims, &values, keep.seconds).await
}

fn variant(second: &Second, keep: &Keep) -> Option<Name> {
    let Stored { owner, vary, .. } = &*keep.stored;
    keep.names.variant(&second.secret, *owner, vary)
}

/// The stamp of what stands in a slot, where that says that answers are told apart as this one is.
fn stamp_of(second: &Second, keep: &Keep, slot: &Name, start: &[u8], micros: u64) -> Option<u64> {
    let stored = &keep.stored;
    let reading = reading(second, &keep.names, stored.owner, Vary::default(), micros);
    match frame::read(&second.secret, slot.digest(), start, &reading) {
        Ok(Frame::Apart { names, stamp }) => {
            let own = stored.vary.iter().map(|(name, _)| name);
            names.iter().eq(own).then_some(stamp)
        }
        Ok(Frame::Answer { .. }) | Err(frame::Strange) => None,
    }
}

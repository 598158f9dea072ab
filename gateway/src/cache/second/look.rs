//! One question to the second level, and one answer that is kept there.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::frame::{self, Frame, Reading, Stamps};
use super::link::{Claim, Failure, Link, chance};
use super::names::Name;
use super::{Answered, Ask, Keep, Reply, Second, Seen};
use crate::cache::stored::Owner;
use crate::cache::vary::Vary;

/// Where something may stand, and for whom.
struct Spot {
    owner: Owner,
    vary: Vary,
    name: Name,
}

pub(super) async fn look(second: &Second, link: &Link, ask: &Ask) -> Result<Reply, Failure> {
    let (names, secret) = (&ask.names, &second.secret);
    let micros = second.clock.micros();
    let spots: Vec<Spot> = match &ask.apart {
        Some((owner, vary)) => {
            let name = names.variant(secret, *owner, vary);
            let spot = name.map(|name| Spot {
                owner: *owner,
                vary: vary.clone(),
                name,
            });
            spot.into_iter().collect()
        }
        None => {
            let own = names.own.iter().map(|(owner, _)| *owner);
            let owners = std::iter::once(Owner::Anyone).chain(own);
            let spot = |owner| {
                Some(Spot {
                    owner,
                    vary: Vary::default(),
                    name: names.slot(secret, owner)?,
                })
            };
            owners.filter_map(spot).collect()
        }
    };
    let places: Vec<Name> = spots.iter().map(|spot| spot.name).collect();
    let (now, kept) = link.read(&names.generations(secret), &places).await?;
    let [everything, version, tagged, address] = now[..] else {
        return Err(Failure::Strange);
    };
    let seen = Seen {
        everything,
        version,
        tagged,
        address,
        at: micros,
    };
    let mut found: Vec<(Frame, Owner)> = Vec::new();
    for (spot, bytes) in spots.into_iter().zip(&kept) {
        if bytes.is_empty() {
            continue;
        }
        let reading = Reading {
            owner: spot.owner,
            vary: spot.vary,
            version: names.version,
            target: &names.target,
            now: micros / 1_000_000,
            wall: second.clock.wall(micros) / 1_000_000,
        };
        match frame::read(secret, spot.name.digest(), bytes, &reading) {
            Ok(frame) => found.push((frame, spot.owner)),
            Err(frame::Strange) => {
                second.figures.strange.fetch_add(1, Relaxed);
            }
        }
    }
    found.sort_by_key(|(frame, _)| std::cmp::Reverse(frame.at()));
    for (frame, owner) in found {
        match frame {
            Frame::Apart { names, .. } if ask.apart.is_none() => {
                let found = Answered::Apart(owner, names);
                return Ok(Reply { seen, found });
            }
            // It says so where the values are known already: somebody else's.
            Frame::Apart { .. } => {}
            Frame::Answer { stamps, stored, .. } => {
                if holds(second, link, &seen, &stamps).await? {
                    let found = Answered::Found(Arc::new(*stored));
                    return Ok(Reply { seen, found });
                }
            }
        }
    }
    Ok(Reply {
        seen,
        found: Answered::Nothing,
    })
}

/// Whether nothing that it belongs to was taken out since it was kept.
async fn holds(
    second: &Second,
    link: &Link,
    seen: &Seen,
    stamps: &Stamps,
) -> Result<bool, Failure> {
    let are_same = seen.everything == Some(stamps.everything)
        && seen.version == Some(stamps.version)
        && seen.address == Some(stamps.address);
    if !are_same || stamps.tags.is_empty() {
        return Ok(are_same);
    }
    let tags = stamps.tags.iter();
    let names: Vec<Name> = tags.map(|(tag, _)| second.secret.tag(*tag)).collect();
    let (now, _) = link.read(&names, &[]).await?;
    let mut pairs = now.iter().zip(&stamps.tags);
    Ok(pairs.all(|(now, (_, stamp))| *now == Some(*stamp)))
}

/// Whether it is there now: not where something that it belongs to was taken out since it was asked
/// for.
pub(super) async fn put(second: &Second, link: &Link, keep: &Keep) -> Result<bool, Failure> {
    let (secret, stored, seen) = (&second.secret, &keep.stored, &keep.seen);
    let Some(slot) = keep.names.slot(secret, stored.owner) else {
        return Ok(false);
    };
    let [everything, version, tagged, address] = keep.names.generations(secret);
    let new = chance()?;
    let claim = |name, was: Option<u64>| Claim {
        name,
        was,
        new: Some(was.unwrap_or(new)),
    };
    let mut claims = vec![
        claim(everything, seen.everything),
        claim(version, seen.version),
        claim(address, seen.address),
    ];
    let mut stamps = Stamps {
        everything: seen.everything.unwrap_or(new),
        version: seen.version.unwrap_or(new),
        address: seen.address.unwrap_or(new),
        tags: Vec::new(),
    };
    if !stored.tags.is_empty() {
        // Whether one of its tags was taken out meanwhile is told by that: which they would be,
        // nobody knew when it was asked for.
        claims.push(Claim {
            name: tagged,
            was: seen.tagged,
            new: None,
        });
        let names: Vec<Name> = stored.tags.iter().map(|tag| secret.tag(*tag)).collect();
        let (now, _) = link.read(&names, &[]).await?;
        for ((tag, name), was) in stored.tags.iter().zip(names).zip(now) {
            stamps.tags.push((*tag, was.unwrap_or(new)));
            claims.push(claim(name, was));
        }
    }
    let micros = second.clock.micros();
    let (now, wall) = (micros / 1_000_000, second.clock.wall(micros) / 1_000_000);
    let framed = |name: &Name| frame::answer(secret, name.digest(), &stamps, stored, (now, wall));
    let mut values = Vec::with_capacity(2);
    if stored.vary.is_empty() {
        values.push((slot, framed(&slot)));
    } else {
        let apart = frame::apart(secret, slot.digest(), &stored.vary, wall);
        values.push((slot, apart));
        if let Some(variant) = keep.names.variant(secret, stored.owner, &stored.vary) {
            values.push((variant, framed(&variant)));
        }
    }
    link.keep(&claims, &values, keep.seconds).await
}

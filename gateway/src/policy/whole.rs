//! An answer's body, taken whole before it goes on.

use std::future::poll_fn;

use crate::body::{Answer, Cut, Inflow};
use crate::call::Call;
use crate::forward::{self, Stop};
use crate::holdings::Charge;

/// What was taken; it is counted as held for as long as the charge is kept.
pub(super) enum Whole<'a> {
    All(Vec<u8>, Charge<'a>),
    /// It is longer than it may be.
    TooLong,
    /// The worker holds as much as it may.
    NoRoom,
}

impl<'a> Whole<'a> {
    /// Takes it, up to `most` bytes.
    pub(super) async fn take(
        most: u64,
        call: &mut Call<'a>,
        inflow: &mut dyn Inflow,
        answer: &mut Answer,
    ) -> Result<Self, Stop> {
        if answer.body.left().is_some_and(|length| length > most) {
            return Ok(Self::TooLong);
        }
        let worker = call.worker;
        let mut taken = Vec::new();
        let mut charge = worker.holdings.charge(call.route.provider, &worker.metrics);
        loop {
            if !charge.has_room() {
                return Ok(Self::NoRoom);
            }
            let before = taken.len();
            let body = &mut answer.body;
            let filled = poll_fn(|cx| body.poll_fill(cx, worker, inflow, &mut taken)).await;
            charge.add((taken.len() - before) as u64);
            match filled {
                Ok(is_all) if taken.len() as u64 > most => {
                    if is_all {
                        answer.body.give_back(worker);
                    }
                    return Ok(Self::TooLong);
                }
                Ok(true) => break,
                Ok(false) => {}
                Err(Cut) if call.record.connection.fault.get().is_some() => {
                    return Err(forward::cut(call));
                }
                Err(Cut) => return Err(forward::broken(answer.body.given_up(worker)).into()),
            }
        }
        answer.body.give_back(worker);
        while let Some(watch) = answer.body.found() {
            call.record.watch(watch);
        }
        Ok(Self::All(taken, charge))
    }
}

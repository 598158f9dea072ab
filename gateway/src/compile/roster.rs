//! Which targets the upstreams name together, and which were named until lately.

use std::collections::HashMap;
use std::sync::Arc;

use crate::state::{Gone, Upstream};

/// How long requests to a target that is not named any more may take to end.
const NOTICE_MS: u64 = 30_000;
/// How long a state still tells of it afterwards: workers may skip states, but not for so long.
const TOLD_MS: u64 = 5_000;

#[derive(Debug, Default)]
pub(super) struct Roster {
    /// By the target's number, in how many places it is named.
    named: HashMap<u32, usize>,
    /// Those that may be named nowhere any more.
    left: Vec<u32>,
    gone: Vec<Gone>,
}

impl Roster {
    pub(super) fn join(&mut self, upstream: &Upstream) {
        for number in numbers(upstream) {
            *self.named.entry(number).or_default() += 1;
        }
    }

    pub(super) fn leave(&mut self, upstream: &Upstream) {
        for number in numbers(upstream) {
            if let Some(places) = self.named.get_mut(&number) {
                *places -= 1;
                if *places == 0 {
                    self.left.push(number);
                }
            }
        }
    }

    /// What is gone at the end of a change; `None`: nothing, as before it.
    pub(super) fn settle(&mut self, now_ms: u64) -> Option<Arc<[Gone]>> {
        if self.left.is_empty() && self.gone.is_empty() {
            return None;
        }
        for number in std::mem::take(&mut self.left) {
            if self.named.get(&number) == Some(&0) {
                self.named.remove(&number);
                let cut_at = now_ms + NOTICE_MS;
                self.gone.push(Gone { number, cut_at });
            }
        }
        let named = &self.named;
        self.gone
            .retain(|one| now_ms < one.cut_at + TOLD_MS && !named.contains_key(&one.number));
        Some(self.gone.clone().into())
    }
}

fn numbers(upstream: &Upstream) -> impl Iterator<Item = u32> {
    let targets = upstream.targets.iter().map(|member| member.target.number);
    targets.chain(upstream.resting.iter().copied())
}

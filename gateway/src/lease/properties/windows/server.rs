//! What `windows.lua` does, without a Redis. `ledger/tests/windows.rs` compares the two.

use std::collections::HashMap;

use crate::lease::windows::{Answer, Question};
use crate::limiter::Window;

/// Of each window what each node has counted in it, and what it holds.
#[derive(Debug, Default)]
pub(in crate::lease) struct Server {
    windows: HashMap<u32, HashMap<usize, (u64, u64)>>,
}

impl Server {
    pub(in crate::lease) fn settle(&mut self, node: usize, asked: &Question) -> Answer {
        let Window {
            slides,
            length,
            limit,
            ..
        } = asked.window;
        let (number, limit) = (asked.counts.number, u64::from(limit));
        let own = u64::from(asked.counts.before);
        let mut before = 0;
        if slides {
            let former = asked.window.prior(number);
            let former = self.windows.entry(former).or_default();
            former.remove(&node);
            if own > 0 {
                former.insert(node, (own, 0));
            }
            before = former.values().map(|(count, held)| count + held).sum();
        }
        let window = self.windows.entry(number).or_default();
        let (told, _) = window.remove(&node).unwrap_or_default();
        let used: u64 = window.values().map(|(count, _)| count).sum();
        let held: u64 = window.values().map(|(_, held)| held).sum();
        let count = u64::from(asked.counts.count);
        let weighed = if slides {
            (before * asked.rest).div_ceil(length)
        } else {
            0
        };
        let all = weighed + used + count;
        let known = (all - count + told).saturating_sub(limit);
        let free = limit.saturating_sub(all + held);
        let granted = free.min(asked.wanted.into());
        window.insert(node, (count, granted));
        Answer {
            used,
            before: before.saturating_sub(own),
            granted,
            free: free - granted,
            over: all.saturating_sub(limit).saturating_sub(known),
        }
    }
}

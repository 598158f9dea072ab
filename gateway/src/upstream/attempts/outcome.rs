//! What a try says of its target, its circuit and its variant.

use super::Attempts;
use crate::upstream::{Watch, pulse};

impl<'a> Attempts<'a> {
    pub(super) fn watch(&self) -> Option<&'a Watch> {
        self.upstream.split.as_ref()?.watch.as_ref()
    }

    /// Tells the trial of a variant how a try went.
    #[cold]
    fn compare(&self, watch: &Watch, failed: bool, took: Option<u32>) {
        let split = self.upstream.split.iter();
        let mut variants = split.flat_map(|split| &split.variants);
        let own = variants.position(|variant| variant.members & 1 << self.current != 0);
        let side = watch.sides.iter().position(|side| own == Some(*side));
        if let Some(side) = side
            && watch
                .trial
                .note(&watch.rule, side, failed, took, self.now())
        {
            self.worker.metrics.upstream_rolled_back.add(1);
            tracing::warn!(upstream.id = %self.upstream.id, variant = watch.rule.variant, "A variant does worse than the other and gets no share any more.");
        }
    }

    /// Tells target and circuit how a try went.
    pub(super) fn went(&mut self, failed: bool, took: Option<u32>) {
        if let Some(watch) = self.watch() {
            self.compare(watch, failed, took);
        }
        if !self.upstream.lone {
            if failed {
                self.fail();
            } else {
                self.upstream.targets[self.current].pulse.succeed();
            }
        }
        let rule = self.upstream.breaker.as_ref();
        if let Some(rule) = rule.and_then(|breaker| breaker.errors.as_ref()) {
            let (circuit, now) = (&self.upstream.vitals.circuit, self.now());
            let opened = match self.probe.take() {
                Some(probing) => circuit.note_probe(rule, probing.probe, failed, now),
                None => circuit.note(rule, failed, now),
            };
            if opened {
                self.worker.metrics.upstream_circuit_opened.add(1);
            }
        }
    }

    #[cold]
    fn fail(&self) {
        let (members, rule) = (&*self.upstream.targets, &self.upstream.passive);
        let pulse = &members[self.current].pulse;
        if pulse.fail(rule) {
            let all = members.iter().map(|member| &*member.pulse);
            let busy = &self.upstream.vitals.ejecting;
            if pulse::eject(pulse, all, rule, self.now(), busy) {
                self.worker.metrics.upstream_ejected.add(1);
            }
        }
    }
}

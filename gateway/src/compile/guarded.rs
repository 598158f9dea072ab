//! One change after the other: one whose compilation ends abnormally costs itself, and not all that
//! come after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Compiler, NotTaken};
use crate::source::Change;
use crate::state::State;

impl Compiler {
    /// Compiles a change. Behind one that was left half done only a whole state is taken, as that
    /// begins anew.
    pub(crate) fn take(&mut self, change: Change) -> Result<Arc<State>, NotTaken> {
        match change {
            Change::Full(snapshot) => self.guarded(|compiler| compiler.full(*snapshot)),
            Change::Delta(_) if self.is_half_done => Err(NotTaken::HalfDone),
            Change::Delta(delta) => self.guarded(|compiler| compiler.delta(*delta)),
        }
    }

    fn guarded(
        &mut self,
        compile: impl FnOnce(&mut Self) -> Result<Arc<State>, NotTaken>,
    ) -> Result<Arc<State>, NotTaken> {
        // What is half done is not looked at again: see `take`.
        match catch_unwind(AssertUnwindSafe(|| compile(self))) {
            Ok(taken) => {
                self.is_half_done &= taken.is_err();
                taken
            }
            Err(_) => {
                self.is_half_done = true;
                Err(NotTaken::HalfDone)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::snapshot::{Delta, Parts, SCHEMA, Snapshot};

    use super::*;

    fn whole(schema: u32, state: u64) -> Change {
        Change::Full(Box::new(Snapshot {
            schema,
            state,
            parts: Parts::default(),
        }))
    }

    fn delta(from: u64) -> Change {
        Change::Delta(Box::new(Delta {
            from,
            state: from + 1,
            put: Parts::default(),
            gone: Vec::new(),
        }))
    }

    #[test]
    fn what_ends_abnormally_waits_for_a_whole_state() {
        let mut compiler = Compiler::new(Arc::default(), Arc::default(), None);
        let number = |taken: Result<Arc<State>, NotTaken>| taken.map(|state| state.number);
        assert_eq!(number(compiler.take(whole(SCHEMA, 1))), Ok(1));
        let broken = compiler.guarded(|_| panic!("a fault of ours"));
        assert_eq!(number(broken), Err(NotTaken::HalfDone));
        assert_eq!(number(compiler.take(delta(1))), Err(NotTaken::HalfDone));
        let newer = number(compiler.take(whole(SCHEMA + 1, 2)));
        assert_eq!(newer, Err(NotTaken::Newer(SCHEMA + 1)));
        assert_eq!(number(compiler.take(delta(1))), Err(NotTaken::HalfDone));
        assert_eq!(number(compiler.take(whole(SCHEMA, 2))), Ok(2));
        assert_eq!(number(compiler.take(delta(2))), Ok(3));
        let gap = NotTaken::Gap { have: 3, from: 9 };
        assert_eq!(number(compiler.take(delta(9))), Err(gap));
        assert_eq!(number(compiler.take(delta(3))), Ok(4));
    }
}

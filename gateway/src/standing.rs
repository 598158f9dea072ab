//! Whether a caller may still call while its exchange lasts: a tunnel or a stream goes on for hours,
//! and meanwhile its key may be revoked or its subscription end. Each worker looks at its own, once
//! a second, and wakes those that are to end.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};

use chrono::DateTime;
use domain::problem::Code;

use crate::access;
use crate::client::Client;
use crate::state::{Place, State};

/// How many are looked at in one sweep; of more, each is looked at less often.
const SLICE: usize = 1024;

/// By what a caller was let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) key: Place,
    /// Number of the product that its application is subscribed to.
    pub(crate) product: u32,
    pub(crate) from: IpAddr,
    /// When the certificate is over that it has shown, in microseconds since 1970.
    pub(crate) until_us: u64,
}

impl Pass {
    /// Whether it would be let in by it now, in microseconds since 1970.
    ///
    /// # Errors
    /// Why not.
    fn judge(&self, state: &State, wall_us: u64) -> Result<(), Code> {
        if wall_us >= self.until_us {
            return Err(Code::AccessDenied);
        }
        let key = state.keys.at(self.key).ok_or(Code::KeyInvalid)?;
        state.keys.judge(key, wall_us, self.from)?;
        let now = DateTime::from_timestamp_micros(wall_us as i64).unwrap_or_default();
        access::judge_again(state, key, self.product, now)
    }
}

/// What the present exchange of a client stands on.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// `None`: nobody that could lose it.
    pass: Cell<Option<Pass>>,
    /// It is among those that its worker looks at.
    is_listed: Cell<bool>,
    lost: Cell<Option<Code>>,
    /// Of the task that waits for more of the exchange.
    waker: RefCell<Option<Waker>>,
}

impl Standing {
    pub(crate) fn begin(&self, pass: Pass) {
        self.pass.set(Some(pass));
    }

    pub(crate) fn end(&self) {
        self.pass.set(None);
        self.lost.set(None);
    }

    /// Why the exchange is to end, if it is.
    pub(crate) fn lost(&self) -> Option<Code> {
        self.lost.get()
    }

    /// Whether there is still something to look at; else it is not listed any more.
    fn stays(&self) -> bool {
        let stays = self.pass.get().is_some();
        self.is_listed.set(stays);
        stays
    }

    fn look(&self, state: &State, wall_us: u64) {
        let Some(pass) = self.pass.get().filter(|_| self.lost.get().is_none()) else {
            return;
        };
        if let Err(code) = pass.judge(state, wall_us) {
            self.lost.set(Some(code));
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }
}

/// The clients of a worker whose exchanges last, each once.
#[derive(Debug, Default)]
pub(crate) struct Lasting {
    clients: RefCell<Vec<Weak<Client>>>,
    /// Who is next; behind the last when the round is over.
    next: Cell<usize>,
}

impl Lasting {
    /// An exchange goes on: the task of `cx` is woken when it is to end.
    pub(crate) fn wait(&self, client: &Rc<Client>, cx: &Context<'_>) {
        let standing = &client.standing;
        if standing.pass.get().is_none() {
            return;
        }
        match &mut *standing.waker.borrow_mut() {
            Some(known) if known.will_wake(cx.waker()) => {}
            place => *place = Some(cx.waker().clone()),
        }
        if !standing.is_listed.replace(true) {
            self.clients.borrow_mut().push(Rc::downgrade(client));
        }
    }

    /// Looks at the next of them; another round begins when one `is_due`.
    pub(crate) fn look(&self, state: &State, wall_us: u64, is_due: bool) {
        let mut clients = self.clients.borrow_mut();
        let mut at = self.next.get();
        if is_due && at >= clients.len() {
            at = 0;
        }
        let mut left = SLICE;
        while left > 0 && at < clients.len() {
            let client = clients[at].upgrade();
            match client.filter(|client| client.standing.stays()) {
                Some(client) => {
                    client.standing.look(state, wall_us);
                    at += 1;
                    left -= 1;
                }
                // The last, which was not looked at yet, takes its place.
                None => {
                    clients.swap_remove(at);
                }
            }
        }
        self.next.set(at);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::id::CredentialId;
    use domain::snapshot::{Parts, SCHEMA, Snapshot};

    use super::*;
    use crate::compile::Compiler;

    #[test]
    fn a_certificate_lets_nobody_in_for_longer_than_itself() {
        let snapshot = Snapshot {
            schema: SCHEMA,
            state: 1,
            parts: Parts::default(),
        };
        let mut compiler = Compiler::new(Arc::default(), Arc::default(), None);
        let state = compiler.full(snapshot).unwrap();
        let judged = |until_us, wall_us| {
            let pass = Pass {
                key: (1, CredentialId::NIL),
                product: 1,
                from: [10, 0, 0, 1].into(),
                until_us,
            };
            pass.judge(&state, wall_us)
        };
        // Nobody has the key: what is said after that is about the key.
        assert_eq!(judged(100, 99), Err(Code::KeyInvalid));
        assert_eq!(judged(100, 100), Err(Code::AccessDenied));
        assert_eq!(judged(u64::MAX, 100), Err(Code::KeyInvalid));
    }
}

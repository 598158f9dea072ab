//! The task that turns changes into states and hands them to the workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::compile::{Compiler, NotTaken};
use crate::source::Change;
use crate::state::State;

/// What the control task tells the rest of the process.
pub(crate) struct Told {
    pub(crate) state: watch::Sender<Option<Arc<State>>>,
    pub(crate) number: watch::Sender<u64>,
    /// Also true for a state with number 0.
    pub(crate) has_state: watch::Sender<bool>,
    pub(crate) needs_full: watch::Sender<bool>,
    /// `api/version` by the route's number.
    pub(crate) routes: watch::Sender<BTreeMap<u32, String>>,
}

/// Takes changes until their sender is gone.
pub(crate) async fn run(mut changes: mpsc::Receiver<Change>, mut compiler: Compiler, told: Told) {
    while let Some(change) = changes.recv().await {
        // Compiling a million keys takes seconds, which are not this runtime's to give.
        let compiled = tokio::task::spawn_blocking(move || {
            let result = match change {
                Change::Full(snapshot) => compiler.full(*snapshot),
                Change::Delta(delta) => compiler.delta(*delta),
            };
            let names = compiler.route_names();
            (compiler, names, result)
        });
        let (returned, names, result) = match compiled.await {
            Ok(compiled) => compiled,
            Err(error) => {
                tracing::error!(%error, "Compiling a configuration ended abnormally; the last state stays for good.");
                return;
            }
        };
        compiler = returned;
        match result {
            Ok(state) => {
                tracing::debug!(state = state.number, "A configuration state is served.");
                told.number.send_replace(state.number);
                told.routes.send_replace(names);
                told.needs_full.send_if_modified(std::mem::take);
                told.state.send_replace(Some(state));
                told.has_state.send_replace(true);
            }
            Err(error) => {
                tracing::error!(%error, "A configuration change was not taken; the last state stays.");
                if let NotTaken::Gap { .. } = error {
                    told.needs_full.send_replace(true);
                }
            }
        }
    }
}

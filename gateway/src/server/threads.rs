//! The threads of the workers, and what each of them listens on.

use std::rc::Rc;
use std::thread::JoinHandle;

use crate::door::Door;
use crate::worker::{self, Orders, Worker};

/// What one worker listens on.
pub(super) type Listeners = Vec<(std::net::TcpListener, Door)>;

/// The listeners of each of `count` workers: one of each kind, and more where more were inherited,
/// as every one of them has a queue of its own.
pub(super) fn shares(
    plain: Vec<std::net::TcpListener>,
    tls: Vec<std::net::TcpListener>,
    count: usize,
) -> Vec<Listeners> {
    let mut shares: Vec<Listeners> = (0..count).map(|_| Vec::new()).collect();
    for (listeners, door) in [(plain, Door::Plain), (tls, Door::Tls)] {
        for (index, listener) in listeners.into_iter().enumerate() {
            shares[index % count].push((listener, door));
        }
    }
    shares
}

pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// One worker on its own thread and single-threaded runtime.
pub(super) fn thread(
    index: usize,
    listeners: Listeners,
    orders: Orders,
    make: impl FnOnce() -> Rc<Worker> + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default())
    };
    std::thread::Builder::new()
        .name(format!("gateway-{index}"))
        .spawn(move || {
            let ran = runtime().and_then(|runtime| {
                runtime.block_on(async {
                    let taken = listeners.into_iter().map(|(listener, door)| {
                        Ok((tokio::net::TcpListener::from_std(listener)?, door))
                    });
                    let taken: std::io::Result<_> = taken.collect();
                    let worker = make();
                    let over = worker.over.clone();
                    worker::run(worker, taken?, orders).await;
                    Ok(over)
                })
            });
            // Its connections are gone with the runtime, but for what is read of some.
            let ended = ran.and_then(|over| match over.is_empty() {
                true => Ok(()),
                false => runtime().map(|runtime| runtime.block_on(over.linger())),
            });
            if let Err(error) = ended {
                tracing::error!(%error, "A thread of the data plane could not run.");
            }
        })
}

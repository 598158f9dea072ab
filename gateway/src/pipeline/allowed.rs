//! A request whose caller may not call any more before it is answered: uploads and streams towards
//! the upstream last as long as answers do.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::back::caught;
use crate::answer::Refusal;
use crate::body::Answer;
use crate::client::Client;
use crate::forward::Stop;
use crate::worker::Worker;

/// Answers as long as its caller may call. Whatever is under way else is given up by whoever drops
/// `answering`, as it is when a client of HTTP/2 cancels. A panic is caught here already, while it is
/// known whose route it was: pages that its `cors` allows read the refusal.
pub(super) async fn while_allowed(
    worker: &Worker,
    client: &Rc<Client>,
    mut answering: Pin<&mut impl Future<Output = Result<Answer, Stop>>>,
) -> Result<Answer, Stop> {
    poll_fn(|cx| {
        let polled = caught(answering.as_mut(), cx);
        if polled.is_ready() {
            return polled;
        }
        if let Some(code) = client.standing.lost() {
            // What tells it so is not to be cut off as well.
            client.standing.end();
            worker.metrics.streams_revoked.add(1);
            return Poll::Ready(Err(Refusal::new(code).close().into()));
        }
        worker.lasting.wait(client, cx);
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use domain::problem::Code;

    use super::*;
    use crate::explain::Counts;
    use crate::metrics::WorkerMetrics;
    use crate::record::{Names, Rings};
    use crate::settings::Settings;

    async fn broken() -> Result<Answer, Stop> {
        panic!("a panic of this test's own")
    }

    #[tokio::test]
    async fn a_panic_is_a_refusal_to_what_acts_on_answers() {
        let settings = Arc::<Settings>::default();
        let shared = Counts::none(&settings, false).shared;
        let rings = Rings::new(1, Arc::<Names>::default());
        let metrics = Arc::<WorkerMetrics>::default();
        let worker = Worker::new(settings, shared, metrics, rings.sink(0));
        let client = Rc::new(Client::of_nobody(
            &worker,
            worker.peer([127, 0, 0, 1].into()),
        ));
        let served = while_allowed(&worker, &client, pin!(broken())).await;
        let Err(Stop::Refused(refusal)) = served else {
            unreachable!("nothing answers");
        };
        assert_eq!(refusal.code, Code::Internal);
    }
}

//! A request whose caller may not call any more before it is answered: uploads and streams towards
//! the upstream last as long as answers do.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use crate::answer::Refusal;
use crate::body::Answer;
use crate::client::Client;
use crate::forward::Stop;
use crate::worker::Worker;

/// Answers as long as its caller may call. Whatever is under way else is given up by whoever drops
/// `answering`, as it is when a client of HTTP/2 cancels.
pub(super) async fn while_allowed(
    worker: &Worker,
    client: &Rc<Client>,
    mut answering: Pin<&mut impl Future<Output = Result<Answer, Stop>>>,
) -> Result<Answer, Stop> {
    poll_fn(|cx| {
        let polled = answering.as_mut().poll(cx);
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

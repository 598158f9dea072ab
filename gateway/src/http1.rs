//! HTTP/1.1 and 1.0 towards clients, read and written here: one task per connection, one request
//! at a time, and no byte that two readers could take for different things.
//!
//! What is wrong before a request exists is answered with a bare status, behind the answers to
//! everything before it, and ends the connection.

mod chunk;
#[cfg(test)]
mod differential;
mod head;
mod inlet;
mod outlet;
mod tunnel;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use http::Method;

pub(crate) use chunk::{Chunked, LAST_CHUNK, begin_chunk, end_chunk};
pub(crate) use head::{METHOD_BYTES, Parsed, content_length, end, has_token, is_odd, parse};

use crate::body::{Inflow, Outflow};
use crate::client::Client;
use crate::pipeline;
use crate::socket::Socket;
use crate::worker::Worker;
use inlet::{End, Inlet};
use outlet::{Outlet, Shape};

/// Serves one connection until either side ends it, or the worker drains.
pub(crate) async fn serve(worker: &Rc<Worker>, client: &Rc<Client>, socket: Socket) {
    let socket = RefCell::new(socket);
    let _parting = Parting {
        worker,
        socket: &socket,
    };
    let mut inlet = Inlet::new(worker, client, &socket);
    loop {
        let parsed = match poll_fn(|cx| inlet.poll_head(cx)).await {
            Ok(parsed) => parsed,
            Err(End::Closed) => return,
            Err(End::Refused(status)) => {
                return refuse(worker, client, &socket, &mut inlet, status).await;
            }
        };
        if !exchange(worker, client, &socket, &mut inlet, parsed).await {
            return;
        }
    }
}

/// How a connection ends that is cut off.
struct Parting<'a> {
    worker: &'a Worker,
    socket: &'a RefCell<Socket>,
}

impl Drop for Parting<'_> {
    fn drop(&mut self) {
        if let Ok(socket) = self.socket.try_borrow() {
            self.worker.over.part(&socket);
        }
    }
}

/// One request and its answer; false when that was the connection's last.
async fn exchange(
    worker: &Rc<Worker>,
    client: &Rc<Client>,
    socket: &RefCell<Socket>,
    inlet: &mut Inlet<'_>,
    parsed: Parsed,
) -> bool {
    let Parsed {
        head,
        framing: _,
        is_old,
        keeps,
        expects: _,
    } = parsed;
    let to_head = head.method == Method::HEAD;
    let Some(mut delivery) = pipeline::handle(worker, client, head, inlet).await else {
        return false;
    };
    let keeps = keeps && !delivery.answer.closes && !worker.draining.get() && inlet.can_end();
    let mut outlet = Outlet::new(worker, client, socket);
    if let Outflow::Switched(link) = &mut delivery.answer.body {
        let link = link.take();
        outlet.switch(&delivery.answer);
        if outlet.flush().await.is_ok()
            && let Some(link) = link
        {
            tunnel::run(worker, inlet, socket, *link, &mut delivery.report).await;
        }
        return false;
    }
    let shape = Shape {
        to_head,
        is_old,
        keeps,
    };
    outlet.begin(&mut delivery, &shape);
    if outlet.deliver(&mut delivery, inlet).await.is_err() {
        return false;
    }
    drop(delivery);
    if outlet.keeps && inlet.drain().await {
        return true;
    }
    // Only what was read is sure not to reset the answer off the wire. While the node drains, the next
    // request may be on its way: nobody told the client before this answer.
    let is_left = !inlet.is_done();
    if is_left {
        worker.metrics.bodies_unread.add(1);
    }
    if is_left || worker.draining.get() {
        inlet.linger().await;
    }
    false
}

async fn refuse(
    worker: &Rc<Worker>,
    client: &Client,
    socket: &RefCell<Socket>,
    inlet: &mut Inlet<'_>,
    status: u16,
) {
    worker.metrics.refuse_framing(status);
    let mut outlet = Outlet::new(worker, client, socket);
    outlet.say(status);
    if outlet.flush().await.is_ok() {
        inlet.linger().await;
    }
}

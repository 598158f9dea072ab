//! Listeners that share one port: each worker has its own, and the kernel spreads connections.
//! Another process may hand over its own, so that not even connections in their queues are lost.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use crate::settings::StartError;

/// Connections that wait to be accepted, per worker.
const BACKLOG: i32 = 4096;

/// Listening sockets of another process that gives them up; those that are missing are opened.
#[derive(Debug, Default)]
pub struct Inherited {
    pub plain: Vec<TcpListener>,
    pub tls: Vec<TcpListener>,
    pub admin: Option<TcpListener>,
}

impl Inherited {
    /// The same sockets under descriptors of their own.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let all = |listeners: &[TcpListener]| -> io::Result<Vec<_>> {
            listeners.iter().map(TcpListener::try_clone).collect()
        };
        Ok(Self {
            plain: all(&self.plain)?,
            tls: all(&self.tls)?,
            admin: self
                .admin
                .as_ref()
                .map(TcpListener::try_clone)
                .transpose()?,
        })
    }
}

/// At least `count` listeners on one port. Sharing a port would hide that somebody else has it, so it
/// is first bound alone.
///
/// Where some are `inherited`, it is those, and the same again where they are too few: a new one would
/// get its share of the connections from now on, and nobody accepts these before this process's turn,
/// or ever, should that not come.
pub(crate) fn listeners(
    address: SocketAddr,
    count: usize,
    mut inherited: Vec<TcpListener>,
) -> Result<Vec<TcpListener>, StartError> {
    let explain = |error: io::Error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            StartError::Taken(address)
        } else {
            StartError::Listen(address, error)
        }
    };
    if !inherited.is_empty() {
        for listener in &inherited {
            listener.set_nonblocking(true).map_err(explain)?;
        }
        for at in 0..count.saturating_sub(inherited.len()) {
            let again = inherited[at].try_clone().map_err(explain)?;
            inherited.push(again);
        }
        return Ok(inherited);
    }
    let alone = socket(address, false).map_err(explain)?;
    alone.listen(1).map_err(explain)?;
    let bound = alone.local_addr().map_err(explain)?;
    let address = bound.as_socket().unwrap_or(address);
    drop(alone);
    let open = |_| -> io::Result<TcpListener> {
        let shared = socket(address, true)?;
        shared.listen(BACKLOG)?;
        shared.set_nonblocking(true)?;
        Ok(shared.into())
    };
    let opened: io::Result<_> = (0..count).map(open).collect();
    opened.map_err(explain)
}

/// Those who have connected and were not accepted yet, as many as the queue holds. It is closed.
pub(crate) fn queued(listener: tokio::net::TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut queued = Vec::new();
    let Ok(listener) = listener.into_std() else {
        return queued;
    };
    for _ in 0..BACKLOG {
        // It does not block: an error is the end of the queue, or nothing can be accepted.
        let Ok((stream, address)) = listener.accept() else {
            break;
        };
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        queued.extend(stream.ok().map(|stream| (stream, address)));
    }
    queued
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_process_whose_turn_has_not_come() {
        let first = listeners("127.0.0.1:0".parse().unwrap(), 1, Vec::new()).unwrap();
        let address = first[0].local_addr().unwrap();
        let again = vec![first[0].try_clone().unwrap()];
        let again = listeners(address, 4, again).unwrap();
        assert_eq!(again.len(), 4);
        let connect = |_| std::net::TcpStream::connect(address).unwrap();
        let clients: Vec<_> = (0..32).map(connect).collect();
        drop(again);
        let begun = std::time::Instant::now();
        let mut taken = 0;
        while taken < clients.len() && begun.elapsed().as_secs() < 5 {
            match first[0].accept() {
                Ok(_) => taken += 1,
                Err(_) => std::thread::yield_now(),
            }
        }
        assert_eq!(taken, clients.len());
    }

    #[test]
    fn a_taken_port_is_an_error_unless_it_is_inherited() {
        let first = listeners("127.0.0.1:0".parse().unwrap(), 2, Vec::new()).unwrap();
        let address = first[0].local_addr().unwrap();
        assert_eq!(first[1].local_addr().unwrap(), address);
        assert!(matches!(
            listeners(address, 1, Vec::new()),
            Err(StartError::Taken(_))
        ));
        let kept = Inherited {
            plain: first,
            ..Inherited::default()
        };
        for (count, expected) in [(1, 2), (3, 3)] {
            let again = kept.try_clone().unwrap().plain;
            let again = listeners(address, count, again).unwrap();
            assert_eq!(again.len(), expected, "none of the queues is left alone");
            for listener in again {
                assert_eq!(listener.local_addr().unwrap(), address);
            }
        }
    }
}

//! Listeners that share one port: each worker has its own, and the kernel spreads connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::settings::StartError;

/// Connections that wait to be accepted, per worker.
const BACKLOG: i32 = 4096;

/// Opens `count` listeners on one port. Sharing a port would hide that somebody else has it, so it
/// is first bound alone; `takeover` skips that.
pub(crate) fn listeners(
    address: SocketAddr,
    count: usize,
    takeover: bool,
) -> Result<Vec<TcpListener>, StartError> {
    let explain = |error: io::Error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            StartError::Taken(address)
        } else {
            StartError::Listen(address, error)
        }
    };
    let mut address = address;
    if !takeover || address.port() == 0 {
        let alone = socket(address, false).map_err(explain)?;
        alone.listen(1).map_err(explain)?;
        let bound = alone.local_addr().map_err(explain)?;
        address = bound.as_socket().unwrap_or(address);
    }
    let open = || -> io::Result<TcpListener> {
        let shared = socket(address, true)?;
        shared.listen(BACKLOG)?;
        shared.set_nonblocking(true)?;
        Ok(shared.into())
    };
    (0..count).map(|_| open().map_err(explain)).collect()
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
    fn a_taken_port_is_an_error_unless_taken_over() {
        let first = listeners("127.0.0.1:0".parse().unwrap(), 2, false).unwrap();
        let address = first[0].local_addr().unwrap();
        assert_eq!(first[1].local_addr().unwrap(), address);
        assert!(matches!(
            listeners(address, 1, false),
            Err(StartError::Taken(_))
        ));
        assert!(listeners(address, 1, true).is_ok());
    }
}

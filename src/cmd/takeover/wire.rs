//! What two processes say to each other while one takes over: JSON lines, and descriptors beside
//! one of them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use gateway::quota::Used;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// Descriptors of one message: more the kernel does not take (SCM_MAX_FD, unix(7)).
const MOST: usize = 253;
/// Bytes of a line, so that a peer gone mad fills no memory: a million counters fit.
const LONGEST: usize = 256 * 1024 * 1024;

/// Lines, in the order in which they are said: `Relieved` before `Ready`, and no `Turn`, where the
/// process was told to end meanwhile.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// By who wants to take over.
    Ask {
        version: String,
    },
    /// With as many descriptors beside it.
    Offer {
        names: Vec<Name>,
    },
    Ready,
    /// The files are the other's; this one accepts until it hears that the other does.
    Turn,
    Serving,
    Relieved,
    Counted {
        quotas: Vec<Used>,
    },
}

/// What a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Name {
    Lock,
    Gateway,
    GatewayTls,
    Admin,
    Portal,
}

pub(super) fn unexpected(line: &Line) -> io::Error {
    io::Error::other(format!("{line:?} was not expected"))
}

#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    /// Read behind the last line.
    ahead: Vec<u8>,
    /// How far that was searched for the end of a line, which may be very long.
    searched: usize,
}

impl Wire {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            ahead: Vec::new(),
            searched: 0,
        }
    }

    /// Nothing more is said; what the other says is still heard.
    pub(super) async fn fall_silent(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    pub(super) async fn send(&mut self, line: &Line) -> io::Result<()> {
        self.stream.write_all(&written(line)?).await
    }

    /// Says something and waits for the answer, which may be there already and its sender gone.
    pub(super) async fn ask(&mut self, line: &Line) -> io::Result<Line> {
        let said = self.send(line).await;
        match self.receive().await {
            Ok(answer) => Ok(answer),
            Err(error) => said.and(Err(error)),
        }
    }

    pub(super) async fn receive(&mut self) -> io::Result<Line> {
        loop {
            if let Some(line) = self.whole()? {
                return Ok(line);
            }
            if self.stream.read_buf(&mut self.ahead).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Takes a line that was read whole.
    fn whole(&mut self) -> io::Result<Option<Line>> {
        let mut unsearched = self.ahead[self.searched..].iter();
        let Some(end) = unsearched.position(|byte| *byte == b'\n') else {
            self.searched = self.ahead.len();
            return match self.ahead.len() {
                ..LONGEST => Ok(None),
                _ => Err(io::Error::other("a line without an end")),
            };
        };
        let end = self.searched + end;
        let line = serde_json::from_slice(&self.ahead[..end])?;
        self.ahead.drain(..=end);
        self.searched = 0;
        Ok(Some(line))
    }

    pub(super) async fn give(&mut self, given: Vec<(Name, OwnedFd)>) -> io::Result<()> {
        if given.len() > MOST {
            return Err(io::Error::other("there are too many listeners"));
        }
        let (names, given): (Vec<_>, Vec<_>) = given.into_iter().unzip();
        let line = written(&Line::Offer { names })?;
        let given: Vec<_> = given.iter().map(AsFd::as_fd).collect();
        let sent = self.stream.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            beside.push(SendAncillaryMessage::ScmRights(&given));
            let bytes = [IoSlice::new(&line)];
            Ok(sendmsg(
                &self.stream,
                &bytes,
                &mut beside,
                SendFlags::NOSIGNAL,
            )?)
        });
        // What is beside the first byte has arrived with it.
        let sent = sent.await?;
        self.stream.write_all(&line[sent..]).await
    }

    pub(super) async fn take(&mut self) -> io::Result<Vec<(Name, OwnedFd)>> {
        let mut taken = Vec::new();
        loop {
            match self.whole()? {
                Some(Line::Offer { names }) if names.len() == taken.len() => {
                    return Ok(names.into_iter().zip(taken).collect());
                }
                Some(other) => return Err(unexpected(&other)),
                None => {}
            }
            let mut bytes = [0; 4096];
            let read = self.stream.async_io(Interest::READABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
                let mut beside = RecvAncillaryBuffer::new(&mut space);
                let mut into = [IoSliceMut::new(&mut bytes)];
                let flags = RecvFlags::CMSG_CLOEXEC;
                let read = recvmsg(&self.stream, &mut into, &mut beside, flags)?;
                for message in beside.drain() {
                    if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                        taken.extend(descriptors);
                    }
                }
                Ok(read.bytes)
            });
            match read.await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.ahead.extend_from_slice(&bytes[..read]),
            }
        }
    }
}

fn written(line: &Line) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[tokio::test]
    async fn descriptors_arrive_under_their_names() {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut one, mut other) = (Wire::new(one), Wire::new(other));
        let given: Vec<_> = (0..100_u8)
            .map(|number| {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&[number]).unwrap();
                (Name::Gateway, OwnedFd::from(file))
            })
            .collect();
        one.give(given).await.unwrap();
        one.send(&Line::Relieved).await.unwrap();
        let taken = other.take().await.unwrap();
        assert_eq!(taken.len(), 100);
        for (number, (name, descriptor)) in taken.into_iter().enumerate() {
            use std::io::Seek;
            let mut file = std::fs::File::from(descriptor);
            file.rewind().unwrap();
            let mut byte = [0];
            file.read_exact(&mut byte).unwrap();
            assert_eq!((name, usize::from(byte[0])), (Name::Gateway, number));
        }
        assert!(matches!(other.receive().await.unwrap(), Line::Relieved));
        drop(one);
        assert!(other.receive().await.is_err());
    }
}

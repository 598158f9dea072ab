//! A body that is encoded on its way to the client. What is there goes out when nothing more comes
//! for the moment: nobody waits for the end of an answer to see its beginning.

use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use domain::policy::compress::Coding;
use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::raw::CParameter;

use crate::body::{Cut, Inflow, Outflow};
use crate::client::Client;
use crate::detail::Of;
use crate::fields::Fields;
use crate::metrics::WorkerMetrics;
use crate::policy;
use crate::worker::Worker;

/// At a time on one worker; each has about a megabyte.
const MOST: u64 = 128;

/// Quality and window of brotli: what a server can do while a client waits, in little memory.
const QUALITY: u32 = 4;
const WINDOW: u32 = 18;

/// Level of zstd, and the logarithms of its window and tables: 128 KiB, of which a client needs as
/// much, where RFC 9659 §3 lets it refuse more than 8 MiB.
const LEVEL: i32 = 3;
const LOGS: [CParameter; 3] = [
    CParameter::WindowLog(17),
    CParameter::HashLog(16),
    CParameter::ChainLog(16),
];

enum Encoder {
    Br(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Encoder {
    /// Errors when there is no memory for it.
    fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Br => {
                let out = Vec::new();
                let writer = brotli::CompressorWriter::new(out, 4096, QUALITY, WINDOW);
                Self::Br(Box::new(writer))
            }
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?;
                for log in LOGS {
                    encoder.set_parameter(log)?;
                }
                Self::Zstd(Box::new(encoder))
            }
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(5))),
        })
    }

    /// Writing into memory does not fail; what these say is for other writers.
    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Cut> {
        match self {
            Self::Br(encoder) => {
                encoder.write_all(bytes).map_err(|_| Cut)?;
                out.append(encoder.get_mut());
            }
            Self::Zstd(encoder) => {
                encoder.write_all(bytes).map_err(|_| Cut)?;
                out.append(encoder.get_mut());
            }
            Self::Gzip(encoder) => {
                encoder.write_all(bytes).map_err(|_| Cut)?;
                out.append(encoder.get_mut());
            }
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Cut> {
        match self {
            Self::Br(encoder) => {
                encoder.flush().map_err(|_| Cut)?;
                out.append(encoder.get_mut());
            }
            Self::Zstd(encoder) => {
                encoder.flush().map_err(|_| Cut)?;
                out.append(encoder.get_mut());
            }
            Self::Gzip(encoder) => {
                encoder.flush().map_err(|_| Cut)?;
                out.append(encoder.get_mut());
            }
        }
        Ok(())
    }

    fn finish(self, out: &mut Vec<u8>) -> Result<(), Cut> {
        match self {
            Self::Br(encoder) => out.append(&mut encoder.into_inner()),
            Self::Zstd(encoder) => out.append(&mut encoder.finish().map_err(|_| Cut)?),
            Self::Gzip(encoder) => out.append(&mut encoder.finish().map_err(|_| Cut)?),
        }
        Ok(())
    }
}

/// A body with its encoder.
pub(crate) struct Packed {
    pub(crate) inner: Outflow,
    /// `None` once all is out.
    encoder: Option<Encoder>,
    /// As it comes.
    plain: Vec<u8>,
    /// What came behind it, without digests of bytes that are others now (RFC 9530 §2, §3).
    trailers: Option<Fields>,
    /// The encoder may hold something back.
    is_held: bool,
    metrics: Arc<WorkerMetrics>,
    /// Where something of it is kept.
    client: Option<Rc<Client>>,
}

impl Packed {
    /// `Err` gives the body back: as many as may be are being encoded.
    pub(crate) fn new(
        inner: Outflow,
        coding: Coding,
        worker: &Worker,
        client: &Rc<Client>,
    ) -> Result<Self, Outflow> {
        let metrics = worker.metrics.clone();
        if metrics.compressing.get() >= MOST {
            metrics.compress_skipped.add(1);
            return Err(inner);
        }
        let Ok(encoder) = Encoder::new(coding) else {
            metrics.compress_skipped.add(1);
            return Err(inner);
        };
        metrics.compressing.add(1);
        Ok(Self {
            inner,
            encoder: Some(encoder),
            plain: Vec::new(),
            trailers: None,
            is_held: false,
            metrics,
            client: client.is_kept().then(|| client.clone()),
        })
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.encoder.is_none()
    }

    /// As [`Outflow::trailers`].
    pub(crate) const fn trailers(&self) -> Option<&Fields> {
        self.trailers.as_ref()
    }

    /// As [`Outflow::poll_fill`].
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        let before = out.len();
        loop {
            let Some(encoder) = &mut self.encoder else {
                return Poll::Ready(Ok(true));
            };
            self.plain.clear();
            match self.inner.poll_fill(cx, worker, inflow, &mut self.plain) {
                Poll::Pending => {
                    if !self.is_held {
                        return Poll::Pending;
                    }
                    self.is_held = false;
                    encoder.flush(out)?;
                }
                Poll::Ready(Err(cut)) => return Poll::Ready(Err(cut)),
                Poll::Ready(Ok(is_over)) => {
                    if !self.plain.is_empty() {
                        if let Some(client) = &self.client {
                            client.copy(Of::Answer, &self.plain, false);
                        }
                        self.is_held = true;
                        encoder.write(&self.plain, out)?;
                    }
                    if is_over && let Some(encoder) = self.encoder.take() {
                        encoder.finish(out)?;
                        let trailers = self.inner.trailers().map(policy::remade);
                        self.trailers = trailers.filter(|left| left.iter().next().is_some());
                        return Poll::Ready(Ok(true));
                    }
                }
            }
            if out.len() > before {
                return Poll::Ready(Ok(false));
            }
        }
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        self.metrics.compressing.take(1);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// What of it can be read so far.
    fn read(coding: Coding, packed: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Br => {
                // The writer keeps what did not fill its buffer; reading ends where there is no more.
                let mut out = Vec::new();
                let _ = brotli::Decompressor::new(packed, 4096).read_to_end(&mut out);
                out
            }
            Coding::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(Vec::new()).unwrap();
                decoder.write_all(packed).unwrap();
                decoder.flush().unwrap();
                decoder.get_ref().clone()
            }
            Coding::Gzip => {
                let mut decoder = flate2::write::GzDecoder::new(Vec::new());
                decoder.write_all(packed).unwrap();
                decoder.flush().unwrap();
                decoder.get_ref().clone()
            }
        }
    }

    #[test]
    fn what_was_written_can_be_read_before_the_end() {
        let noise: Vec<u8> = (0..300_000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for coding in [Coding::Br, Coding::Zstd, Coding::Gzip] {
            let mut encoder = Encoder::new(coding).unwrap();
            let (mut out, mut all) = (Vec::new(), Vec::new());
            for piece in [&b"one "[..], b"", b"two ", &noise, b"three"] {
                assert_eq!(encoder.write(piece, &mut out), Ok(()));
                assert_eq!(encoder.flush(&mut out), Ok(()));
                all.extend_from_slice(piece);
                assert!(read(coding, &out) == all, "{coding:?}, {} bytes", all.len());
            }
            assert_eq!(encoder.finish(&mut out), Ok(()));
            assert!(read(coding, &out) == all, "{coding:?}");
            let mut nothing = Vec::new();
            let encoder = Encoder::new(coding).unwrap();
            assert_eq!(encoder.finish(&mut nothing), Ok(()));
            assert_eq!(read(coding, &nothing), b"", "{coding:?}");
        }
    }

    #[test]
    fn a_window_is_one_that_every_client_takes() {
        let mut encoder = Encoder::new(Coding::Zstd).unwrap();
        let mut out = Vec::new();
        assert_eq!(encoder.write(&vec![b'a'; 1 << 20], &mut out), Ok(()));
        assert_eq!(encoder.finish(&mut out), Ok(()));
        // Window_Descriptor, behind magic number and descriptor (RFC 8878 §3.1.1.1.2).
        assert_eq!(out[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        assert_eq!(out[4] & 0x20, 0, "not a single segment");
        assert_eq!(10 + (out[5] >> 3), 17);
    }
}

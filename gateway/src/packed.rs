//! A body that is encoded on its way to the client. What is there goes out when nothing more comes
//! for the moment: nobody waits for the end of an answer to see its beginning.

use std::io::Write;
use std::sync::Arc;
use std::task::{Context, Poll};

use domain::policy::compress::Coding;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::body::{Cut, Inflow, Outflow};
use crate::metrics::WorkerMetrics;
use crate::worker::Worker;

/// At a time on one worker; each has about a megabyte.
const MOST: u64 = 128;

/// Quality and window of brotli: what a server can do while a client waits, in little memory.
const QUALITY: u32 = 4;
const WINDOW: u32 = 18;

enum Encoder {
    Br(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> Self {
        match coding {
            Coding::Br => {
                let out = Vec::new();
                let writer = brotli::CompressorWriter::new(out, 4096, QUALITY, WINDOW);
                Self::Br(Box::new(writer))
            }
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(5))),
        }
    }

    /// Writing into memory does not fail; what these say is for other writers.
    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Cut> {
        match self {
            Self::Br(encoder) => {
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
    /// The encoder may hold something back.
    is_held: bool,
    metrics: Arc<WorkerMetrics>,
}

impl Packed {
    /// `Err` gives the body back: as many as may be are being encoded.
    pub(crate) fn new(inner: Outflow, coding: Coding, worker: &Worker) -> Result<Self, Outflow> {
        let metrics = worker.metrics.clone();
        if metrics.compressing.get() >= MOST {
            metrics.compress_skipped.add(1);
            return Err(inner);
        }
        metrics.compressing.add(1);
        Ok(Self {
            inner,
            encoder: Some(Encoder::new(coding)),
            plain: Vec::new(),
            is_held: false,
            metrics,
        })
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.encoder.is_none()
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
                        self.is_held = true;
                        encoder.write(&self.plain, out)?;
                    }
                    if is_over && let Some(encoder) = self.encoder.take() {
                        encoder.finish(out)?;
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

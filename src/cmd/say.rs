//! What commands say on stdout, and what becomes of them when nobody reads it any more: a command
//! whose reader went away (`portunus explain … | head`) ends quietly, as by SIGPIPE.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// The reader went away. Its command ends with the code of a process that SIGPIPE ended.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads what the command says")]
pub(super) struct Unheard;

/// The text and the end of its line.
pub(super) fn line(text: impl Display) -> anyhow::Result<()> {
    write(&mut io::stdout().lock(), &format!("{text}\n"))
}

/// A text that ends its lines by itself.
pub(super) fn text(text: impl Display) -> anyhow::Result<()> {
    write(&mut io::stdout().lock(), &text.to_string())
}

fn write(out: &mut impl Write, text: &str) -> anyhow::Result<()> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Unheard.into(),
        _ => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with one kind of error.
    struct Gone(ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_that_went_away_is_no_fault() {
        for (kind, unheard) in [
            (ErrorKind::BrokenPipe, true),
            (ErrorKind::StorageFull, false),
        ] {
            let error = write(&mut Gone(kind), "x").unwrap_err();
            assert_eq!(
                error.downcast_ref::<Unheard>().is_some(),
                unheard,
                "{kind:?}"
            );
        }
        let mut said = Vec::new();
        write(&mut said, "x\n").unwrap();
        assert_eq!(said, b"x\n");
    }
}

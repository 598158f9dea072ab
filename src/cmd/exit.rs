//! How a process ends: 0 done, 1 a "no" that was asked for, 64 something must be put right first.

use std::process::ExitCode;

use super::say::Unheard;
use crate::settings::Problems;

/// `EX_USAGE` of sysexits.h: the settings or the machine must be put right first.
const USAGE: u8 = 64;

/// 128 and the number of SIGPIPE, as shells tell of it: nobody reads what is said.
const UNHEARD: u8 = 141;

/// A plain "no" as a command's result: `audit verify` found a fault, `health` is not ready.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct No(pub String);

/// What the command line lacks, or the help that it asked for.
pub fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints the error as sentences on stderr and gives the code to end with.
pub fn explain(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<Unheard>().is_some() {
        return ExitCode::from(UNHEARD);
    }
    eprintln!("{error:#}");
    if error.downcast_ref::<Problems>().is_some() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}

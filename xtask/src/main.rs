//! Build steps written in Rust. One so far: `cargo xtask front` builds the browser part.

use std::process::ExitCode;

mod front;

const USAGE: &str = "usage: cargo xtask front    build the browser part into <target dir>/site";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match (arguments.next().as_deref(), arguments.next()) {
        (Some("front"), None) => front::build(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

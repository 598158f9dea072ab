//! The executable: a table of roles.

use std::process::ExitCode;

use clap::Parser;
use portunus::allocator::Allocator;
use portunus::cli::{Audit, Cache, Cli, Role};
use portunus::cmd;

// The system's allocator costs the data plane a tenth of its time.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cmd::exit::usage(&error),
    };
    let result = match cli.role {
        Role::Up(up) => cmd::up::run(&up),
        Role::Gateway(gateway) => cmd::gateway::run(&gateway),
        Role::Portal(portal) => cmd::portal::run(&portal),
        Role::Migrate(common) => cmd::migrate::run(&common),
        Role::Check { file } => cmd::check::run(&file),
        Role::Config(common) => cmd::config::run(&common),
        Role::Token(token) => cmd::token::run(&token),
        Role::Health(health) => cmd::health::run(&health),
        Role::Sample(sample) => cmd::sample::run(&sample),
        Role::Explain(explain) => cmd::explain::run(&explain),
        Role::Cache {
            what: Cache::Purge(purge),
        } => cmd::cache::run(&purge),
        Role::Audit {
            what: Audit::Verify(common),
        } => cmd::audit::run(&common),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cmd::exit::explain(&error),
    }
}

//! What the executable is made of: command line, settings, roles. The only crate that knows all
//! the others; tests use it as a library.

pub mod allocator;
pub mod cli;
pub mod cmd;
mod demo;
mod memory;
pub mod sample;
pub mod settings;

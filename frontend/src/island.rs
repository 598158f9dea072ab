//! What moves in the browser: the only code that is compiled to wasm.

pub mod copy;
pub mod light;
pub mod theme;

//! The data plane: takes requests, enforces the policies of the configuration state that it
//! serves, forwards to upstreams, and leaves a record of each request.
//!
//! It starts with [`start`]; configuration comes through [`source::channel`], records go out
//! through [`record::Rings`], quota counters are shared through [`quota::Quotas`].

mod access;
mod admin;
mod answer;
mod asking;
mod body;
mod buffer;
mod cache;
mod call;
mod client;
pub mod clock;
mod compile;
mod connections;
mod control;
mod date;
mod deadline;
mod detail;
pub mod disk_file;
mod door;
pub mod duty;
pub mod explain;
mod fields;
mod forward;
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod gauge;
mod head;
mod held;
mod holdings;
mod http1;
mod http2;
mod in_flight;
mod lease;
mod limiter;
mod line;
mod listen;
mod metrics;
mod node;
mod nonces;
mod notice;
mod operation;
mod outgoing;
mod over;
mod packed;
mod passage;
mod passing;
mod passwords;
mod pipeline;
mod place;
mod places;
mod policy;
mod proxy_protocol;
mod query;
pub mod quota;
pub mod record;
mod report;
mod request_id;
mod server;
pub mod settings;
mod signature;
mod slot;
mod socket;
pub mod source;
mod standing;
mod state;
pub mod store;
mod target;
mod text;
mod tls;
mod token;
pub mod traffic;
mod upstream;
mod waiting;
mod watched;
mod worker;

pub use listen::Inherited;
pub use node::MoreMetrics;
pub use server::{Handle, prepare, start};
pub use settings::{IssuerKeys, Limits, RedisUrl, Settings, StartError};
pub use upstream::{NameFiles, Resolver};

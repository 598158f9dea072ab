//! Policies of the edge, and those that act on the answer: on the wire, refusals included.

mod cors;
mod edge;

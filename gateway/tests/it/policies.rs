//! Policies of the edge, and those that act on the answer: on the wire, refusals included.

mod answering;
mod answers;
mod cache;
mod compress;
mod contract;
mod cors;
mod costing;
mod counting;
mod details;
mod edge;
mod expression;
mod guarding;
mod limiting;
mod lists;
mod mocking;
mod reshaping;
mod reshaping_observed;
mod shaping;
mod threats;
mod waiting;

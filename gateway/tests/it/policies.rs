//! Policies of the edge, and those that act on the answer: on the wire, refusals included.

mod answering;
mod answers;
mod cache;
mod compress;
mod contract;
mod cors;
mod costing;
mod counting;
mod deciding;
mod details;
mod edge;
mod expression;
mod guarding;
mod in_turn;
mod limiting;
mod lists;
mod mocking;
mod observing;
mod reshaping;
mod reshaping_observed;
mod reshaping_unchanged;
mod shaping;
mod statuses;
mod threats;
mod waiting;

//! Page handlers, one file per noun: load through `api::service`, render through `frontend`.

pub mod account;
pub mod apis;
pub mod applications;
pub mod catalog;
pub mod claims;
mod confirm;
pub mod error_codes;
pub mod home;
pub mod invitation;
pub mod keys;
pub mod people;
pub mod platform;
pub mod publish;
pub mod reset;
pub mod setup;
pub mod sign_in;
pub mod sign_up;
pub mod subscriptions;
pub mod traffic;
pub mod workspaces;

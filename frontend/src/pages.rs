//! One file per page, named by its noun.

pub mod account;
pub mod api;
pub mod application;
pub mod applications;
pub mod catalog;
pub mod error_codes;
pub mod failure;
pub mod home;
pub mod invitation;
pub mod landing;
pub mod log;
pub mod people;
pub mod platform;
pub mod publish;
pub mod reference;
pub mod reset;
pub mod setup;
pub mod sign_in;
pub mod sign_up;
pub mod subscribe;
pub mod subscriptions;
pub mod usage;
pub mod workspace;

//! Rows and stores: one file per table with its model, scoped finders and conversions to domain;
//! the configuration state as gateways load it; the stores of what is not edited by people.
//!
//! No business verb is here, and nothing that decides who may do what: a finder's name says in
//! which scope it looks, and the caller has checked that scope.

pub mod api;
pub mod application;
pub mod audit;
pub mod audit_head;
pub mod audit_person;
pub mod certificate;
pub mod certificate_host;
pub mod change;
pub mod credential;
pub mod database;
pub mod document;
pub mod draft;
pub mod event;
pub mod first_run;
pub mod host;
pub mod idempotency;
pub mod invitation;
pub mod ip_list;
pub mod ip_list_content;
pub mod key_use;
pub mod mail;
pub mod mail_token;
pub mod node;
pub mod operation;
pub mod organization;
pub mod organization_member;
pub mod personal_token;
pub mod plan;
pub mod product;
pub mod product_version;
pub mod quota;
pub mod quota_notice;
pub mod refusal_count;
pub mod request;
pub mod request_detail;
pub mod revision;
pub mod rollup_hour;
pub mod rollup_minute;
pub mod route;
pub mod row;
pub mod session;
pub mod setting;
pub mod snapshot;
pub mod store;
pub mod subscription;
pub mod team;
pub mod team_member;
pub mod traffic_batch;
pub mod upstream;
pub mod user;
pub mod version;
pub mod webhook;
pub mod webhook_delivery;

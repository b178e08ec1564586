//! The server: one engine that decides, lanes that perform, and the ways in and out. It knows the
//! core and the wire, and none of the adapters.

pub mod app;
pub mod engine;
pub mod faults;
pub mod feed;
pub mod follow;
pub mod handlers;
pub mod hands;
pub mod lanes;
pub mod logs;
pub mod mcp;
pub mod outcomes;
pub mod peer;
pub mod perform;
pub mod rpc;
pub mod secrets;
pub mod serve;
pub mod tcp;
pub mod tidy;
pub mod views;
pub mod work;

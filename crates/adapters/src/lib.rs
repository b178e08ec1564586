//! The real side of each port. Each adapter knows its own corner of the outside world and none of
//! the decisions.

pub mod agent;
mod checksum;
pub mod clock;
pub mod config;
pub mod container;
pub mod git;
pub mod home;
pub mod settings;
pub mod sqlite;

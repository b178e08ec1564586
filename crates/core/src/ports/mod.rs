//! What the core asks of the outside world, in its own words.

pub mod agents;
pub mod commands;
pub mod inspect;
pub mod settings;
pub mod store;
pub mod workspaces;

//! The words of the trade and the rules between them. Pure values: nothing here can fail for a
//! reason outside its arguments.

pub mod budget;
pub mod config;
pub mod duration;
pub mod effect;
pub mod event;
pub mod graph;
pub mod held;
pub mod hierarchy;
pub mod ids;
pub mod index;
pub mod invariants;
pub mod money;
pub mod names;
pub mod oid;
pub mod plan;
pub mod prompt;
pub mod state;
pub mod status;
pub mod time;
pub mod txn;
pub mod work;

//! Requests, responses, events and errors as they travel between `cw` and its server.
//!
//! It owns the shapes and their names (the contract's JSON, to the letter) and the version of
//! the protocol. It refuses to know what any of it means: no rules, no files, no sockets.

pub mod agent;
pub mod cost;
pub mod doctor;
pub mod error;
pub mod event;
pub mod files;
pub mod handshake;
pub mod initiative;
pub mod me;
pub mod merge;
pub mod message;
pub mod plan;
pub mod plan_call;
pub mod procedure;
pub mod project;
pub mod run;
pub mod scope;
pub mod server;
pub mod task;
pub mod why;
pub mod worktree;

pub use agent::{AgentList, AgentStatus, AgentView};
pub use error::{ErrorBody, ErrorCode, ErrorDetail, ErrorView};
pub use event::EventView;
pub use handshake::{PROTOCOL, PROTOCOL_HEADER, VERSION_HEADER};
pub use initiative::{InitiativeList, InitiativeStatus, InitiativeTasks, InitiativeView};
pub use merge::{MergeList, MergeView};
pub use message::{MessageKind, MessageList, MessageStatus, MessageView};
pub use plan::PlanJson;
pub use procedure::{Kind, Procedure};
pub use scope::{Scope, Target};
pub use server::ServerStatus;
pub use task::{Priority, Review, TaskKind, TaskList, TaskStatus, TaskView};
pub use worktree::{WorktreeList, WorktreeView};

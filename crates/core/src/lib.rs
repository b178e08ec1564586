//! The functional core: what exists, what may happen next, and why.
//!
//! It owns every decision and refuses to know how anything is done: no clock, no files, no
//! processes, no SQL, no serialisation. Time, ids and chance come in as arguments.

pub mod app;
pub mod domain;
pub mod ports;

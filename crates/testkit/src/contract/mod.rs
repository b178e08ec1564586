//! What every adapter of a port must do: one suite per port, run over the fake and the real one.

pub mod store;

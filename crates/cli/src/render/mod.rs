//! Turns what came back into what is shown: one JSON document, or calm text.

pub(crate) mod amount;
pub(crate) mod escape;
pub(crate) mod foot;
pub(crate) mod graph;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod live;
pub(crate) mod output;
pub(crate) mod page;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod wrap;

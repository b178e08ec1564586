//! Plans as their users write them.

mod hostile;
mod order;
mod reading;
mod round_trip;

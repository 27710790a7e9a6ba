//! `hirundo-sensor check`: is everything ready, and what to do about what is not.

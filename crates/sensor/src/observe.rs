//! The loop: frames of a source into batches, minute by minute.

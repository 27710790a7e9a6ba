//! The sensor: captures, hides addresses, spools, ships.

//! The command line of the sensor.

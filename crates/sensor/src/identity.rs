//! The key and certificate of the sensor: made at enrolment, kept in its state folder, renewed in time.

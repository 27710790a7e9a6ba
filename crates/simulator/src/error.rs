//! What can go wrong when a scenario is read or a simulation is written.

use std::path::PathBuf;

/// Why a scenario was refused or a simulation could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The scenario is not the TOML that [`crate::Scenario`] describes (syntax, unknown key, wrong type).
    #[error("cannot read the scenario: {reason}")]
    Syntax {
        /// What the TOML reader said, with line and column.
        reason: String,
    },
    /// The scenario reads well but says something that cannot be or goes over a limit.
    #[error("cannot use the scenario, {place}: {reason}")]
    Invalid {
        /// Where in the scenario, e.g. `populations "mirai", regions`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The scenario would make more packets than it (or the simulator) allows.
    #[error("cannot simulate {scenario:?}: more than {packets_max} packets by {day}; hint: raise `packets_max` or lower the curves")]
    TooManyPackets {
        /// Name of the scenario.
        scenario: String,
        /// The limit in force.
        packets_max: u64,
        /// Day on which it was passed, `YYYY-MM-DD`.
        day: String,
    },
    /// The output directory already holds something.
    #[error(
        "cannot write a simulation to {path:?}: the directory is not empty; hint: name a new directory, so that files of two simulations do not mix"
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path:?}")]
    File {
        /// What was attempted: `create`, `write`, `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A benchmark capture could not be written to its output.
    #[error("cannot write the benchmark capture")]
    Output {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl SimulatorError {
    /// Shorthand for [`SimulatorError::Invalid`].
    pub(crate) fn invalid(place: impl Into<String>, reason: impl Into<String>) -> Self {
        SimulatorError::Invalid {
            place: place.into(),
            reason: reason.into(),
        }
    }
}

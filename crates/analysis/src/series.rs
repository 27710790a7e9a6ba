//! Daily counts of one subject at each sensor, and the rate they come to once outages are taken out.

use crate::Day;
use crate::finding::{Measure, Subject};

/// When each sensor was up: the ground every series stands on.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// First day.
    pub first: Day,
    /// Sensors; `up[s][d]` is the part of day `first + d` in which sensor `s` observed, 0 to 1.
    pub up: Vec<Vec<f64>>,
}

/// What was counted of one subject; as many sensors and days as the [`Coverage`] it goes with.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// What was counted.
    pub subject: Subject,
    /// How.
    pub measure: Measure,
    /// `counts[s][d]`: count at sensor `s` on day `first + d`.
    pub counts: Vec<Vec<f64>>,
    /// `pairs[s][d]`: over its sources, the sum of what each counted times that less one (pairs of counts with one
    /// source, in both orders); of sources themselves their number. Empty: not known.
    pub pairs: Vec<Vec<f64>>,
}

/// A rate for each day: what all sensors together would have counted, had all of them observed all day.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What was counted.
    pub subject: Subject,
    /// How.
    pub measure: Measure,
    /// First day.
    pub first: Day,
    /// Count that was really made, all sensors together.
    pub counts: Vec<f64>,
    /// The part of the network that observed that day, weighted by what each sensor usually sees of this
    /// subject, 0 to 1.
    pub exposure: Vec<f64>,
    /// `counts / exposure`; `None` where too little was observed to say.
    pub rates: Vec<Option<f64>>,
    /// The sum of the squares of what each source sends a day: the variance that the rate has because sources come and
    /// go (see [`Counts::pairs`]). Empty: not known.
    pub squares: Vec<f64>,
}

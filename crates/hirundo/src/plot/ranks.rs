//! What a slope chart shows: ranks in one period and in the next.

use crate::period::Lang;

/// Items a slope chart draws.
pub const ITEMS_MAX: usize = 20;

/// Something that is ranked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranked {
    /// Its name.
    pub name: String,
    /// Rank in the period before; `None` where it had none or it is not known.
    pub before: Option<u32>,
    /// Rank in this period.
    pub now: Option<u32>,
}

/// A slope chart of ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// The line above the chart.
    pub title: String,
    /// The period before, as people write it.
    pub before: String,
    /// This period, as people write it.
    pub now: String,
    /// The items, the most important first.
    pub items: Vec<Ranked>,
    /// The language of what the chart itself writes.
    pub lang: Lang,
}

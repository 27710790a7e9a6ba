//! The report of a quarter, a month or a day: facts, findings, the analyst's words, the document and its files.

pub mod annotation;
pub mod assemble;
pub mod behaviour;
pub mod check;
pub mod commentary;
pub mod devices;
pub mod facts;
pub mod figures;
pub mod followed;
pub mod known;
pub mod names;
mod nearest;
pub mod notified;
pub mod quotes;
pub mod rows;
pub mod safety;
pub mod skeleton;
pub mod study;
pub mod write;

use hirundo_analysis::finding::{Finding, Measure, Subject};

use commentary::Place;
use study::Study;

/// The place of the report that tells a finding, other than a section of its own.
pub fn place_of(study: &Study, finding: &Finding, top: usize, home: &str) -> Option<Place> {
    let shown = |ranking: &facts::Ranking| ranking.rows.iter().take(top).any(|row| row.subject == finding.subject);
    match &finding.subject {
        _ if finding.measure == Measure::Sources => None,
        Subject::Tool(tool) if tool == facts::MARK => Some(Place::Mirai),
        Subject::ToolRegion { region, .. } if region == home => Some(Place::MiraiHome),
        Subject::ToolRegion { .. } => Some(Place::MiraiRegions),
        Subject::Port { .. } if shown(&study.facts.ports) => Some(Place::Ports),
        Subject::Region(_) if shown(&study.facts.regions) => Some(Place::Regions),
        Subject::Port { .. } | Subject::Region(_) | Subject::Network(_) | Subject::Tool(_) | Subject::PortRegion { .. } => {
            Some(Place::Phenomena)
        }
        Subject::Total => Some(Place::Summary),
    }
}

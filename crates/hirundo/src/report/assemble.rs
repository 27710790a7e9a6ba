//! The document of a report out of the study and the analyst's words, section by section.

mod appendix;
mod behaviour;
mod known;
mod mirai;
mod notified;
mod others;
mod overview;
mod places;

use std::collections::BTreeMap;

use hirundo_analysis::finding::{Course, Finding, Measure, Subject};
use hirundo_analysis::ranking::Previous;
use hirundo_analysis::sentence::{self, Context};
use hirundo_press::document::{Block, Data, Document, Fact, Figure, Inline, Section, Table};

use super::annotation::Annotations;
use super::commentary::{Commentary, Place};
use super::facts::{Facts, Ranked, Ranking};
use super::figures::{COUNT_MIN, number, portion, quoted};
use super::names::Names;
use super::safety::{Disclosure, Edition, Granularity, Rules, Shown};
use super::study::Study;
use crate::cli::Tlp;
use crate::knowledge::Knowledge;
use crate::period::{Day, Lang};
use crate::plot::Mark;
use crate::view::text::thousands;

/// Ranks of the period before up to this are told by number.
const RANK_BEFORE_MAX: u64 = 10;

/// What a report is made with.
pub struct Order<'a> {
    /// What was found.
    pub study: &'a Study,
    /// Language.
    pub lang: Lang,
    /// Rows of the tables.
    pub top: usize,
    /// The home region.
    pub home: &'a str,
    /// What may be published, and to whom.
    pub rules: &'a Rules,
    /// Who publishes it.
    pub publisher: &'a str,
    /// When it is made.
    pub made: Day,
    /// The analyst's words.
    pub commentary: &'a Commentary,
    /// Annotations and references.
    pub annotations: &'a Annotations,
    /// Host investigations.
    pub devices: Option<&'a super::devices::Devices>,
    /// Vulnerabilities, malware and tools known of ports.
    pub known: Option<&'a Knowledge>,
    /// What became of the addresses notified.
    pub followed: Option<&'a super::followed::Followed>,
}

/// A document in the making.
struct Desk<'a> {
    order: &'a Order<'a>,
    study: &'a Study,
    facts: &'a Facts,
    names: Names,
    context: Context,
    data: Vec<Data>,
    disclosures: Vec<Disclosure>,
    /// Pages that the report itself names.
    cited: Vec<known::Cited>,
}

/// The document, and what it discloses.
pub fn document(order: &Order<'_>) -> (Document, Vec<Disclosure>) {
    let facts = &order.study.facts;
    let mut desk = Desk {
        order,
        study: order.study,
        facts,
        names: Names(order.lang),
        context: Context {
            lang: match order.lang {
                Lang::Japanese => hirundo_analysis::Lang::Japanese,
                Lang::English => hirundo_analysis::Lang::English,
            },
            period: (facts.period.first().0, facts.period.last().0),
        },
        data: Vec::new(),
        disclosures: Vec::new(),
        cited: Vec::new(),
    };
    let summary = desk.summary();
    let mut sections = vec![desk.overview(), desk.phenomena()];
    let mut appendix = desk.appendix();
    appendix.numbered = false;
    let references = desk.references();
    if !references.is_empty() {
        sections.push(section(
            "references",
            desk.say("参考文献", "References"),
            vec![Block::References(references)],
        ));
    }
    sections.push(appendix);
    let document = Document {
        lang: match order.lang {
            Lang::Japanese => hirundo_press::document::Lang::Japanese,
            Lang::English => hirundo_press::document::Lang::English,
        },
        title: desk.say("インターネット定点観測レポート", "Internet Fixed-Point Observation Report"),
        subtitle: facts.period.label(order.lang),
        publisher: order.publisher.to_owned(),
        made: order.made.label(order.lang),
        label: Some(order.rules.edition.label().to_owned()),
        warning: facts.roster.simulated.as_ref().map(|what| match order.lang {
            Lang::Japanese => format!("シミュレーションによるデータです（{what}）。実際の観測結果ではありません。"),
            Lang::English => format!("Simulated data ({what}): nothing in this report was observed on the Internet."),
        }),
        summary,
        sections,
        data: desk.data,
    };
    (document, desk.disclosures)
}

/// The edition that a label of the Traffic Light Protocol means.
pub fn edition(tlp: Tlp) -> Edition {
    match tlp {
        Tlp::Clear => Edition::Clear,
        Tlp::Green => Edition::Green,
        Tlp::Amber => Edition::Amber,
        Tlp::AmberStrict => Edition::AmberStrict,
        Tlp::Red => Edition::Red,
    }
}

fn section(id: &str, title: String, blocks: Vec<Block>) -> Section {
    Section {
        id: id.to_owned(),
        title,
        numbered: true,
        blocks,
        sections: Vec::new(),
    }
}

impl Desk<'_> {
    /// One of two texts.
    fn say(&self, japanese: &str, english: &str) -> String {
        self.names.either(japanese, english)
    }

    fn text(&self, japanese: &str, english: &str) -> Block {
        Block::Paragraph(vec![Inline::Text(self.say(japanese, english))])
    }

    /// A sentence that rests on data and on no finding.
    fn fact(&self, text: String, data: &str) -> Fact {
        Fact {
            text,
            finding: String::new(),
            data: Some(data.to_owned()),
        }
    }

    /// Findings of one or several subjects, told.
    fn story(&self, findings: &[&Finding], data: &str) -> Vec<Fact> {
        let told = sentence::story(findings, &self.names, &self.context);
        told.into_iter().map(|fact| self.told(fact, data)).collect()
    }

    /// Where a finding came from.
    fn origin(&self, finding: &Finding, data: &str) -> Vec<Fact> {
        let told = sentence::origin(finding, &self.names, &self.context);
        told.into_iter().map(|fact| self.told(fact, data)).collect()
    }

    fn told(&self, fact: sentence::Fact, data: &str) -> Fact {
        Fact {
            text: fact.text,
            finding: fact.findings.join(" "),
            data: Some(data.to_owned()),
        }
    }

    /// Adds the analyst's words for a place, where there are any.
    fn comment(&self, place: &Place, blocks: &mut Vec<Block>) {
        let section = self.order.commentary.section(place).filter(|section| section.is_written());
        blocks.extend(section.map(|section| Block::Commentary(section.text.clone())));
    }

    /// Marks of annotations for a figure that shows the report's period: its name, and what it is about.
    fn marks(&self, figure: &[&str]) -> Vec<Mark> {
        let period = &self.facts.period;
        self.order.annotations.marks(period, period, figure, self.order.lang)
    }

    /// Takes the data of a figure of days and gives the figure as a block.
    fn figure(&mut self, (figure, data): (Figure, Data), subjects: &[&Subject]) -> Block {
        let subjects = subjects.iter().map(|subject| self.shown(subject)).collect();
        self.publish(data, |disclosure| {
            disclosure.granularity = Granularity::Day;
            disclosure.subjects = subjects;
        });
        Block::Figure(figure)
    }

    /// Takes a table's data and gives the table as a block.
    fn table(&mut self, table: Table, sql: String, disclose: impl FnOnce(&mut Disclosure)) -> Block {
        let heads: Vec<String> = table.columns.iter().map(|(head, _)| quoted(head)).collect();
        let mut csv = heads.join(",") + "\n";
        for row in &table.rows {
            let plain: Vec<String> = row.iter().map(|cell| quoted(&plain(cell))).collect();
            csv.push_str(&(plain.join(",") + "\n"));
        }
        let data = Data {
            id: table.id.clone(),
            title: table.caption.clone(),
            csv,
            sql,
        };
        self.publish(data, disclose);
        Block::Table(table)
    }

    /// Adds data, totals of the period unless `disclose` says otherwise.
    fn publish(&mut self, data: Data, disclose: impl FnOnce(&mut Disclosure)) {
        let mut disclosure = Disclosure {
            data: data.id.clone(),
            granularity: Granularity::Period,
            subjects: Vec::new(),
            sensors: Vec::new(),
            newest: self.facts.period.last(),
            kinds: BTreeMap::new(),
        };
        disclose(&mut disclosure);
        self.disclosures.push(disclosure);
        self.data.push(data);
    }

    /// How common a subject is.
    fn shown(&self, subject: &Subject) -> Shown {
        let rank_in = |ranking: &Ranking, subject: &Subject| ranking.rows.iter().find(|row| row.subject == *subject).map(|row| row.rank);
        let rank = match subject {
            Subject::Total | Subject::Tool(_) => Some(1),
            Subject::Port { .. } => rank_in(&self.facts.ports, subject),
            Subject::Region(_) => rank_in(&self.facts.regions, subject),
            Subject::ToolRegion { region, .. } => rank_in(&self.facts.mark_regions, &Subject::Region(region.clone())),
            Subject::Network(_) | Subject::PortRegion { .. } => None,
        };
        let from = usize::try_from(self.facts.period.first().0 - self.facts.coverage.first).unwrap_or(0);
        let counts = self.facts.counts_of(subject, Measure::Packets);
        let sums: Vec<f64> = counts
            .iter()
            .flat_map(|counts| &counts.counts)
            .map(|counts| counts.iter().skip(from).sum())
            .collect();
        Shown {
            name: self.names.label(subject),
            rank: rank.and_then(|rank| u32::try_from(rank).ok()),
            sensors: u32::try_from(sums.iter().filter(|sum| **sum > 0.0).count()).unwrap_or(u32::MAX),
            packets_per_day: sums.iter().sum::<f64>() / self.facts.period.len_days().max(1) as f64,
        }
    }

    /// Whether a subject may be drawn day by day in this edition.
    fn may_be_drawn(&self, subject: &Subject) -> bool {
        let shown = self.shown(subject);
        let rules = &self.order.rules;
        let is_top = shown.rank.is_some_and(|rank| rank <= rules.top);
        let is_common = shown.sensors >= rules.sensors_min && shown.packets_per_day >= rules.daily_min;
        !rules.edition.is_public() || is_top || is_common
    }

    /// Whether a subject may be named with its total in a table of this edition.
    fn may_be_listed(&self, subject: &Subject) -> bool {
        let shown = self.shown(subject);
        let rules = &self.order.rules;
        !rules.edition.is_public() || shown.sensors >= rules.sensors_min || shown.rank.is_some_and(|rank| rank <= rules.top)
    }

    /// Rank in the period before, as the tables write it.
    fn before(&self, rank: Option<u64>) -> String {
        match (rank, self.facts.before) {
            (_, None) => "–".to_owned(),
            (Some(rank), _) if rank <= RANK_BEFORE_MAX => rank.to_string(),
            (Some(_), _) => self.say("TOP10圏外", "outside the top 10"),
            (None, _) => self.say("新規", "new"),
        }
    }

    /// Rows of a ranking: rank, name, rank before.
    fn ranked_rows(&self, ranking: &Ranking) -> Vec<Vec<String>> {
        let row = |ranked: &Ranked| {
            vec![
                ranked.rank.to_string(),
                self.names.label(&ranked.subject),
                self.before(ranked.rank_before),
                count(ranked.value),
                portion(ranked.value, total_of(ranked), 1),
            ]
        };
        ranking.rows.iter().take(self.order.top).map(row).collect()
    }

    /// Ranks as the sentences about changes take them: the shown ones, and those shown in the period before.
    fn ranks(&self, ranking: &Ranking) -> Vec<sentence::Rank> {
        let top = self.order.top as u64;
        let known = |rank: u64| u32::try_from(rank).ok();
        ranking
            .rows
            .iter()
            .filter(|row| row.rank <= top || row.rank_before.is_some_and(|before| before <= top))
            .map(|row| sentence::Rank {
                name: self.names.label(&row.subject),
                rank: known(row.rank),
                previous: match row.rank_before.and_then(known) {
                    Some(rank) => Previous::Rank(rank),
                    None if self.facts.before.is_some() => Previous::New,
                    None => Previous::Unobserved,
                },
            })
            .collect()
    }

    /// How the places of a ranking changed, and what the shown ones did: a paragraph each.
    fn courses(&self, ranking: &Ranking, data: &str) -> Vec<Block> {
        let top = u32::try_from(self.order.top).unwrap_or(u32::MAX);
        let changes = sentence::ranking_changes(&self.ranks(ranking), top, &self.context);
        let changes: Vec<Fact> = changes.into_iter().map(|text| self.fact(text, data)).collect();
        let shown: Vec<&Subject> = ranking.rows.iter().take(self.order.top).map(|row| &row.subject).collect();
        let mut blocks = vec![Block::Facts(changes)];
        blocks.extend(self.stories(&shown, data));
        blocks.retain(|block| !matches!(block, Block::Facts(facts) if facts.is_empty()));
        blocks
    }

    /// What subjects did, a paragraph each. That one passed another is told where both are among them.
    fn stories(&self, subjects: &[&Subject], data: &str) -> Vec<Block> {
        let is_among = |finding: &&Finding| match &finding.course {
            Course::Cross { other, .. } => subjects.contains(&other),
            Course::Trend(_)
            | Course::Jump(_)
            | Course::Bulge { .. }
            | Course::Swing { .. }
            | Course::Surge { .. }
            | Course::Appear { .. }
            | Course::Growth { .. }
            | Course::Steady { .. } => true,
        };
        let story = |subject: &&Subject| {
            let findings: Vec<&Finding> = self.study.findings_of(subject).into_iter().filter(is_among).collect();
            Block::Facts(self.story(&findings, data))
        };
        subjects.iter().map(story).collect()
    }
}

/// The whole of which a row of a ranking has its share.
fn total_of(ranked: &Ranked) -> f64 {
    if ranked.percent > 0.0 {
        100.0 * ranked.value / ranked.percent
    } else {
        0.0
    }
}

/// A count with separators; a small one only as such.
fn count(value: f64) -> String {
    if value < COUNT_MIN {
        return format!("<{COUNT_MIN}");
    }
    thousands(&number(Some(value), 0))
}

/// A cell as a machine reads it: without separators.
fn plain(cell: &str) -> String {
    let is_number = cell.contains(',') && cell.chars().all(|letter| letter.is_ascii_digit() || letter == ',');
    if is_number { cell.replace(',', "") } else { cell.to_owned() }
}

//! Section 2's other phenomena: chosen by surprise or by the analyst, places compared, backscatter, research scanners.

use std::collections::{BTreeMap, BTreeSet};

use hirundo_analysis::attack::{Attack, Confidence};
use hirundo_analysis::finding::{Finding, Subject};
use hirundo_analysis::sentence::Names as _;
use hirundo_analysis::sentence::behaviour as told;
use hirundo_analysis::sentence::population::{self, Scanners, Victims};
use hirundo_analysis::series::Series;
use hirundo_press::document::{Align, Block, Data, Section, Table};

use super::{Desk, count, section};
use crate::report::commentary::Place;
use crate::report::figures::{COUNT_MIN, Frame, lines, lines_named, portion, published};
use crate::report::rows::whole;
use crate::report::safety::{DataKind, Granularity, Shown};
use crate::report::study::Study;

/// Findings that get a section of their own, when the analyst chooses none.
const CHOSEN: usize = 3;
/// Ids of their figures: fixed, so that links to them stay.
const FIGURES: [&str; 8] = [
    "phenomenon-1",
    "phenomenon-2",
    "phenomenon-3",
    "phenomenon-4",
    "phenomenon-5",
    "phenomenon-6",
    "phenomenon-7",
    "phenomenon-8",
];
/// Packets a day below which a subject outside the top is not told to everybody.
const TOLD_DAILY_MIN: f64 = 20.0;
/// Ports and regions of victims told.
const VICTIMS_TOLD: usize = 3;
/// Organisations of scanners in the table.
const ORGANISATIONS: usize = 10;
/// Organisations in the figure.
const ORGANISATIONS_DRAWN: usize = 5;

impl<'a> Desk<'a> {
    /// Section 2.
    pub(super) fn phenomena(&mut self) -> Section {
        let mut all = section("phenomena", self.say("注目された現象", "Notable phenomena"), Vec::new());
        self.comment(&Place::Phenomena, &mut all.blocks);
        all.sections.push(self.mirai());
        let chosen = self.chosen();
        for (id, (finding, place)) in FIGURES.into_iter().zip(chosen) {
            let part = self.phenomenon(id, finding, &place);
            all.sections.push(part);
        }
        all.sections.extend(self.places());
        all.sections.extend(self.region_outages());
        all.sections.extend(self.scans());
        all.sections.extend(self.campaigns());
        all.sections.push(self.backscatter());
        all.sections.push(self.scanners());
        all.sections.extend(self.notifications());
        let mut closing = Vec::new();
        self.comment(&Place::Closing, &mut closing);
        if !closing.is_empty() {
            all.sections
                .push(section("closing", self.say("おわりに", "Closing remarks"), closing));
        }
        all
    }

    /// The analyst's choice; without one, the most surprising that may be told.
    fn chosen(&self) -> Vec<(&'a Finding, Place)> {
        let written = self.order.commentary.sections.iter().filter_map(|section| {
            let Place::Phenomenon(id) = &section.place else { return None };
            let finding = self.study.findings.iter().find(|finding| finding.id == *id)?;
            Some((finding, section.place.clone()))
        });
        let written: Vec<_> = written.collect();
        if !written.is_empty() {
            return written;
        }
        let may_be_told = |finding: &&Finding| !Study::is_damped(finding) && self.may_be_told(finding);
        let notable = self.study.notable().into_iter().filter(may_be_told).take(CHOSEN);
        notable.map(|finding| (finding, Place::Phenomenon(finding.id.clone()))).collect()
    }

    /// Whether a finding may be told in this edition: seen by so many sensors, and so busy, that it is nobody's
    /// probe.
    fn may_be_told(&self, finding: &Finding) -> bool {
        let shown = self.shown(&finding.subject);
        let rules = self.order.rules;
        !rules.edition.is_public() || (shown.sensors >= rules.sensors_min && shown.packets_per_day >= TOLD_DAILY_MIN)
    }

    fn phenomenon(&mut self, id: &'static str, finding: &Finding, place: &Place) -> Section {
        let label = self.names.label(&finding.subject);
        let written = self.order.commentary.section(place).and_then(|section| section.title.clone());
        let title = written.unwrap_or_else(|| label.clone());
        let mut part = section(&format!("about-{id}"), title, Vec::new());
        if let Some(series) = self
            .study
            .series_of(&finding.subject)
            .filter(|series| self.may_be_drawn(&series.subject))
        {
            let frame = Frame {
                id,
                caption: self.say(&format!("{label}のパケット数の推移"), &format!("Packets a day: {label}")),
                note: Some(self.rate_note()),
                sql: self.sql(source_of(finding)),
            };
            let marks = self.marks(&["phenomena", &finding.subject.slug()]);
            let made = lines(self.names, frame, self.facts.period, &[series], &marks);
            let figure = self.figure(made, &[&series.subject]);
            part.blocks.push(figure);
        }
        let findings = self.study.findings_of(&finding.subject);
        let mut facts = self.story(&findings, id);
        facts.extend(self.origin(finding, id));
        part.blocks.push(Block::Facts(facts));
        part.blocks.extend(self.known(id, finding));
        self.comment(place, &mut part.blocks);
        part
    }

    fn backscatter(&mut self) -> Section {
        let title = self.say("跳ね返りパケットから見たサービス運用妨害", "Denial of service, seen in backscatter");
        let mut part = section("backscatter", title, Vec::new());
        let likely: Vec<&Attack> = self
            .study
            .attacks
            .attacks
            .iter()
            .filter(|attack| attack.confidence != Confidence::Possible)
            .collect();
        let addresses: BTreeSet<_> = likely.iter().map(|attack| attack.victim).collect();
        let tally = |name: &dyn Fn(&Attack) -> Option<String>| {
            let mut counts: BTreeMap<String, BTreeSet<std::net::IpAddr>> = BTreeMap::new();
            for attack in &likely {
                if let Some(name) = name(attack) {
                    counts.entry(name).or_default().insert(attack.victim);
                }
            }
            let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(name, set)| (name, set.len() as u64)).collect();
            counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            counts.truncate(VICTIMS_TOLD);
            counts
        };
        let victims = Victims {
            addresses: addresses.len() as u64,
            regions: tally(&|attack| Some(self.names.region(&attack.region))),
            ports: tally(&|attack| {
                let (port, _) = attack.ports.first()?;
                Some(self.names.port(attack.proto, *port))
            }),
        };
        let mut facts = vec![self.fact(population::victims(&victims, &self.context), "backscatter")];
        facts.push(self.fact(
            self.say(
                "センサーのアドレス数が少ないため、ここで捉えられるのは大規模な攻撃に限られます。",
                "With as few addresses as are watched here, only large attacks can be seen.",
            ),
            "backscatter",
        ));
        let data = Data {
            id: "backscatter".to_owned(),
            title: self.say(
                "サービス運用妨害の被害を受けたとみられるアドレスの数",
                "Addresses that appear to be victims of denial of service",
            ),
            csv: format!(
                "victims,attacks,vectors_examined,packets_needed\n{},{},{},{}\n",
                published(Some(addresses.len() as f64), 0),
                published(Some(likely.len() as f64), 0),
                self.study.attacks.vectors,
                self.study.attacks.packets_min
            ),
            sql: self.study.attack_rows.question.sql.clone(),
        };
        self.publish(data, |disclosure| {
            let sizes = ["vectors_examined", "packets_needed"];
            disclosure.kinds = sizes.map(|head| (head.to_owned(), DataKind::Extent)).into();
        });
        part.blocks.push(Block::Facts(facts));
        self.comment(&Place::Backscatter, &mut part.blocks);
        part
    }

    fn scanners(&mut self) -> Section {
        let mut part = section("scanners", self.say("調査目的のスキャン", "Known research scanners"), Vec::new());
        let ranking = &self.facts.scanners;
        let organisations: Vec<(String, u64)> = ranking
            .rows
            .iter()
            .map(|row| (self.names.label_of_tool(&row.subject), whole(row.value)))
            .collect();
        let daily = self.scanner_addresses();
        let rows = ranking.rows.iter().take(ORGANISATIONS).map(|row| {
            let name = self.names.label_of_tool(&row.subject);
            let addresses = daily.get(&name).copied().unwrap_or_default();
            vec![
                name,
                count(row.value),
                portion(row.value, self.facts.totals.packets, 2),
                count(addresses),
            ]
        });
        let table = Table {
            id: "table-scanners".to_owned(),
            caption: self.say(
                "調査目的のスキャンを行う組織とパケット数",
                "Organisations known to scan for research, and their packets",
            ),
            columns: vec![
                (self.say("組織", "Organisation"), Align::Left),
                (self.say("パケット数", "Packets"), Align::Right),
                (self.say("全パケットに占める割合（%）", "Share of all packets (%)"), Align::Right),
                (self.say("送信元IPアドレス数（1日平均）", "Source addresses a day"), Align::Right),
            ],
            rows: rows.collect(),
            note: None,
            data: Some("table-scanners".to_owned()),
        };
        let share = population::scanner_share(
            &Scanners {
                packets: whole(self.facts.totals.packets),
                organisations,
            },
            &self.context,
        );
        let told = told::ScannersDaily {
            organisations: daily.len() as u64,
            addresses_a_day: daily.values().sum(),
        };
        let a_day = told::scanners_daily(&told, &self.context).filter(|_| told.addresses_a_day >= COUNT_MIN);
        let facts: Vec<_> = share
            .into_iter()
            .chain(a_day)
            .map(|text| self.fact(text, "table-scanners"))
            .collect();
        if ranking.rows.is_empty() {
            let none = self.text(
                "既知の調査スキャナーからのパケットは観測されませんでした。",
                "No packets of known research scanners were observed.",
            );
            part.blocks.push(none);
        } else {
            let sql = format!("{};\n\n{}", ranking.source.question.sql, self.facts.scanner_days.question.sql);
            // The share is of the packets, whatever is suppressed of the addresses.
            let share = self.say("全パケットに占める割合（%）", "Share of all packets (%)");
            let table = self.table(table, sql, |disclosure| {
                disclosure.kinds.insert(share, DataKind::RatioOfTold);
            });
            part.blocks.push(table);
            part.blocks.push(Block::Facts(facts));
            part.blocks.extend(self.scanner_figure());
        }
        self.comment(&Place::Scanners, &mut part.blocks);
        part
    }
}

impl Desk<'_> {
    /// Source addresses of each organisation on an average day on which anything was observed.
    fn scanner_addresses(&self) -> BTreeMap<String, f64> {
        let rows = &self.facts.scanner_days;
        let (Ok(days), Ok(names), Ok(addresses)) = (rows.days("day"), rows.texts("scanner"), rows.counts("addresses")) else {
            return BTreeMap::new();
        };
        let (first, last) = (self.facts.period.first().0, self.facts.period.last().0);
        let observed = |day: i32| {
            let at = usize::try_from(day - self.facts.coverage.first).ok();
            let up = |up: &Vec<f64>| at.and_then(|at| up.get(at)).is_some_and(|up| *up > 0.0);
            self.facts.coverage.up.iter().any(up)
        };
        let number = (first..=last).filter(|day| observed(*day)).count().max(1) as f64;
        let mut sums = BTreeMap::new();
        for ((day, name), addresses) in days.into_iter().zip(names).zip(addresses) {
            if let Some(name) = name.filter(|_| (first..=last).contains(&day)) {
                *sums.entry(name).or_insert(0.0) += addresses / number;
            }
        }
        sums
    }

    /// Packets a day of the busiest organisations.
    fn scanner_figure(&mut self) -> Option<Block> {
        let from = usize::try_from(self.facts.period.first().0 - self.facts.coverage.first).unwrap_or(0);
        let shown = |series: &Series, rank: usize| {
            let counts = self.facts.scanner_counts.iter().find(|counts| counts.subject == series.subject);
            let sums = counts.iter().flat_map(|counts| &counts.counts);
            let sums: Vec<f64> = sums.map(|counts| counts.iter().skip(from).sum()).collect();
            Shown {
                name: self.names.label_of_tool(&series.subject),
                rank: u32::try_from(rank + 1).ok(),
                sensors: u32::try_from(sums.iter().filter(|sum| **sum > 0.0).count()).unwrap_or(u32::MAX),
                packets_per_day: sums.iter().sum::<f64>() / self.facts.period.len_days().max(1) as f64,
            }
        };
        let rules = self.order.rules;
        let may_be_drawn =
            |shown: &Shown| !rules.edition.is_public() || (shown.sensors >= rules.sensors_min && shown.packets_per_day >= TOLD_DAILY_MIN);
        let all = self.study.scanner_series.iter().enumerate();
        let drawn = all
            .map(|(rank, series)| (series, shown(series, rank)))
            .filter(|(_, shown)| may_be_drawn(shown));
        let (series, subjects): (Vec<&Series>, Vec<Shown>) = drawn.take(ORGANISATIONS_DRAWN).unzip();
        if series.is_empty() {
            return None;
        }
        let frame = Frame {
            id: "scanners",
            caption: self.say(
                "調査目的のスキャンを行う組織別のパケット数の推移",
                "Packets a day of organisations known to scan for research",
            ),
            note: Some(self.rate_note()),
            sql: self.facts.scanner_days.question.sql.clone(),
        };
        let marks = self.marks(&["scanners"]);
        let label = |subject: &Subject| self.names.label_of_tool(subject);
        let (figure, data) = lines_named(&label, self.names, frame, self.facts.period, &series, &marks);
        self.publish(data, |disclosure| {
            disclosure.granularity = Granularity::Day;
            disclosure.subjects = subjects;
        });
        Some(Block::Figure(figure))
    }
}

/// Which daily counts a finding rests on.
pub(super) fn source_of(finding: &Finding) -> &'static str {
    match &finding.subject {
        Subject::Port { .. } | Subject::PortRegion { .. } => "ports",
        Subject::Region(_) | Subject::Total => "regions",
        Subject::Network(_) => "networks",
        Subject::Tool(_) => "marks",
        Subject::ToolRegion { .. } => "mirai-regions",
    }
}

//! Traffic with the mark of Mirai: course, regions, home region, ports, and what its sources are.

use std::collections::BTreeMap;

use hirundo_analysis::finding::Subject;
use hirundo_analysis::sentence::population::{self, Together, ToolShare};
use hirundo_analysis::sentence::{Names as _, RankDifference, rank_difference};
use hirundo_analysis::series::Series;
use hirundo_press::document::{Align, Block, Data, Fact, Figure, Section, Table};

use super::{Desk, count, section, total_of};
use crate::investigation::Class;
use crate::plot::bars::PARTS_MAX;
use crate::plot::{self, Bar, Bars, Form, Part, svg};
use crate::report::commentary::Place;
use crate::report::devices::Kind;
use crate::report::facts::MARK;
use crate::report::figures::{Frame, lines, portion, published, quoted};
use crate::report::rows::{Rows, whole};

/// Regions named in the figure of shares; the others are one part.
const SHARES_NAMED: usize = 10;
/// Regions whose ranks differ most that are told.
const DIFFERENCES_TOLD: usize = 2;
/// Places of a ranking within which a difference of ranks is worth telling.
const DIFFERENCE_RANKS: u64 = 20;
/// Classes of devices told of each region.
const CLASSES_TOLD: usize = 3;
/// Regions whose classes are told in a sentence; the figure has them all.
const REGIONS_TOLD: usize = 3;
/// Pairs of ports told.
const PAIRS_TOLD: usize = 3;

impl Desk<'_> {
    /// The section that is always there.
    pub(super) fn mirai(&mut self) -> Section {
        let title = self.say("Miraiの特徴を持つパケットの動向", "Traffic with the mark of Mirai");
        let mut part = section("mirai-traffic", title, Vec::new());
        part.blocks.push(self.text(
            "マルウェアMiraiとその亜種は、TCPのSYNパケットの初期シーケンス番号に宛先IPアドレスと同じ値を設定してスキャンを行います。以下では、この特徴を持つパケットを「Miraiの特徴を持つパケット」と呼びます。ある送信元がMiraiに感染しているとみなすのは、この特徴を持つパケットが複数観測された場合に限ります。",
            "Malware of the Mirai family scans with TCP SYN packets whose initial sequence number equals the destination address. Packets with this property are called traffic with the mark of Mirai below; a source counts as Mirai-type only when several of its packets bear the mark.",
        ));
        let all = Subject::Tool(MARK.to_owned());
        let caption = self.say("Miraiの特徴を持つパケット数の推移", "Packets a day with the mark of Mirai");
        self.course(&mut part, "mirai", caption, &[all], "mirai-regions");
        self.comment(&Place::Mirai, &mut part.blocks);
        part.blocks.push(Block::Heading(self.say("送信元地域別の状況", "By source region")));
        self.shares(&mut part);
        let regions: Vec<Subject> = self.mark_regions(self.order.top);
        let caption = self.say(
            &format!("Miraiの特徴を持つパケット数の推移（送信元地域トップ{}）", self.order.top),
            &format!(
                "Packets a day with the mark of Mirai from the top {} source regions",
                self.order.top
            ),
        );
        self.course(&mut part, "mirai-regions", caption, &regions, "mirai-regions");
        self.comment(&Place::MiraiRegions, &mut part.blocks);
        self.home(&mut part);
        self.mark_ports(&mut part);
        self.devices(&mut part);
        part
    }

    /// Regions with most marked packets.
    fn mark_regions(&self, top: usize) -> Vec<Subject> {
        let of = |subject: &Subject| {
            let Subject::Region(region) = subject else { return None };
            Some(Subject::ToolRegion {
                tool: MARK.to_owned(),
                region: region.clone(),
            })
        };
        self.facts
            .mark_regions
            .rows
            .iter()
            .take(top)
            .filter_map(|row| of(&row.subject))
            .collect()
    }

    /// A figure of some subjects and what they did.
    fn course(&mut self, part: &mut Section, id: &'static str, caption: String, subjects: &[Subject], source: &str) {
        let series: Vec<&Series> = subjects.iter().filter_map(|subject| self.study.series_of(subject)).collect();
        if series.is_empty() {
            part.blocks
                .push(self.text("該当するパケットは観測されませんでした。", "No such packets were observed."));
            return;
        }
        let series: Vec<&Series> = series.into_iter().filter(|series| self.may_be_drawn(&series.subject)).collect();
        if series.is_empty() {
            part.blocks.push(self.text(
                "観測されたパケットが少ないため、公開版では日ごとの推移を示しません。",
                "So few packets were observed that the public edition does not show them day by day.",
            ));
            return;
        }
        let frame = Frame {
            id,
            caption,
            note: Some(self.rate_note()),
            sql: self.sql(source),
        };
        let marks = self.marks(&[id]);
        let made = lines(self.names, frame, self.facts.period, &series, &marks);
        let drawn: Vec<&Subject> = series.iter().map(|series| &series.subject).collect();
        let figure = self.figure(made, &drawn);
        part.blocks.push(figure);
        let told: Vec<&Subject> = subjects.iter().collect();
        part.blocks.extend(self.stories(&told, id));
    }

    /// Cumulative sources by region: with the mark and of all traffic, side by side.
    fn shares(&mut self, part: &mut Section) {
        let (marked, all) = (&self.facts.mark_region_hosts, &self.facts.region_hosts);
        if marked.rows.is_empty() {
            return;
        }
        let id = "mirai-shares";
        let caption = self.say(
            "送信元アドレス延べ数の送信元地域別割合（1日ごとの異なりアドレス数を期間で合計したもの）",
            "Share of source regions in the cumulative number of source addresses (distinct each day, added up over the period)",
        );
        let mut chart = Bars::new(
            caption.clone(),
            self.say("送信元アドレス延べ数", "cumulative source addresses"),
            Form::Shares,
            self.order.lang,
        );
        let mut named: Vec<&Subject> = marked.rows.iter().take(SHARES_NAMED).map(|row| &row.subject).collect();
        let others: Vec<&Subject> = all.rows.iter().take(SHARES_NAMED).map(|row| &row.subject).collect();
        named.extend(
            others
                .into_iter()
                .filter(|subject| !named.contains(subject))
                .take(PARTS_MAX.saturating_sub(SHARES_NAMED + 1))
                .collect::<Vec<_>>(),
        );
        chart.parts = named.iter().map(|subject| Part::new(self.names.label(subject))).collect();
        for (name, ranking) in [
            (self.say("Miraiの特徴あり", "With the mark of Mirai"), marked),
            (self.say("全パケット", "All packets"), all),
        ] {
            let value = |subject: &&Subject| {
                ranking
                    .rows
                    .iter()
                    .find(|row| row.subject == **subject)
                    .map_or(0.0, |row| row.value)
            };
            let values: Vec<f64> = named.iter().map(value).collect();
            let mut bar = Bar::new(name, &values);
            bar.of = Some(ranking.rows.iter().map(|row| row.value).sum());
            chart.rows.push(bar);
        }
        let mut csv = String::from("population,region,cumulative_sources,percent,rank\n");
        for (population, ranking) in [("mirai", marked), ("all", all)] {
            for row in ranking.rows.iter().take(SHARES_NAMED) {
                let name = quoted(&self.names.label(&row.subject));
                csv.push_str(&format!(
                    "{population},{name},{},{},{}\n",
                    published(Some(row.value), 0),
                    portion(row.value, total_of(row), 2),
                    row.rank
                ));
            }
        }
        let data = Data {
            id: id.to_owned(),
            title: caption.clone(),
            csv,
            sql: format!("{};\n\n{}", marked.source.question.sql, all.source.question.sql),
        };
        let figure = bar_figure(&chart, id, caption);
        self.publish(data, |_| {});
        part.blocks.push(Block::Figure(figure));
        let facts: Vec<Fact> = self.rank_differences().into_iter().map(|text| self.fact(text, id)).collect();
        part.blocks.push(Block::Facts(facts));
    }

    /// The home region's ranks, and those regions' whose ranks differ most.
    fn rank_differences(&self) -> Vec<String> {
        let (marked, all) = (&self.facts.mark_region_hosts, &self.facts.region_hosts);
        let mut pairs: Vec<(&Subject, u64, u64)> = marked
            .rows
            .iter()
            .filter_map(|row| {
                let other = all.rows.iter().find(|other| other.subject == row.subject)?;
                Some((&row.subject, row.rank, other.rank))
            })
            .collect();
        let is_home = |subject: &Subject| matches!(subject, Subject::Region(region) if region == self.order.home);
        let close =
            |ranks: &(&Subject, u64, u64)| ranks.1.min(ranks.2) <= DIFFERENCE_RANKS / 2 && ranks.1.max(ranks.2) <= 2 * DIFFERENCE_RANKS;
        pairs.retain(|ranks| is_home(ranks.0) || close(ranks));
        pairs.sort_by_key(|(subject, marked, all)| (!is_home(subject), std::cmp::Reverse(marked.abs_diff(*all)), *marked));
        let told = pairs
            .iter()
            .take(1 + DIFFERENCES_TOLD)
            .filter(|ranks| is_home(ranks.0) || ranks.1 != ranks.2);
        told.enumerate()
            .map(|(at, (subject, marked, all))| {
                let name = self.names.spoken(subject);
                let difference = RankDifference {
                    name,
                    tool: self.names.tool(MARK),
                    by_tool: u32::try_from(*marked).unwrap_or(u32::MAX),
                    by_all: u32::try_from(*all).unwrap_or(u32::MAX),
                };
                rank_difference(&difference, at > 0, &self.context)
            })
            .collect()
    }

    fn home(&mut self, part: &mut Section) {
        let region = self.names.region_name(self.order.home);
        let heading = self.say(&format!("{region}からのパケット"), &format!("From {region}"));
        part.blocks.push(Block::Heading(heading));
        let caption = self.say(
            &format!("{region}からのMiraiの特徴を持つパケット数の推移"),
            &format!("Packets a day with the mark of Mirai from {region}"),
        );
        let subject = Subject::ToolRegion {
            tool: MARK.to_owned(),
            region: self.order.home.to_owned(),
        };
        self.course(part, "mirai-home", caption, &[subject], "mirai-regions");
        self.comment(&Place::MiraiHome, &mut part.blocks);
    }

    /// Ports of the marked traffic: all packets, marked packets, share.
    fn mark_ports(&mut self, part: &mut Section) {
        let region = self.names.region_name(self.order.home);
        part.blocks.push(Block::Heading(self.say("宛先ポート", "Destination ports")));
        let captions = [
            (
                "mirai-ports",
                self.say(
                    "Miraiの特徴を持つパケットの宛先ポート",
                    "Destination ports of the traffic with the mark of Mirai",
                ),
            ),
            (
                "mirai-ports-home",
                self.say(
                    &format!("Miraiの特徴を持つパケットの宛先ポート（送信元地域: {region}）"),
                    &format!("Destination ports of the traffic with the mark of Mirai from {region}"),
                ),
            ),
        ];
        let study = self.study;
        for ((id, caption), rows) in captions.into_iter().zip([&study.mark_ports, &study.mark_ports_home]) {
            let (Some(cells), true) = (self.port_rows(rows), !rows.is_empty()) else {
                continue;
            };
            let table = Table {
                id: id.to_owned(),
                caption,
                columns: vec![
                    (self.say("宛先ポート番号", "Destination port"), Align::Left),
                    (self.say("全パケット", "All packets"), Align::Right),
                    (self.say("Miraiの特徴あり", "With the mark"), Align::Right),
                    (self.say("割合（%）", "Share (%)"), Align::Right),
                ],
                rows: cells,
                note: None,
                data: Some(id.to_owned()),
            };
            let table = self.table(table, rows.question.sql.clone(), |_| {});
            part.blocks.push(table);
        }
        let mut facts: Vec<Fact> = self.most_marked().map(|text| self.fact(text, "mirai-ports")).into_iter().collect();
        for pair in study.together.pairs.iter().take(PAIRS_TOLD) {
            let together = Together {
                port: self.names.port(pair.port.0, Some(pair.port.1)),
                other: self.names.port(pair.other.0, Some(pair.other.1)),
                sources: pair.sources,
                both: pair.both,
            };
            facts.extend(population::together(&together, &self.context).map(|text| self.fact(text, "mirai-ports")));
        }
        if !facts.is_empty() {
            part.blocks.push(Block::Facts(facts));
        }
    }

    fn port_rows(&self, rows: &Rows) -> Option<Vec<Vec<String>>> {
        let subjects = crate::report::facts::ports_of(rows).ok()?;
        let (packets, marked) = (rows.counts("packets").ok()?, rows.counts("marked").ok()?);
        let cells = subjects.into_iter().zip(packets).zip(marked);
        Some(
            cells
                .filter_map(|((subject, packets), marked)| {
                    let name = self.names.label(&subject?);
                    Some(vec![name, count(packets), count(marked), portion(marked, packets, 2)])
                })
                .collect(),
        )
    }

    /// The port with most marked packets, in a sentence.
    fn most_marked(&self) -> Option<String> {
        let rows = &self.study.mark_ports;
        let subject = crate::report::facts::ports_of(rows).ok()?.into_iter().next()??;
        let share = ToolShare {
            port: self.names.label(&subject),
            tool: self.names.tool(MARK),
            packets: rows.counts("packets").ok()?.first().copied().map(whole)?,
            marked: rows.counts("marked").ok()?.first().copied().map(whole)?,
        };
        population::tool_share(&share, &self.context)
    }

    /// What the sources are, where hosts were investigated.
    fn devices(&mut self, part: &mut Section) {
        let Some(devices) = self.order.devices else { return };
        let heading = self.say("送信元の機器", "What the sources are");
        part.blocks.push(Block::Heading(heading));
        let id = "devices";
        let caption = self.say(
            "Miraiの特徴を持つパケットの送信元の機器種別（送信元地域別）",
            "Classes of devices among the sources of traffic with the mark of Mirai, by region",
        );
        let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
        for (kind, addresses) in devices.regions.iter().flat_map(|region| &region.classes) {
            *kinds.entry(*kind).or_default() += addresses;
        }
        let mut kinds: Vec<(Kind, u64)> = kinds.into_iter().collect();
        kinds.sort_by_key(|(kind, addresses)| (*kind == Kind::One(Class::Unknown), std::cmp::Reverse(*addresses)));
        let mut chart = Bars::new(
            caption.clone(),
            self.say("送信元アドレス", "source addresses"),
            Form::Shares,
            self.order.lang,
        );
        let piece = |(kind, _): &(Kind, u64)| Part {
            rest: *kind == Kind::One(Class::Unknown),
            ..Part::new(kind.label(self.order.lang))
        };
        chart.parts = kinds.iter().map(piece).collect();
        for region in &devices.regions {
            let value = |(kind, _): &(Kind, u64)| {
                region
                    .classes
                    .iter()
                    .find(|(known, _)| known == kind)
                    .map_or(0.0, |(_, count)| *count as f64)
            };
            let values: Vec<f64> = kinds.iter().map(value).collect();
            let mut bar = Bar::new(self.names.region_name(&region.region), &values);
            bar.of = Some(region.investigated as f64);
            chart.rows.push(bar);
        }
        let data = Data {
            id: id.to_owned(),
            title: caption.clone(),
            csv: devices.csv(self.names, self.order.lang),
            sql: devices.sql.clone(),
        };
        let mut figure = bar_figure(&chart, id, caption);
        figure.note = Some(devices.note(self.order.lang));
        self.publish(data, |_| {});
        part.blocks.push(Block::Figure(figure));
        let told = devices.regions.iter().take(REGIONS_TOLD).filter_map(|region| {
            let devices = population::Devices {
                region: self.names.region(&region.region),
                investigated: region.investigated,
                classes: region
                    .classes
                    .iter()
                    .take(CLASSES_TOLD)
                    .map(|(class, addresses)| (class.plural(self.order.lang).to_owned(), *addresses))
                    .collect(),
                date: region.looked_up,
            };
            population::devices(&devices, &self.context)
        });
        let facts: Vec<Fact> = told.map(|text| self.fact(text, id)).collect();
        part.blocks.push(Block::Facts(facts));
        self.comment(&Place::Devices, &mut part.blocks);
    }
}

fn bar_figure(chart: &Bars, id: &str, caption: String) -> Figure {
    let options = svg::Options {
        id: id.to_owned(),
        titled: false,
        ..svg::Options::default()
    };
    Figure {
        id: id.to_owned(),
        caption,
        svg: svg::render_bars(chart, &options),
        alt: plot::alt_bars(chart),
        note: None,
        data: Some(id.to_owned()),
    }
}

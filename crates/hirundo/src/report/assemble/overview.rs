//! Section 1: what was observed, the ports, the regions; and the summary of it all on the title page.

use std::collections::BTreeSet;

use hirundo_analysis::finding::{Course, Finding, Measure, Subject};
use hirundo_analysis::sentence::observation::{self, Overview, Place as Where, SensorOutage};
use hirundo_analysis::series::Series;
use hirundo_press::document::{Align, Block, Fact, Section, Table};

use super::{Desk, section};
use crate::period::Day;
use crate::report::commentary::Place;
use crate::report::facts::{MARK, Ranking};
use crate::report::figures::{Frame, lines};
use crate::report::rows::whole;
use crate::report::study::Study;

/// Findings told on the title page.
const SUMMARY_FINDINGS: usize = 5;
/// Part of a day below which a sensor counts as not observing it.
const UP_MIN: f64 = 0.5;

impl<'a> Desk<'a> {
    /// The title page: what was observed, and what stood out.
    pub(super) fn summary(&self) -> Vec<Block> {
        let mut blocks = vec![Block::Facts(vec![self.fact(self.observed(), "coverage")])];
        let mut facts: Vec<Fact> = Vec::new();
        for ranking in [&self.facts.ports, &self.facts.regions] {
            facts.extend(self.first_place(ranking));
        }
        for finding in self.headlines() {
            facts.extend(self.story(&[finding], self.data_of(&finding.subject)));
        }
        blocks.push(Block::Facts(facts));
        self.comment(&Place::Summary, &mut blocks);
        blocks
    }

    /// The data of the figure that shows a subject.
    fn data_of(&self, subject: &Subject) -> &'static str {
        match subject {
            Subject::Port { .. } | Subject::PortRegion { .. } => "ports",
            Subject::Region(_) | Subject::Network(_) | Subject::Total => "regions",
            Subject::Tool(_) => "mirai",
            Subject::ToolRegion { region, .. } if region == self.order.home => "mirai-home",
            Subject::ToolRegion { .. } => "mirai-regions",
        }
    }

    /// What stood out most of what the fixed sections tell: one finding a subject.
    fn headlines(&self) -> Vec<&'a Finding> {
        let top = |ranking: &'a Ranking| ranking.rows.iter().take(self.order.top).map(|row| &row.subject);
        let shown: Vec<&Subject> = top(&self.facts.ports).chain(top(&self.facts.regions)).collect();
        let is_home = |subject: &Subject| matches!(subject, Subject::ToolRegion { region, .. } if region == self.order.home);
        let mut chosen: Vec<&Finding> = Vec::new();
        for finding in &self.study.findings {
            let fits = match &finding.course {
                Course::Cross { other, .. } => shown.contains(&other),
                Course::Steady { .. } | Course::Swing { .. } => false,
                Course::Trend(_)
                | Course::Jump(_)
                | Course::Bulge { .. }
                | Course::Surge { .. }
                | Course::Appear { .. }
                | Course::Growth { .. } => true,
            };
            let is_ours =
                shown.contains(&&finding.subject) || is_home(&finding.subject) || finding.subject == Subject::Tool(MARK.to_owned());
            let is_new = chosen.iter().all(|known| known.subject != finding.subject);
            if finding.measure == Measure::Packets && fits && is_ours && is_new && !Study::is_damped(finding) {
                chosen.push(finding);
            }
        }
        chosen.truncate(SUMMARY_FINDINGS);
        chosen
    }

    fn first_place(&self, ranking: &Ranking) -> Option<Fact> {
        let first = ranking.rows.first()?;
        let name = self.names.label(&first.subject);
        let is_port = matches!(first.subject, Subject::Port { .. });
        let percent = format!("{:.0}", first.percent);
        let text = if is_port {
            self.say(
                &format!("最も多く観測された宛先ポートは{name}で、全パケットの{percent}%を占めました。"),
                &format!("The destination port observed most was {name}, with {percent} % of all packets."),
            )
        } else {
            let spoken = self.names.spoken(&first.subject);
            self.say(
                &format!("送信元地域別では{name}からのパケットが最も多く、{percent}%でした。"),
                &format!("Most packets came from {spoken}: {percent} %."),
            )
        };
        Some(self.fact(text, if is_port { "table-ports" } else { "table-regions" }))
    }

    fn observed(&self) -> String {
        let facts = self.facts;
        let from = usize::try_from(facts.period.first().0 - facts.coverage.first).unwrap_or(0);
        let days = facts.period.len_days();
        let up: Vec<&[f64]> = facts.coverage.up.iter().map(|up| up.get(from..).unwrap_or_default()).collect();
        let seen = up.iter().filter(|up| up.iter().any(|part| *part > 0.0)).count();
        let observed_days = (0..days)
            .filter(|&day| up.iter().any(|up| up.get(day).is_some_and(|part| *part > 0.0)))
            .count();
        let regions: BTreeSet<&str> = facts.roster.sensors.iter().filter_map(|sensor| sensor.region.as_deref()).collect();
        let arrived = facts.totals.seen + facts.totals.dropped();
        let overview = Overview {
            sensors: seen as u64,
            regions: regions.into_iter().map(|code| self.names.region_name(code)).collect(),
            days: observed_days as u64,
            sensor_days: up.iter().flat_map(|up| up.iter()).sum(),
            sensor_days_possible: (seen * days) as f64,
            packets: whole(facts.totals.packets),
            sources: whole(facts.totals.sources),
            lost_percent: (facts.totals.dropped() > 0.0).then(|| 100.0 * facts.totals.dropped() / arrived),
        };
        observation::overview(&overview, &self.context)
    }

    /// Section 1.
    pub(super) fn overview(&mut self) -> Section {
        let mut all = section("overview", self.say("概況", "Overview"), Vec::new());
        all.blocks.push(self.text(
            "本システムは、インターネット上の複数の地点に観測用センサーを分散配置し、不特定多数に向けて発信されるパケットを継続的に収集しています。収集したパケットを宛先ポート番号や送信元地域ごとに分類し、脆弱性、マルウェア、攻撃ツールなどの情報と対比して分析することで、攻撃活動や準備活動の捕捉に努めています。センサーは応答を返しません。",
            "Sensors at several places of the Internet listen on addresses that offer no service and continuously record the packets that arrive there anyway. These are classified by destination port and source region and set against what is known of vulnerabilities, malware and attack tools, in order to see attacks and preparations for attacks early. The sensors never answer.",
        ));
        let mut facts = vec![self.fact(self.observed(), "coverage")];
        facts.extend(self.incomplete().map(|text| self.fact(text, "coverage")));
        facts.extend(self.outages().into_iter().map(|text| self.fact(text, "coverage")));
        all.blocks.push(Block::Facts(facts));
        all.sections = vec![self.ports(), self.regions()];
        all
    }

    /// That nothing was observed before or after some day of the period.
    fn incomplete(&self) -> Option<String> {
        let (first, last) = self.observed_days()?;
        let period = &self.facts.period;
        if first <= period.first().0 && last >= period.last().0 {
            return None;
        }
        let (from, to) = (Day(first).label(self.order.lang), Day(last).label(self.order.lang));
        Some(self.say(
            &format!("この期間の観測データがあるのは{from}から{to}までです。"),
            &format!("Of this period, only {from} to {to} was observed."),
        ))
    }

    /// First and last day of the period on which anything was observed.
    fn observed_days(&self) -> Option<(i32, i32)> {
        let facts = self.facts;
        let is_observed = |day: &Day| {
            let at = usize::try_from(day.0 - facts.coverage.first).unwrap_or(usize::MAX);
            facts.coverage.up.iter().any(|up| up.get(at).is_some_and(|part| *part > 0.0))
        };
        let mut days = facts.period.days().filter(is_observed);
        let first = days.next()?;
        Some((first.0, days.next_back().unwrap_or(first).0))
    }

    /// Sentences about the sensors that did not observe.
    pub(super) fn outages(&self) -> Vec<String> {
        let facts = self.facts;
        let mut outages: Vec<SensorOutage> = Vec::new();
        let Some((first, last)) = self.observed_days() else {
            return Vec::new();
        };
        for (sensor, up) in facts.sensors.iter().zip(&facts.coverage.up) {
            let home = facts.roster.sensor(sensor).and_then(|sensor| sensor.region.as_deref());
            let place = match home {
                Some(region) if region == self.order.home => Where::Home,
                Some(_) => Where::Abroad,
                None => Where::Anywhere,
            };
            for (from, to) in runs(up, facts).into_iter().filter(|(from, to)| *to >= first && *from <= last) {
                let same = |known: &&mut SensorOutage| known.from == from && known.to == to && known.place == place;
                match outages.iter_mut().find(same) {
                    Some(known) => known.sensors += 1,
                    None => outages.push(SensorOutage {
                        from,
                        to,
                        sensors: 1,
                        place,
                    }),
                }
            }
        }
        outages.sort_by_key(|outage| outage.from);
        outages
            .iter()
            .map(|outage| observation::sensor_outage(outage, &self.context))
            .collect()
    }

    fn ports(&mut self) -> Section {
        let mut part = section("destination-ports", self.say("宛先ポート", "Destination ports"), Vec::new());
        let table = Table {
            id: "table-ports".to_owned(),
            caption: self.say(
                &format!("観測されたパケットの宛先ポート番号 トップ{}", self.order.top),
                &format!("Top {} destination ports of the observed packets", self.order.top),
            ),
            columns: self.columns("宛先ポート番号", "Destination port"),
            rows: self.ranked_rows(&self.facts.ports),
            note: Some(self.say(
                "サービス名はIANAに登録されている名称です。当該サービスのプロトコルに則ったパケットが受信されているとは限りません。",
                "Service names are those registered with IANA; the packets need not speak the protocol of that name.",
            )),
            data: Some("table-ports".to_owned()),
        };
        let sql = self.facts.ports.source.question.sql.clone();
        let table = self.table(table, sql, |_| {});
        part.blocks.push(table);
        let caption = self.say(
            &format!("宛先ポート番号トップ{}のパケット数の推移", self.order.top),
            &format!("Packets a day to the top {} destination ports", self.order.top),
        );
        let figure = self.trend_figure("ports", caption, &self.facts.ports, "ports");
        part.blocks.push(figure);
        part.blocks.extend(self.courses(&self.facts.ports, "ports"));
        self.comment(&Place::Ports, &mut part.blocks);
        part
    }

    fn regions(&mut self) -> Section {
        let mut part = section("source-regions", self.say("送信元地域", "Source regions"), Vec::new());
        let table = Table {
            id: "table-regions".to_owned(),
            caption: self.say(
                &format!("観測されたパケットの送信元地域 トップ{}", self.order.top),
                &format!("Top {} source regions of the observed packets", self.order.top),
            ),
            columns: self.columns("送信元地域", "Source region"),
            rows: self.ranked_rows(&self.facts.regions),
            note: Some(self.say(
                "送信元地域は、観測日におけるアドレスの割り当てに基づきます。攻撃者の所在を示すものではありません。",
                "Regions are those to which source addresses were assigned on the day of observation; they do not say where an attacker is.",
            )),
            data: Some("table-regions".to_owned()),
        };
        let sql = self.facts.regions.source.question.sql.clone();
        let table = self.table(table, sql, |_| {});
        part.blocks.push(table);
        let caption = self.say(
            &format!("送信元地域トップ{}のパケット数の推移", self.order.top),
            &format!("Packets a day from the top {} source regions", self.order.top),
        );
        let figure = self.trend_figure("regions", caption, &self.facts.regions, "regions");
        part.blocks.push(figure);
        part.blocks.extend(self.courses(&self.facts.regions, "regions"));
        self.comment(&Place::Regions, &mut part.blocks);
        part
    }

    fn columns(&self, japanese: &str, english: &str) -> Vec<(String, Align)> {
        let before = match self.facts.period.whole_months() {
            Some(3) => self.say("前四半期の順位", "Rank in the previous quarter"),
            Some(1) => self.say("前月の順位", "Rank in the previous month"),
            Some(_) | None => self.say("前の期間の順位", "Rank in the period before"),
        };
        vec![
            (self.say("順位", "Rank"), Align::Centre),
            (self.say(japanese, english), Align::Left),
            (before, Align::Centre),
            (self.say("パケット数", "Packets"), Align::Right),
            (self.say("割合（%）", "Share (%)"), Align::Right),
        ]
    }

    /// Rates of the shown ones of a ranking.
    pub(super) fn trend_figure(&mut self, id: &'static str, caption: String, ranking: &Ranking, source: &str) -> Block {
        let series: Vec<&Series> = ranking
            .rows
            .iter()
            .take(self.order.top)
            .filter_map(|row| self.study.series_of(&row.subject))
            .collect();
        let frame = Frame {
            id,
            caption,
            note: Some(self.rate_note()),
            sql: self.sql(source),
        };
        let marks = self.marks(&[id]);
        let made = lines(self.names, frame, self.facts.period, &series, &marks);
        let subjects: Vec<&Subject> = series.iter().map(|series| &series.subject).collect();
        self.figure(made, &subjects)
    }

    /// SQL of a set of daily counts.
    pub(super) fn sql(&self, source: &str) -> String {
        self.facts
            .sources
            .get(source)
            .map(|rows| rows.question.sql.clone())
            .unwrap_or_default()
    }

    /// What the lines of a figure are.
    pub(super) fn rate_note(&self) -> String {
        self.say(
            "細線は日ごとの値、太線は7日移動平均です。全センサーの合計で、観測できなかったセンサーの分は平常時の割合で補正しています。",
            "Thin lines are daily values, bold lines their 7-day mean; all sensors together, corrected for those that did not observe.",
        )
    }
}

/// Runs of days of the period on which a sensor observed less than half the day.
fn runs(up: &[f64], facts: &crate::report::facts::Facts) -> Vec<(i32, i32)> {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for day in facts.period.days() {
        let at = usize::try_from(day.0 - facts.coverage.first).unwrap_or(usize::MAX);
        if up.get(at).is_none_or(|part| *part >= UP_MIN) {
            continue;
        }
        match runs.last_mut() {
            Some((_, to)) if *to + 1 == day.0 => *to = day.0,
            Some(_) | None => runs.push((day.0, day.0)),
        }
    }
    runs
}

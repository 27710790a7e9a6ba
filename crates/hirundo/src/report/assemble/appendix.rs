//! Appendix: how good the data are, what such an observation cannot see, and how many alarms are false.

use hirundo_analysis::finding::Subject;
use hirundo_analysis::sentence::observation::{self, FalseAlarms, Visibility};
use hirundo_analysis::visibility::{CERTAINTY, Observation};
use hirundo_press::document::{Align, Block, Data, Fact, Inline, Section, Table};

use super::{Desk, section};
use crate::report::figures::number;
use crate::report::safety::{DataKind, Granularity};
use crate::report::study::addresses;
use crate::view::text::thousands;

impl Desk<'_> {
    /// The appendix; tables, figures and their data follow it by themselves.
    pub(super) fn appendix(&mut self) -> Section {
        let mut whole = section(
            "quality",
            self.say("付録: データの品質と限界", "Appendix: quality and limits of the data"),
            Vec::new(),
        );
        let table = self.quality_table();
        whole.blocks.push(table);
        self.coverage();
        let mut facts: Vec<Fact> = self.outages().into_iter().map(|text| self.fact(text, "coverage")).collect();
        if facts.is_empty() {
            let text = self.say("観測の中断はありませんでした。", "No sensor missed a day.");
            facts.push(self.fact(text, "coverage"));
        }
        facts.extend(self.facts.totals.missed.filter(|missed| *missed > 0.0).map(|missed| {
            let missed = thousands(&number(Some(missed), 0));
            let text = self.say(
                &format!("センサーの停止中に、最大で{missed}件のフレームが届いていました。これらはデータに含まれていません。"),
                &format!("While sensors were not running, at most {missed} frames arrived; they are not in the data."),
            );
            self.fact(text, "table-quality")
        }));
        whole.blocks.push(Block::Facts(facts));
        whole.blocks.push(Block::Heading(self.say("観測の限界", "What cannot be seen")));
        let mut facts = self.limits();
        let alarms = FalseAlarms {
            expected: self.study.false_alarms,
            series: self.study.series.len() as u64,
        };
        facts.extend(observation::false_alarms(&alarms, &self.context).map(|text| self.fact(text, "coverage")));
        whole.blocks.push(Block::Facts(facts));
        whole.blocks.push(Block::Heading(self.say("用語", "Terms")));
        whole.blocks.push(Block::List(self.terms()));
        if !self.facts.roster.databases.is_empty() {
            whole.blocks.push(Block::Heading(
                self.say("送信元地域・AS番号のデータ", "Data of regions and networks"),
            ));
            let databases = self.facts.roster.databases.iter();
            whole
                .blocks
                .push(Block::List(databases.map(|text| vec![Inline::Text(text.clone())]).collect()));
        }
        whole.blocks.extend(self.lists_consulted());
        whole
    }

    /// What was read and stored, and what was lost.
    fn quality_table(&mut self) -> Block {
        let totals = self.facts.totals;
        let rows = [
            (self.say("読み取ったフレーム", "Frames read"), Some(totals.seen)),
            (self.say("保存したパケット", "Packets stored"), Some(totals.packets)),
            (
                self.say("IPヘッダーを読めなかったフレーム", "Frames without a readable IP header"),
                Some(totals.unreadable),
            ),
            (
                self.say("センサーのカーネルで破棄されたフレーム", "Frames dropped by the kernels of sensors"),
                totals.dropped_kernel,
            ),
            (
                self.say(
                    "センサーの一時保存領域からあふれて破棄されたパケット",
                    "Packets dropped because a sensor's spool was full",
                ),
                totals.dropped_spool,
            ),
            (
                self.say(
                    "センサーの停止中に届いたフレーム（最大）",
                    "Frames that arrived while a sensor was not running, at most",
                ),
                totals.missed,
            ),
            (
                self.say(
                    "センサーの時計のずれの最大値（ミリ秒）",
                    "Greatest error of a sensor's clock, in milliseconds",
                ),
                totals.clock_skew_us.map(|us| (us / 1_000.0).ceil()),
            ),
            (self.say("異なる送信元アドレス", "Distinct source addresses"), Some(totals.sources)),
        ];
        let unknown = self.say("不明", "not known");
        let table = Table {
            id: "table-quality".to_owned(),
            caption: self.say("記録されたもの", "What was recorded"),
            columns: vec![(self.say("項目", "What"), Align::Left), (self.say("件数", "Number"), Align::Right)],
            rows: rows
                .into_iter()
                .map(|(what, value)| vec![what, value.map_or_else(|| unknown.clone(), |value| thousands(&number(Some(value), 0)))])
                .collect(),
            note: Some(self.say(
                "破棄されたもの、停止中に届いたもの、時計のずれは、センサーからの報告による。キャプチャファイルから取り込んだデータでは不明である。",
                "What was dropped or arrived unheard, and the error of clocks, is what sensors report; of captures taken in from files it is not known.",
            )),
            data: Some("table-quality".to_owned()),
        };
        let head = self.say("件数", "Number");
        let sql = format!("{};\n\n{}", self.facts.totals_sql, self.facts.coverage_rows.question.sql);
        self.table(table, sql, |disclosure| {
            disclosure.kinds.insert(head, DataKind::Extent);
        })
    }

    /// Sensor-days by day.
    fn coverage(&mut self) {
        let facts = self.facts;
        let mut csv = String::from("day,sensors,sensor_days\n");
        for day in facts.period.days() {
            let at = usize::try_from(day.0 - facts.coverage.first).unwrap_or(usize::MAX);
            let up: Vec<f64> = facts.coverage.up.iter().filter_map(|up| up.get(at).copied()).collect();
            let sensors = up.iter().filter(|part| **part > 0.0).count();
            csv.push_str(&format!("{},{sensors},{:.3}\n", day.to_date(), up.iter().sum::<f64>()));
        }
        let data = Data {
            id: "coverage".to_owned(),
            title: self.say("観測できたセンサー日数", "Sensor-days observed"),
            csv,
            sql: facts.coverage_rows.question.sql.clone(),
        };
        let all = self.shown(&Subject::Total);
        self.publish(data, |disclosure| {
            disclosure.granularity = Granularity::Day;
            disclosure.subjects = vec![all];
        });
    }

    fn limits(&self) -> Vec<Fact> {
        let facts = self.facts;
        if facts.roster.sensors.iter().all(|sensor| sensor.addresses.is_empty()) {
            let text = self.say(
                "センサーのアドレス数が登録されていないため、観測の限界は計算できません。",
                "How small a phenomenon can be seen is not known: the number of addresses that the sensors watch is not recorded.",
            );
            return vec![self.fact(text, "coverage")];
        }
        let from = usize::try_from(facts.period.first().0 - facts.coverage.first).unwrap_or(0);
        let observed = |up: &Vec<f64>| up.iter().skip(from).sum::<f64>();
        let days: f64 = facts.coverage.up.iter().map(observed).fold(0.0, f64::max);
        let watched: u64 = addresses(facts).iter().sum();
        let observation = Observation {
            addresses: watched as f64,
            sensors: facts.sensors.len() as f64,
            days,
        };
        let visibility = Visibility {
            addresses: watched,
            rate_pps: observation.least_rate_pps(),
            missed_percent: 100.0 * (1.0 - CERTAINTY),
        };
        let told = observation::visibility(&visibility, &self.context);
        told.into_iter().map(|text| self.fact(text, "coverage")).collect()
    }

    fn terms(&self) -> Vec<Vec<Inline>> {
        let term = |japanese: (&str, &str), english: (&str, &str)| {
            vec![
                Inline::Strong(self.say(japanese.0, english.0)),
                Inline::Text(self.say(japanese.1, english.1)),
            ]
        };
        vec![
            term(
                (
                    "7日移動平均",
                    ": その日までの7日間の平均。観測できた日が4日に満たない場合は示しません。",
                ),
                (
                    "7-day mean",
                    ": the mean of a day and the six before it; none where fewer than four of them were observed.",
                ),
            ),
            term(
                (
                    "延べ数",
                    ": 1日ごとに数えた異なる送信元アドレスの数を、期間の全ての日について合計したもの。期間全体での異なるアドレスの数とは異なります。",
                ),
                (
                    "cumulative sources",
                    ": the number of distinct source addresses of each day, added up over the days; not the number of distinct addresses of the period.",
                ),
            ),
            term(
                ("センサー日", ": 1台のセンサーが1日中観測した状態を1とする観測量。"),
                ("sensor-day", ": one sensor observing for one whole day."),
            ),
        ]
    }
}

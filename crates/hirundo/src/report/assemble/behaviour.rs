//! Falls of a region's sources, scans as events, and groups of sources that behave alike.

use std::collections::BTreeMap;

use hirundo_analysis::campaign::Rhythm;
use hirundo_analysis::finding::{Measure, Subject};
use hirundo_analysis::outage::{Cause, End, Outage};
use hirundo_analysis::scan::{Port, SURVEY_PORTS, Shape};
use hirundo_analysis::sentence::Names as _;
use hirundo_analysis::sentence::behaviour::{self as told, FallEnd, RegionFall, ScanEvents, Surveyors};
use hirundo_press::document::{Align, Block, Section, Table};

use super::{Desk, count, section};
use crate::period::Day;
use crate::report::behaviour::{Behaviour, Group, PortScans};
use crate::report::commentary::Place;
use crate::report::figures::{COUNT_MIN, Frame, find, lines, portion};
use crate::report::safety::DataKind;

/// Falls told.
const FALLS_MAX: usize = 5;
/// Ports in the table of scan events.
const SCAN_PORTS: usize = 10;
/// Pairs in the table of ports that go together.
const PAIRS: usize = 10;
/// Of them with the same second port.
const PAIRS_WITH_ONE: usize = 2;
/// Groups in the table.
const GROUPS: usize = 5;
/// Of them told in a sentence.
const GROUPS_TOLD: usize = 3;
/// Ports of a group in the table.
const LISTED: usize = 4;
/// Its regions in the table.
const GROUP_REGIONS: usize = 2;
/// Packets a day below which a group is not told to everybody.
const GROUP_DAILY_MIN: f64 = 20.0;
/// Groups that begin or end this close to the ends of the days looked at may have been there before, or after.
const ENDS_DAYS: u32 = 3;
const DAY_SECS: i64 = 86_400;

impl Desk<'_> {
    /// Falls of the number of a region's sources; without any there is no section.
    pub(super) fn region_outages(&mut self) -> Option<Section> {
        let falls: Vec<&Outage> = self
            .study
            .falls
            .iter()
            .filter(|fall| self.may_be_listed(&Subject::Region(fall.region.clone())))
            .take(FALLS_MAX)
            .collect();
        let title = self.say("送信元地域における通信障害の可能性", "Possible outages in source regions");
        let mut part = section("region-outages", title, Vec::new());
        if !falls.is_empty() {
            part.blocks.push(self.text(
                "ある地域からの送信元IPアドレスの数が急に減り、他の地域では同様の減少がみられない場合、その地域で通信障害などが発生していた可能性があります。",
                "When the number of source addresses from a region falls suddenly and other regions go on as usual, the region may have been cut off, by an outage or otherwise.",
            ));
            let figure = self.fall_figure(&falls);
            part.blocks.extend(figure);
            let table = self.fall_table(&falls);
            part.blocks.push(table);
            let told = falls
                .iter()
                .filter_map(|fall| told::region_fall(&self.region_fall(fall), &self.context));
            let facts = told.map(|text| Block::Facts(vec![self.fact(text, "table-region-outages")]));
            part.blocks.extend(facts.collect::<Vec<Block>>());
        }
        self.comment(&Place::RegionOutages, &mut part.blocks);
        (!part.blocks.is_empty()).then_some(part)
    }

    fn region_fall(&self, fall: &Outage) -> RegionFall {
        RegionFall {
            region: self.names.region(&fall.region),
            from: day_of(fall.begin_secs),
            end: match fall.end {
                End::Back(secs) => FallEnd::Back(day_of(secs) - 1),
                End::Open => FallEnd::Open,
                End::Lasting => FallEnd::Lasting,
            },
            expected: fall.expected,
            observed: fall.observed,
            alone: match fall.cause {
                Cause::Theirs => Some(true),
                Cause::Ours => Some(false),
                Cause::Undecided => None,
            },
        }
    }

    fn fall_figure(&mut self, falls: &[&Outage]) -> Option<Block> {
        let mut subjects: Vec<Subject> = Vec::new();
        for fall in falls {
            let subject = Subject::Region(fall.region.clone());
            if !subjects.contains(&subject) && self.may_be_drawn(&subject) {
                subjects.push(subject);
            }
        }
        let series: Vec<_> = subjects
            .iter()
            .filter_map(|subject| find(&self.study.series, subject, Measure::Sources))
            .collect();
        if series.is_empty() {
            return None;
        }
        let frame = Frame {
            id: "region-outages",
            caption: self.say("送信元IPアドレス数の推移", "Source addresses a day"),
            note: Some(self.sources_note()),
            sql: self.sql("region-sources"),
        };
        let marks = self.marks(&["region-outages"]);
        let made = lines(self.names, frame, self.facts.period, &series, &marks);
        let drawn: Vec<&Subject> = series.iter().map(|series| &series.subject).collect();
        Some(self.figure(made, &drawn))
    }

    fn sources_note(&self) -> String {
        self.say(
            "センサーごとに数えた1日の異なりアドレス数を、全センサーについて合計したもの。",
            "Distinct addresses of the day at each sensor, added up over the sensors.",
        )
    }

    fn fall_table(&mut self, falls: &[&Outage]) -> Block {
        let rows = falls.iter().map(|fall| {
            let end = match fall.end {
                End::Back(secs) => Day(day_of(secs) - 1).to_date().to_string(),
                End::Open => self.say("継続中", "going on"),
                End::Lasting => self.say("2週間以上", "over two weeks"),
            };
            let missing = if fall.observed < COUNT_MIN {
                format!(">{:.0}", (100.0 * (1.0 - COUNT_MIN / fall.expected)).floor().max(0.0))
            } else {
                format!("{:.0}", fall.depth_percent)
            };
            vec![
                self.names.region_name(&fall.region),
                Day(day_of(fall.begin_secs)).to_date().to_string(),
                end,
                count(fall.expected),
                count(fall.observed),
                missing,
            ]
        });
        let table = Table {
            id: "table-region-outages".to_owned(),
            caption: self.say(
                "送信元IPアドレス数が急減した送信元地域",
                "Source regions whose number of source addresses fell suddenly",
            ),
            columns: vec![
                (self.say("送信元地域", "Region"), Align::Left),
                (self.say("開始日", "From"), Align::Left),
                (self.say("終了日", "To"), Align::Left),
                (self.say("見込み数（1日平均）", "Expected a day"), Align::Right),
                (self.say("観測数（1日平均）", "Observed a day"), Align::Right),
                (self.say("減少率（%）", "Missing (%)"), Align::Right),
            ],
            rows: rows.collect(),
            note: Some(self.sources_note()),
            data: Some("table-region-outages".to_owned()),
        };
        let heads = ["減少率（%）", "Missing (%)"];
        self.table(table, self.sql("region-sources"), |disclosure| {
            disclosure.kinds = heads.map(|head| (head.to_owned(), DataKind::Ratio)).into();
        })
    }

    /// Scans as events; without any there is no section.
    pub(super) fn scans(&mut self) -> Option<Section> {
        let title = self.say("スキャンの広がりと持続", "How far and how long sources scan");
        let mut part = section("scans", title, Vec::new());
        let behaviour = &self.study.behaviour;
        let events = ScanEvents {
            from: behaviour.extent.days.0,
            to: behaviour.extent.days.1,
            timeout_secs: behaviour.timeout_secs,
            events: behaviour.events,
            sources: behaviour.sources,
            several_sensors: behaviour.several_sensors,
            several_days: behaviour.several_days,
            one_in: behaviour.extent.one_in,
        };
        let is_told = behaviour.events as f64 >= COUNT_MIN;
        if let Some(text) = told::scan_events(&events, &self.context).filter(|_| is_told) {
            let mut facts = vec![self.fact(text, "table-scans")];
            let (all, home) = behaviour.surveyors;
            let surveyors = Surveyors {
                ports: SURVEY_PORTS as u64,
                a_day: behaviour.scaled(all) / behaviour.days(),
                home_a_day: behaviour.scaled(home) / behaviour.days(),
                home: self.names.region(self.order.home),
            };
            let survey = told::surveyors(&surveyors, &self.context).filter(|_| all as f64 >= COUNT_MIN);
            facts.extend(survey.map(|text| self.fact(text, "table-scans")));
            part.blocks.push(Block::Facts(facts));
            let table = self.scan_table(behaviour);
            part.blocks.push(table);
            let table = self.shape_table(behaviour);
            part.blocks.push(table);
            part.blocks.extend(self.pair_table(behaviour));
        }
        self.comment(&Place::Scans, &mut part.blocks);
        (!part.blocks.is_empty()).then_some(part)
    }

    /// Which days and sources a table of behaviour is of.
    fn extent_note(&self, behaviour: &Behaviour) -> String {
        let (from, to) = (Day(behaviour.extent.days.0).to_date(), Day(behaviour.extent.days.1).to_date());
        let sample = match behaviour.extent.one_in {
            ..=1 => String::new(),
            one_in => self.say(
                &format!("送信元IPアドレスを{one_in}件に1件の割合で抽出した推計値。"),
                &format!(" Estimated from one source address in {one_in}."),
            ),
        };
        self.say(
            &format!("{from}から{to}までの、種別がスキャンまたは調査のIPv4パケットによる。{sample}"),
            &format!("IPv4 packets of the kinds scan and probe, {from} to {to}.{sample}"),
        )
    }

    fn port_label(&self, port: Port) -> String {
        self.names.port(port.proto, port.number)
    }

    fn may_list_port(&self, port: Port) -> bool {
        self.may_be_listed(&Subject::Port {
            proto: port.proto,
            port: port.number,
        })
    }

    fn scan_table(&mut self, behaviour: &Behaviour) -> Block {
        let row = |scans: &PortScans| {
            let part = |part: u64| portion(part as f64, scans.events as f64, 0);
            vec![
                self.port_label(scans.port),
                self.estimate(behaviour, scans.events),
                self.estimate(behaviour, scans.sources),
                part(scans.several_sensors),
                part(scans.several_days),
            ]
        };
        let listed = behaviour.ports.iter().filter(|scans| self.may_list_port(scans.port));
        let rows: Vec<Vec<String>> = listed.take(SCAN_PORTS).map(row).collect();
        let table = Table {
            id: "table-scans".to_owned(),
            caption: self.say("宛先ポート別のスキャンイベント", "Scan events by destination port"),
            columns: vec![
                (self.say("宛先ポート番号", "Destination port"), Align::Left),
                (self.say("イベント数", "Events"), Align::Right),
                (self.say("送信元IPアドレス数", "Source addresses"), Align::Right),
                (
                    self.say("複数センサーに及ぶ割合（%）", "Share at several sensors (%)"),
                    Align::Right,
                ),
                (self.say("複数日に及ぶ割合（%）", "Share on several days (%)"), Align::Right),
            ],
            rows,
            note: Some(self.extent_note(behaviour)),
            data: Some("table-scans".to_owned()),
        };
        // The shares are of the events, whatever is suppressed of the addresses.
        let shares: Vec<String> = table.columns.iter().skip(3).map(|(head, _)| head.clone()).collect();
        self.table(table, behaviour.question.sql.clone(), |disclosure| {
            disclosure.kinds = shares.into_iter().map(|head| (head, DataKind::RatioOfTold)).collect();
        })
    }

    /// A number of the sources looked at, for all sources.
    fn estimate(&self, behaviour: &Behaviour, number: u64) -> String {
        if (number as f64) < COUNT_MIN {
            return count(0.0);
        }
        count(behaviour.scaled(number))
    }

    fn shape_table(&mut self, behaviour: &Behaviour) -> Block {
        let label = |shape: Shape| match shape {
            Shape::Spot => self.say("1台のセンサー、少数のポート", "One sensor, few ports"),
            Shape::Horizontal => self.say("複数のセンサー、少数のポート（水平）", "Several sensors, few ports (horizontal)"),
            Shape::Vertical => self.say("1台のセンサー、多数のポート（垂直）", "One sensor, many ports (vertical)"),
            Shape::Block => self.say("複数のセンサー、多数のポート", "Several sensors, many ports (block)"),
        };
        let shapes = [Shape::Spot, Shape::Horizontal, Shape::Vertical, Shape::Block];
        let numbers: Vec<u64> = shapes
            .iter()
            .map(|shape| behaviour.shapes.get(shape).copied().unwrap_or_default())
            .collect();
        // What one suppressed number leaves of the whole would tell it: the next goes with it.
        let is_few = |number: &u64| (*number as f64) < COUNT_MIN;
        let lone = numbers.iter().filter(|number| is_few(number)).count() == 1;
        let least = numbers.iter().filter(|number| !is_few(number)).min().copied().filter(|_| lone);
        let rows = shapes.iter().zip(&numbers).map(|(shape, number)| {
            let (addresses, share) = if Some(*number) == least {
                ("–".to_owned(), "–".to_owned())
            } else {
                (
                    self.estimate(behaviour, *number),
                    portion(*number as f64, behaviour.sources as f64, 1),
                )
            };
            vec![label(*shape), addresses, share]
        });
        let table = Table {
            id: "table-scan-shapes".to_owned(),
            caption: self.say("送信元の挙動の種別", "Shapes of what sources did"),
            columns: vec![
                (self.say("種別", "Kind"), Align::Left),
                (self.say("送信元IPアドレス数", "Source addresses"), Align::Right),
                (self.say("割合（%）", "Share (%)"), Align::Right),
            ],
            rows: rows.collect(),
            note: Some(self.say(
                "「多数」は、1台のセンサーに対して10を超えるポートの場合をいいます。期間中に複数の挙動を示した送信元は、最も下の種別に数えています。",
                "Many: more than 10 ports at one sensor. A source that did several of these counts with the lowest row.",
            )),
            data: Some("table-scan-shapes".to_owned()),
        };
        self.table(table, behaviour.question.sql.clone(), |_| {})
    }

    fn pair_table(&mut self, behaviour: &Behaviour) -> Option<Block> {
        let pairs = behaviour.together.pairs.iter();
        let listed = pairs.filter(|pair| self.may_list_port(pair.port) && self.may_list_port(pair.other));
        let row = |pair: &hirundo_analysis::together::Pair<Port>| {
            vec![
                self.port_label(pair.port),
                self.port_label(pair.other),
                self.estimate(behaviour, pair.sources),
                self.estimate(behaviour, pair.both),
                portion(pair.both as f64, pair.sources as f64, 0),
            ]
        };
        // What all sources of a kind also try would fill the table by itself.
        let mut others: BTreeMap<Port, usize> = BTreeMap::new();
        let fresh = |pair: &&hirundo_analysis::together::Pair<Port>| {
            let seen = others.entry(pair.other).or_default();
            *seen += 1;
            *seen <= PAIRS_WITH_ONE
        };
        let rows: Vec<Vec<String>> = listed.filter(fresh).take(PAIRS).map(row).collect();
        if rows.is_empty() {
            return None;
        }
        let table = Table {
            id: "table-together".to_owned(),
            caption: self.say("同じ送信元からのパケットが併せて観測された宛先ポート", "Ports that the same sources tried"),
            columns: vec![
                (self.say("宛先ポート番号", "Destination port"), Align::Left),
                (self.say("併せて観測されたポート番号", "Also tried port"), Align::Left),
                (self.say("送信元IPアドレス数", "Source addresses"), Align::Right),
                (self.say("うち両方に送信した数", "Tried both"), Align::Right),
                (self.say("割合（%）", "Share (%)"), Align::Right),
            ],
            rows,
            note: Some(self.say(
                "偶然の2倍以上の頻度で併せて観測された組み合わせのうち、割合の大きいもの。少ないセンサーで観測されるのは送信元の挙動の一部であり、実際の割合はこれより大きいと考えられます。",
                "The pairs with the largest share among those at least twice as frequent as by chance. Few sensors see a part of what a source does, so that the true shares are larger.",
            )),
            data: Some("table-together".to_owned()),
        };
        Some(self.table(table, behaviour.question.sql.clone(), |_| {}))
    }

    /// Groups of sources that behave alike; without any there is no section.
    pub(super) fn campaigns(&mut self) -> Option<Section> {
        let title = self.say("挙動が共通する送信元の集団", "Groups of sources that behave alike");
        let mut part = section("campaigns", title, Vec::new());
        let behaviour = &self.study.behaviour;
        let rules = self.order.rules;
        let may_be_told = |group: &&Group| {
            let a_day = behaviour.scaled(group.packets) / behaviour.days();
            !rules.edition.is_public()
                || (group.sensors >= rules.sensors_min as usize
                    && a_day >= GROUP_DAILY_MIN
                    && group.campaign.ports.iter().all(|port| self.may_list_port(*port)))
        };
        let groups: Vec<&Group> = behaviour.groups.iter().filter(may_be_told).take(GROUPS).collect();
        if !groups.is_empty() {
            part.blocks.push(self.text(
                "宛先ポートの組み合わせ（7割以上が一致するもの）、ツールの特徴、活動した日と時間帯が共通する送信元を、一つの集団としてまとめました。同じマルウェアに感染した機器や、同じ主体が管理する機器の可能性がありますが、共通点からだけでは断定できません。",
                "Sources are taken together when they have the set of ports (seven tenths of it at least), the mark of a tool, and days and hours in common. They may be infected by the same malware or run by the same hands; what they have in common does not prove it.",
            ));
            let table = self.group_table(behaviour, &groups);
            part.blocks.push(table);
            let told = groups.iter().take(GROUPS_TOLD);
            let told = told.filter_map(|group| told::group(&self.group(behaviour, group), &self.context));
            let facts = told.map(|text| Block::Facts(vec![self.fact(text, "table-campaigns")]));
            part.blocks.extend(facts.collect::<Vec<Block>>());
        }
        self.comment(&Place::Campaigns, &mut part.blocks);
        (!part.blocks.is_empty()).then_some(part)
    }

    /// First and last day of a group, where it was not there from begin to end.
    fn seen(behaviour: &Behaviour, group: &Group) -> (Option<i32>, Option<i32>) {
        let (first, last) = behaviour.extent.days;
        let days = u32::try_from(last - first).unwrap_or_default();
        let day = |at: u32| i32::try_from(at).ok().map(|at| first + at);
        let (begin, end) = (group.campaign.first_day, group.campaign.last_day);
        (
            day(begin).filter(|_| begin > ENDS_DAYS),
            day(end).filter(|_| end.saturating_add(ENDS_DAYS) < days),
        )
    }

    fn group(&self, behaviour: &Behaviour, group: &Group) -> told::Group {
        let (from, to) = Self::seen(behaviour, group);
        let campaign = &group.campaign;
        told::Group {
            ports: campaign.ports.iter().map(|port| self.port_label(*port)).collect(),
            tool: campaign.tool.as_ref().map(|tool| self.names.tool(tool)),
            sources: campaign.members.len() as u64,
            one_in: behaviour.extent.one_in,
            regions: campaign
                .regions
                .iter()
                .map(|(region, sources)| (self.names.region(region), *sources))
                .collect(),
            from,
            to,
            clock: match campaign.rhythm {
                Rhythm::Clock(hour) => Some(hour),
                Rhythm::Free | Rhythm::Undecided => None,
            },
        }
    }

    fn group_table(&mut self, behaviour: &Behaviour, groups: &[&Group]) -> Block {
        let more = |mut names: Vec<String>| {
            if names.len() > LISTED {
                names.truncate(LISTED);
                names.push("…".to_owned());
            }
            names.join(&self.say("、", ", "))
        };
        let short = |port: &Port| self.port_label(*port).split([' ', '（']).next().unwrap_or_default().to_owned();
        let date = |day: i32| Day(day).to_date().format(&self.say("%-m月%-d日", "%-d %b")).to_string();
        let rows = groups.iter().map(|group| {
            let campaign = &group.campaign;
            let sources = campaign.members.len() as f64;
            let regions = campaign.regions.iter().take(GROUP_REGIONS);
            let regions: Vec<String> = regions
                .filter(|(_, addresses)| *addresses as f64 >= COUNT_MIN)
                .map(|(region, addresses)| {
                    let (name, percent) = (self.names.region_name(region), 100.0 * *addresses as f64 / sources);
                    self.say(&format!("{name}（{percent:.0}%）"), &format!("{name} ({percent:.0} %)"))
                })
                .collect();
            let days = match Self::seen(behaviour, group) {
                (None, None) => self.say("全期間", "throughout"),
                (Some(from), Some(to)) => self.say(&format!("{}〜{}", date(from), date(to)), &format!("{}–{}", date(from), date(to))),
                (Some(from), None) => self.say(&format!("{}以降", date(from)), &format!("from {}", date(from))),
                (None, Some(to)) => self.say(&format!("{}まで", date(to)), &format!("to {}", date(to))),
            };
            vec![
                more(campaign.ports.iter().map(short).collect()),
                campaign.tool.as_ref().map_or_else(|| "–".to_owned(), |tool| self.names.tool(tool)),
                self.estimate(behaviour, campaign.members.len() as u64),
                more(regions),
                days,
            ]
        });
        let heads = [
            (self.say("宛先ポート番号", "Ports"), Align::Left),
            (self.say("特徴", "Mark"), Align::Left),
            (self.say("アドレス数", "Addresses"), Align::Right),
            (self.say("主な送信元地域", "Main regions"), Align::Left),
            (self.say("期間", "Seen"), Align::Left),
        ];
        let labels: Vec<String> = [1, 3, 4]
            .iter()
            .filter_map(|at| heads.get(*at))
            .map(|(head, _)| head.clone())
            .collect();
        let table = Table {
            id: "table-campaigns".to_owned(),
            caption: self.say("挙動が共通する送信元の集団", "Groups of sources that behave alike"),
            columns: heads.to_vec(),
            rows: rows.collect(),
            note: Some(self.extent_note(behaviour)),
            data: Some("table-campaigns".to_owned()),
        };
        self.table(table, behaviour.question.sql.clone(), |disclosure| {
            disclosure.kinds = labels.into_iter().map(|head| (head, DataKind::Label)).collect();
        })
    }
}

/// The day (UTC) of a time.
fn day_of(secs: i64) -> i32 {
    i32::try_from(secs.div_euclid(DAY_SECS)).unwrap_or(i32::MAX)
}

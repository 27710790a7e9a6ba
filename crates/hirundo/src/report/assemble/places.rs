//! Seen from different places: the ports of groups and of single sensors side by side, how far apart they are, what one alone sees.

use std::collections::{BTreeMap, BTreeSet};

use hirundo_analysis::finding::Subject;
use hirundo_analysis::place::{Difference, Entry, Place as Seen, Places, TOP, View, places};
use hirundo_analysis::sentence::place::{self as told, Apart, Volumes};
use hirundo_press::document::{Align, Block, Data, Fact, Section, Table};

use super::{Desk, section};
use crate::report::commentary::Place;
use crate::report::facts::ports_of;
use crate::report::figures::{portion, quoted};
use crate::report::rows::whole;
use crate::report::safety::DataKind;
use crate::report::study::SENSOR_PORTS;

/// Sensors of a kind (home, abroad, neither) side by side.
const SENSORS_SHOWN: usize = 3;
/// Marks what is seen (nearly) at one place only.
const ONLY_HERE: &str = " *";
/// Stands for a port that is not named.
const UNNAMED: &str = "–";

/// Where a sensor stands, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    Home,
    Abroad,
    Unknown,
}

/// What was seen at a sensor or a group of them.
struct Sum {
    rows: Vec<(Subject, u64)>,
    packets: u64,
    sensor_days: f64,
    sensors: usize,
    /// Whether all its ports are in the rows.
    complete: bool,
}

type Compared = Places<usize, Subject>;

impl Desk<'_> {
    /// Groups and sensors compared; `None` where there are not two sensors to compare.
    pub(super) fn places(&mut self) -> Option<Section> {
        let sums = self.sums()?;
        let names = self.sensor_names();
        let groups: Vec<(Where, Sum)> = [Where::Home, Where::Abroad]
            .into_iter()
            .filter_map(|group| {
                Some((
                    group,
                    together(sums.iter().filter(|(sensor, _)| self.stands(sensor) == group).map(|(_, sum)| sum))?,
                ))
            })
            .collect();
        let of_groups = compare(groups.iter().map(|(_, sum)| sum))?;
        let of_sensors = compare(sums.values())?;
        // A sensor is shown under the name of its place in the order of all.
        let shown: Vec<(usize, String)> = sums
            .keys()
            .enumerate()
            .filter_map(|(at, sensor)| Some((at, names.iter().find(|(known, _)| known == sensor)?.1.clone())))
            .collect();
        let mut shown: Vec<(usize, String)> = shown.into_iter().filter(|(at, _)| view(&of_sensors, *at).is_some()).collect();
        shown.sort_by_key(|(at, _)| names.iter().position(|(sensor, _)| sums.keys().nth(*at) == Some(sensor)));
        if shown.len() < 2 {
            return None;
        }
        let mut part = section(
            "places-compared",
            self.say("観測地点による違い", "Seen from different places"),
            Vec::new(),
        );
        if let [(left, _), (right, _)] = groups.as_slice() {
            let kinds = [*left, *right];
            let table = self.place_table(&of_groups, &groups);
            part.blocks.push(table);
            part.blocks.push(Block::Facts(self.told_of_groups(&of_groups, &kinds)));
        }
        let table = self.sensor_table(&of_sensors, &shown);
        part.blocks.push(table);
        part.blocks.push(Block::Facts(self.told_of_sensors(&of_sensors, &shown)));
        self.comment(&Place::PlacesCompared, &mut part.blocks);
        Some(part)
    }

    /// What each sensor saw, by name.
    fn sums(&self) -> Option<BTreeMap<String, Sum>> {
        let rows = &self.study.sensor_ports;
        let (sensors, subjects) = (rows.texts("sensor").ok()?, ports_of(rows).ok()?);
        let (packets, total) = (rows.counts("packets").ok()?, rows.counts("total").ok()?);
        let from = usize::try_from(self.facts.period.first().0 - self.facts.coverage.first).unwrap_or(0);
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        for (((sensor, subject), packets), total) in sensors.into_iter().zip(subjects).zip(packets).zip(total) {
            let (Some(sensor), Some(subject)) = (sensor, subject) else {
                continue;
            };
            let observed = || {
                let at = self.facts.sensors.iter().position(|known| *known == sensor)?;
                Some(self.facts.coverage.up.get(at)?.iter().skip(from).sum())
            };
            let sensor_days = observed().unwrap_or_default();
            let sum = sums.entry(sensor).or_insert_with(|| Sum {
                rows: Vec::new(),
                packets: whole(total),
                sensor_days,
                sensors: 1,
                complete: true,
            });
            sum.rows.push((subject, whole(packets)));
            sum.complete = u32::try_from(sum.rows.len()).is_ok_and(|rows| rows < SENSOR_PORTS);
        }
        Some(sums)
    }

    fn stands(&self, sensor: &str) -> Where {
        let region = self.facts.roster.sensor(sensor).and_then(|sensor| sensor.region.as_deref());
        match region {
            Some(region) if region == self.order.home => Where::Home,
            Some(_) => Where::Abroad,
            None => Where::Unknown,
        }
    }

    /// Neutral names of the sensors that are shown: "domestic sensor 1", "overseas sensor 2", in the order of their own.
    fn sensor_names(&self) -> Vec<(String, String)> {
        let mut of_kind: BTreeMap<Where, usize> = BTreeMap::new();
        let mut named: Vec<(Where, String, String)> = Vec::new();
        for sensor in &self.facts.sensors {
            let stands = self.stands(sensor);
            let number = of_kind.entry(stands).or_default();
            *number += 1;
            if *number <= SENSORS_SHOWN {
                let (japanese, english) = match stands {
                    Where::Home => ("国内センサー", "Domestic sensor"),
                    Where::Abroad => ("海外センサー", "Overseas sensor"),
                    Where::Unknown => ("センサー", "Sensor"),
                };
                let name = self.say(&format!("{japanese}{number}"), &format!("{english} {number}"));
                named.push((stands, sensor.clone(), name));
            }
        }
        named.sort_by_key(|(stands, ..)| *stands);
        // Where some are known and fill the table, those that are not are left out.
        let known = of_kind.keys().filter(|stands| **stands != Where::Unknown).count();
        named.retain(|(stands, ..)| known < 2 || *stands != Where::Unknown);
        named.into_iter().map(|(_, sensor, name)| (sensor, name)).collect()
    }

    fn group_name(&self, group: Where) -> String {
        match group {
            Where::Home => self.say("国内センサー", "Domestic sensors"),
            Where::Abroad => self.say("海外センサー", "Overseas sensors"),
            Where::Unknown => self.say("センサー", "Sensors"),
        }
    }

    /// A port as a table of places has it. A port that hardly any sensor sees is nobody's business but the members'.
    fn port_cell(&self, entry: &Entry<Subject>, is_told: bool) -> String {
        if !self.may_be_listed(&entry.key) {
            return UNNAMED.to_owned();
        }
        let label = self.names.label(&entry.key);
        let short = label.split([' ', '（']).next().unwrap_or_default();
        format!("{short}{}", if is_told && entry.only_here { ONLY_HERE } else { "" })
    }

    /// Whether it may be told that only one sensor sees a port: to the public only of leading ports, which drown what anybody sends
    /// to find out where the sensor is.
    fn may_be_told_of_one(&self, subject: &Subject) -> bool {
        let rules = self.order.rules;
        !rules.edition.is_public() || self.shown(subject).rank.is_some_and(|rank| rank <= rules.top)
    }

    fn place_table(&mut self, of_groups: &Compared, groups: &[(Where, Sum)]) -> Block {
        let mut columns = vec![(self.say("順位", "Rank"), Align::Centre)];
        let names: Vec<String> = groups.iter().map(|(group, _)| self.group_name(*group)).collect();
        let share = |name: &String| self.say(&format!("{name}（割合）"), &format!("{name} (share)"));
        let heads: Vec<String> = names.iter().map(share).collect();
        columns.extend(heads.iter().map(|head| (head.clone(), Align::Left)));
        let mut rows: Vec<Vec<String>> = (1..=TOP).map(|rank| vec![rank.to_string()]).collect();
        let mut csv = String::from("place,rank,port,percent,only_here\n");
        for ((at, (_, sum)), name) in groups.iter().enumerate().zip(&names) {
            let top = view(of_groups, at).map_or(&[][..], |view| &view.top);
            for (rank, cells) in rows.iter_mut().enumerate() {
                let Some(entry) = top.get(rank) else {
                    cells.push(String::new());
                    continue;
                };
                let is_listed = self.may_be_listed(&entry.key);
                let (port, percent) = if is_listed {
                    (self.names.label(&entry.key), portion(entry.packets as f64, sum.packets as f64, 1))
                } else {
                    (UNNAMED.to_owned(), String::new())
                };
                let only_here = is_listed && entry.only_here;
                csv.push_str(&format!("{},{},{},{percent},{only_here}\n", quoted(name), rank + 1, quoted(&port)));
                let cell = if is_listed { self.with_share(&port, &percent) } else { port };
                cells.push(format!("{cell}{}", if only_here { ONLY_HERE } else { "" }));
            }
        }
        let sensors: Vec<String> = groups
            .iter()
            .zip(&names)
            .map(|((_, sum), name)| self.say(&format!("{name}{}台", sum.sensors), &format!("{name}: {}", sum.sensors)))
            .collect();
        let note = self.say(
            &format!("{}による。割合は、それぞれの全パケットに占める割合。", sensors.join("、")),
            &format!("{}. Shares are of all packets of the group.", sensors.join("; ")),
        );
        let caption = self.say(
            "国内外のセンサーにおける宛先ポート番号の順位",
            "Destination ports at home and abroad, by rank",
        );
        let data = Data {
            id: "place-groups".to_owned(),
            title: caption.clone(),
            csv,
            sql: self.study.sensor_ports.question.sql.clone(),
        };
        self.publish(data, |disclosure| {
            disclosure.kinds = heads.into_iter().map(|head| (head, DataKind::Label)).collect();
            disclosure.kinds.insert("place".to_owned(), DataKind::Label);
            disclosure.kinds.insert("only_here".to_owned(), DataKind::Label);
        });
        let table = Table {
            id: "place-groups".to_owned(),
            caption,
            columns,
            rows,
            note: None,
            data: Some("place-groups".to_owned()),
        };
        Block::Table(self.noted(table, note))
    }

    /// A port with its share, within the parentheses that its name ends with, if it does.
    fn with_share(&self, port: &str, percent: &str) -> String {
        let within = |close: char, open: &str, between: &str| {
            port.strip_suffix(close)
                .map_or_else(|| format!("{port}{open}"), |begin| format!("{begin}{between}"))
        };
        self.say(
            &format!("{}{percent}%）", within('）', "（", "、")),
            &format!("{}{percent} %)", within(')', " (", ", ")),
        )
    }

    fn sensor_table(&mut self, of_sensors: &Compared, shown: &[(usize, String)]) -> Block {
        let mut columns = vec![(self.say("順位", "Rank"), Align::Centre)];
        columns.extend(shown.iter().map(|(_, name)| (name.clone(), Align::Left)));
        let rows = (0..TOP).map(|rank| {
            let mut cells = vec![(rank + 1).to_string()];
            cells.extend(shown.iter().map(|(at, _)| {
                let entry = view(of_sensors, *at).and_then(|view| view.top.get(rank));
                entry.map_or_else(String::new, |entry| self.port_cell(entry, self.may_be_told_of_one(&entry.key)))
            }));
            cells
        });
        let note = self.say(
            "センサーの名称は、設置場所が特定されないように付け替えています。",
            "Sensors bear neutral names, so that nobody can tell where they are.",
        );
        let table = Table {
            id: "places".to_owned(),
            caption: self.say("センサーごとの宛先ポート番号の順位", "Destination ports at each sensor, by rank"),
            columns,
            rows: rows.collect(),
            note: None,
            data: Some("places".to_owned()),
        };
        let table = self.noted(table, note);
        let neutral: Vec<String> = shown.iter().map(|(_, name)| name.clone()).collect();
        self.table(table, self.study.sensor_ports.question.sql.clone(), |disclosure| {
            disclosure.kinds = neutral.iter().map(|name| (name.clone(), DataKind::Label)).collect();
            disclosure.sensors = neutral;
        })
    }

    /// The table with a note, and what the marks in it mean.
    fn noted(&self, table: Table, note: String) -> Table {
        let has = |mark: &str| table.rows.iter().flatten().any(|cell| cell.ends_with(mark));
        let mut texts = vec![note];
        if has(ONLY_HERE) {
            texts.push(told::only_here_means(&self.context));
        }
        if has(UNNAMED) {
            texts.push(self.say(
                "「–」は、少数のセンサーでのみ観測されたため示さないもの。",
                "–: seen by few sensors, and not named.",
            ));
        }
        Table {
            note: Some(texts.join(self.context.lang.gap())),
            ..table
        }
    }

    fn told_of_groups(&self, of_groups: &Compared, kinds: &[Where; 2]) -> Vec<Fact> {
        let name = |at: usize| kinds.get(at).map(|group| lowered(&self.group_name(*group))).unwrap_or_default();
        let volumes = Volumes {
            places: of_groups.views.iter().map(|view| (name(view.place), view.per_sensor_day)).collect(),
            alike: of_groups.alike == Some(true),
        };
        let mut texts: Vec<String> = told::volumes(&volumes, &self.context).into_iter().collect();
        let apart = of_groups.differences.first().map(|pair| named(pair, &name));
        texts.extend(apart.and_then(|apart| told::apart(&apart, &self.context)));
        for view in &of_groups.views {
            let ports = self.only_here(view, |subject| self.may_be_listed(subject));
            texts.extend(told::only_here(&name(view.place), &ports, &self.context));
        }
        texts.into_iter().map(|text| self.fact(text, "place-groups")).collect()
    }

    fn told_of_sensors(&self, of_sensors: &Compared, shown: &[(usize, String)]) -> Vec<Fact> {
        let name = |at: usize| {
            shown
                .iter()
                .find(|(known, _)| *known == at)
                .map(|(_, name)| lowered(name))
                .unwrap_or_default()
        };
        let is_shown = |at: usize| shown.iter().any(|(known, _)| *known == at);
        let sets = shown.iter().filter_map(|(at, _)| view(of_sensors, *at));
        let sets: Vec<BTreeSet<&Subject>> = sets.map(|view| view.top.iter().map(|entry| &entry.key).collect()).collect();
        let all: BTreeSet<&Subject> = sets.iter().flatten().copied().collect();
        let everywhere = all.iter().filter(|port| sets.iter().all(|set| set.contains(*port))).count();
        let mut texts: Vec<String> = told::common(TOP, everywhere, sets.len(), &self.context).into_iter().collect();
        let mut pairs: Vec<&Difference<usize>> = of_sensors
            .differences
            .iter()
            .filter(|pair| is_shown(pair.left) && is_shown(pair.right))
            .collect();
        pairs.sort_by(|one, other| other.mixture_percent.total_cmp(&one.mixture_percent));
        if let [most, .., least] = pairs.as_slice() {
            texts.extend(told::extremes(&named(most, &name), &named(least, &name), &self.context));
        }
        for (at, _) in shown {
            let Some(view) = view(of_sensors, *at) else { continue };
            let ports = self.only_here(view, |subject| self.may_be_listed(subject) && self.may_be_told_of_one(subject));
            texts.extend(told::only_here(&name(*at), &ports, &self.context));
        }
        texts.into_iter().map(|text| self.fact(text, "places")).collect()
    }

    /// What (nearly) only one place sees, as far as it may be told.
    fn only_here(&self, view: &View<usize, Subject>, may_be_told: impl Fn(&Subject) -> bool) -> Vec<String> {
        let told = view.top.iter().filter(|entry| entry.only_here && may_be_told(&entry.key));
        told.map(|entry| self.names.label(&entry.key)).collect()
    }
}

/// What was seen by several sensors together; `None` for none.
fn together<'a>(sums: impl Iterator<Item = &'a Sum>) -> Option<Sum> {
    let mut whole: Option<Sum> = None;
    for sum in sums {
        let all = whole.get_or_insert_with(|| Sum {
            rows: Vec::new(),
            packets: 0,
            sensor_days: 0.0,
            sensors: 0,
            complete: true,
        });
        all.rows.extend(sum.rows.iter().cloned());
        all.packets = all.packets.saturating_add(sum.packets);
        all.sensor_days += sum.sensor_days;
        all.sensors += 1;
        all.complete &= sum.complete;
    }
    whole
}

/// Places by their position.
fn compare<'a>(sums: impl Iterator<Item = &'a Sum>) -> Option<Compared> {
    let seen: Vec<Seen<'_, usize, Subject>> = sums
        .enumerate()
        .map(|(at, sum)| Seen {
            place: at,
            rows: &sum.rows,
            packets: sum.packets,
            sensor_days: sum.sensor_days,
            complete: sum.complete,
        })
        .collect();
    places(&seen, TOP).ok()
}

fn view(places: &Compared, at: usize) -> Option<&View<usize, Subject>> {
    places.views.iter().find(|view| view.place == at)
}

fn named(pair: &Difference<usize>, name: &dyn Fn(usize) -> String) -> Apart {
    Apart {
        left: name(pair.left),
        right: name(pair.right),
        percent: pair.mixture_percent,
    }
}

/// A heading as it stands within a sentence.
fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

//! What is known that fits a phenomenon: a table under its facts, the lists in the appendix, and their references.

use hirundo_analysis::correlate::{Fit, Kind};
use hirundo_analysis::finding::Finding;
use hirundo_analysis::sentence::fit;
use hirundo_press::document::{Align, Block, Data, Inline, Reference, Table};

use super::Desk;
use super::others::source_of;
use crate::knowledge::{CATALOGUE_URL, Knowledge, Origin};
use crate::period::Lang;
use crate::report::figures::{number, quoted};
use crate::report::known::{Fitting, Told, fitting};
use crate::report::safety::DataKind;
use crate::view::text::thousands;

/// Candidates shown of a phenomenon.
const SHOWN_MAX: usize = 5;
/// Columns of the data, and what they hold.
const COLUMNS: [(&str, DataKind); 21] = [
    ("id", DataKind::Label),
    ("kind", DataKind::Label),
    ("title", DataKind::Label),
    ("what", DataKind::Label),
    ("known_on", DataKind::Date),
    ("known_later", DataKind::Label),
    ("fit", DataKind::Label),
    ("score", DataKind::Ratio),
    ("points_port", DataKind::Ratio),
    ("points_date", DataKind::Ratio),
    ("points_mark", DataKind::Ratio),
    ("days_after_onset", DataKind::Extent),
    ("published_long_before", DataKind::Label),
    ("since_catalogue_began", DataKind::Label),
    ("known_of_port", DataKind::Extent),
    ("with_mark_percent", DataKind::Ratio),
    ("as_good_days", DataKind::Extent),
    ("as_good_days_of", DataKind::Extent),
    ("as_good_ports", DataKind::Extent),
    ("as_good_ports_of", DataKind::Extent),
    ("source", DataKind::Label),
];

/// A page that the report names, beside those of the analyst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cited {
    text: String,
    source: String,
    url: String,
    date: String,
}

impl Desk<'_> {
    /// What fits a rise; nothing when no catalogue was given, or the finding tells no rise of a port.
    pub(super) fn known(&mut self, id: &str, finding: &Finding) -> Vec<Block> {
        let Some(knowledge) = self.order.known else { return Vec::new() };
        // What is told may be another course of the subject than its rise.
        let others = self.study.findings_of(&finding.subject);
        let mut all = std::iter::once(finding).chain(others);
        let Some(fitting) = all.find_map(|finding| fitting(self.study, knowledge, finding)) else {
            return Vec::new();
        };
        let heading = Block::Heading(self.say("該当しうる脆弱性・マルウェア・ツール", "What is known that fits"));
        if fitting.candidates.is_empty() {
            let none = match knowledge.known.at(fitting.port).len() {
                0 => self.text(
                    "参照した一覧に、このポートに関する項目はありませんでした。",
                    "Nothing in the lists consulted is about this port.",
                ),
                count => self.text(
                    &format!("参照した一覧にはこのポートに関する項目が{count}件ありますが、この増加に該当しうるものはありませんでした。"),
                    &format!("Of {count} entries about this port in the lists consulted, none fits this rise."),
                ),
            };
            return vec![heading, none];
        }
        vec![heading, self.known_table(id, finding, &fitting, knowledge)]
    }

    fn known_table(&mut self, id: &str, finding: &Finding, fitting: &Fitting<'_>, knowledge: &Knowledge) -> Block {
        let id = format!("{id}-known");
        let label = self.names.label(&finding.subject);
        let version = knowledge.catalogue.as_ref().map(|catalogue| catalogue.version.clone());
        let of = version.map_or_else(String::new, |version| {
            self.say(
                &format!("（KEVカタログ {version}版）"),
                &format!(" (KEV catalogue, version {version})"),
            )
        });
        let caption = self.say(
            &format!("{label}宛のパケットの増加に該当しうる既知の脆弱性・マルウェア・ツール{of}"),
            &format!("What is known that fits the rise of packets to {label}{of}"),
        );
        let rows = fitting.candidates.iter().take(SHOWN_MAX).map(|told| self.known_row(told)).collect();
        let note = self.known_note(fitting, knowledge);
        let table = Table {
            id: id.clone(),
            caption: caption.clone(),
            columns: vec![
                (self.say("名称", "What"), Align::Left),
                (self.say("追加・報告日", "Added or reported"), Align::Left),
                (self.say("適合度（点）", "Fit (points)"), Align::Left),
                (self.say("理由", "Why"), Align::Left),
            ],
            rows,
            note: Some(note),
            data: Some(id.clone()),
        };
        let heads: Vec<String> = table.columns.iter().map(|(head, _)| head.clone()).collect();
        let data = Data {
            id,
            title: caption,
            csv: csv(fitting),
            sql: format!(
                "/* The rise is found in the counts below. What fits it is computed from the catalogue and the tables of ports,\n   not by SQL: hirundo report findings PERIOD --known PATH */\n{}",
                self.sql(source_of(finding))
            ),
        };
        self.publish(data, |disclosure| {
            let shown = [DataKind::Label, DataKind::Date, DataKind::Label, DataKind::Label];
            disclosure.kinds = heads.into_iter().zip(shown).collect();
            disclosure.kinds.extend(COLUMNS.map(|(head, kind)| (head.to_owned(), kind)));
        });
        Block::Table(table)
    }

    fn known_row(&mut self, told: &Told<'_>) -> Vec<String> {
        let (candidate, entry) = (&told.candidate, told.entry);
        let kind = entry.kind.word(self.context.lang);
        let cited = told.source.map(|source| {
            let name = source.name(self.order.lang);
            let text = match entry.kind {
                Kind::Vulnerability => self.say(&format!("使用するポート: {name}"), &format!("Ports in use: {name}")),
                Kind::Malware => self.say(&format!("{name}に関する報告"), &format!("Report on {name}")),
                Kind::Tool => name.to_owned(),
            };
            self.cite(text, &source.url, String::new())
        });
        let cited = cited.map_or_else(String::new, |number| format!(" [{number}]"));
        let title = told.about.title(self.order.lang);
        let name = match (told.about.what.as_str(), self.order.lang) {
            ("", Lang::English) => format!("{title} ({kind})"),
            ("", Lang::Japanese) => format!("{title}（{kind}）"),
            (what, Lang::English) => format!("{title}, {what}"),
            (what, Lang::Japanese) => format!("{title}、{what}"),
        };
        let known = told.about.known.as_deref().unwrap_or("–");
        let later = if told.later {
            self.say("（期間終了後）", " (after the period)")
        } else {
            String::new()
        };
        let word = candidate.fit.word(self.context.lang);
        vec![
            format!("{name}{cited}"),
            format!("{known}{later}"),
            self.say(
                &format!("{word}（{:.0}）", candidate.score),
                &format!("{word} ({:.0})", candidate.score),
            ),
            fit::why(candidate, entry.kind, &self.context),
        ]
    }

    /// What the table does not say, and how often chance does as well.
    fn known_note(&mut self, fitting: &Fitting<'_>, knowledge: &Knowledge) -> String {
        let mut note = self.say(
            "適合度は、ポート、日付、パケットの特徴が一致する程度を示すもので、原因であることを示すものではありません。",
            "A fit says that port, dates and marks agree; it does not say that this is the cause.",
        );
        let (gap, onset) = (self.context.lang.gap(), fitting.onset.label(self.order.lang));
        let mut add = |text: String| note.push_str(&format!("{gap}{text}"));
        add(self.say(
            &format!("増加の始まりは{onset}としました。"),
            &format!("The rise is taken to begin on {onset}."),
        ));
        if let Some(chance) = fitting.candidates.iter().find_map(|told| told.candidate.chance) {
            let (days, ports) = (
                number(Some(100.0 * chance.of_days()), 0),
                number(Some(100.0 * chance.of_ports()), 0),
            );
            add(self.say(
                &format!(
                    "表の先頭（ツールを除く）と同程度以上に該当するものは、増加がほかの日に始まったと仮定しても{}日中{}日（{days}％）で、観測されたほかのポートでも{}ポート中{}ポート（{ports}％）で見つかります。",
                    chance.days_of, chance.days, chance.ports_of, chance.ports
                ),
                &format!(
                    "By chance, something fits at least as well as the first in the table (tools aside): on {} of {} days taken as the onset ({days} %), and at {} of {} other ports observed ({ports} %).",
                    chance.days, chance.days_of, chance.ports, chance.ports_of
                ),
            ));
        }
        if fitting.candidates.iter().all(|told| told.candidate.fit == Fit::Weak) {
            add(self.say(
                "いずれの適合度も弱く、これだけでは増加と結び付けられません。",
                "All of these fits are weak: by themselves they connect nothing with the rise.",
            ));
        }
        if let Some(rest) = fitting.candidates.len().checked_sub(SHOWN_MAX).filter(|rest| *rest > 0) {
            add(self.say(&format!("ほかに{rest}件が該当します。"), &format!("{rest} more fit no better.")));
        }
        if let Some(catalogue) = &knowledge.catalogue {
            let number = self.cite_catalogue(catalogue);
            let gap = self.context.lang.gap();
            note.push_str(&self.say(
                &format!("{gap}脆弱性の日付は、カタログ[{number}]に追加された日です。既知のものとは、そのポートを使用する製品でカタログに脆弱性が掲載されているもの、およびそのポートを狙うマルウェアです。"),
                &format!("{gap}Dates of vulnerabilities are those on which they were added to the catalogue [{number}]. Known of a port are the products using it that the catalogue has, and malware that tries it."),
            ));
        }
        note
    }

    /// What was consulted, for the appendix.
    pub(super) fn lists_consulted(&mut self) -> Vec<Block> {
        let heading = Block::Heading(self.say("脆弱性・マルウェアの一覧との照合", "Lists of vulnerabilities and malware"));
        let Some(knowledge) = self.order.known else {
            let none = self.text(
                "既知の脆弱性のカタログが指定されていないため、増加したポートと脆弱性・マルウェアとの照合は行っていません。",
                "No catalogue of known vulnerabilities was given, so that nothing was held against the ports that rose.",
            );
            return vec![heading, none];
        };
        let mut items = Vec::new();
        if let Some(catalogue) = &knowledge.catalogue {
            items.push(self.catalogue_item(catalogue));
        }
        let (services, malware, tools) = knowledge.rows;
        items.push(vec![Inline::Text(self.say(
            &format!("ポートの一覧（Hirundo付属および利用者が追加したもの）: サービス{services}件、マルウェア{malware}件、ツール{tools}件。一覧にないものは照合されません。"),
            &format!("Tables of ports (that of Hirundo, and those added to it): {services} services, {malware} kinds of malware, {tools} tools. What is not in them is not found."),
        ))]);
        vec![heading, Block::List(items)]
    }

    fn catalogue_item(&mut self, catalogue: &Origin) -> Vec<Inline> {
        let number = self.cite_catalogue(catalogue);
        let Origin { version, odd, .. } = catalogue;
        let counted = |number: usize| thousands(&number.to_string());
        let (entries, placed) = (counted(catalogue.entries), counted(catalogue.placed));
        let left = match (odd, self.order.lang) {
            (0, _) => String::new(),
            (odd, Lang::Japanese) => format!("読めなかった項目は{odd}件です。"),
            (odd, Lang::English) => format!(" {odd} entries could not be read."),
        };
        vec![
            Inline::Text(self.say(
                &format!("CISA「Known Exploited Vulnerabilities Catalog」{version}版: {entries}件。そのうち、使用するポートが一覧にある製品のもの{placed}件を照合しました。{left}"),
                &format!("CISA, Known Exploited Vulnerabilities Catalog, version {version}: {entries} entries, of which {placed} are of products whose ports are in the tables.{left} "),
            )),
            Inline::Cite(number),
        ]
    }

    fn cite_catalogue(&mut self, catalogue: &Origin) -> u32 {
        let text = self.say(
            &format!("Known Exploited Vulnerabilities Catalog（{}版）", catalogue.version),
            &format!("Known Exploited Vulnerabilities Catalog, version {}", catalogue.version),
        );
        let date = catalogue.released.map_or_else(String::new, |day| day.label(self.order.lang));
        self.cite(text, CATALOGUE_URL, date)
    }

    /// The number of a page in the references, after those of the analyst.
    fn cite(&mut self, text: String, url: &str, date: String) -> u32 {
        let host = url
            .split("://")
            .nth(1)
            .unwrap_or(url)
            .split(['/', '?', '#'])
            .next()
            .unwrap_or_default();
        let source = if url == CATALOGUE_URL { "CISA" } else { host };
        let cited = Cited {
            text,
            source: source.to_owned(),
            url: url.to_owned(),
            date,
        };
        let at = self.cited.iter().position(|known| *known == cited).unwrap_or_else(|| {
            self.cited.push(cited);
            self.cited.len() - 1
        });
        let before = self.order.annotations.numbered(&self.facts.period).len();
        u32::try_from(before.saturating_add(at).saturating_add(1)).unwrap_or(u32::MAX)
    }

    /// All references: the analyst's, then what the report itself names.
    pub(super) fn references(&self) -> Vec<Reference> {
        let mut references = self.order.annotations.references(&self.facts.period, self.order.lang);
        for cited in &self.cited {
            references.push(Reference {
                number: u32::try_from(references.len().saturating_add(1)).unwrap_or(u32::MAX),
                date: cited.date.clone(),
                text: cited.text.clone(),
                source: cited.source.clone(),
                url: Some(cited.url.clone()),
            });
        }
        references
    }
}

/// All candidates with everything that they were judged by.
fn csv(fitting: &Fitting<'_>) -> String {
    let mut text = COLUMNS.map(|(head, _)| head).join(",") + "\n";
    for told in &fitting.candidates {
        let (candidate, entry) = (&told.candidate, told.entry);
        let english = hirundo_analysis::Lang::English;
        let chance = |of: fn(hirundo_analysis::correlate::Chance) -> usize| {
            candidate.chance.map_or_else(String::new, |chance| of(chance).to_string())
        };
        let cells = [
            entry.id.clone(),
            entry.kind.word(english).to_owned(),
            told.about.title.clone(),
            told.about.what.clone(),
            told.about.known.clone().unwrap_or_default(),
            told.later.to_string(),
            candidate.fit.word(english).to_owned(),
            number(Some(candidate.score), 1),
            number(Some(candidate.points.port), 1),
            number(Some(candidate.points.date), 1),
            number(Some(candidate.points.mark), 1),
            candidate.days_after.map_or_else(String::new, |days| days.to_string()),
            candidate.late.to_string(),
            candidate.founding.to_string(),
            candidate.products.to_string(),
            number(candidate.mark_percent, 0),
            chance(|chance| chance.days),
            chance(|chance| chance.days_of),
            chance(|chance| chance.ports),
            chance(|chance| chance.ports_of),
            told.source.map_or_else(String::new, |source| source.url.clone()),
        ];
        text.push_str(&(cells.map(|cell| quoted(&cell)).join(",") + "\n"));
    }
    text
}

//! Sets a made-up quarterly report, to look at: `pdf ja|en OUT.pdf [FOLDER OF FONTS]`.

use std::fmt::Write;
use std::path::Path;

use hirundo_press::document::{Align, Block, Data, Document, Fact, Figure, Inline, Lang, Reference, Section, Table};
use hirundo_press::pdf::{Fonts, PdfError, render};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (lang, out) = match arguments.as_slice() {
        [lang, out, ..] if lang == "ja" => (Lang::Japanese, out),
        [_, out, ..] => (Lang::English, out),
        _ => return Err("usage: pdf ja|en OUT.pdf [FOLDER OF FONTS]".into()),
    };
    let fonts = match arguments.get(2) {
        Some(folder) => Fonts::load(Path::new(folder)),
        None => Fonts::new(Vec::new()),
    }?;
    let document = report(lang);
    let started = std::time::Instant::now();
    let bytes = render(&document, &fonts).map_err(|error: PdfError| error.to_string())?;
    std::fs::write(out, &bytes)?;
    let mut words = String::new();
    writeln!(words, "{out}: {} bytes in {:.2} s", bytes.len(), started.elapsed().as_secs_f64())?;
    std::io::Write::write_all(&mut std::io::stdout(), words.as_bytes())?;
    Ok(())
}

/// Says each thing in the language asked for.
#[derive(Clone, Copy)]
struct Say(Lang);

impl Say {
    fn of(self, english: &str, japanese: &str) -> String {
        match self.0 {
            Lang::English => english.to_owned(),
            Lang::Japanese => japanese.to_owned(),
        }
    }
}

fn report(lang: Lang) -> Document {
    let say = Say(lang);
    Document {
        lang,
        title: say.of("Internet Observation Report", "インターネット定点観測レポート"),
        subtitle: say.of("April–June 2022", "2022年4月〜6月"),
        publisher: say.of("Example CSIRT", "例示CSIRT"),
        made: say.of("15 July 2022", "2022年7月15日"),
        label: Some("TLP:CLEAR".to_owned()),
        warning: Some(say.of(
            "SIMULATED DATA — every number in this report comes from a simulation, not from the Internet.",
            "模擬データ — 本レポートの数値はすべて模擬によるものであり、実際のインターネットの観測値ではありません。",
        )),
        summary: vec![
            Block::Facts(facts(&[&say.of(
                "From April to June 2022, 24 sensors in 9 regions received 18,204,771 packets from 1,204,118 source addresses.",
                "2022年4月から6月までに、9地域に置いた24台のセンサーは、1,204,118個の送信元アドレスから18,204,771パケットを観測しました。",
            ), &say.of(
                "The port most often asked for was 23/TCP (telnet), as in the quarter before; 6379/TCP (redis) rose from rank 10 to rank 2.",
                "もっとも多かった宛先ポートは前四半期と同じく23/TCP（telnet）で、6379/TCP（redis）は10位から2位に上がりました。",
            )])),
            Block::List(vec![
                vec![Inline::Text(say.of("Mirai-like traffic from the home region doubled from 20 May on, see ", "国内を送信元とするMiraiの特徴をもつパケットは5月20日から約2倍に増えました。")), Inline::Ref("mirai-home".to_owned())],
                vec![Inline::Text(say.of("Two sensors were silent for three days in May; rates leave these days out.", "5月に2台のセンサーが3日間停止しました。値は停止した日を除いて求めています。"))],
            ]),
        ],
        sections: vec![overview(say), phenomena(say), references(say), appendix(say)],
        data: vec![Data { id: "ports".to_owned(), title: String::new(), csv: String::new(), sql: String::new() }],
    }
}

fn overview(say: Say) -> Section {
    Section {
        id: "overview".to_owned(),
        title: say.of("Overview", "概況"),
        numbered: true,
        blocks: vec![
            Block::Paragraph(vec![
                Inline::Text(say.of(
                    "The observation system receives packets sent to addresses that offer no service, at many places of the Internet at once. The classification and change over time of what arrives tells of scans, of worms and of attacks. ",
                    "インターネット上に複数の観測用センサーを分散配置し、不特定多数に向けて発信されるパケットを継続的に収集しています。宛先ポート番号や送信元地域ごとに分類して、これを脆弱性情報、マルウエアや攻撃ツールの情報などと対比して分析することで、攻撃活動や準備活動の捕捉に努めています。",
                )),
                Inline::Ref("ports".to_owned()),
                Inline::Text(say.of(" gives the destination ports, ", "に宛先ポート番号の上位5位を、")),
                Inline::Ref("ports-daily".to_owned()),
                Inline::Text(say.of(" their course through the quarter ", "にその推移を示します")),
                Inline::Cite(1),
                Inline::Text(say.of(".", "。")),
            ]),
            ports_table(say),
            Block::Figure(chart(say, "ports-daily", &say.of("Packets per day, destination ports 1 to 5", "宛先ポート番号上位1〜5位のパケット数の推移"), 5)),
            Block::Facts(facts(&[
                &say.of("23/TCP (telnet) rose on 28 April to 3.4 times its value of the week before and fell back on 4 May.", "23/TCP（telnet）宛のパケットは4月28日に前週の3.4倍に急増し、5月4日に元の水準に戻りました。"),
                &say.of("6379/TCP (redis) has been rising since 12 May and has been above 22/TCP (ssh) since 2 June.", "6379/TCP（redis）宛のパケットは5月12日から増加を続け、6月2日に22/TCP（ssh）宛を上回りました。"),
            ])),
            Block::Commentary(say.of(
                "The rise of **redis** follows the publication of *CVE-2022-0543* [in the exploit catalogue](https://www.cisa.gov/known-exploited-vulnerabilities-catalog).\nSources are mostly cloud hosts:\n\n- hosts that answer with `redis_version:5.0.7`,\n- hosts that were *seen before* on 2375/TCP, and\n- others.\n\n> A service name does not mean that the packets speak that protocol.",
                "**redis**宛の増加は、*CVE-2022-0543*が[悪用が確認された脆弱性の一覧](https://www.cisa.gov/known-exploited-vulnerabilities-catalog)に\n加えられた時期と重なります。送信元の多くはクラウド事業者のホストで、次のものが含まれます。\n\n- `redis_version:5.0.7`と応答するもの\n- 以前に2375/TCP宛のパケットを*送信していた*もの\n- その他\n\n> サービス名は、パケットがそのプロトコルで通信していることを意味しません。",
            )),
            regions_table(say),
            Block::Figure(chart(say, "regions-daily", &say.of("Packets per day, source regions 1 to 5", "送信元地域上位1〜5位のパケット数の推移"), 4)),
        ],
        sections: Vec::new(),
    }
}

fn ports_table(say: Say) -> Block {
    let new = say.of("outside the top 10", "10位圏外");
    let rows = [
        ["1", "23/TCP (telnet)", "4,810,332", "1"],
        ["2", "6379/TCP (redis)", "1,977,480", &new],
        ["3", "22/TCP (ssh)", "1,741,001", "2"],
        ["4", "ICMP", "903,118", "4"],
        ["5", "80/TCP (http)", "88,204", "3"],
    ];
    Block::Table(Table {
        id: "ports".to_owned(),
        caption: say.of("Destination ports, top 5", "宛先ポート番号トップ5"),
        columns: vec![
            (say.of("Rank", "順位"), Align::Centre),
            (say.of("Destination port", "宛先ポート番号"), Align::Left),
            (say.of("Packets", "パケット数"), Align::Right),
            (say.of("Quarter before", "前四半期の順位"), Align::Centre),
        ],
        rows: rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect(),
        note: Some(say.of(
            "Names of services are those that IANA has registered for the port; the packets do not necessarily speak that protocol.",
            "サービス名はIANAの情報をもとに記載していますが、必ずしもそのプロトコルに則ったパケットが受信されているとは限りません。",
        )),
        data: Some("ports".to_owned()),
    })
}

fn regions_table(say: Say) -> Block {
    let names = [
        ("United States", "米国"),
        ("China", "中国"),
        ("Netherlands", "オランダ"),
        ("Bulgaria", "ブルガリア"),
        ("Japan", "日本"),
    ];
    let rows = names
        .iter()
        .enumerate()
        .map(|(n, (english, japanese))| {
            vec![
                format!("{}", n + 1),
                say.of(english, japanese),
                format!("{},{:03},{:03}", 9 - n, 104 * n, 271 + n),
                format!("{}", (n * 3 + 1) % 7),
            ]
        })
        .collect();
    Block::Table(Table {
        id: "regions".to_owned(),
        caption: say.of("Source regions, top 5", "送信元地域トップ5"),
        columns: vec![
            (say.of("Rank", "順位"), Align::Centre),
            (say.of("Source region", "送信元地域"), Align::Left),
            (say.of("Packets", "パケット数"), Align::Right),
            (say.of("Quarter before", "前四半期の順位"), Align::Centre),
        ],
        rows,
        note: None,
        data: None,
    })
}

fn phenomena(say: Say) -> Section {
    let home = Section {
        id: "mirai-at-home".to_owned(),
        title: say.of("Infected devices in the home region", "国内の感染機器"),
        numbered: true,
        blocks: vec![
            Block::Facts(facts(&[&say.of(
                "Packets with the mark from the home region were 2.1 times as many in the last week as in the first.",
                "国内を送信元とし特徴をもつパケットは、最後の1週間で最初の1週間の2.1倍でした。",
            )])),
            Block::Figure(chart(
                say,
                "mirai-home",
                &say.of(
                    "Packets per day with the mark of Mirai, home region",
                    "Miraiの特徴をもつパケット数の推移（国内）",
                ),
                1,
            )),
            Block::Heading(say.of("What the sources are", "送信元の機器")),
            Block::Paragraph(vec![
                Inline::Text(say.of("Of 412 hosts that were looked up, ", "調査した412台のうち、")),
                Inline::Strong(say.of("61 % were video recorders", "61％がビデオレコーダー")),
                Inline::Text(say.of("; the query was ", "でした。検索式は")),
                Inline::Code("SELECT device, count(*) FROM hosts WHERE region = 'JP' GROUP BY device".to_owned()),
                Inline::Text(say.of(", see ", "です。")),
                Inline::Link {
                    text: say.of("the guide", "手引き"),
                    url: "https://example.org/guide".to_owned(),
                },
                Inline::Text(say.of(" and ", "、")),
                Inline::Cite(2),
                Inline::Text(say.of(".", "。")),
            ]),
        ],
        sections: Vec::new(),
    };
    let places = Section {
        id: "places".to_owned(),
        title: say.of("Seen from different places", "観測点による違い"),
        numbered: true,
        blocks: vec![Block::Table(wide_table(say)), Block::Commentary(say.of("No place sees the whole. See\n\n1. the sensors at home,\n2. those abroad.\n\n### SQL\n\n```sql\nSELECT sensor, port, sum(packets) AS packets\nFROM hourly\nGROUP BY sensor, port -- #hash $dollar \"quotes\"\n```\n", "一つの観測点では全体は見えません。\n\n1. 国内のセンサー\n2. 国外のセンサー\n\n### 問い合わせ\n\n```sql\nSELECT sensor, port, sum(packets) AS packets -- パケット数\nFROM hourly\nGROUP BY sensor, port\n```\n"))],
        sections: Vec::new(),
    };
    Section {
        id: "phenomena".to_owned(),
        title: say.of("Notable phenomena", "注目された現象"),
        numbered: true,
        blocks: vec![Block::Paragraph(vec![Inline::Text(say.of(
            "Traffic with the mark of Mirai, and what differs between places.",
            "Miraiの特徴をもつパケットと、観測点による違いを取り上げます。",
        ))])],
        sections: vec![home, places],
    }
}

fn wide_table(say: Say) -> Table {
    let ports = [
        "23/TCP (telnet)",
        "6379/TCP (redis)",
        "22/TCP (ssh)",
        "ICMP",
        "80/TCP (http)",
        "443/TCP (https)",
        "8080/TCP (http-alt)",
    ];
    let rows = (0..34_usize)
        .map(|n| {
            vec![
                format!("sensor-{:02}", n + 1),
                say.of(if n % 3 == 0 { "home" } else { "abroad" }, if n % 3 == 0 { "国内" } else { "国外" }),
                ports[n % 7].to_owned(),
                ports[(n * 3 + 1) % 7].to_owned(),
                format!("{}.{}", 20 + (n * 37) % 61, n % 10),
                format!("{},{:03}", 11 + (n * 91) % 800, (n * 377) % 1000),
            ]
        })
        .collect();
    Table {
        id: "places-ports".to_owned(),
        caption: say.of("First and second port by sensor", "センサー別の宛先ポート番号"),
        columns: vec![
            (say.of("Sensor", "センサー"), Align::Left),
            (say.of("Group", "区分"), Align::Left),
            (say.of("First", "1位"), Align::Left),
            (say.of("Second", "2位"), Align::Left),
            (say.of("Share (%)", "割合（％）"), Align::Right),
            (say.of("Packets", "パケット数"), Align::Right),
        ],
        rows,
        note: Some(say.of(
            "Rates are per sensor-day that was really observed.",
            "実際に観測した日数あたりの値です。",
        )),
        data: None,
    }
}

fn references(say: Say) -> Section {
    Section {
        id: "references".to_owned(),
        title: say.of("References", "参考文献"),
        numbered: true,
        blocks: vec![Block::References(vec![
            Reference {
                number: 1,
                date: String::new(),
                text: say.of(
                    "Service Name and Transport Protocol Port Number Registry",
                    "Service Name and Transport Protocol Port Number Registry",
                ),
                source: "IANA".to_owned(),
                url: Some("https://www.iana.org/assignments/service-names-port-numbers/service-names-port-numbers.xhtml".to_owned()),
            },
            Reference {
                number: 2,
                date: say.of("20 May 2022", "2022年5月20日"),
                text: say.of(
                    "Firmware update of a video recorder withdrawn",
                    "ビデオレコーダーのファームウエア更新が取り下げられる",
                ),
                source: say.of("Maker", "製造者"),
                url: Some("https://example.org/advisory".to_owned()),
            },
        ])],
        sections: Vec::new(),
    }
}

fn appendix(say: Say) -> Section {
    Section {
        id: "quality".to_owned(),
        title: say.of("Appendix: data quality", "付録：データの品質"),
        numbered: false,
        blocks: vec![Block::Facts(facts(&[&say.of(
            "Of 2,184 sensor-days 2,178 were observed; the kernel dropped 0.02 % of the packets.",
            "2,184センサー日のうち2,178センサー日を観測しました。カーネルは0.02％のパケットを取りこぼしました。",
        )]))],
        sections: Vec::new(),
    }
}

fn facts(sentences: &[&str]) -> Vec<Fact> {
    sentences
        .iter()
        .map(|text| Fact {
            text: (*text).to_owned(),
            finding: "f".to_owned(),
            data: None,
        })
        .collect()
}

const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#b5579a", "#a87900"];

/// A figure like those of the program: daily values thin, their mean bold, names at the line ends.
fn chart(say: Say, id: &str, caption: &str, lines: u32) -> Figure {
    let fonts = "'Noto Sans', 'Noto Sans CJK JP', 'Noto Sans JP', sans-serif";
    let mut svg =
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{id}\" viewBox=\"0 0 960 410\" font-family=\"{fonts}\" font-size=\"16\">");
    svg.push_str(&frame(say));
    for (place, colour) in (0..lines).zip(COLOURS) {
        svg.push_str(&line(say, id.starts_with("ports"), place, colour));
    }
    svg.push_str(
        "<path d=\"M463 48V370\" stroke=\"#3a434d\" stroke-dasharray=\"3 3\"/><circle cx=\"463\" cy=\"48\" r=\"11\" fill=\"#3a434d\"/>",
    );
    svg.push_str("<text x=\"463\" y=\"54\" fill=\"#fff\" text-anchor=\"middle\">2</text></svg>");
    Figure {
        id: id.to_owned(),
        caption: caption.to_owned(),
        svg,
        alt: say.of(
            "Line chart: packets per day, April to June 2022, with 7-day means.",
            "折れ線グラフ：2022年4月から6月までの1日あたりのパケット数と7日移動平均。",
        ),
        note: Some(say.of(
            "Days without observation are left out. Marks refer to the references.",
            "観測していない日は線を切っています。丸数字は参考文献の番号です。",
        )),
        data: None,
    }
}

/// Grid and words around the lines.
fn frame(say: Say) -> String {
    let head = say.of(
        "packets a day (thin line: each day, bold line: 7-day mean)",
        "1日あたりのパケット数（細線：日ごと、太線：7日移動平均）",
    );
    let mut svg = format!("<rect width=\"960\" height=\"410\" fill=\"#fff\"/><text x=\"18\" y=\"22\" fill=\"#59626c\">{head}</text>");
    for tick in 0..6_u32 {
        let (y, value) = (370 - 64 * tick, tick * 500);
        let text = format!("<text x=\"54\" y=\"{}\" text-anchor=\"end\" fill=\"#59626c\">{value}</text>", y + 5);
        svg.push_str(&format!("<path d=\"M62 {y}H790\" stroke=\"#e4e7eb\"/>{text}"));
    }
    for (x, english, japanese) in [(66, "Apr", "4月"), (308, "May", "5月"), (550, "Jun", "6月")] {
        let name = say.of(english, japanese);
        svg.push_str(&format!(
            "<text x=\"{x}\" y=\"395\" font-weight=\"bold\" fill=\"#59626c\">{name}</text>"
        ));
    }
    svg
}

/// One line, thin and bold, with its name.
fn line(say: Say, ports: bool, place: u32, colour: &str) -> String {
    let value = |day: u32| f64::from(330 - 58 * place) - 24.0 * (f64::from(day) / 9.0 + f64::from(place)).sin();
    let noise = |day: u32| f64::from((day * 7919 + place * 104_729) % 31) - 15.0;
    let points = |share: f64| {
        let point = |day| format!("{:.1},{:.1}", 66.0 + 8.0 * f64::from(day), value(day) + share * noise(day));
        (0..91_u32).map(point).collect::<Vec<_>>().join(" ")
    };
    let (port, english, japanese) = match place {
        0 => ("23/TCP (telnet)", "United States", "米国"),
        1 => ("6379/TCP (redis)", "China", "中国"),
        2 => ("22/TCP (ssh)", "Netherlands", "オランダ"),
        3 => ("ICMP", "Bulgaria", "ブルガリア"),
        _ => ("80/TCP (http)", "Japan", "日本"),
    };
    let name = if ports { port.to_owned() } else { say.of(english, japanese) };
    let (daily, mean, y) = (points(1.0), points(0.0), value(90) + 5.0);
    format!(
        "<polyline points=\"{daily}\" fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"0.5\"/>\
         <polyline points=\"{mean}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"3\"/>\
         <text x=\"800\" y=\"{y:.1}\" fill=\"{colour}\">{name}</text>"
    )
}

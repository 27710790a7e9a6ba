//! Bar charts and ranks for tests: ordinary ones and odd ones.

use super::super::super::bars::{Bar, Bars, Form, Part};
use super::super::super::ranks::{Ranked, Ranks};
use crate::period::Lang;

pub(super) fn shares(lang: Lang) -> Bars {
    let (title, unit, names, rows) = match lang {
        Lang::English => (
            "Source regions",
            "source addresses, distinct a day, added up",
            ["China", "Brazil", "<India>", "Egypt"],
            ["with the mark", "all traffic"],
        ),
        Lang::Japanese => (
            "送信元地域別割合",
            "延べ送信元アドレス数",
            ["中国", "ブラジル", "<インド>", "エジプト"],
            ["Miraiの特徴あり", "全体"],
        ),
    };
    let mut chart = Bars::new(title, unit, Form::Shares, lang);
    chart.parts = names.map(Part::new).to_vec();
    for (name, values, of) in [
        (rows[0], [3_000.0, 1_500.0, 1_000.0, 10.0], 8_000.0),
        (rows[1], [20_000.0, 9_000.0, 500.0, 7_000.0], 50_000.0),
    ] {
        let mut row = Bar::new(name, &values);
        row.of = Some(of);
        chart.rows.push(row);
    }
    chart
}

pub(super) fn grouped(lang: Lang) -> Bars {
    let shares = shares(lang);
    let mut chart = Bars::new(shares.title.clone(), shares.unit.clone(), Form::Grouped, lang);
    for row in &shares.rows {
        let mut part = Part::new(row.name.clone());
        part.of = row.of;
        chart.parts.push(part);
    }
    for (number, part) in shares.parts.iter().enumerate() {
        let values = shares.rows.iter().map(|row| row.values[number]).collect();
        chart.rows.push(Bar {
            name: part.name.clone(),
            of: None,
            values,
        });
    }
    chart
}

pub(super) fn ranks(lang: Lang) -> Ranks {
    let item = |name: &str, before, now| Ranked {
        name: name.to_owned(),
        before,
        now,
    };
    let (title, before, now) = match lang {
        Lang::English => ("Ports", "January–March 2022", "April–June 2022"),
        Lang::Japanese => ("宛先ポート", "2022年1月～3月", "2022年4月～6月"),
    };
    Ranks {
        title: title.to_owned(),
        before: before.to_owned(),
        now: now.to_owned(),
        items: vec![
            item("23/TCP (telnet)", Some(1), Some(1)),
            item("6379/TCP (redis)", Some(10), Some(2)),
            item("22/TCP <ssh>", Some(2), Some(3)),
            item("ICMP", None, Some(4)),
            item("445/TCP", Some(3), None),
        ],
        lang,
    }
}

/// Bar charts at the edges.
pub(super) fn odd_bars() -> Vec<Bars> {
    let mut all = Vec::new();
    for form in [Form::Shares, Form::Grouped] {
        let chart = |parts: usize, rows: Vec<Vec<Option<f64>>>| {
            let mut chart = Bars::new("title", "unit", form, Lang::Japanese);
            chart.parts = (0..parts).map(|part| Part::new(format!("part {part}"))).collect();
            let rows = rows.into_iter().enumerate();
            chart.rows = rows
                .map(|(number, values)| Bar {
                    name: format!("row {number}"),
                    of: None,
                    values,
                })
                .collect();
            chart
        };
        let mut hostile = chart(3, vec![vec![Some(1.0), Some(2.0)]; 3]);
        hostile.title = "]]><script>alert('x')</script>&\u{0}\u{202e}\u{ffff}".repeat(50);
        hostile.parts[0].name = "<b>&amp;\u{7}".repeat(500);
        hostile.parts[1].of = Some(f64::NAN);
        hostile.rows[0].name = "\"\n<!--العربية🦠".repeat(100);
        hostile.rows[1].of = Some(f64::INFINITY);
        hostile.rows[2].of = Some(-1.0);
        all.extend([
            hostile,
            chart(0, vec![]),
            chart(2, vec![]),
            chart(0, vec![vec![Some(1.0)]]),
            chart(2, vec![vec![], vec![Some(0.0), Some(0.0)]]),
            chart(2, vec![vec![Some(f64::NAN), Some(-1.0)], vec![Some(f64::MAX), Some(1e100)]]),
            chart(500, vec![vec![Some(1e100); 500]; 3]),
            chart(30, vec![vec![Some(7.0); 30]; 500]),
            chart(1, vec![vec![Some(1e-300)], vec![Some(3.0)]]),
        ]);
    }
    all.extend([
        shares(Lang::English),
        shares(Lang::Japanese),
        grouped(Lang::English),
        grouped(Lang::Japanese),
    ]);
    all
}

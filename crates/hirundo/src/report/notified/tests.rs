//! What is taken, and what is refused with which line.

use super::*;

const HEAD: &str = "notified,address,kind,recipient,reason\n";

fn one(row: &str) -> Entry {
    let notified = Notified::parse(&format!("{HEAD}{row}\n")).unwrap();
    notified.entries.into_iter().next().unwrap()
}

fn check(text: &str, expected: &[(u32, &str)]) {
    let faults = Notified::parse(text).unwrap_err();
    let lines: Vec<u32> = faults.iter().map(NotifiedError::line).collect();
    assert_eq!(
        lines,
        expected.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
        "{text:?}: {faults:?}"
    );
    for (fault, (_, says)) in faults.iter().zip(expected) {
        let message = fault.to_string();
        assert!(
            message.contains(says) && message.contains("; hint: "),
            "{message:?} does not say {says:?}"
        );
    }
}

#[test]
fn rows_are_read() {
    let entry = one("2022-05-10,203.0.113.7,ISP,\"Example \"\"Telecom\"\", Inc.\",Mirai");
    assert_eq!((entry.day.to_date().to_string(), entry.line), ("2022-05-10".to_owned(), 2));
    assert_eq!(entry.recipient, Recipient::Provider);
    assert_eq!(entry.name.as_deref(), Some("Example \"Telecom\", Inc."));
    assert!(!entry.is_simulated);
    // The lake's days are those of UTC.
    for (time, day) in [
        ("2022-05-10T08:59:59+09:00", "2022-05-09"),
        ("2022-05-10T09:00:00+09:00", "2022-05-10"),
        ("2022-05-10T23:59:59Z", "2022-05-10"),
    ] {
        assert_eq!(one(&format!("{time},203.0.113.7,csirt,,")).day.to_date().to_string(), day, "{time}");
    }
    let entry = one("2022-05-10, ::ffff:203.0.113.7 ,other,, Simulated");
    assert_eq!(
        (entry.address.to_string().as_str(), entry.name, entry.is_simulated),
        ("203.0.113.7", None, true)
    );
    let other_order = "# ours\n\nkind,address,notified\r\nvendor,2001:db8::7,2022-05-10\r\n";
    let entry = &Notified::parse(other_order).unwrap().entries[0];
    assert_eq!((entry.line, entry.recipient), (4, Recipient::Vendor));
    for empty in ["", "# nothing yet\n", HEAD] {
        assert_eq!(Notified::parse(empty), Ok(Notified::default()), "{empty:?}");
    }
}

#[test]
fn what_is_wrong_has_its_line() {
    check("notified,address\n", &[(1, "no column `kind`")]);
    check("notified,address,kind,kind\n", &[(1, "twice")]);
    check("notified,adress,kind\n", &[(1, "address")]);
    check("notified,address,\"kind\n", &[(1, "does not end")]);
    check(
        &format!(
            "{HEAD}2022-13-10,203.0.113.7,isp,,\n2022-05-10T09:00:00,203.0.113.7,isp,,\n2022-05-10,203.0.113.0/24,isp,,\n\
             2022-05-10,203.0.113.7,ips,,\n2022-05-10,203.0.113.7,isp\n2022-05-10,203.0.113.7,isp,\"a\"b,\n2022-05-10,203.0.113.7,isp,a\"b,\n\
             2022-05-10,203.0.113.7,isp,,\n2022-05-10,203.0.113.7,isp,{},\n2022-05-10,203.0.113.7,isp,,a\u{202e}b\n",
            "x".repeat(201)
        ),
        &[
            (2, "`2022-13-10` as `notified`"),
            (3, "with its zone"),
            (4, "`203.0.113.0/24` as `address`"),
            (5, "isp"),
            (6, "3 fields and the head 5"),
            (7, "other than a comma"),
            (8, "double quote"),
            (10, "at most 200 letters"),
            (11, "control character"),
        ],
    );
}

#[test]
fn everything_is_bounded() {
    check(&"#".repeat(FILE_BYTES_MAX + 1), &[(0, "16777217 bytes")]);
    let many = format!("{HEAD}{}", "x\n".repeat(1_000));
    assert_eq!(Notified::parse(&many).unwrap_err().len(), parse::FAULTS_MAX);
    let row = "2022-05-10,203.0.113.7,isp,,\n";
    let full = format!("{HEAD}{}", row.repeat(ENTRIES_MAX));
    assert_eq!(Notified::parse(&full).unwrap().entries.len(), ENTRIES_MAX);
    check(
        &(full + row),
        &[(u32::try_from(ENTRIES_MAX).unwrap() + 2, "cannot take more than 200000")],
    );
    let value = format!("{HEAD}{}\u{7},203.0.113.7,isp,,\n", "9".repeat(5_000));
    let message = Notified::parse(&value).unwrap_err()[0].to_string();
    assert!(message.len() < 400 && !message.contains('\u{7}'), "{message}");
}

#[test]
fn the_first_notification_of_an_address_counts() {
    let rows = "2022-05-12,203.0.113.7,isp,,\n2022-05-10,203.0.113.7,csirt,,\n2022-05-10,203.0.113.7,owner,,\n\
                2022-03-31,203.0.113.7,isp,,\n2022-05-11,203.0.113.8,isp,,\n2022-07-01,203.0.113.9,isp,,\n";
    let notified = Notified::parse(&format!("{HEAD}{rows}")).unwrap();
    let period = Period::parse("2022Q2", Day(20_000)).unwrap().unwrap();
    let lines: Vec<u32> = notified.first_in(&period).iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [3, 6]);
}

//! Scenarios from outside: what is wrong is refused, with the place named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use hirundo_simulator::{Day, PACKETS_MAX, SHIPPED, Scenario, SimulatorError, simulate};

/// A small scenario that is right.
const GOOD: &str = r#"
version = 1
name = "good"
description = "one sensor, one population"
first_day = "2022-04-01"
last_day = "2022-04-02"
packets_max = 1000

[[sensors]]
name = "a"
group = "home"
region = "JP"
addresses = ["198.18.0.1"]
prefers = { "23/tcp" = 2 }
outages = [{ from = "2022-04-01T01:00", to = "2022-04-01T02:00" }]

[[populations]]
name = "p"
tool = "linux"
packets = [["2022-04-01", 10], ["2022-04-02", 20]]
sources = 5
regions = { CN = 1, US = 2 }
ports = { "23/tcp" = 1, "any/tcp" = 0.5 }

[[surveys]]
name = "s"
tool = "zmap"
region = "US"
addresses = 2
every_hours = 12
ports = ["80/tcp"]

[[planted]]
what = "total"
direction = "rise"
from = "2022-04-01"
to = "2022-04-02"
note = "more"
"#;

/// Checks that GOOD with `old` replaced by `new` is refused with a message that has `expected` in it.
fn check(old: &str, new: &str, expected: &str) {
    assert_eq!(GOOD.matches(old).count(), 1, "{old:?} must stand in the scenario once");
    let error = Scenario::parse(&GOOD.replace(old, new)).unwrap_err().to_string();
    assert!(error.contains(expected), "{new:?}: {error}");
}

#[test]
fn the_good_one_is_good() {
    let scenario = Scenario::parse(GOOD).unwrap();
    assert_eq!(scenario.days().collect::<Vec<_>>(), [Day(19_083), Day(19_084)]);
    assert_eq!(scenario.hash().len(), 16);
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn wrong_scenarios_are_refused() {
    for (old, new, expected) in [
        ("version = 1", "version = 2", "reads version 1"),
        ("version = 1", "version = 1\nverbose = true", "unknown field `verbose`"),
        ("sources = 5", "sources = 5\nspeed = 9", "unknown field `speed`"),
        ("description =", "describtion =", "unknown field"),
        ("\"2022-04-02\"\npackets_max", "\"2022-03-31\"\npackets_max", "last_day"),
        ("\"2022-04-02\"\npackets_max", "\"2029-03-31\"\npackets_max", "last_day"),
        ("first_day = \"2022-04-01\"", "first_day = \"2022-4-1\"", "no date"),
        ("packets_max = 1000", "packets_max = 0", "packets_max"),
        ("packets_max = 1000", "packets_max = 99999999999", "packets_max"),
        ("name = \"a\"", "name = \"../a\"", "a-z, 0-9 and hyphen"),
        ("name = \"a\"", "name = \"\"", "a-z, 0-9 and hyphen"),
        ("name = \"s\"", "name = \"p\"", "twice"),
        ("region = \"JP\"", "region = \"XX\"", "unknown region"),
        ("addresses = [\"198.18.0.1\"]", "addresses = []", "number of addresses"),
        ("\"198.18.0.1\"", "\"198.18.0.1\", \"198.18.0.0/30\"", "share addresses"),
        ("\"198.18.0.1\"", "\"198.18.0.1/30\"", "boundary"),
        ("\"198.18.0.1\"", "\"198.18.0.0/8\"", "20 to 32"),
        ("\"198.18.0.1\"", "\"10.0.0.1\"", "simulated sources use"),
        ("\"198.18.0.1\"", "\"2001:db8::1\"", "no IPv4 address"),
        ("prefers = { \"23/tcp\" = 2 }", "prefers = { \"any/tcp\" = 2 }", "cannot prefer"),
        ("prefers = { \"23/tcp\" = 2 }", "prefers = { \"23/tcp\" = -2 }", "from 0 to 1000"),
        ("to = \"2022-04-01T02:00\"", "to = \"2022-04-01T00:30\"", "after `from`"),
        ("to = \"2022-04-01T02:00\"", "to = \"soon\"", "YYYY-MM-DDTHH:MM"),
        ("tool = \"linux\"", "tool = \"wormscan\"", "unknown variant"),
        ("tool = \"linux\"", "tool = \"udp\"", "udp cannot send to"),
        ("[\"2022-04-02\", 20]", "[\"2022-04-01\", 20]", "must rise"),
        ("[\"2022-04-02\", 20]", "[\"2022-04-02\", -1]", "from 0"),
        ("[\"2022-04-02\", 20]", "[\"2022-04-02\", nan]", "from 0"),
        ("sources = 5", "sources = \"five\"", "a number or a list"),
        ("regions = { CN = 1, US = 2 }", "regions = {}", "no region has a share"),
        ("regions = { CN = 1, US = 2 }", "regions = { CN = 0 }", "no region has a share"),
        ("sources = 5", "sources = 5\nsource_shares = { CN = 1 }", "leaves out \"US\""),
        (
            "sources = 5",
            "sources = 5\nsource_shares = { CN = 1, US = 1, GB = 1 }",
            "names \"GB\"",
        ),
        ("sources = 5", "sources = 5\nsensors = [\"b\"]", "no sensor and no group"),
        ("sources = 5", "sources = 5\nsensors = []", "reaches no sensor"),
        ("sources = 5", "sources = 5\nlease_days = 0", "lease_days"),
        ("ports = { \"23/tcp\" = 1, \"any/tcp\" = 0.5 }", "ports = {}", "number of ports"),
        (
            "ports = { \"23/tcp\" = 1, \"any/tcp\" = 0.5 }",
            "ports = { \"23/tcp\" = 0 }",
            "no port has a weight",
        ),
        (
            "ports = { \"23/tcp\" = 1, \"any/tcp\" = 0.5 }",
            "ports = { \"65536/tcp\" = 1 }",
            "is no port",
        ),
        ("tool = \"zmap\"", "tool = \"mirai\"", "nobody surveys"),
        ("every_hours = 12", "every_hours = 0", "every_hours"),
        ("direction = \"rise\"", "direction = \"cross\"", "`against`"),
    ] {
        check(old, new, expected);
    }
    let long = format!("{GOOD}# {}", "x".repeat(1 << 20));
    assert!(Scenario::parse(&long).unwrap_err().to_string().contains("longer than"));
}

#[test]
fn too_many_packets_stop_the_simulation() {
    let text = GOOD.replace("packets_max = 1000", "packets_max = 15");
    let folder = tempfile::tempdir().unwrap();
    let error = simulate(&Scenario::parse(&text).unwrap(), 1, folder.path(), &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, SimulatorError::TooManyPackets { day, .. } if day == "2022-04-02"),
        "{error}"
    );
    // The largest curve there can be is refused before memory is taken for it.
    let text = GOOD.replace("[\"2022-04-02\", 20]", "[\"2022-04-02\", 10000000]");
    let error = simulate(&Scenario::parse(&text).unwrap(), 1, &folder.path().join("b"), &mut |_| {}).unwrap_err();
    assert!(matches!(error, SimulatorError::TooManyPackets { .. }), "{error}");
    assert_eq!(PACKETS_MAX, 20_000_000);
}

#[test]
fn shipped_scenarios_read_well() {
    assert_eq!(SHIPPED.len(), 7);
    for (name, _) in SHIPPED {
        let scenario = Scenario::shipped(name).unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(scenario.name, *name);
        assert!(!scenario.description.is_empty() && !scenario.planted.is_empty(), "{name}");
    }
    assert!(Scenario::shipped("no-such").is_none());
}

//! Certificate, centre and spool.

use super::machine::{bytes, told};
use super::{Certificate, Parts, Row, Site};

/// A certificate is renewed when a third of its 30 days is left; with less than this, that has failed for long.
const DAYS_LEFT_MIN: i64 = 7;
/// Clocks that differ by more are told; by far more, the centre holds back what the sensor sends.
const OFFSET_US_WARN: i64 = 1_000_000;
const OFFSET_US_FAIL: i64 = 300_000_000;
/// What waits for longer is told.
const WAIT_SECS_MAX: i64 = 3_600;
const DAY_SECS: i64 = 86_400;

/// Is there one, and for how long?
pub(super) fn certificate(parts: &dyn Parts, now_us: i64) -> Row {
    const NAME: &str = "certificate";
    match parts.certificate() {
        Err(error) => told(NAME, &error),
        Ok(None) => Row::fail(
            NAME,
            "this sensor is not enrolled",
            "ask the centre for a token (`hirundo sensor add NAME` there), then `hirundo-sensor enroll TOKEN` here",
        ),
        Ok(Some(found)) => judge_certificate(NAME, &found, now_us),
    }
}

fn judge_certificate(name: &str, found: &Certificate, now_us: i64) -> Row {
    let left = found.not_after_secs.saturating_sub(now_us / 1_000_000);
    let days = left / DAY_SECS;
    let sensor = &found.sensor;
    if left <= 0 {
        return Row::fail(
            name,
            format!("that of {sensor} has run out"),
            "is the clock right? ask the centre for a new token and enrol again with --force; what is in the spool is kept",
        );
    }
    let text = format!("{sensor}, good for {days} more days");
    if days < DAYS_LEFT_MIN {
        return Row::warn(
            name,
            text,
            "the sensor renews it by itself while it runs; `journalctl -u hirundo-sensor` says why it did not",
        );
    }
    Row::ok(name, text)
}

/// Can each be reached, and what time is it there?
pub(super) fn centres(site: &Site, parts: &dyn Parts) -> Vec<Row> {
    const NAME: &str = "centre";
    if site.offline {
        return vec![Row::warn(NAME, "not asked (--offline)", "leave --offline out to ask it")];
    }
    if let Ok(None) = parts.certificate() {
        return vec![Row::warn(NAME, "not asked, because this sensor is not enrolled", "enrol first")];
    }
    let asked = match parts.ask_centres() {
        Ok(asked) => asked,
        Err(error) => return vec![told(NAME, &error)],
    };
    if asked.is_empty() {
        return vec![Row::fail(NAME, "no centre is known", "enrol, or name one in [uplink] centres")];
    }
    let row = |asked: &super::Asked| match &asked.answer {
        Err(error) => told(NAME, &format!("{}: {error}", asked.centre)),
        Ok((offset_us, took)) => {
            let found = format!(
                "{} answers in {} ms; its clock is {} ms {} ours",
                asked.centre,
                took.as_millis(),
                offset_us.unsigned_abs() / 1_000,
                if *offset_us < 0 { "behind" } else { "ahead of" }
            );
            let hint = "see to the clock first: the centre holds back packets from the future or far past";
            match offset_us.saturating_abs() {
                OFFSET_US_FAIL.. => Row::fail(NAME, found, hint),
                OFFSET_US_WARN.. => Row::warn(NAME, found, hint),
                _ => Row::ok(NAME, found),
            }
        }
    };
    asked.iter().map(row).collect()
}

/// What waits in the spool?
pub(super) fn backlog(parts: &dyn Parts, now_us: i64) -> Row {
    const NAME: &str = "spool";
    let waiting = match parts.waiting() {
        Err(error) => return told(NAME, &error),
        Ok(None) => return Row::ok(NAME, "there is none yet"),
        Ok(Some(waiting)) => waiting,
    };
    let found = format!(
        "{} batches wait, {} of {}",
        waiting.batches,
        bytes(waiting.bytes),
        bytes(waiting.bytes_max)
    );
    let age_secs = now_us.saturating_sub(waiting.oldest_us) / 1_000_000;
    if waiting.batches > 0 && waiting.oldest_us > 0 && age_secs > WAIT_SECS_MAX {
        return Row::warn(
            NAME,
            format!("{found}; the oldest for {} hours", age_secs / 3_600),
            "the rows about certificate and centre say why; if these are well, `journalctl -u hirundo-sensor`",
        );
    }
    if waiting.rejected > 0 {
        return Row::warn(
            NAME,
            format!("{found}; the centre refused {}", waiting.rejected),
            "ask the centre's operator why; they are kept aside in the spool",
        );
    }
    Row::ok(NAME, found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Asked, State};
    use super::*;
    use crate::outbox::Waiting;

    struct Fake {
        offset_us: i64,
        waiting: Waiting,
    }

    impl Parts for Fake {
        fn open_ring(&self, _: &str) -> Result<String, String> {
            Ok(String::new())
        }
        fn certificate(&self) -> Result<Option<Certificate>, String> {
            Ok(Some(Certificate {
                sensor: "jp-01".to_owned(),
                not_after_secs: i64::MAX,
            }))
        }
        fn ask_centres(&self) -> Result<Vec<Asked>, String> {
            let answer = if self.offset_us == i64::MAX {
                Err("refused; hint: is it running?".to_owned())
            } else {
                Ok((self.offset_us, Duration::from_millis(9)))
            };
            Ok(vec![Asked {
                centre: "https://centre:8443".to_owned(),
                answer,
            }])
        }
        fn waiting(&self) -> Result<Option<Waiting>, String> {
            Ok(Some(self.waiting))
        }
    }

    #[test]
    fn a_certificate_is_told_in_time() {
        let now_us = 1_000 * DAY_SECS * 1_000_000;
        let state = |days: i64| {
            let found = Certificate {
                sensor: "jp-01".to_owned(),
                not_after_secs: (1_000 + days) * DAY_SECS,
            };
            judge_certificate("certificate", &found, now_us).state
        };
        assert_eq!(
            [30, 7, 6, 0, -1].map(state),
            [State::Ok, State::Ok, State::Warn, State::Fail, State::Fail]
        );
    }

    #[test]
    fn a_centre_s_clock_is_compared() {
        let state = |offset_us| {
            let parts = Fake {
                offset_us,
                waiting: Waiting::default(),
            };
            let rows = centres(&Site::default(), &parts);
            assert_eq!(rows.len(), 1);
            (rows[0].state, rows[0].found.clone())
        };
        assert_eq!(state(40_000).0, State::Ok);
        assert_eq!(state(-2_000_000).0, State::Warn);
        assert!(state(-2_000_000).1.contains("2000 ms behind"));
        assert_eq!(state(i64::MIN).0, State::Fail);
        assert_eq!(state(i64::MAX).0, State::Fail);
    }

    #[test]
    fn what_waits_for_long_is_told() {
        let now_us = 1_700_000_000_000_000;
        let state = |batches, age_secs: i64, rejected| {
            let waiting = Waiting {
                batches,
                oldest_us: now_us - age_secs * 1_000_000,
                rejected,
                ..Waiting::default()
            };
            backlog(&Fake { offset_us: 0, waiting }, now_us).state
        };
        assert_eq!(state(3, 60, 0), State::Ok);
        assert_eq!(state(3, 7_300, 0), State::Warn);
        assert_eq!(state(0, 7_300, 0), State::Ok);
        assert_eq!(state(0, 0, 1), State::Warn);
    }
}

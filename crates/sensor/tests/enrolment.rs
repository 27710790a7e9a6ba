//! How a sensor comes to its certificate and to the next one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod uplink_support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hirundo_packet::wire;
use hirundo_sensor::clock;
use hirundo_sensor::identity::{Error, Identity, enroll, parse_token};
use uplink_support::*;

const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";

fn written(token: &wire::Token) -> String {
    format!(
        "{}{}",
        wire::TOKEN_PREFIX,
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap())
    )
}

fn token(authority: &Authority, centres: &[String]) -> wire::Token {
    wire::Token {
        version: wire::VERSION,
        centres: centres.to_vec(),
        sensor: SENSOR.to_owned(),
        ca_sha256: authority.sha256(),
        secret: SECRET.to_owned(),
    }
}

/// What a centre answers to a request for a certificate.
fn certified(authority: &Authority, csr: &str, name: &str, validity: Validity, centres: Vec<String>) -> wire::EnrollResponse {
    wire::EnrollResponse {
        version: wire::VERSION,
        sensor: name.to_owned(),
        certificate: authority.certify(csr, name, validity),
        ca: authority.pem().to_owned(),
        centres,
        not_after_secs: 0,
    }
}

/// A centre that enrols and renews, and may change its answer before it goes out.
fn centre(authority: &Arc<Authority>, change: impl Fn(&mut wire::EnrollResponse) + Send + Sync + 'static) -> Centre {
    let ours = Arc::clone(authority);
    Centre::start(authority, move |asked| {
        let body = std::str::from_utf8(&asked.body).unwrap();
        let csr = match asked.path.as_str() {
            // Asked once before the body is there.
            wire::ENROLL_PATH | wire::RENEW_PATH if body.is_empty() => return Plan::good(&asked.path),
            wire::ENROLL_PATH => serde_json::from_str::<wire::EnrollRequest>(body).unwrap().csr,
            wire::RENEW_PATH => serde_json::from_str::<wire::RenewRequest>(body).unwrap().csr,
            path => return Plan::good(path),
        };
        let centres = vec![format!("https://{}", asked.authority)];
        let mut response = certified(&ours, &csr, SENSOR, Validity::FRESH, centres);
        change(&mut response);
        Plan::answer(200, serde_json::to_string(&response).unwrap())
    })
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_token_makes_an_identity_that_works() {
    let authority = Arc::new(Authority::new());
    let centre = centre(&authority, |_| {});
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    assert!(matches!(Identity::load(&state), Err(Error::Missing { .. })));
    let token = written(&token(&authority, &[centre.url()]));
    let identity = enroll(&format!(" {token}\n"), &state, &settings(), false).unwrap();
    assert_eq!((identity.sensor.as_str(), &identity.centres), (SENSOR, &vec![centre.url()]));
    assert_eq!(files(&state), ["identity.json"]);
    let mode = std::fs::metadata(state.join("identity.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let request: wire::EnrollRequest = serde_json::from_slice(&centre.asked()[0].body).unwrap();
    assert_eq!((request.sensor.as_str(), request.secret.as_str()), (SENSOR, SECRET));
    assert_eq!(centre.asked()[0].sensor, "", "without a certificate yet");

    let loaded = Identity::load(&state).unwrap();
    let now_secs = clock::now_us() / 1_000_000;
    assert!((29 * 86_400..=30 * 86_400).contains(&loaded.secs_left(now_secs)));
    assert!(!loaded.renewal_due(now_secs) && loaded.renewal_due(now_secs + 21 * 86_400) && loaded.renewal_due(i64::MAX));
    let outbox = TestOutbox::with(3, 100);
    let uplink = start(settings(), loaded, &outbox);
    until("all are stored", || outbox.left().is_empty());
    uplink.stop();
    assert_eq!(centre.batches()[0].sensor, SENSOR);

    // A second time only by force.
    let error = enroll(&token, &state, &settings(), false).unwrap_err();
    assert!(matches!(&error, Error::Exists { sensor, .. } if sensor == SENSOR), "{error}");
    assert!(error.to_string().contains("--force"), "{error}");
    let before = std::fs::read(state.join("identity.json")).unwrap();
    enroll(&token, &state, &settings(), true).unwrap();
    assert_ne!(std::fs::read(state.join("identity.json")).unwrap(), before);
    // One that has expired needs none.
    enrolled(&authority, &[centre.url()], Validity::EXPIRED, &state);
    enroll(&token, &state, &settings(), false).unwrap();
}

#[test]
fn nobody_but_the_token_s_centre_learns_the_secret() {
    let (ours, theirs) = (Arc::new(Authority::new()), Arc::new(Authority::new()));
    let stranger = centre(&theirs, |_| {});
    let folder = tempfile::tempdir().unwrap();
    let token = written(&token(&ours, &[stranger.url()]));
    let error = enroll(&token, folder.path(), &settings(), false).unwrap_err().to_string();
    assert!(error.contains("; hint: this is not the centre"), "{error}");
    assert!(!error.contains(SECRET));
    assert_eq!(stranger.asked().len(), 0);
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn a_server_s_name_and_time_count_at_enrolment_too() {
    for (name, validity, expected) in [
        ("192.0.2.7", Validity::FRESH, "not valid for name"),
        ("127.0.0.1", Validity::EXPIRED, "expired"),
    ] {
        let authority = Authority::new();
        let options = Options {
            authority: &authority,
            name,
            validity,
            sensors_of: None,
        };
        let server = Centre::start_as(&options, |asked| Plan::good(&asked.path));
        let folder = tempfile::tempdir().unwrap();
        let token = written(&token(&authority, &[server.url()]));
        let error = enroll(&token, folder.path(), &settings(), false).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(server.asked().len(), 0);
    }
}

#[test]
fn the_next_centre_is_asked_when_the_first_is_away_but_not_when_it_refuses() {
    let authority = Arc::new(Authority::new());
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let works = centre(&authority, |_| {});
    let folder = tempfile::tempdir().unwrap();
    let first = token(&authority, &[format!("https://{away}"), works.url()]);
    enroll(&written(&first), folder.path(), &settings(), false).unwrap();

    let refuses = Centre::start(&authority, |_| {
        Plan::answer(403, "{\"error\":\"the token was used\",\"hint\":\"make another\"}")
    });
    let second = token(&authority, &[refuses.url(), works.url()]);
    let error = enroll(&written(&second), folder.path(), &settings(), true).unwrap_err().to_string();
    assert!(error.contains("answered 403: the token was used; hint: make another"), "{error}");
    assert_eq!(works.asked().len(), 1);
    assert!(Identity::load(folder.path()).is_ok(), "what there was is still there");
}

#[test]
fn answers_that_do_not_fit_are_not_kept() {
    let (ours, theirs) = (Arc::new(Authority::new()), Arc::new(Authority::new()));
    let (other_certificate, _) = ours.sensor(SENSOR, Validity::FRESH);
    let other_ca = theirs.pem().to_owned();
    let (foreign_certificate, _) = theirs.sensor(SENSOR, Validity::FRESH);
    type Change = Box<dyn Fn(&mut wire::EnrollResponse) + Send + Sync>;
    let changes: Vec<(&str, Change)> = vec![
        ("is for \"jp-02\"", Box::new(|response| response.sensor = "jp-02".to_owned())),
        ("version 2", Box::new(|response| response.version = 2)),
        (
            "for another key",
            Box::new(move |response| response.certificate = other_certificate.clone()),
        ),
        (
            "for another key",
            Box::new(move |response| response.certificate = foreign_certificate.clone()),
        ),
        ("token's CA", Box::new(move |response| response.ca = other_ca.clone())),
        ("no certificate", Box::new(|response| response.certificate = String::new())),
        (
            "damaged",
            Box::new(|response| response.certificate = response.certificate.replace("MII", "AAA")),
        ),
        ("no certificate", Box::new(|response| response.ca = String::new())),
        ("no centre", Box::new(|response| response.centres = Vec::new())),
        (
            "is no centre",
            Box::new(|response| response.centres = vec!["http://a:1".to_owned()]),
        ),
    ];
    for (expected, change) in changes {
        let centre = centre(&ours, change);
        let folder = tempfile::tempdir().unwrap();
        let token = written(&token(&ours, &[centre.url()]));
        let error = enroll(&token, folder.path(), &settings(), false).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}: expected {expected}");
        assert_eq!(files(folder.path()), [""; 0]);
    }
}

#[test]
fn validity_in_words() {
    for (secs, expected) in [
        (30 * 86_400, "30 days"),
        (30 * 86_400 - 1, "29 days"),
        (86_399, "23 h"),
        (-1, "certificate expired 0 h ago"),
        (-3 * 86_400, "certificate expired 3 days ago"),
        (i64::MIN, "certificate expired 106751991167300 days ago"),
    ] {
        assert_eq!(Identity::days(secs), expected);
    }
}

#[test]
fn texts_that_are_no_tokens() {
    let authority = Authority::new();
    let good = token(&authority, &["https://a.example:1".to_owned()]);
    assert_eq!(parse_token(&written(&good)).unwrap(), good);
    let changed = |change: fn(&mut wire::Token)| {
        let mut token = good.clone();
        change(&mut token);
        written(&token)
    };
    let whole = written(&good);
    for (text, expected) in [
        (String::new(), "begins otherwise"),
        ("hirundo2.abc".to_owned(), "begins otherwise"),
        (whole[..whole.len() - 9].to_owned(), "missing or changed"),
        (whole.replace("ey", "e y"), "missing or changed"),
        (format!("{whole}{}", "A".repeat(10_000)), "too long"),
        (changed(|token| token.version = 2), "another version"),
        (changed(|token| token.sensor = "../x".to_owned()), "not understood"),
        (changed(|token| token.centres.clear()), "not understood"),
        (changed(|token| token.ca_sha256 = "+1".repeat(32)), "not understood"),
        (changed(|token| token.ca_sha256.truncate(62)), "not understood"),
    ] {
        let error = parse_token(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains(SECRET));
    }
}

#[test]
fn a_file_that_is_damaged_or_open_to_others_is_told() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    let check = |change: &dyn Fn(String) -> String, mode: u32, expected: &str| {
        enrolled(&authority, &["https://a.example:1".to_owned()], Validity::FRESH, folder.path());
        let text = change(std::fs::read_to_string(&path).unwrap());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = Identity::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}: expected {expected}");
        assert!(!error.contains("MIG"), "{error}");
    };
    check(&|text| text, 0o644, "chmod 600");
    check(&|text| text[..100].to_owned(), 0o600, "damaged");
    check(&|text| text.replace("\"version\":1", "\"version\":2"), 0o600, "version is 2");
    check(&|text| text.replace("jp-01", "jp-02"), 0o600, "not for jp-02");
    check(&|text| text.replace("BEGIN PRIVATE", "BEGIN PUBLIC"), 0o600, "key is damaged");
    check(&|text| text.replace("https://", "http://"), 0o600, "is no centre");
    check(&|_| "x".repeat(300 << 10), 0o600, "damaged");
    let debug = format!(
        "{:?}",
        enrolled(&authority, &["https://a.example:1".to_owned()], Validity::FRESH, folder.path())
    );
    assert!(!debug.contains("PRIVATE"), "{debug}");
}

/// The certificate under which the last batch came.
fn serial(centre: &Centre) -> Vec<u8> {
    centre.batches().last().unwrap().certificate.clone()
}

#[test]
fn a_certificate_is_renewed_in_time_and_used_at_once() {
    let authority = Arc::new(Authority::new());
    let centre = centre(&authority, |_| {});
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::LATE, folder.path());
    let before = identity.not_after_secs;
    let outbox = TestOutbox::with(2, 100);
    let uplink = start(settings(), identity, &outbox);
    until("it is renewed", || uplink.state().not_after_secs > before);
    until("it is connected again", || uplink.state().connections == 2);
    outbox.put(2, 100);
    until("all are stored", || outbox.left().is_empty());
    uplink.stop();
    let renewed = Identity::load(folder.path()).unwrap();
    assert!(renewed.not_after_secs > before + 20 * 86_400);
    assert!(
        renewed.certificate.contains(&pem_body(&serial(&centre))),
        "the last batch came under the new one"
    );
    let renewals = centre.asked().iter().filter(|asked| asked.path == wire::RENEW_PATH).count();
    assert_eq!((renewals, files(folder.path())), (1, vec!["identity.json".to_owned()]));
}

/// Part of a certificate's PEM, enough to know it again.
fn pem_body(certificate: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(&certificate[..48])
}

#[test]
fn a_renewal_that_fails_leaves_the_certificate_as_it_is() {
    let authority = Arc::new(Authority::new());
    let centre = centre(&authority, |response| response.sensor = "other".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::LATE, folder.path());
    let file = std::fs::read(folder.path().join("identity.json")).unwrap();
    let outbox = TestOutbox::with(1, 100);
    let uplink = start(settings(), identity, &outbox);
    until("it was tried", || centre.asked().iter().any(|asked| asked.path == wire::RENEW_PATH));
    outbox.put(1, 100);
    until("all are stored", || outbox.left().is_empty());
    assert_eq!(uplink.state().connections, 1);
    uplink.stop();
    assert!(std::fs::read(folder.path().join("identity.json")).unwrap() == file);
}

#[test]
fn the_centre_s_clock_says_when_to_renew() {
    // Ours is 25 days behind: by it, the certificate is fresh.
    let authority = Arc::new(Authority::new());
    let ours = Arc::clone(&authority);
    let centre = Centre::start(&authority, move |asked| {
        let mut plan = match asked.path.as_str() {
            wire::RENEW_PATH if !asked.body.is_empty() => {
                let request: wire::RenewRequest = serde_json::from_slice(&asked.body).unwrap();
                let centres = vec!["https://127.0.0.1:1".to_owned()];
                let response = certified(&ours, &request.csr, SENSOR, Validity(-86_400, 60 * 86_400), centres);
                Plan::answer(200, serde_json::to_string(&response).unwrap())
            }
            path => Plan::good(path),
        };
        plan.ahead_us = 25 * 86_400 * 1_000_000;
        plan
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(1, 100);
    let uplink = start(settings(), identity, &outbox);
    until("it is renewed", || {
        Identity::load(folder.path()).unwrap().secs_left(clock::now_us() / 1_000_000) > 50 * 86_400
    });
    uplink.stop();
}

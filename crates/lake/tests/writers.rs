//! Several writers on one lake: threads and processes, the same pieces and others, killed on the way, beside
//! compaction and readers. Whatever happens, every piece is in the lake once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::StreamExt;
use hirundo_lake::names::{NoAtlas, World};
use hirundo_lake::seal::{Sealer, TableFile};
use hirundo_lake::segment::{DAY_US, Health, Segment};
use hirundo_lake::store::{Bucket, Store};
use hirundo_lake::{Committed, Committer, Error, Lake, Piece, PieceId, Session, compact, retain, verify};
use hirundo_packet::decode::Decoded;
use hirundo_packet::mark::MarkTable;
use hirundo_packet::{Packet, Present};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};

mod failing;

/// Packets of a piece.
const PACKETS: u64 = 20;
/// Days over which pieces are spread.
const DAYS: u64 = 3;
/// First of them.
const FIRST_DAY: i64 = 19_000;

/// Numbers in an order of their own.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The batch with these numbers, sealed.
fn sealed(numbers: &[u64]) -> (Vec<Piece>, Vec<TableFile>) {
    let marks = MarkTable::built_in();
    let mut segment = Segment::default();
    let mut pieces = Vec::new();
    for &number in numbers {
        segment.begin_piece();
        let sensor = segment.sensor("tokyo");
        let begin_us = (FIRST_DAY + i64::try_from(number % DAYS).unwrap()) * DAY_US + i64::try_from(number).unwrap() * 1_000_000;
        for n in 0..u32::try_from(PACKETS).unwrap() {
            let packet = Packet {
                time_us: begin_us + i64::from(n),
                src: 0x0a00_0000 + n,
                dst: 0x0b00_0001,
                dst_port: 23,
                src_port: 4000,
                proto: 6,
                ip_len: 40,
                tcp_flags: 2,
                tcp_seq: 1,
                present: Present(Present::PORTS.0 | Present::TCP.0),
                ..Packet::default()
            };
            segment.push_shipped(
                &Decoded {
                    packet,
                    ..Decoded::default()
                },
                sensor,
            );
        }
        let health = Health {
            begin_us,
            up: true,
            seen: PACKETS + 1,
            kept: PACKETS,
            unreadable: 1,
            dropped_kernel: 2,
            missed: 3,
            clock_skew_us: Some(-i64::try_from(number).unwrap()),
            ..Health::default()
        };
        segment.push_health(sensor, health);
        segment.keep_piece();
        pieces.push(Piece {
            id: PieceId::shipped(7, number, "tokyo"),
            origin: format!("batch {number}"),
            frames: PACKETS + 1,
            packets: PACKETS,
            unreadable: Default::default(),
        });
    }
    let world = World {
        atlas: &NoAtlas,
        marks: &marks,
    };
    (pieces, Sealer::new().unwrap().seal(&segment, world).unwrap())
}

/// Stores what of these numbers is not stored yet; how many that were.
fn store(committer: &mut Committer, mut numbers: Vec<u64>) -> usize {
    loop {
        let (pieces, files) = sealed(&numbers);
        match committer.commit(&pieces, &files).unwrap() {
            Committed::Stored => return numbers.len(),
            Committed::Known(known) => {
                assert!(!known.is_empty());
                numbers.retain(|&number| !known.contains(&PieceId::shipped(7, number, "tokyo")));
            }
        }
        if numbers.is_empty() {
            return 0;
        }
    }
}

/// Where a lake of a test is.
enum Place {
    Folder(tempfile::TempDir),
    Bucket(Arc<dyn ObjectStore>),
}

impl Place {
    fn folder() -> Place {
        Place::Folder(tempfile::tempdir().unwrap()).with_lake()
    }

    fn bucket() -> Place {
        Place::Bucket(Arc::new(InMemory::new())).with_lake()
    }

    fn with_lake(self) -> Place {
        Lake::create_in(self.store()).unwrap();
        self
    }

    /// As another process would open it.
    fn store(&self) -> Store {
        match self {
            Place::Folder(_) => Store::open(&self.path().as_path().into()).unwrap(),
            // Long enough for a reader of the tests.
            Place::Bucket(objects) => Store::Bucket(Bucket::over(Arc::clone(objects), Duration::from_secs(2)).unwrap()),
        }
    }

    fn lake(&self) -> Lake {
        Lake::of(self.store()).unwrap()
    }

    fn path(&self) -> PathBuf {
        match self {
            Place::Folder(folder) => folder.path().join("lake"),
            Place::Bucket(_) => panic!("a bucket has no path"),
        }
    }
}

/// The one row of whole numbers that a query gives.
fn numbers(lake: &Lake, sql: &str) -> Vec<i64> {
    let session = Session::open(lake, 1, 64 << 20).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batches = runtime.block_on(async { session.ask(sql, &[]).await.unwrap().all().await.unwrap() });
    let columns = batches[0].columns();
    let value = |column: &arrow::array::ArrayRef| {
        let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Int64).unwrap();
        column.as_primitive::<Int64Type>().value(0)
    };
    columns.iter().map(value).collect()
}

const SUMS: &str = "SELECT (SELECT count(*) FROM packets), coalesce((SELECT sum(packets) FROM hourly), 0), \
    coalesce((SELECT sum(packets) FROM daily), 0), coalesce((SELECT sum(packets) FROM ports), 0), \
    coalesce((SELECT sum(packets) FROM sources), 0), coalesce((SELECT sum(kept) FROM sensors), 0)";

/// All tables have each of so many pieces once, and everything agrees.
#[track_caller]
fn check(lake: &Lake, pieces: u64) {
    let packets = i64::try_from(pieces * PACKETS).unwrap();
    assert_eq!(numbers(lake, SUMS), [packets; 6]);
    let verified = verify::verify(lake, &mut |_| {}).unwrap();
    assert!(verified.is_sound(), "{:?} {:?}", verified.findings, verified.orphans);
    assert_eq!(verified.packets, pieces * PACKETS);
}

#[test]
fn what_is_stored_is_told_and_not_stored_again() {
    what_is_stored_is_told_and_not_stored_again_in(&Place::folder());
}

#[test]
fn what_is_stored_is_told_and_not_stored_again_in_a_bucket() {
    what_is_stored_is_told_and_not_stored_again_in(&Place::bucket());
}

fn what_is_stored_is_told_and_not_stored_again_in(place: &Place) {
    let lake = place.lake();
    let (mut one, mut other) = (lake.committer().unwrap(), lake.committer().unwrap());
    let (pieces, files) = sealed(&[1, 2]);
    assert_eq!(one.commit(&pieces, &files).unwrap(), Committed::Stored);
    let (more, more_files) = sealed(&[2, 3, 1]);
    let known = Committed::Known(vec![more[0].id.clone(), more[2].id.clone()]);
    assert_eq!(other.commit(&more, &more_files).unwrap(), known);
    check(&lake, 2);
    let (rest, rest_files) = sealed(&[3]);
    assert_eq!(other.commit(&rest, &rest_files).unwrap(), Committed::Stored);
    assert_eq!(
        one.commit(&more, &more_files).unwrap(),
        Committed::Known(more.iter().map(|piece| piece.id.clone()).collect())
    );
    assert!(matches!(
        one.commit(&[more[0].clone(), more[0].clone()], &[]),
        Err(Error::Twice { .. })
    ));
    check(&lake, 3);
}

#[test]
fn ingest_and_maintenance_are_alone_of_their_kind() {
    ingest_and_maintenance_are_alone_of_their_kind_in(&Place::folder());
}

#[test]
fn ingest_and_maintenance_are_alone_of_their_kind_in_a_bucket() {
    ingest_and_maintenance_are_alone_of_their_kind_in(&Place::bucket());
}

fn ingest_and_maintenance_are_alone_of_their_kind_in(place: &Place) {
    let lake = place.lake();
    let ingest = lake.writer().unwrap();
    assert!(matches!(lake.writer(), Err(Error::Busy { .. })));
    let maintainer = lake.maintainer().unwrap();
    assert!(matches!(lake.maintainer(), Err(Error::Busy { .. })));
    assert_eq!(store(&mut lake.committer().unwrap(), vec![1]), 1);
    drop((ingest, maintainer));
    lake.writer().unwrap();
    lake.maintainer().unwrap();
    check(&lake, 1);
}

/// The second to finish finds the pieces of the first; nothing is stored twice and nothing is lost.
#[test]
fn threads_store_each_piece_once_beside_compaction_and_readers() {
    threads_in(&Place::folder());
}

#[test]
fn threads_store_each_piece_once_beside_compaction_and_readers_in_a_bucket() {
    threads_in(&Place::bucket());
}

fn threads_in(place: &Place) {
    const PIECES: u64 = 120;
    const THREADS: u64 = 4;
    let done = AtomicBool::new(false);
    let (stored, compactions) = std::thread::scope(|scope| {
        let committing: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut committer = place.lake().committer().unwrap();
                    let mut dice = Dice(thread);
                    // Every thread has every piece, in an order of its own.
                    let mut left: Vec<u64> = (0..PIECES).collect();
                    let mut stored = 0;
                    while !left.is_empty() {
                        let some = 1 + dice.below(3).min(left.len() as u64 - 1);
                        let at = |dice: &mut Dice, left: &Vec<u64>| usize::try_from(dice.below(left.len() as u64)).unwrap();
                        let numbers: Vec<u64> = (0..some)
                            .map(|_| {
                                let at = at(&mut dice, &left);
                                left.swap_remove(at)
                            })
                            .collect();
                        stored += store(&mut committer, numbers);
                    }
                    stored
                })
            })
            .collect();
        let maintaining = scope.spawn(|| {
            let mut compactions = 0;
            while !done.load(Ordering::Relaxed) {
                let mut maintainer = place.lake().maintainer().unwrap();
                for day in compact::days(&maintainer, i64::MIN, i64::MAX, false).unwrap() {
                    compact::day(&mut maintainer, &MarkTable::built_in(), day).unwrap();
                    compactions += 1;
                }
            }
            compactions
        });
        let reading = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let lake = place.lake();
                let sums = numbers(&lake, SUMS);
                assert_eq!(sums, vec![sums[0]; 6], "a reader saw part of a batch or half a change");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let stored: usize = committing.into_iter().map(|thread| thread.join().unwrap()).sum();
        done.store(true, Ordering::Relaxed);
        reading.join().unwrap();
        (stored, maintaining.join().unwrap())
    });
    assert_eq!(stored as u64, PIECES);
    assert!(compactions > 0, "nothing was compacted meanwhile");
    check(&place.lake(), PIECES);
    // United: what every piece said, whichever files it went through.
    let mut maintainer = place.lake().maintainer().unwrap();
    for day in compact::days(&maintainer, i64::MIN, i64::MAX, true).unwrap() {
        compact::day(&mut maintainer, &MarkTable::built_in(), day).unwrap();
    }
    drop(maintainer);
    check(&place.lake(), PIECES);
    let sql = "SELECT count(*), sum(seen), sum(unreadable), sum(dropped_kernel), sum(dropped_spool), max(clock_skew_us), sum(missed), bit_or(up_slots) FROM sensors";
    let pieces = i64::try_from(PIECES).unwrap();
    let expected = [3, pieces * 21, pieces, 2 * pieces, 0, pieces - 1, 3 * pieces, 1];
    assert_eq!(numbers(&place.lake(), sql), expected);
}

/// A batch that comes after its day was compacted, and while a compaction of it is being prepared.
#[test]
fn a_late_batch_of_a_compacted_day_counts() {
    a_late_batch_of_a_compacted_day_counts_in(&Place::folder());
}

#[test]
fn a_late_batch_of_a_compacted_day_counts_in_a_bucket() {
    a_late_batch_of_a_compacted_day_counts_in(&Place::bucket());
}

fn a_late_batch_of_a_compacted_day_counts_in(place: &Place) {
    let lake = place.lake();
    let mut committer = lake.committer().unwrap();
    let compact = || {
        let mut maintainer = lake.maintainer().unwrap();
        let days = compact::days(&maintainer, i64::MIN, i64::MAX, false).unwrap();
        for &day in &days {
            compact::day(&mut maintainer, &MarkTable::built_in(), day).unwrap();
        }
        days.len()
    };
    store(&mut committer, vec![0, 3]);
    assert_eq!(compact(), 1);
    store(&mut committer, vec![6]);
    check(&lake, 3);
    assert_eq!((compact(), compact()), (1, 0));
    check(&lake, 3);
    assert_eq!(store(&mut committer, vec![0, 3, 6]), 0);
    let mut maintainer = lake.maintainer().unwrap();
    retain::delete(&mut maintainer, "packets", FIRST_DAY + 1).unwrap();
    store(&mut committer, vec![9]);
    assert_eq!(numbers(&lake, "SELECT count(*) FROM packets"), [i64::try_from(PACKETS).unwrap()]);
    assert_eq!(
        numbers(&lake, "SELECT sum(packets) FROM hourly"),
        [i64::try_from(4 * PACKETS).unwrap()]
    );
}

#[test]
fn sensors_that_hide_have_no_sequence_numbers_even_when_compacted() {
    sensors_that_hide_have_no_sequence_numbers_even_when_compacted_in(&Place::folder());
}

#[test]
fn sensors_that_hide_have_no_sequence_numbers_even_when_compacted_in_a_bucket() {
    sensors_that_hide_have_no_sequence_numbers_even_when_compacted_in(&Place::bucket());
}

fn sensors_that_hide_have_no_sequence_numbers_even_when_compacted_in(place: &Place) {
    let lake = place.lake();
    let marks = MarkTable::built_in();
    let mut segment = Segment::default();
    segment.begin_piece();
    let sensor = segment.sensor("tokyo");
    for hidden in [Present::HIDDEN, Present(0)] {
        let packet = Packet {
            proto: 6,
            tcp_seq: 0,
            present: Present(Present::PORTS.0 | Present::TCP.0 | hidden.0),
            ..Packet::default()
        };
        segment.push_shipped(
            &Decoded {
                packet,
                ..Decoded::default()
            },
            sensor,
        );
    }
    segment.keep_piece();
    let world = World {
        atlas: &NoAtlas,
        marks: &marks,
    };
    let files = Sealer::new().unwrap().seal(&segment, world).unwrap();
    let piece = Piece {
        id: PieceId::shipped(1, 1, "tokyo"),
        origin: String::new(),
        frames: 2,
        packets: 2,
        unreadable: Default::default(),
    };
    lake.committer().unwrap().commit(&[piece], &files).unwrap();
    let sql = "SELECT count(*), count(tcp_seq), count(tcp_flags) FROM packets";
    assert_eq!(numbers(&lake, sql), [2, 1, 2]);
    compact::day(&mut lake.maintainer().unwrap(), &marks, 0).unwrap();
    assert_eq!(numbers(&lake, sql), [2, 1, 2]);
}

/// After many commits a ledger sums the records up; with it, without it, and with one that is broken, the lake is the same.
#[test]
fn the_ledger_is_the_sum_of_the_records() {
    ledger_in(&Place::folder());
}

#[test]
fn the_ledger_is_the_sum_of_the_records_in_a_bucket() {
    ledger_in(&Place::bucket());
}

fn ledger_in(place: &Place) {
    const PIECES: u64 = 260;
    let lake = place.lake();
    let mut committer = lake.committer().unwrap();
    for number in 0..PIECES {
        store(&mut committer, vec![number]);
    }
    let sum_up = || {
        let mut maintainer = lake.maintainer().unwrap();
        for day in compact::days(&maintainer, i64::MIN, i64::MAX, false).unwrap() {
            compact::day(&mut maintainer, &MarkTable::built_in(), day).unwrap();
        }
        maintainer.sum_up().unwrap();
        lake.store().get("_hirundo/ledger.json").unwrap()
    };
    let first = sum_up().expect("a ledger");
    check(&lake, PIECES);
    // A committer from before goes on, and one that begins knows what is in the ledger and what came after.
    store(&mut committer, vec![PIECES, PIECES + 1]);
    let mut another = place.lake().committer().unwrap();
    assert_eq!(store(&mut another, (0..PIECES + 2).collect()), 0);
    assert_eq!(store(&mut another, vec![PIECES + 2]), 1);
    check(&lake, PIECES + 3);
    assert_eq!(sum_up().as_ref(), Some(&first), "a few records are not worth a new one");
    let files = lake.snapshot().unwrap().files;
    check(&lake, PIECES + 3);
    for broken in [&b""[..], b"x\n{}", &first[..first.len() - 9]] {
        lake.store().put("_hirundo/ledger.json", broken).unwrap();
        assert_eq!(place.lake().snapshot().unwrap().files, files);
        assert_eq!(store(&mut place.lake().committer().unwrap(), (0..PIECES + 3).collect()), 0);
        check(&lake, PIECES + 3);
    }
    // One that says something else is found.
    let text = String::from_utf8(first).unwrap();
    let (_, content) = text.split_once('\n').unwrap();
    let packets = format!("\"packets\": {}", PIECES * PACKETS);
    assert!(content.contains(&packets));
    let content = content.replace(&packets, "\"packets\": 1");
    let wrong = format!("{}\n{content}", hirundo_lake::record::digest(content.as_bytes()));
    lake.store().put("_hirundo/ledger.json", wrong.as_bytes()).unwrap();
    let verified = verify::verify(&lake, &mut |_| {}).unwrap();
    assert!(
        verified.findings.iter().any(|finding| finding.contains("ledger.json")),
        "{:?}",
        verified.findings
    );
    lake.store().delete(["_hirundo/ledger.json"]).unwrap();
    check(&lake, PIECES + 3);
}

/// Variables that make this program a child that commits.
const CHILD_LAKE: &str = "HIRUNDO_TEST_CHILD_LAKE";
const CHILD_SEED: &str = "HIRUNDO_TEST_CHILD_SEED";
/// Pieces that the children store together.
const CHILD_PIECES: u64 = 90;

/// No test: what the children of the next one run.
#[test]
#[ignore = "it is run as a child"]
fn child() {
    let Ok(path) = std::env::var(CHILD_LAKE) else { return };
    let mut dice = Dice(std::env::var(CHILD_SEED).unwrap().parse().unwrap());
    let mut left: Vec<u64> = (0..CHILD_PIECES).collect();
    let mut committer = Lake::open(Path::new(&path)).unwrap().committer().unwrap();
    while !left.is_empty() {
        let at = usize::try_from(dice.below(left.len() as u64)).unwrap();
        store(&mut committer, vec![left.swap_remove(at)]);
    }
}

fn spawn(path: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--test-threads", "1"])
        .env(CHILD_LAKE, path)
        .env(CHILD_SEED, seed.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[test]
fn killed_processes_lose_and_double_nothing() {
    let place = Place::folder();
    let path = place.path();
    let mut dice = Dice(20_261_126);
    let (mut children, mut killed) = (Vec::new(), 0);
    for seed in 0..12 {
        while children.len() < 2 {
            children.push(spawn(&path, seed * 2 + children.len() as u64));
        }
        std::thread::sleep(Duration::from_millis(30 + dice.below(150)));
        let mut child = children.remove(0);
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        // What is there after a kill can be asked, whole batches only.
        let sums = numbers(&place.lake(), SUMS);
        assert_eq!(sums, vec![sums[0]; 6]);
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(spawn(&path, 99).wait().unwrap().success());
    assert!(killed >= 6, "{killed} children were killed before they ended");
    // Whoever opens the lake takes away what the killed ones left.
    place.lake().committer().unwrap();
    check(&place.lake(), CHILD_PIECES);
}

/// A process that dies after any number of requests to the object store, before or after the last one took effect.
#[test]
fn a_bucket_survives_a_death_at_every_request() {
    let over = |objects: &Arc<dyn ObjectStore>| Store::Bucket(Bucket::over(Arc::clone(objects), Duration::ZERO).unwrap());
    let compact = |lake: &Lake| -> Result<(), Error> {
        let mut maintainer = lake.maintainer()?;
        for day in compact::days(&maintainer, i64::MIN, i64::MAX, false)? {
            compact::day(&mut maintainer, &MarkTable::built_in(), day)?;
        }
        Ok(())
    };
    let shared: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let lake = Lake::create_in(over(&shared)).unwrap();
    store(&mut lake.committer().unwrap(), vec![0]);
    compact(&lake).unwrap();
    store(&mut lake.committer().unwrap(), vec![3, 6]);
    let (mut deaths, mut halves) = (0, 0);
    for death in 0..400 {
        let memory: Arc<dyn ObjectStore> = Arc::new(copy(&shared));
        let failing = Arc::new(failing::Failing::new(Arc::clone(&memory), death / 2, death % 2 == 1));
        let objects: Arc<dyn ObjectStore> = Arc::clone(&failing) as Arc<dyn ObjectStore>;
        let dying = || -> Result<(), Error> {
            let lake = Lake::of(over(&objects))?;
            let (piece, files) = sealed(&[9]);
            lake.committer()?.commit(&piece, &files)?;
            compact(&lake)
        };
        let ended = dying();
        if !failing.died() {
            ended.unwrap();
            break;
        }
        deaths += 1;
        // The lease of the dead runs out in time; here it is taken away.
        wait(memory.delete(&"_hirundo/maintain.lock".into())).ok();
        let lake = Lake::of(over(&memory)).unwrap();
        let sums = numbers(&lake, SUMS);
        assert_eq!(sums, vec![sums[0]; 6], "after a death at request {death}");
        halves += u32::from(!verify::verify(&lake, &mut |_| {}).unwrap().is_sound());
        store(&mut lake.committer().unwrap(), vec![9]);
        compact(&lake).unwrap();
        drop((lake.committer().unwrap(), lake.maintainer().unwrap()));
        check(&lake, 4);
    }
    assert!(deaths > 40 && halves > 10, "{deaths} deaths, of which {halves} left something");
}

fn wait<T>(request: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(request)
}

/// The same objects in another store.
fn copy(objects: &Arc<dyn ObjectStore>) -> InMemory {
    let copy = InMemory::new();
    wait(async {
        for listed in objects.list(None).collect::<Vec<_>>().await {
            let location = listed.unwrap().location;
            let bytes = objects.get(&location).await.unwrap().bytes().await.unwrap();
            copy.put(&location, bytes.into()).await.unwrap();
        }
    });
    copy
}

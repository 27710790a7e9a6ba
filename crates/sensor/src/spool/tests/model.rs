//! The spool against what it promises, with kills at every step, full disks and lost answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arbtest::arbitrary::{Result, Unstructured};

use super::*;

/// What happened, seen from outside.
#[derive(Default)]
struct Model {
    next: u32,
    /// Pushed in this run and not known to be on disk.
    unsure: BTreeSet<u32>,
    /// On disk, by what [`Open::flush`] said.
    flushed: BTreeSet<u32>,
    /// Pushed and then killed before they were known to be on disk.
    maybe: BTreeSet<u32>,
    /// What the centre has, by name: what comes again under a name that it has is not taken.
    centre: HashMap<BatchName, Vec<u8>>,
    kills: usize,
}

/// How often each packet is there, and how often it is counted.
#[derive(Default)]
struct Tally {
    present: BTreeMap<u32, u64>,
    dropped: BTreeMap<u32, u64>,
    seen: BTreeMap<u32, u64>,
}

impl Tally {
    fn add(&mut self, bytes: &[u8]) {
        let batch = Batch::decode(bytes).unwrap();
        for decoded in batch.packets() {
            *self.present.entry(decoded.packet.src).or_default() += 1;
        }
        for minute in &batch.minutes {
            let number = u32::try_from(minute.begin_us / MINUTE_US).unwrap();
            *self.dropped.entry(number).or_default() += minute.dropped_spool;
            *self.seen.entry(number).or_default() += minute.seen;
        }
    }

    fn of(&self, number: u32) -> (u64, u64) {
        let get = |counts: &BTreeMap<u32, u64>| counts.get(&number).copied().unwrap_or(0);
        (get(&self.present) + get(&self.dropped), get(&self.seen))
    }
}

struct Run<'a> {
    folder: &'a Path,
    settings: Settings,
    disk: Disk,
    epoch: u64,
    now_us: i64,
    inner: Arc<Inner>,
    batch: Option<Open>,
    model: Model,
}

impl Run<'_> {
    fn push(&mut self, count: u32) {
        let batch = self.batch.as_mut().unwrap();
        for _ in 0..count {
            push(batch, self.model.next);
            self.model.unsure.insert(self.model.next);
            self.model.next += 1;
        }
    }

    fn flush(&mut self) {
        if self.batch.as_mut().unwrap().flush(self.now_us).is_ok() {
            // All that is in the open batch; what is in sealed ones may wait for a disk that is full.
            let open: BTreeSet<u32> = self.open_from().collect();
            self.model.unsure.retain(|number| !open.contains(number));
            self.model.flushed.extend(open);
        }
    }

    /// Numbers of the packets in the open batch: the last ones.
    fn open_from(&self) -> std::ops::Range<u32> {
        let len = u32::try_from(self.batch.as_ref().unwrap().len()).unwrap();
        self.model.next - len..self.model.next
    }

    fn seal(&mut self) {
        self.now_us += 10_000_000;
        let batch = self.batch.take().unwrap();
        self.batch = Some(self.inner.seal(batch, self.now_us));
    }

    fn ship(&mut self, answer: bool) {
        let names = self.inner.waiting(3, &HashSet::new());
        for name in names {
            let Ok(Some(bytes)) = self.inner.read(name) else {
                panic!("{name:?} waits and cannot be read");
            };
            self.model.centre.entry(name).or_insert(bytes);
            // The answer can be lost on its way.
            if answer {
                // A failure is a batch that is sent again.
                self.inner.stored(name).ok();
            }
        }
    }

    /// The process is gone; another one starts.
    fn start_again(&mut self) {
        self.model.kills += 1;
        self.batch = None;
        self.disk = Disk::default();
        self.epoch += 1;
        let unsure = std::mem::take(&mut self.model.unsure);
        self.model.maybe.extend(unsure);
        self.restart();
    }

    fn restart(&mut self) {
        // Another process cannot open it before this one is gone.
        let parked = tempfile::tempdir().unwrap();
        self.inner = open(parked.path(), 0, &Disk::default()).0;
        self.inner = open_with(self.folder, &self.settings, self.epoch, &self.disk).0;
        self.batch = Some(self.inner.begin());
    }

    fn check(&self) {
        let mut tally = Tally::default();
        self.model.centre.values().for_each(|bytes| tally.add(bytes));
        for name in self.inner.waiting(usize::MAX, &HashSet::new()) {
            let bytes = self.inner.read(name).unwrap().unwrap();
            if !self.model.centre.contains_key(&name) {
                tally.add(&bytes);
            }
        }
        for number in &self.model.flushed {
            assert_eq!(tally.of(*number), (1, 1), "packet {number} of {}", self.model.next);
        }
        for number in &self.model.maybe {
            let (there, seen) = tally.of(*number);
            assert!(there <= 1 && seen == there, "packet {number}: {there} times, {seen} seen");
        }
        assert_eq!(std::fs::read_dir(self.folder.join("damaged")).unwrap().count(), 0);
    }
}

fn run(random: &mut Unstructured<'_>) -> Result<Model> {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(*random.choose(&[8 << 10, 64 << 10, 2 << 30])?);
    let disk = Disk::default();
    let (inner, _) = open_with(folder.path(), &settings, 1, &disk);
    let batch = Some(inner.begin());
    let mut run = Run {
        folder: folder.path(),
        settings,
        disk,
        epoch: 1,
        now_us: NOW_US,
        inner,
        batch,
        model: Model::default(),
    };
    for _ in 0..random.int_in_range(0..=60)? {
        match random.int_in_range(0..=19)? {
            0..=4 => run.push(random.int_in_range(1..=30)?),
            5..=8 => run.flush(),
            9..=11 => run.seal(),
            12..=14 => drop(run.inner.sealer.seal_next(&run.inner.shelf)),
            15 => run.ship(true),
            16 => run.ship(false),
            17 => run.disk.faults.set_full(random.arbitrary()?),
            18 => run.disk.faults.kill_after(random.int_in_range(0..=25)?),
            _ => run.disk.faults.set_capacity(folder.path(), random.int_in_range(70_000..=200_000)?),
        }
        if run.disk.faults.is_killed() {
            run.start_again();
            run.check();
        }
    }
    // The disk is well again: nothing that this process took may be missing.
    let healthy = !run.disk.faults.is_killed();
    run.disk.faults.set_full(false);
    run.disk.faults.set_capacity(folder.path(), u64::MAX);
    run.disk.faults.kill_after(u64::MAX);
    assert!(healthy);
    run.seal();
    seal_all(&run.inner);
    let unsure = std::mem::take(&mut run.model.unsure);
    run.model.flushed.extend(unsure);
    run.check();
    Ok(run.model)
}

#[test]
fn every_packet_is_there_once_or_counted_once() {
    // Longer where somebody asks for it.
    let budget_ms = std::env::var("HIRUNDO_MODEL_MS").ok().and_then(|text| text.parse().ok());
    let (mut packets, mut kills, mut runs) = (0, 0, 0);
    arbtest::arbtest(|random| {
        let model = run(random)?;
        packets += model.flushed.len();
        kills += model.kills;
        runs += 1;
        Ok(())
    })
    .budget_ms(budget_ms.unwrap_or(4000))
    .size_min(200)
    .size_max(1200)
    .run();
    assert!(packets > 100 && kills > 5, "{packets} packets, {kills} kills, {runs} runs");
}

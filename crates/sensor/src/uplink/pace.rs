//! How fast: pauses between attempts, and bytes a second.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;

/// Largest piece of a body that is handed to the connection at a time.
const PIECE_BYTES_MAX: usize = 16 << 10;
/// Smallest: below, the frames' heads would count.
const PIECE_BYTES_MIN: usize = 512;
/// Pieces a second, where the limit is so low that whole ones would come in bursts.
const PIECES_PER_SEC: u64 = 8;
/// What may be sent at once after a silence, as a part of a second.
const BURST: Duration = Duration::from_millis(250);

/// Random numbers for jitter; nothing secret depends on them (SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// From a seed, or from the system.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| std::collections::hash_map::RandomState::new().build_hasher().finish()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A duration from zero to `most`.
    pub(crate) fn upto(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.next() % nanos.saturating_add(1))
    }

    /// Puts things in a random order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            let other = usize::try_from(self.next() % (end as u64 + 1)).unwrap_or(0);
            things.swap(end, other);
        }
    }
}

/// Longer pauses after every failure, each anywhere from zero to its length ("full jitter"), so that a fleet does not come
/// back all at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// The pause after one more failure.
    pub(crate) fn pause(&mut self, jitter: &mut Jitter) -> Duration {
        let factor = 1_u32.checked_shl(self.failures.min(30)).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        jitter.upto(self.first.saturating_mul(factor).min(self.longest.max(self.first)))
    }

    /// Something went right.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Limit of bytes a second over all bodies.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// 0 is no limit.
    bytes_per_sec_max: u64,
    /// When what was given out so far is paid for.
    paid: Mutex<Option<Instant>>,
}

impl Pacer {
    pub(crate) fn new(bytes_per_sec_max: u64) -> Self {
        Self {
            bytes_per_sec_max,
            paid: Mutex::new(None),
        }
    }

    /// Bytes of a piece.
    pub(crate) fn piece_bytes(&self) -> usize {
        if self.bytes_per_sec_max == 0 {
            return PIECE_BYTES_MAX;
        }
        usize::try_from(self.bytes_per_sec_max / PIECES_PER_SEC)
            .unwrap_or(PIECE_BYTES_MAX)
            .clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
    }

    /// Takes `bytes`, and says how long to wait before they are sent.
    pub(crate) fn take(&self, bytes: usize, now: Instant) -> Duration {
        if self.bytes_per_sec_max == 0 {
            return Duration::ZERO;
        }
        let nanos = (bytes as u128).saturating_mul(1_000_000_000) / u128::from(self.bytes_per_sec_max);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut paid = lock(&self.paid);
        let oldest = now.checked_sub(BURST).unwrap_or(now);
        let begun = paid.map_or(oldest, |paid| paid.max(oldest));
        *paid = Some(begun + cost);
        begun.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_differ() {
        let (first, longest) = (Duration::from_millis(500), Duration::from_secs(60));
        let pauses = |seed: u64| -> Vec<Duration> {
            let (mut jitter, mut backoff) = (Jitter::new(Some(seed)), Backoff::new(first, longest));
            (0..64).map(|_| backoff.pause(&mut jitter)).collect()
        };
        let one = pauses(1);
        assert_eq!(one, pauses(1));
        assert_ne!(one, pauses(2));
        assert!(one[0] <= first && one[1] <= first * 2);
        assert!(one.iter().all(|pause| *pause <= longest));
        let late: Duration = one[10..].iter().sum::<Duration>() / 54;
        assert!(late > longest / 3 && late < longest * 2 / 3, "{late:?}");
        let (mut jitter, mut backoff) = (Jitter::new(Some(3)), Backoff::new(first, longest));
        for _ in 0..20 {
            backoff.pause(&mut jitter);
        }
        backoff.reset();
        assert!(backoff.pause(&mut jitter) <= first);
    }

    #[test]
    fn bytes_a_second_are_kept() {
        let check = |rate: u64, bytes: usize, secs: f64| {
            let pacer = Pacer::new(rate);
            let begun = Instant::now();
            let mut now = begun;
            let mut left = bytes;
            while left > 0 {
                let piece = pacer.piece_bytes().min(left);
                now += pacer.take(piece, now);
                left -= piece;
            }
            let took = (now - begun).as_secs_f64();
            assert!((took - secs).abs() <= 0.5, "{rate}: {took} s, expected about {secs}");
        };
        check(0, 1 << 30, 0.0);
        check(1 << 20, 10 << 20, 9.75);
        check(1024, 10 << 10, 9.75);
        check(100_000, 1_000_000, 9.75);
    }

    #[test]
    fn a_silence_does_not_save_up_more_than_a_burst() {
        let pacer = Pacer::new(16 << 10);
        let begun = Instant::now();
        assert_eq!(pacer.take(1, begun), Duration::ZERO);
        let later = begun + Duration::from_secs(3600);
        assert_eq!(pacer.take(8 << 10, later), Duration::ZERO);
        let wait = pacer.take(1, later);
        assert_eq!(wait, Duration::from_millis(250));
    }

    #[test]
    fn shuffling_keeps_everything() {
        let mut things: Vec<u32> = (0..10).collect();
        Jitter::new(Some(7)).shuffle(&mut things);
        assert_ne!(things, (0..10).collect::<Vec<u32>>());
        things.sort_unstable();
        assert_eq!(things, (0..10).collect::<Vec<u32>>());
    }
}

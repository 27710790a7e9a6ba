//! The queue without a lake: what joins, what conflicts, what is put back.

use bytes::Bytes;

use super::*;

fn shipment(number: u64, byte: u8) -> Shipment {
    Shipment {
        name: Name {
            sensor: "jp-01".to_owned(),
            epoch: 1,
            number,
        },
        sha256: [byte; 32],
        packets: 10,
        bytes: Bytes::from(vec![byte]),
        skew_us: None,
    }
}

fn hand(gather: &Gather, number: u64, byte: u8) -> Handed {
    gather.hand(shipment(number, byte), Hold::default(), Instant::now())
}

fn waits(handed: Handed) -> oneshot::Receiver<Outcome> {
    match handed {
        Handed::Waits(receiver) => receiver,
        Handed::Conflict | Handed::Closed => panic!("{handed:?}"),
    }
}

#[test]
fn the_same_batch_waits_once_and_all_its_senders_are_told() {
    let gather = Gather::default();
    let (mut first, mut second) = (waits(hand(&gather, 0, 7)), waits(hand(&gather, 0, 7)));
    assert!(matches!(hand(&gather, 0, 8), Handed::Conflict));
    assert_eq!(gather.waiting(), (1, 10));
    let taken = gather.take();
    // Not done with yet: it may still fail.
    let mut third = waits(hand(&gather, 0, 7));
    assert_eq!((taken.len(), gather.waiting()), (1, (0, 0)));
    gather.tell(&taken[0].shipment.name, &Outcome::Landed(Landed::Stored));
    for receiver in [&mut first, &mut second, &mut third] {
        assert_eq!(receiver.try_recv(), Ok(Outcome::Landed(Landed::Stored)));
    }
    // Afterwards it is the lake that knows it.
    waits(hand(&gather, 0, 8));
}

#[test]
fn what_is_put_back_keeps_its_order_and_is_tried_alone_where_it_must() {
    let gather = Gather::default();
    let _receivers: Vec<_> = (0..4).map(|number| waits(hand(&gather, number, 0))).collect();
    let taken = gather.take();
    assert_eq!(taken.len(), 4);
    gather.put_back(taken, true);
    let mut late = waits(hand(&gather, 4, 0));
    assert_eq!(gather.waiting(), (5, 50));
    for number in 0..4 {
        let taken = gather.take();
        assert_eq!(taken.iter().map(|entry| entry.shipment.name.number).collect::<Vec<_>>(), [number]);
    }
    assert!(late.try_recv().is_err());
    assert_eq!(gather.take().len(), 1);
}

#[test]
fn nothing_is_taken_after_closing_and_what_is_there_is_due() {
    let gather = Gather::default();
    let every = Duration::from_secs(3600);
    let begin = Instant::now();
    assert_eq!(gather.due(every, false, begin), None);
    let _receiver = waits(gather.hand(shipment(0, 0), Hold::default(), begin));
    assert_eq!(
        gather.due(every, false, begin + Duration::from_secs(60)),
        Some(every - Duration::from_secs(60))
    );
    assert_eq!(gather.due(every, true, begin), Some(Duration::ZERO));
    assert_eq!(gather.due(every, false, begin + every), Some(Duration::ZERO));
    gather.close();
    assert!(matches!(hand(&gather, 1, 0), Handed::Closed));
    assert!(!gather.is_over());
    assert_eq!(gather.due(every, false, begin), Some(Duration::ZERO));
    gather.take();
    assert!(gather.is_over());
}

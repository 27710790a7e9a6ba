//! Any bytes as a frame of any link type: decoding must not panic, and must keep its promises.
#![no_main]

use hirundo_packet::decode::decode;
use hirundo_packet::options::{self, Interner};
use hirundo_packet::{LinkType, Present};
use libfuzzer_sys::fuzz_target;

/// The link types that are read, and one that is not.
const LINKS: [u32; 18] = [
    1, 0, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 147, 228, 229, 239, 276,
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, frame)) = input.split_first() else {
        return;
    };
    let Some(link) = LINKS.get(usize::from(*choice) % LINKS.len()) else {
        return;
    };
    match decode(LinkType(*link), frame, 0) {
        Ok(decoded) => {
            let packet = &decoded.packet;
            assert!(decoded.note.is_none_or(|note| !note.loses_packet()));
            assert!(decoded.options.len() <= 40);
            assert!(decoded.payload.is_empty() || packet.present.has(Present::PORTS));
            assert!(
                !(packet.present.has(Present::LATER_FRAGMENT)
                    && packet.present.has(Present::PORTS))
            );
            let mut text = String::new();
            options::signature(decoded.options, &mut text);
            let mut interner = Interner::new();
            let number = interner.intern(decoded.options);
            assert_eq!(interner.signature(number), text);
        }
        Err(reason) => assert!(reason.loses_packet()),
    }
});

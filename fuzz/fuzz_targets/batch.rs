//! Any bytes as a batch, with and without a right checksum: what is taken must be what a sensor could have sent.
#![no_main]

use hirundo_packet::batch::{Batch, Builder, DIGEST_BYTES, ENCODED_BYTES_MAX, Summary, append_digest};
use hirundo_packet::decode::Decoded;
use hirundo_packet::{Packet, Wide, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drop(Batch::decode(input));
    // Somebody who means harm gets the checksum right.
    let mut bytes = input.to_vec();
    bytes.truncate(ENCODED_BYTES_MAX - DIGEST_BYTES);
    append_digest(&mut bytes, 0);
    let mut builder = Builder::new();
    assert!(builder.replay(input).is_ok() || builder.is_empty());
    let Ok(batch) = Batch::decode(&bytes) else {
        return;
    };
    let summary = Summary::read(&bytes).expect("what decodes has a summary");
    assert_eq!(summary.packets, batch.len());
    let mut builder = Builder::new();
    for decoded in batch.packets() {
        assert!(builder.push(&decoded, u8::MAX) || builder.is_full());
    }
    if builder.len() < batch.len() {
        return;
    }
    let mut again = Vec::new();
    builder.encode(&batch.header, &mut again).expect("what was decoded can be encoded");
    let again = Batch::decode(&again).expect("what was encoded can be decoded");
    assert!(
        again
            .packets()
            .map(|decoded| kept(&decoded))
            .eq(batch.packets().map(|decoded| kept(&decoded)))
    );
});

/// A packet with the signature in place of its options: those of one signature are kept once.
fn kept(decoded: &Decoded<'_>) -> (Packet, Wide, String, Vec<u8>) {
    let mut text = String::new();
    options::signature(decoded.options, &mut text);
    (decoded.packet, decoded.wide, text, decoded.payload.to_vec())
}

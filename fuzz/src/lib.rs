//! How the target `decode` takes an input apart: one frame after another, each with its link type.

use hirundo_packet::LinkType;

/// The link types that are read, and two that are not.
pub const LINKS: [u32; 18] = [1, 0, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 147, 228, 229, 239, 276];

/// Most frames taken from one input, so that an input does not take long.
const FRAMES_MAX: usize = 256;

/// The frames of an input: a byte that chooses of [`LINKS`], a length (16 bits, high byte first), the frame.
/// A length that is too large takes the rest.
pub struct Records<'a> {
    left: &'a [u8],
    frames: usize,
}

impl<'a> Records<'a> {
    /// Over an input.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Records<'a> {
        Records { left: input, frames: 0 }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (LinkType, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[choice, high, low], rest) = self.left.split_first_chunk()?;
        self.frames += 1;
        if self.frames > FRAMES_MAX {
            return None;
        }
        let len = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (frame, left) = rest.split_at(len);
        self.left = left;
        let link = LINKS.get(usize::from(choice) % LINKS.len())?;
        Some((LinkType(*link), frame))
    }
}

/// A frame as [`Records`] takes it apart; `None` for a link type that is not among [`LINKS`].
#[must_use]
pub fn record(link: LinkType, frame: &[u8]) -> Option<Vec<u8>> {
    let choice = u8::try_from(LINKS.iter().position(|&known| known == link.0)?).ok()?;
    let len = u16::try_from(frame.len()).ok()?;
    let mut bytes = vec![choice];
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(frame);
    Some(bytes)
}

//! Keeping labels at line ends apart.

use super::axis::real;

/// Labels that touch each other and are placed as one.
struct Block {
    centre: f64,
    members: usize,
}

impl Block {
    /// Moves the block within the bounds, as far as it fits.
    fn bound(&mut self, gap: f64, low: f64, high: f64) {
        let half = gap * real(self.members.saturating_sub(1)) / 2.0;
        self.centre = self.centre.min(high - half).max(low + half);
    }
}

/// Places for labels as near as possible to where they want to be, at least `gap` apart, between `low` and
/// `high` (which they leave at the upper end when there are too many). The result is in the order given.
pub fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|left, right| wanted[*left].total_cmp(&wanted[*right]));
    let mut blocks: Vec<Block> = Vec::new();
    for place in &order {
        let mut block = Block {
            centre: wanted[*place],
            members: 1,
        };
        block.bound(gap, low, high);
        while let Some(before) = blocks.pop() {
            let reach = gap * real(before.members + block.members) / 2.0;
            if block.centre - before.centre >= reach {
                blocks.push(before);
                break;
            }
            let members = before.members + block.members;
            let sum = before.centre * real(before.members) + block.centre * real(block.members);
            block = Block {
                centre: sum / real(members),
                members,
            };
            block.bound(gap, low, high);
        }
        blocks.push(block);
    }
    let mut placed = vec![0.0; wanted.len()];
    let mut rest = order.iter();
    for block in blocks {
        let top = block.centre - gap * real(block.members - 1) / 2.0;
        for number in 0..block.members {
            if let Some(place) = rest.next() {
                placed[*place] = top + gap * real(number);
            }
        }
    }
    placed
}

//! Classic BPF, assembled from its end to its begin, so that every jump knows how far its target is.

/// Most instructions the kernel takes (`BPF_MAXINSNS`).
pub const INSTRUCTIONS_MAX: usize = 4096;

/// One instruction, as `struct sock_filter` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What is done.
    pub code: u16,
    /// Instructions to skip when a test holds.
    pub jump_true: u8,
    /// Instructions to skip when it does not.
    pub jump_false: u8,
    /// The number that belongs to it.
    pub value: u32,
}

/// Where to go on: the instruction that was the latest when the label was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// What is done without a choice. A is the accumulator, X the index register.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A = this number.
    Load(u32),
    /// A = length of the frame.
    LoadLength,
    /// A = byte at this offset.
    LoadByte(u32),
    /// A = 16 bits at this offset.
    LoadHalf(u32),
    /// A = byte at X and this offset.
    LoadByteX(u32),
    /// A = 16 bits at X and this offset.
    LoadHalfX(u32),
    /// A = 32 bits at X and this offset.
    LoadWordX(u32),
    /// X = this number, and kept in memory for [`Step::RecallX`].
    SetX(u32),
    /// X = what was last set.
    RecallX,
    /// X = A.
    AToX,
    /// A = A & this number.
    And(u32),
    /// A = A shifted left by this many bits.
    ShiftLeft(u32),
    /// A = A + X.
    AddX,
    /// A = A - X.
    SubtractX,
}

/// What is asked of A.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    /// Is A this number?
    Equal(u32),
    /// Is A at least this number?
    AtLeast(u32),
    /// Has A any of these bits?
    AnyBit(u32),
}

/// Codes of linux/bpf_common.h and linux/filter.h, put together.
pub(super) mod code {
    pub(in super::super) const LD_IMM: u16 = 0x00;
    pub(in super::super) const LD_W_LEN: u16 = 0x80;
    pub(in super::super) const LD_B_ABS: u16 = 0x30;
    pub(in super::super) const LD_H_ABS: u16 = 0x28;
    pub(in super::super) const LD_B_IND: u16 = 0x50;
    pub(in super::super) const LD_H_IND: u16 = 0x48;
    pub(in super::super) const LD_W_IND: u16 = 0x40;
    pub(in super::super) const LDX_IMM: u16 = 0x01;
    pub(in super::super) const LDX_MEM: u16 = 0x61;
    pub(in super::super) const STX: u16 = 0x03;
    pub(in super::super) const AND: u16 = 0x54;
    pub(in super::super) const LSH: u16 = 0x64;
    pub(in super::super) const ADD_X: u16 = 0x0c;
    pub(in super::super) const SUB_X: u16 = 0x1c;
    pub(in super::super) const TAX: u16 = 0x07;
    pub(in super::super) const JA: u16 = 0x05;
    pub(in super::super) const JEQ: u16 = 0x15;
    pub(in super::super) const JGE: u16 = 0x35;
    pub(in super::super) const JSET: u16 = 0x45;
    pub(in super::super) const RET: u16 = 0x06;
}

/// A program in the making; the last instruction first.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    reversed: Vec<Instruction>,
}

impl Assembler {
    /// Ends the program: this many bytes of the frame are taken, none when 0.
    pub(super) fn finish(&mut self, bytes: u32) -> Label {
        self.push(code::RET, bytes)
    }

    /// Does `steps` in their order and goes on at `then`.
    pub(super) fn block(&mut self, steps: &[Step], then: Label) -> Label {
        let mut entry = self.jump(then);
        for step in steps.iter().rev() {
            entry = self.step(*step);
        }
        entry
    }

    /// Goes on at `yes` or `no`.
    pub(super) fn branch(&mut self, test: Test, yes: Label, no: Label) -> Label {
        if yes == no {
            return self.jump(yes);
        }
        // A test skips at most 255 instructions; beyond, it goes over a jump that reaches everywhere. One may
        // come in between for `yes`, so `no` is measured with it.
        let no = if self.distance(no) + 1 > u8::MAX.into() { self.far(no) } else { no };
        let yes = if self.distance(yes) > u8::MAX.into() { self.far(yes) } else { yes };
        let (code, value) = match test {
            Test::Equal(value) => (code::JEQ, value),
            Test::AtLeast(value) => (code::JGE, value),
            Test::AnyBit(value) => (code::JSET, value),
        };
        let near = |label| u8::try_from(self.distance(label)).unwrap_or(u8::MAX);
        self.reversed.push(Instruction {
            code,
            jump_true: near(yes),
            jump_false: near(no),
            value,
        });
        self.here()
    }

    /// Finds A among sorted ranges that do not overlap, ends included; `no` without one.
    pub(super) fn search(&mut self, ranges: &[(u32, u32, Label)], no: Label) -> Label {
        let mut edges = vec![(0, no)];
        for &(from, to, label) in ranges {
            put(&mut edges, from, label);
            if let Some(after) = to.checked_add(1) {
                put(&mut edges, after, no);
            }
        }
        self.tree(&edges)
    }

    /// The program, when the kernel will take it.
    pub(super) fn assemble(mut self, entry: Label) -> Result<Vec<Instruction>, usize> {
        self.jump(entry);
        if self.reversed.len() > INSTRUCTIONS_MAX {
            return Err(self.reversed.len());
        }
        self.reversed.reverse();
        Ok(self.reversed)
    }

    /// From each edge to the next, A leads to the edge's label.
    fn tree(&mut self, edges: &[(u32, Label)]) -> Label {
        let middle = edges.len() / 2;
        if middle == 0 {
            return edges[0].1;
        }
        let above = self.tree(&edges[middle..]);
        let below = self.tree(&edges[..middle]);
        self.branch(Test::AtLeast(edges[middle].0), above, below)
    }

    fn step(&mut self, step: Step) -> Label {
        let (code, value) = match step {
            Step::Load(value) => (code::LD_IMM, value),
            Step::LoadLength => (code::LD_W_LEN, 0),
            Step::LoadByte(at) => (code::LD_B_ABS, at),
            Step::LoadHalf(at) => (code::LD_H_ABS, at),
            Step::LoadByteX(at) => (code::LD_B_IND, at),
            Step::LoadHalfX(at) => (code::LD_H_IND, at),
            Step::LoadWordX(at) => (code::LD_W_IND, at),
            Step::SetX(value) => {
                self.push(code::STX, 0);
                (code::LDX_IMM, value)
            }
            Step::RecallX => (code::LDX_MEM, 0),
            Step::AToX => (code::TAX, 0),
            Step::And(value) => (code::AND, value),
            Step::ShiftLeft(bits) => (code::LSH, bits),
            Step::AddX => (code::ADD_X, 0),
            Step::SubtractX => (code::SUB_X, 0),
        };
        self.push(code, value)
    }

    /// Goes on at `label`; no instruction when that comes next anyway.
    fn jump(&mut self, label: Label) -> Label {
        if self.distance(label) == 0 { label } else { self.far(label) }
    }

    fn far(&mut self, label: Label) -> Label {
        let distance = u32::try_from(self.distance(label)).unwrap_or(u32::MAX);
        self.push(code::JA, distance)
    }

    fn push(&mut self, code: u16, value: u32) -> Label {
        self.reversed.push(Instruction {
            code,
            jump_true: 0,
            jump_false: 0,
            value,
        });
        self.here()
    }

    fn here(&self) -> Label {
        Label(self.reversed.len())
    }

    /// Instructions between the next one to be written and `label`.
    fn distance(&self, label: Label) -> usize {
        self.reversed.len() - label.0
    }
}

/// Adds an edge, unless it would lead where the one before it leads.
fn put(edges: &mut Vec<(u32, Label)>, at: u32, label: Label) {
    if edges.last().is_some_and(|last| last.0 == at) {
        edges.pop();
    }
    if edges.last().is_none_or(|last| last.1 != label) {
        edges.push((at, label));
    }
}

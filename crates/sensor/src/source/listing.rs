//! A filter program in words, in the form of `tcpdump -d`, for whoever audits it.

use std::fmt::Write;

use super::assembler::{Instruction, code};

/// One instruction a line.
#[must_use]
pub fn listing(program: &[Instruction]) -> String {
    let mut out = String::new();
    for (number, instruction) in program.iter().enumerate() {
        // Writing to a string cannot fail.
        let _written = writeln!(out, "({number:03}) {}", words(number, *instruction));
    }
    out
}

fn words(number: usize, instruction: Instruction) -> String {
    let Instruction {
        code,
        jump_true,
        jump_false,
        value,
    } = instruction;
    let target = |skip: u64| number as u64 + 1 + skip;
    let simple = |name: &str, operand: String| format!("{name:<8} {operand}").trim_end().to_owned();
    let test = |name: &str| {
        let (yes, no) = (target(jump_true.into()), target(jump_false.into()));
        format!("{name:<8} #{value:<#16x} jt {yes}\tjf {no}")
    };
    match code {
        code::LD_IMM => simple("ld", format!("#{value:#x}")),
        code::LD_W_LEN => simple("ld", "#pktlen".to_owned()),
        code::LD_B_ABS => simple("ldb", format!("[{value}]")),
        code::LD_H_ABS => simple("ldh", format!("[{value}]")),
        code::LD_B_IND => simple("ldb", format!("[x + {value}]")),
        code::LD_H_IND => simple("ldh", format!("[x + {value}]")),
        code::LD_W_IND => simple("ld", format!("[x + {value}]")),
        code::LDX_IMM => simple("ldx", format!("#{value:#x}")),
        code::LDX_MEM => simple("ldx", format!("M[{value}]")),
        code::STX => simple("stx", format!("M[{value}]")),
        code::AND => simple("and", format!("#{value:#x}")),
        code::LSH => simple("lsh", format!("#{value}")),
        code::ADD_X => simple("add", "x".to_owned()),
        code::SUB_X => simple("sub", "x".to_owned()),
        code::TAX => simple("tax", String::new()),
        code::JA => simple("ja", target(value.into()).to_string()),
        code::JEQ => test("jeq"),
        code::JGE => test("jge"),
        code::JSET => test("jset"),
        code::RET => simple("ret", format!("#{value}")),
        _ => format!("unimp    {code:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::{Filter, Form};
    use super::*;

    #[test]
    fn every_instruction_has_a_name() {
        let filter = Filter {
            watched: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/48".parse().unwrap()],
            excluded: Vec::new(),
            own: vec![super::super::filter::Endpoint {
                address: "198.51.100.1".parse().unwrap(),
                port: Some(443),
            }],
        };
        let program = filter.compile(Form::Ethernet, 512).unwrap();
        let text = listing(&program);
        assert_eq!(text.lines().count(), program.len());
        assert!(!text.contains("unimp"), "{text}");
        assert!(text.starts_with("(000) ldh      [12]\n(001) jeq      #0x800 "), "{text}");
        assert!(text.contains("jge      #0xc0000200 ") && text.contains("ret      #512"), "{text}");
    }
}

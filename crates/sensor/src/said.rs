//! An error in one line: what happened, then its causes, then what to do about it.

/// The whole chain; hints come last, and nothing in it acts on a terminal.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let (mut said, mut hints) = (Vec::new(), Vec::new());
    for cause in error.chain() {
        let text = cause.to_string();
        let (what, hint) = match text.split_once("; hint: ") {
            Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        // Some errors repeat their cause.
        if !said.iter().any(|before: &String| before.ends_with(&what)) {
            said.push(what);
        }
        hints.extend(hint.filter(|hint| !hints.contains(hint)));
    }
    let mut line = said.join(": ");
    for hint in hints {
        line.push_str("; hint: ");
        line.push_str(&hint);
    }
    line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_comes_last_and_a_cause_once() {
        let cause = anyhow::anyhow!("permission denied");
        assert_eq!(
            one_line(&cause.context("open eth0; hint: be root")),
            "open eth0: permission denied; hint: be root"
        );
        let cause = anyhow::anyhow!("refused\x1b[2J; hint: wait");
        assert_eq!(
            one_line(&cause.context("ask the centre: refused\x1b[2J")),
            "ask the centre: refused [2J; hint: wait"
        );
    }
}

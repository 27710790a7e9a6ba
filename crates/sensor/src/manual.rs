//! The manual page, in roff, made of the command line's own help.

use clap::builder::StyledStr;
use clap::{Arg, Command};

/// Files and variables, which the command line does not know of.
const TAIL: &str = "\
.SH FILES
.TP
.I /etc/hirundo-sensor/sensor.toml
Configuration; \\fBhirundo\\-sensor config \\-\\-example\\fR explains every key.
.TP
.I /var/lib/hirundo-sensor
Key, certificate and spool.
.TP
.I /usr/share/doc/hirundo-sensor/examples/hirundo-sensor.nft
Rules that keep the kernel from answering.
.SH ENVIRONMENT
.TP
.B HIRUNDO_SENSOR_LOG
What is logged, as for \\fBRUST_LOG\\fR: debug, or hirundo_sensor::uplink=trace.
.TP
.B NO_COLOR
No colours.
";

/// The page of the whole program.
#[must_use]
pub fn page(command: &Command) -> String {
    let mut page = String::new();
    let name = command.get_name();
    let about = text(command.get_about());
    page.push_str(&format!(
        ".TH {} 8 \"\" \"Hirundo {}\"\n.SH NAME\n{} \\- ",
        escape(&name.to_uppercase()),
        escape(command.get_version().unwrap_or_default()),
        escape(name)
    ));
    page.push_str(&format!("{}\n", escape(about.split(':').next().unwrap_or_default().trim())));
    page.push_str(&format!(
        ".SH SYNOPSIS\n.B {}\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR\n.SH DESCRIPTION\n{}\n.SH COMMANDS\n",
        escape(name),
        escape(&about)
    ));
    for one in command
        .get_subcommands()
        .filter(|one| !one.is_hide_set() && one.get_name() != "help")
    {
        subcommand(&mut page, one);
    }
    page.push_str(".SH OPTIONS OF EVERY COMMAND\n");
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        option(&mut page, argument);
    }
    page.push_str(TAIL);
    if let Some(after) = command.get_after_help() {
        let after = after.to_string();
        let (examples, status) = after.split_once("Exit status:").unwrap_or((&after, ""));
        let examples = examples.trim_start_matches("Examples:").trim_matches('\n');
        page.push_str(&format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", escape(examples)));
        page.push_str(&format!(".SH EXIT STATUS\n{}\n", escape(status.trim())));
    }
    page
}

fn subcommand(page: &mut String, command: &Command) {
    let operands: Vec<_> = command
        .get_arguments()
        .filter(|argument| argument.is_positional())
        .map(|argument| format!(" \\fI{}\\fR", escape(argument.get_id().as_str()).to_uppercase()))
        .collect();
    page.push_str(&format!(".SS \"{}\"\n", escape(command.get_name())));
    page.push_str(&format!(".B {}{}\n.PP\n", escape(command.get_name()), operands.concat()));
    let about = text(command.get_long_about().or(command.get_about()));
    page.push_str(&format!("{}\n", escape(&about).replace("\n\n", "\n.PP\n")));
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        option(page, argument);
    }
}

fn option(page: &mut String, argument: &Arg) {
    let mut names = Vec::new();
    if let Some(short) = argument.get_short() {
        names.push(format!("-{short}"));
    }
    if let Some(long) = argument.get_long() {
        names.push(format!("--{long}"));
    }
    let values = argument
        .get_value_names()
        .filter(|_| argument.get_action().takes_values())
        .map(|names| names.join(" "))
        .unwrap_or_default();
    if names.is_empty() {
        names.push(argument.get_id().as_str().to_uppercase());
    }
    page.push_str(&format!(".TP\n\\fB{}\\fR", escape(&names.join(", "))));
    if argument.get_long().is_some() && !values.is_empty() {
        page.push_str(&format!(" \\fI{}\\fR", escape(&values)));
    }
    page.push_str(&format!("\n{}\n", escape(&text(argument.get_help()))));
}

fn text(styled: Option<&StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// Hyphens stay hyphens, and no line begins a request.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            if line.starts_with(['.', '\'']) {
                format!("\\&{line}")
            } else {
                line.to_owned()
            }
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_and_option_has_its_place() {
        let command = crate::cli::Cli::command();
        let page = page(&command);
        for one in command.get_subcommands().filter(|one| !one.is_hide_set()) {
            assert!(page.contains(&format!(".SS \"{}\"", one.get_name())), "{}", one.get_name());
            for long in one.get_arguments().filter_map(Arg::get_long) {
                assert!(page.contains(&format!("\\-\\-{}", escape(long))), "{long}");
            }
        }
        assert!(!page.contains(".SS \"man\""));
        assert!(page.contains(".SH EXIT STATUS\n0 done"));
    }

    #[test]
    fn text_is_no_request() {
        assert_eq!(escape(".so x\n'b\n-a\\"), "\\&.so x\n\\&'b\n\\-a\\e");
    }
}

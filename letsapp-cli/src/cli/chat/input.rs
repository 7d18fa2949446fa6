//! Parser for the lines typed into a chat.

use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::Seq;

/// Output of `/help`.
pub(super) const HELP: &str = "\
Lines are sent as messages. Commands refer to messages by number, such as #12.
  /reply #N TEXT       reply to a message
  /edit [#N] TEXT      change your message, or your latest
  /delete [#N]         delete your message, or your latest, for everyone
  /react [#N] EMOJI    react to a message, or to the latest of other users
  /unreact [#N]        remove your reaction
  /help                show this help
  /quit                leave the chat (or Ctrl-D)
  //TEXT               send a text that starts with a slash";

/// A parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Send(String),
    Reply(Seq, String),
    Edit(Option<Seq>, String),
    Delete(Option<Seq>),
    React(Option<Seq>, Emoji),
    Unreact(Option<Seq>),
    Help,
    Quit,
    Empty,
}

impl Input {
    /// Parses a line. Returns a message for the user if it is not valid.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim_end();
        let Some(command) = line.strip_prefix('/') else {
            return Ok(if line.trim().is_empty() {
                Self::Empty
            } else {
                Self::Send(line.to_owned())
            });
        };
        if command.starts_with('/') {
            return Ok(Self::Send(command.to_owned()));
        }
        let (name, rest) = split(command);
        match name {
            "reply" => match take_seq(rest) {
                (Some(seq), text) if !text.is_empty() => Ok(Self::Reply(seq, text.to_owned())),
                _ => Err("usage: /reply #N TEXT".to_owned()),
            },
            "edit" => match take_seq(rest) {
                (_, "") => Err("usage: /edit [#N] TEXT".to_owned()),
                (seq, text) => Ok(Self::Edit(seq, text.to_owned())),
            },
            "delete" => seq_only(rest, "/delete [#N]").map(Self::Delete),
            "react" => {
                let (seq, emoji) = take_seq(rest);
                Emoji::parse(emoji)
                    .map(|emoji| Self::React(seq, emoji))
                    .map_err(|_| "usage: /react [#N] EMOJI".to_owned())
            }
            "unreact" => seq_only(rest, "/unreact [#N]").map(Self::Unreact),
            "help" | "?" => Ok(Self::Help),
            "quit" | "q" | "exit" => Ok(Self::Quit),
            _ => Err(format!("there is no command /{name}; /help lists the commands")),
        }
    }
}

fn split(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

/// Splits a message number such as `#12` off the front.
fn take_seq(text: &str) -> (Option<Seq>, &str) {
    let (first, rest) = split(text);
    match first.strip_prefix('#').and_then(|number| number.parse().ok()) {
        Some(seq) => (Some(Seq(seq)), rest),
        None => (None, text),
    }
}

/// Parses the argument of a command that takes nothing but a message number.
fn seq_only(text: &str, usage: &str) -> Result<Option<Seq>, String> {
    match take_seq(text) {
        (seq, "") => Ok(seq),
        // Without ambiguity, the number may come without its `#`.
        (None, number) => number
            .parse()
            .map(|seq| Some(Seq(seq)))
            .map_err(|_| format!("usage: {usage}")),
        (Some(_), _) => Err(format!("usage: {usage}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_text_or_a_command() {
        let heart = || Emoji::parse("❤️").unwrap();
        let table = [
            ("hello /quit ", Input::Send("hello /quit".to_owned())),
            ("  indented", Input::Send("  indented".to_owned())),
            ("   ", Input::Empty),
            ("//etc", Input::Send("/etc".to_owned())),
            ("/reply #3 yes  indeed", Input::Reply(Seq(3), "yes  indeed".to_owned())),
            ("/edit #3 better", Input::Edit(Some(Seq(3)), "better".to_owned())),
            ("/edit 3 monkeys", Input::Edit(None, "3 monkeys".to_owned())),
            ("/delete", Input::Delete(None)),
            ("/delete #3", Input::Delete(Some(Seq(3)))),
            ("/delete 3", Input::Delete(Some(Seq(3)))),
            ("/react ❤️", Input::React(None, heart())),
            ("/react #3 ❤️", Input::React(Some(Seq(3)), heart())),
            ("/unreact", Input::Unreact(None)),
            ("/help", Input::Help),
            ("/quit", Input::Quit),
        ];
        for (line, expected) in table {
            assert_eq!(Input::parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn an_invalid_command_shows_its_usage() {
        for (line, hint) in [
            ("/reply yes", "/reply #N TEXT"),
            ("/reply #3", "/reply #N TEXT"),
            ("/edit", "/edit [#N] TEXT"),
            ("/delete it", "/delete [#N]"),
            ("/react love", "/react [#N] EMOJI"),
            ("/dance", "/help"),
        ] {
            let error = Input::parse(line).unwrap_err();
            assert!(error.contains(hint), "{line}: {error}");
        }
    }
}

//! What is typed into a chat.

use letsapp_core::id::Seq;
use letsapp_core::messages::Emoji;

/// What is shown for `/help`.
pub(super) const HELP: &str = "\
What you type is sent. Messages are named by their number, such as #12.
  /reply #N TEXT       answer a message
  /edit [#N] TEXT      change your message, or your latest
  /delete [#N]         delete your message, or your latest, for everyone
  /react [#N] EMOJI    react to a message, or to the latest of the others
  /unreact [#N]        take your reaction off again
  /help                show this
  /quit                leave (or Ctrl-D)
  //TEXT               send a text that begins with a slash";

/// A line that was typed.
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
    /// Reads a line, or says what is wrong with it.
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
            _ => Err(format!("there is no /{name}; /help shows what there is")),
        }
    }
}

fn split(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

/// Takes `#12` off the front.
fn take_seq(text: &str) -> (Option<Seq>, &str) {
    let (first, rest) = split(text);
    match first.strip_prefix('#').and_then(|number| number.parse().ok()) {
        Some(seq) => (Some(Seq(seq)), rest),
        None => (None, text),
    }
}

fn seq_only(text: &str, usage: &str) -> Result<Option<Seq>, String> {
    match take_seq(text) {
        (seq, "") => Ok(seq),
        // Where nothing else can stand, the number alone will do.
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
    fn a_line_is_words_or_a_command() {
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
    fn a_command_that_makes_no_sense_says_how_it_would() {
        for (line, hint) in [
            ("/reply yes", "/reply #N TEXT"),
            ("/reply #3", "/reply #N TEXT"),
            ("/edit", "/edit [#N] TEXT"),
            ("/delete it", "/delete [#N]"),
            ("/react love", "/react [#N] EMOJI"),
            ("/dance", "/help"),
        ] {
            let said = Input::parse(line).unwrap_err();
            assert!(said.contains(hint), "{line}: {said}");
        }
    }
}

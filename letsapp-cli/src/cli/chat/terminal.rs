//! Input and output of a chat: line editing on a terminal, plain lines otherwise.
//!
//! Reading and writing block, so each has its own thread.

use std::io::{self, BufRead, IsTerminal};
use std::thread;

use rustyline::{Config, DefaultEditor, ExternalPrinter};
use tokio::sync::mpsc;

use super::input::Input;
use super::view::Echo;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

const PROMPT: &str = "› ";

/// Input and output of a chat.
pub(super) struct Terminal {
    lines: mpsc::UnboundedReceiver<String>,
    screen: Screen,
}

enum Screen {
    /// A line is being edited at the bottom. Output goes through the editor, which moves that line out of the way.
    Editor(mpsc::UnboundedSender<String>),
    Plain(Output),
}

impl Terminal {
    pub(super) fn open(output: Output) -> Result<Self, Failure> {
        let (input, lines) = mpsc::unbounded_channel();
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            thread::spawn(move || read_lines(&input));
            return Ok(Self {
                lines,
                screen: Screen::Plain(output),
            });
        }
        let config = Config::builder().auto_add_history(true).build();
        let mut editor = DefaultEditor::with_config(config).map_err(Failure::local)?;
        let printer = editor.create_external_printer().map_err(Failure::local)?;
        let (screen, lines_to_print) = mpsc::unbounded_channel();
        thread::spawn(move || print_lines(printer, lines_to_print));
        thread::spawn(move || edit_lines(editor, &input));
        Ok(Self {
            lines,
            screen: Screen::Editor(screen),
        })
    }

    /// Returns whether typed lines stay visible.
    pub(super) fn echo(&self) -> Echo {
        match self.screen {
            Screen::Editor(_) => Echo::On,
            Screen::Plain(_) => Echo::Off,
        }
    }

    /// Returns the next line, or `None` at the end of the input.
    pub(super) async fn next_line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    pub(super) fn show(&self, line: String) -> Result<(), Failure> {
        match &self.screen {
            // The thread runs until the process ends.
            Screen::Editor(screen) => screen
                .send(line + "\n")
                .map_err(|_| Failure::local("the terminal was closed")),
            Screen::Plain(output) => output.line(&line),
        }
    }

    /// Waits until the editor has returned, because it restores the terminal's settings when it does.
    pub(super) async fn close(mut self) {
        if let Screen::Editor(_) = self.screen {
            self.lines.close();
            while self.lines.recv().await.is_some() {}
        }
    }
}

fn edit_lines(mut editor: DefaultEditor, input: &mpsc::UnboundedSender<String>) {
    while let Ok(line) = editor.readline(PROMPT) {
        let is_last = Input::parse(&line) == Ok(Input::Quit);
        if input.send(line).is_err() || is_last {
            break;
        }
    }
}

fn print_lines(mut printer: impl ExternalPrinter, mut lines_to_print: mpsc::UnboundedReceiver<String>) {
    while let Some(text) = lines_to_print.blocking_recv() {
        if printer.print(text).is_err() {
            break;
        }
    }
}

fn read_lines(input: &mpsc::UnboundedSender<String>) {
    let lines = io::stdin().lock().lines();
    for line in lines.map_while(Result::ok) {
        if input.send(line).is_err() {
            break;
        }
    }
}

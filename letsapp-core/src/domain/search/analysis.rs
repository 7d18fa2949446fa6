//! The tokenizer: one pass over the characters of a text, each of which is folded on the way.

use std::{
    ops::{ControlFlow, Range},
    sync::LazyLock,
};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

use crate::domain::emoji::{is_emoji, is_emoji_part, keycap_len};
use crate::domain::text::{is_dropped, push_folded};

/// Maximum number of bytes of a token. Longer tokens are cut, in the index and in queries alike.
pub(super) const MAX_TOKEN_BYTES: usize = 64;

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Word of a script with spaces.
    Word,
    /// Two neighbouring characters of a script without spaces.
    Pair,
    /// Single character of a script without spaces, without neighbours of such a script.
    Single,
    /// Last character of a longer run, which begins no pair.
    Tail,
    /// Emoji.
    Emoji,
}

/// Passes each token of a text to `sink`, until it returns `Break`.
pub(super) fn tokenize(text: &str, sink: impl FnMut(Kind, &str, Range<usize>) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut tokenizer = Tokenizer {
        sink,
        word: Piece::new(),
        before: Piece::new(),
        unit: Piece::new(),
        pair: Piece::new(),
    };
    let table = &*STEPS;
    let mut folded = String::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let mut end = at + c.len_utf8();
        let step = if is_common_unspaced(c) {
            Step::Take(Class::Unspaced, c)
        } else {
            table.get(c as usize).copied().unwrap_or(Step::Look)
        };
        if let Some(len) = emoji_len(c, &text[at..]) {
            end = at + len;
            tokenizer.emoji(&text[at..end], at..end)?;
        } else if let Step::Take(class, part) = step {
            tokenizer.take(class, part, at..end)?;
        } else if is_dropped(c, tokenizer.base()) {
            tokenizer.extend(end);
        } else {
            let symbol = is_symbol(c);
            if symbol {
                tokenizer.flush()?;
            }
            folded.clear();
            push_folded(&mut folded, c, tokenizer.base());
            for part in folded.chars() {
                tokenizer.take(Class::of(part), part, at..end)?;
            }
            if symbol {
                tokenizer.flush()?;
            }
        }
        at = end;
    }
    tokenizer.flush()
}

/// Handling of a character of the original text.
#[derive(Clone, Copy)]
enum Step {
    /// Take the character as this folded one, independently of its context.
    Take(Class, char),
    /// Examine the character in its context.
    Look,
}

/// Steps for the most common alphabets, computed once, so that texts in them need no lookups in Unicode's larger
/// tables.
static STEPS: LazyLock<Box<[Step]>> =
    LazyLock::new(|| ('\0'..'\u{2070}').map(|c| step_of(c).unwrap_or(Step::Look)).collect());

/// Computes the step of a character; `None` if it depends on the context, folds to several characters,
/// or is a symbol that forms a word of its own.
fn step_of(c: char) -> Option<Step> {
    // Some marks are dropped depending on the letter before. These three letters represent all cases of `is_dropped`.
    if [None, Some('и'), Some('ا')].into_iter().any(|base| is_dropped(c, base)) {
        return None;
    }
    let mut folded = String::new();
    push_folded(&mut folded, c, None);
    let mut parts = folded.chars();
    let (part, None) = (parts.next()?, parts.next()) else {
        return None;
    };
    let class = Class::of(part);
    (class == Class::Other || !is_symbol(c)).then_some(Step::Take(class, part))
}

/// Reports whether a character that stands for letters (№, ㎏) forms a word of its own.
fn is_symbol(c: char) -> bool {
    !(c.is_alphanumeric() || is_combining_mark(c))
}

/// State of the tokenizer. At most one of `word` and the run (`before`, `unit`) is not empty.
struct Tokenizer<F> {
    sink: F,
    word: Piece,
    /// Previous unit of a run of a script without spaces. A unit is a character with its marks.
    before: Piece,
    unit: Piece,
    /// Buffer for joining a pair, reused to avoid allocations.
    pair: Piece,
}

impl<F: FnMut(Kind, &str, Range<usize>) -> ControlFlow<()>> Tokenizer<F> {
    /// Takes the next folded character.
    fn take(&mut self, class: Class, c: char, range: Range<usize>) -> ControlFlow<()> {
        match class {
            Class::Letter => {
                self.end_run()?;
                self.word.push(c, range);
            }
            Class::Mark => match self.current() {
                Some(piece) => {
                    piece.push(c, range);
                    piece.marked = true;
                }
                None => return ControlFlow::Continue(()),
            },
            Class::Unspaced => {
                self.end_word()?;
                self.end_unit()?;
                self.unit.push(c, range);
            }
            Class::Other => self.flush()?,
        }
        ControlFlow::Continue(())
    }

    fn emoji(&mut self, cluster: &str, range: Range<usize>) -> ControlFlow<()> {
        self.flush()?;
        self.word
            .text
            .extend(cluster.chars().filter(|&c| is_emoji_part(c) || cluster.starts_with(c)));
        let text = self.word.text.trim_end_matches('\u{200D}');
        let flow = (self.sink)(Kind::Emoji, cut(text), range);
        self.word.clear();
        flow
    }

    /// Extends the current token over a character that was folded away.
    fn extend(&mut self, end: usize) {
        if let Some(piece) = self.current() {
            piece.range.end = end;
        }
    }

    /// Returns the last character of the current token.
    fn base(&mut self) -> Option<char> {
        self.current().and_then(|piece| piece.text.chars().next_back())
    }

    fn current(&mut self) -> Option<&mut Piece> {
        [&mut self.unit, &mut self.word]
            .into_iter()
            .find(|piece| !piece.text.is_empty())
    }

    fn flush(&mut self) -> ControlFlow<()> {
        self.end_word()?;
        self.end_run()
    }

    fn end_word(&mut self) -> ControlFlow<()> {
        if self.word.text.is_empty() {
            return ControlFlow::Continue(());
        }
        self.word.compose();
        let flow = (self.sink)(Kind::Word, cut(&self.word.text), self.word.range.clone());
        self.word.clear();
        flow
    }

    /// Ends the current unit of a run, before the next unit or the end of the run.
    fn end_unit(&mut self) -> ControlFlow<()> {
        if self.unit.text.is_empty() {
            return ControlFlow::Continue(());
        }
        self.unit.compose();
        let mut flow = ControlFlow::Continue(());
        if !self.before.text.is_empty() {
            self.pair.text.clear();
            self.pair.text.push_str(&self.before.text);
            self.pair.text.push_str(&self.unit.text);
            flow = (self.sink)(
                Kind::Pair,
                cut(&self.pair.text),
                self.before.range.start..self.unit.range.end,
            );
            self.before.clear();
        }
        std::mem::swap(&mut self.before, &mut self.unit);
        flow
    }

    fn end_run(&mut self) -> ControlFlow<()> {
        let paired = !self.before.text.is_empty();
        self.end_unit()?;
        if self.before.text.is_empty() {
            return ControlFlow::Continue(());
        }
        let kind = if paired { Kind::Tail } else { Kind::Single };
        let flow = (self.sink)(kind, cut(&self.before.text), self.before.range.clone());
        self.before.clear();
        flow
    }
}

/// Text of a token that is being read, decomposed.
struct Piece {
    text: String,
    range: Range<usize>,
    /// Whether the text contains marks, and so may need to be composed.
    marked: bool,
}

impl Piece {
    fn new() -> Self {
        Self {
            text: String::new(),
            range: 0..0,
            marked: false,
        }
    }

    fn push(&mut self, c: char, range: Range<usize>) {
        if self.text.is_empty() {
            self.range.start = range.start;
        }
        self.range.end = range.end;
        self.text.push(c);
    }

    fn compose(&mut self) {
        if self.marked {
            self.text = self.text.nfc().collect();
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.marked = false;
    }
}

/// Effect of a folded character on the current token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Mark,
    Unspaced,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        if c.is_ascii() {
            return if c.is_ascii_alphanumeric() {
                Self::Letter
            } else {
                Self::Other
            };
        }
        if is_common_unspaced(c) {
            Self::Unspaced
        } else if is_combining_mark(c) || is_jamo_tail(c) {
            Self::Mark
        } else if !c.is_alphanumeric() {
            Self::Other
        } else if is_unspaced(c) {
            Self::Unspaced
        } else {
            Self::Letter
        }
    }
}

/// Reports whether a character is in the most common Chinese, Japanese and Korean blocks, in which nothing is folded. A
/// cheap check for most texts in these languages.
fn is_common_unspaced(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' | '々')
}

/// Reports whether a letter belongs to a script written without spaces between words, or (Hangul) with few spaces and
/// long words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Myanmar, Khmer, Tai scripts, Javanese, Balinese
        '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{1950}'..='\u{19DF}'
        | '\u{1A20}'..='\u{1AAF}' | '\u{1B00}'..='\u{1B7F}' | '\u{A980}'..='\u{A9FF}' | '\u{AA60}'..='\u{AADF}'
        // Hangul in parts
        | '\u{1100}'..='\u{115F}' | '\u{3130}'..='\u{318F}' | '\u{A960}'..='\u{A97F}'
        // Han, kana, bopomofo
        | '\u{2E80}'..='\u{312F}' | '\u{31A0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{1AFF0}'..='\u{1B16F}' | '\u{20000}'..='\u{3FFFF}')
}

/// Reports whether a character is the middle or the end of a Hangul syllable in parts.
fn is_jamo_tail(c: char) -> bool {
    matches!(c, '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FF}')
}

/// Returns the number of bytes of an emoji at the start of a text, whose first character is `c`.
fn emoji_len(c: char, text: &str) -> Option<usize> {
    if c.is_ascii() {
        let bytes = text.as_bytes();
        // The cheap check comes first: ASCII is hardly ever followed by a selector or a keycap, which begin with these
        // bytes.
        return matches!(bytes.get(1), Some(0xEF | 0xE2))
            .then(|| keycap_len(text))
            .flatten();
    }
    if is_emoji_block(c) && is_emoji(c) {
        text.graphemes(true).next().map(str::len)
    } else {
        None
    }
}

/// Reports whether a character is in a block that contains emoji. Letters of the common scripts are not, and skip the
/// more expensive lookup.
fn is_emoji_block(c: char) -> bool {
    matches!(c, '\u{A9}' | '\u{AE}' | '\u{2000}'..='\u{2BFF}' | '\u{3000}'..='\u{303F}' | '\u{3200}'..='\u{32FF}' | '\u{1F000}'..)
}

/// Returns the token, cut to [`MAX_TOKEN_BYTES`] at the end of a character.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TOKEN_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

//! Folding: maps different spellings of a text to the same string, for search.
//!
//! Compatibility forms (`Ａ`, `ﬁ`), case (`ẞ` and `ς` included), accents, vowel points and invisible characters are
//! removed. Marks that make a different letter or word are kept: Indic vowel signs and viramas, the voicing marks of
//! kana, the breve of Cyrillic `й`. A folded text is for comparison only, not for sorting or display.

use unicode_normalization::{UnicodeNormalization, char::decompose_compatible};

/// Folds a name for prefix search: as message search folds, but with punctuation kept and each run of white space
/// replaced by one space. The folded prefix of a name is a prefix of the folded name.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::text::fold;
///
/// assert_eq!(fold("  Łukasz  O’Brien"), "lukasz o'brien");
/// assert!(fold("Zoë Müller").starts_with(&fold("ZOE M")));
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        let base = folded.chars().next_back();
        push_folded(&mut folded, if c == '’' { '\'' } else { c }, base);
    }
    // White space is collapsed last, since some spacing accents decompose into a space with an accent.
    let mut name = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !name.is_empty() {
            name.push(' ');
        }
        name.extend(word.nfc());
    }
    name
}

/// Appends the folded, decomposed form of a character. Appends nothing if the character is folded away, which for some
/// marks depends on `base`, the folded character before it.
pub(crate) fn push_folded(out: &mut String, c: char, mut base: Option<char>) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return;
    }
    // These Hangul letters stand alone, but their compatibility forms are conjoining: ㅋㅠ would merge into 큐.
    if matches!(c, '\u{3131}'..='\u{318E}') {
        out.push(c);
        return;
    }
    decompose_compatible(c, |part| {
        if !is_dropped(part, base) {
            push_caseless(out, part);
            base = out.chars().next_back();
        }
    });
}

/// Reports whether a decomposed character is folded away after the folded character `base`.
pub(crate) fn is_dropped(c: char, base: Option<char>) -> bool {
    match c {
        '\0'..='\u{AC}' => false,
        // In Cyrillic, й and ў are letters of their own, while ё and stress marks are optional spelling.
        '\u{306}' => !matches!(base, Some('\u{400}'..='\u{52F}')),
        '\u{300}'..='\u{36F}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' => true,
        // Letters that are written like apostrophes and often left out: ʻ ʼ ʽ.
        '\u{2BB}'..='\u{2BD}' => true,
        // Hebrew points and accents.
        '\u{591}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}' | '\u{5C2}' | '\u{5C4}' | '\u{5C5}' | '\u{5C7}' => true,
        // Arabic vowels, Quranic marks and the stretching tatweel; madda and hamza are optional on alef alone.
        '\u{610}'..='\u{61A}' | '\u{640}' | '\u{64B}'..='\u{652}' | '\u{656}'..='\u{65F}' | '\u{670}' => true,
        '\u{6D6}'..='\u{6DC}' | '\u{6DF}'..='\u{6E4}' | '\u{6E7}' | '\u{6E8}' | '\u{6EA}'..='\u{6ED}' => true,
        '\u{653}'..='\u{655}' => base == Some('\u{627}'),
        _ => is_ignorable(c),
    }
}

/// Reports whether nothing is drawn for a character: white space, ignorable characters, and letters made to be blank.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || is_ignorable(c)
        || matches!(
            c,
            '\u{200B}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{2800}'
        )
}

/// Reports whether a character is one of Unicode's default ignorable code points, except those that separate words
/// (U+200B) and those that are letters.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200C}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Appends a decomposed character in lower case, without a stroke that Unicode does not decompose.
fn push_caseless(out: &mut String, c: char) {
    match c {
        '\0'..='\x7F' => out.push(c.to_ascii_lowercase()),
        'ø' | 'Ø' => out.push('o'),
        'ł' | 'Ł' => out.push('l'),
        'đ' | 'Đ' => out.push('d'),
        'ħ' | 'Ħ' => out.push('h'),
        'ŧ' | 'Ŧ' => out.push('t'),
        'æ' | 'Æ' => out.push_str("ae"),
        'œ' | 'Œ' => out.push_str("oe"),
        // Down, up and down again is Unicode's full case folding (ẞ → ß → SS → ss, ς → Σ → σ), from the tables of the
        // standard library, which are those of the newest Unicode. It also takes the Turkish ı for an i.
        _ => {
            for upper in c.to_lowercase().flat_map(char::to_uppercase) {
                out.extend(upper.to_lowercase());
            }
        }
    }
}

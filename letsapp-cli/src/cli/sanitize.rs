//! Sanitizing of text from other users, who must not be able to control the terminal or to imitate other output.

/// Replaces characters that control the terminal. Line breaks are kept but the following lines are indented, so that
/// none of them looks like another message.
pub(super) fn sanitize(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => safe.push_str("\n        "),
            '\t' => safe.push_str("    "),
            char if is_unsafe(char) => safe.push('\u{fffd}'),
            char => safe.push(char),
        }
    }
    safe
}

/// Sanitizes a text and puts it on one line.
pub(super) fn one_line(text: &str) -> String {
    let safe = |char: char| match char {
        '\n' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        char if is_unsafe(char) => '\u{fffd}',
        char => char,
    };
    text.chars().map(safe).collect()
}

/// Sanitizes a text, puts it on one line and cuts it off after `max` characters.
pub(super) fn excerpt(text: &str, max: usize) -> String {
    let line = one_line(text);
    match line.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Returns `true` for characters that control the terminal or the direction of the following text. The zero width
/// joiner is allowed, since emoji consist of it.
fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let hostile = "a\x1b[2Jb\x07c\u{9b}31md\re\u{202e}f\x7fg\0h\u{2066}i";
        let safe = sanitize(hostile);
        assert!(!safe.chars().any(is_unsafe), "{safe:?}");
        assert_eq!(
            safe,
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}31md\u{fffd}e\u{fffd}f\u{fffd}g\u{fffd}h\u{fffd}i"
        );
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(sanitize("hi\n[10:00] #7 boss: pay"), "hi\n        [10:00] #7 boss: pay");
        assert_eq!(one_line("hi\nthere"), "hi there");
    }

    #[test]
    fn text_of_any_script_and_emoji_are_kept() {
        for text in ["Ünïcödé", "مرحبا", "你好", "👩‍👩‍👧‍👦 ❤️ 🇫🇷"] {
            assert_eq!(sanitize(text), text);
            assert_eq!(one_line(text), text);
        }
    }

    #[test]
    fn an_excerpt_ends_with_an_ellipsis() {
        assert_eq!(excerpt("héllo wörld", 5), "héllo…");
        assert_eq!(excerpt("héllo", 5), "héllo");
    }
}

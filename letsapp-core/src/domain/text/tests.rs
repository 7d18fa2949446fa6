use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use crate::domain::text::*;

#[test]
fn titles_are_trimmed_and_counted_as_people_count() {
    assert_eq!(Title::parse("\n Team \u{3000}").as_ref().map(Title::as_str), Ok("Team"));
    assert!(Title::parse("🇩🇪".repeat(100)).is_ok());
    assert_eq!(Title::parse("🇩🇪".repeat(101)), Err(TextError::TooLong { max: 100 }));
    assert_eq!(Title::parse(""), Err(TextError::Invisible));
    assert_eq!(Title::parse("a\nb"), Err(TextError::Control));
    assert_eq!(
        Title::parse(format!("a{}", "\u{301}".repeat(800))),
        Err(TextError::TooLarge { max: 1600 })
    );
}

#[test]
fn every_error_has_a_code_and_a_message() {
    let errors = [
        (
            TextError::TooShort { min: 1 },
            "too_short",
            "must have at least 1 character",
        ),
        (
            TextError::Invisible,
            "too_short",
            "must have at least one visible character",
        ),
        (
            TextError::TooShort { min: 3 },
            "too_short",
            "must have at least 3 characters",
        ),
        (
            TextError::TooLong { max: 9 },
            "too_long",
            "must have at most 9 characters",
        ),
        (TextError::TooLarge { max: 9 }, "too_long", "must take at most 9 bytes"),
        (
            TextError::Control,
            "control_character",
            "must not contain control characters",
        ),
        (
            TextError::Charset { allowed: "digits" },
            "invalid_character",
            "may contain only digits",
        ),
        (
            TextError::Malformed { expected: "an address" },
            "invalid_format",
            "must be an address",
        ),
    ];
    for (error, code, words) in errors {
        assert_eq!((error.code(), error.to_string().as_str()), (code, words));
    }
}

#[test]
fn folding_removes_case_accents_and_compatibility_forms() {
    for (text, folded) in [
        ("Straße STRASSE STRAẞE", "strasse strasse strasse"),
        ("ΣΊΣΥΦΟΣ Σίσυφος", "σισυφοσ σισυφοσ"),
        ("İstanbul ISPARTA ısparta", "istanbul isparta isparta"),
        ("Łódź Ørsted Đặng Ǆ", "lodz orsted dang dz"),
        ("Ｆｕｌｌ ﬁne x²", "full fine x2"),
        ("Ёлка й е\u{301}", "елка й е"),
        ("שָׁלוֹם", "שלום"),
        ("أَحْمَد آدم مؤمن كتـــاب", "احمد ادم مؤمن كتاب"),
        ("हिन्दी தமிழ்", "हिन्दी தமிழ்"),
        ("ガ ｶﾞ か\u{3099}", "ガ ガ が"),
        ("한국 \u{1112}\u{1161}\u{11AB}", "한국 한"),
        ("ㅋㅠ", "ㅋㅠ"),
        ("co\u{AD}op می\u{200C}خواهم", "coop میخواهم"),
        ("O’Neill ʻOkina", "o'neill okina"),
        (" a \n\t b ", "a b"),
        ("", ""),
    ] {
        assert_eq!(fold(text), folded, "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_fast_count_is_the_count(text in "([a-z]|\\PC|\r\n|e\u{301}|👍🏽|🇩🇪){0,40}", max in 0usize..40) {
        prop_assert_eq!(graphemes_at_most(&text, max), text.graphemes(true).count() <= max);
    }

    #[test]
    fn the_fast_control_check_is_the_check(text in "[a-z\\x00-\\x20\\x7f-\u{ff}漢]{0,20}") {
        prop_assert_eq!(has_control(&text), text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
    }

    #[test]
    fn folding_again_changes_nothing(text in "\\PC{0,20}") {
        let once = fold(&text);
        prop_assert_eq!(fold(&once), once);
    }

    #[test]
    fn case_does_not_matter(text in "[\\p{Latin}\\p{Cyrillic}\\p{Greek}\\p{Armenian} ]{0,20}") {
        // A subscript iota is folded away as a mark, but its capital is a letter.
        let text: String = text.nfd().filter(|&c| c != '\u{345}').collect();
        prop_assert_eq!(fold(&text.to_uppercase()), fold(&text));
    }
}

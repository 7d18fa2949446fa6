use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::domain::search::highlight::shortest;
use crate::domain::search::terms::IndexTerms;
use crate::domain::search::*;

fn words(text: &str) -> Vec<String> {
    tokens(text).collect()
}

#[test]
fn text_is_taken_apart_into_folded_words() {
    let table: &[(&str, &[&str])] = &[
        ("Hello, World!", &["hello", "world"]),
        ("don't l'amour", &["don", "t", "l", "amour"]),
        ("report_2024.final.PDF", &["report", "2024", "final", "pdf"]),
        ("https://ex.org/?q=1", &["https", "ex", "org", "q", "1"]),
        ("Ça va, Zoe\u{308} ?", &["ca", "va", "zoe"]),
        ("H₂O x² №5 5㎏", &["h2o", "x2", "no", "5", "5", "kg"]),
        ("Привет, мой ёж", &["привет", "мой", "еж"]),
        ("हिन्दी में", &["हिन्दी", "में"]),
        ("مَرْحَبًا بكم", &["مرحبا", "بكم"]),
        ("co\u{AD}operate zero\u{200B}width", &["cooperate", "zero", "width"]),
        ("١٢٣", &["١٢٣"]),
        ("", &[]),
        (" \n…—!?", &[]),
        ("\u{301}", &[]),
    ];
    for (text, expected) in table {
        assert_eq!(words(text), *expected, "{text:?}");
    }
}

#[test]
fn scripts_without_spaces_make_pairs_and_a_last_one() {
    let table: &[(&str, &[&str])] = &[
        ("東京都", &["東京", "京都", "都"]),
        ("都", &["都"]),
        ("東京、京都", &["東京", "京", "京都", "都"]),
        ("食べる", &["食べ", "べる", "る"]),
        ("タワー", &["タワ", "ワー", "ー"]),
        ("ｶﾞｽ か\u{3099}", &["ガス", "ス", "が"]),
        (
            "한국어 \u{1112}\u{1161}\u{11AB}국",
            &["한국", "국어", "어", "한국", "국"],
        ),
        ("ㅋㅋ", &["ㅋㅋ", "ㅋ"]),
        ("iPhone手机2024年", &["iphone", "手机", "机", "2024", "年"]),
        ("ที่นี่", &["ที่นี่", "นี่"]),
        ("㌔", &["キロ", "ロ"]),
    ];
    for (text, expected) in table {
        assert_eq!(words(text), *expected, "{text:?}");
    }
}

#[test]
fn marks_are_judged_by_their_letter_wherever_they_come_from() {
    let table = [
        ("и\u{306} й", "й й"),
        ("е\u{308} ё", "е е"),
        ("a\u{306} ă", "a a"),
        ("ا\u{654} أ", "ا ا"),
        ("و\u{654} ؤ", "ؤ ؤ"),
    ];
    for (text, expected) in table {
        assert_eq!(words(text).join(" "), expected, "{text:?}");
    }
}

#[test]
fn every_emoji_is_a_token_without_selectors() {
    let table: &[(&str, &[&str])] = &[
        ("😂😂", &["😂", "😂"]),
        ("ok👍🏽ok", &["ok", "👍🏽", "ok"]),
        ("❤ ❤\u{FE0F} ❤\u{FE0E}", &["❤", "❤", "❤"]),
        ("👨‍👩‍👧‍👦🇩🇪🇫🇷", &["👨‍👩‍👧‍👦", "🇩🇪", "🇫🇷"]),
        ("🏳\u{FE0F}\u{200D}🌈", &["🏳\u{200D}🌈"]),
        ("1\u{FE0F}\u{20E3}2 #\u{20E3}", &["1\u{20E3}", "2", "#\u{20E3}"]),
        ("Foo™ ©2024", &["foo", "™", "©", "2024"]),
        ("😀\u{301}\u{200D}", &["😀"]),
    ];
    for (text, expected) in table {
        assert_eq!(words(text), *expected, "{text:?}");
    }
}

#[test]
fn ranges_point_at_what_was_written() {
    let text = "Une fe\u{301}te à 東京都 👍\u{FE0F}!";
    let spans: Vec<_> = analyze(text).map(|token| &text[token.range]).collect();
    assert_eq!(spans, ["Une", "fe\u{301}te", "à", "東京", "京都", "都", "👍\u{FE0F}"]);
}

#[test]
fn the_index_holds_encoded_tokens_in_order() {
    assert_eq!(index_terms("b a, B"), "t62 t61 t62");
    assert_eq!(index_terms("é ❤"), "t65 te29da4");
    assert_eq!(index_terms(&"A".repeat(100)), format!("t{}", "61".repeat(64)));
    assert_eq!(index_terms(""), "");
}

#[test]
fn the_index_terms_of_the_largest_bodies_are_bounded() {
    for unit in [
        "a ",
        "é",
        "漢",
        "ﷺ",
        "ก",
        "😀",
        "e\u{301}",
        "a\u{1D165}",
        "\u{FDFA}",
        "かﾞ",
    ] {
        let text = unit.repeat(64 * 1024 / unit.len());
        let terms = index_terms(&text);
        assert!(
            !terms.is_empty() && terms.len() <= 256 * 1024,
            "{unit:?}: {}",
            terms.len()
        );
    }
}

#[test]
fn only_an_unfinished_last_word_is_a_prefix() {
    let table: &[(&str, &[(&str, bool)])] = &[
        ("hel", &[("hel", true)]),
        ("hel ", &[("hel", false)]),
        ("hello wor", &[("hello", false), ("wor", true)]),
        ("caf\u{65}\u{301}", &[("cafe", true)]),
        ("foo NOT \"bar*", &[("foo", false), ("not", false), ("bar", false)]),
        ("a:b OR ^c", &[("a", false), ("b", false), ("or", false), ("c", true)]),
        ("ab ab", &[("ab", false)]),
        ("東京都", &[("東京", false), ("京都", true)]),
        ("都 x ", &[("都", true), ("x", false)]),
        ("👍 ok ", &[("👍", true), ("ok", false)]),
        ("  ", &[]),
    ];
    for (text, expected) in table {
        let query = Query::parse(text);
        let terms: Vec<_> = query
            .terms()
            .iter()
            .map(|term| (term.text.as_str(), term.prefix))
            .collect();
        assert_eq!(terms, *expected, "{text:?}");
    }
}

#[test]
fn a_query_has_at_most_sixteen_terms() {
    let text: String = (0..100).map(|n| format!("w{n} ")).collect();
    assert_eq!(Query::parse(&text).terms().len(), Query::MAX_TERMS);
}

#[test]
fn queries_find_what_people_expect() {
    let found = [
        ("Meet me at the café", "CAFE me"),
        ("Straßenbahn", "strasse"),
        ("東京都に行く", "京都"),
        ("東京都に行く", "都"),
        ("東京都", "東京都"),
        ("한국어를 공부했다", "한국어 공부"),
        ("ที่นี่", "นี่"),
        ("nice 👍🏽 work", "👍"),
        ("I ❤️ you", "❤"),
        ("see report.pdf", "pdf"),
        ("don't", "don't"),
        ("the ａｂｃ", "abc"),
    ];
    for (text, query) in found {
        assert!(finds(query, text), "{query:?} in {text:?}");
    }
    for (text, query) in [
        ("cafeteria", "cafe "),
        ("東都京", "京都"),
        ("hello", "ello"),
        ("a b", "a b c"),
    ] {
        assert!(!finds(query, text), "{query:?} in {text:?}");
    }
}

#[test]
fn the_score_of_a_message_is_that_of_its_worst_term() {
    let terms = |body, names| IndexTerms {
        body: index_terms(body),
        attachments: index_terms(names),
    };
    let table = [
        ("plan", "the plan", "", Some(Score::BodyWord)),
        ("plan", "planet plan", "plan.pdf", Some(Score::BodyWord)),
        ("plan", "planet", "plan.pdf", Some(Score::NameWord)),
        ("plan", "planet", "planets.pdf", Some(Score::BodyStart)),
        ("plan", "", "planets.pdf", Some(Score::NameStart)),
        ("plan ", "planet", "planets.pdf", None),
        ("the plan", "the planet", "", Some(Score::BodyStart)),
        ("the plan", "the", "plan", Some(Score::NameWord)),
        ("the plan", "plan", "", None),
        ("", "plan", "plan", None),
    ];
    for (query, body, names, score) in table {
        let query = Query::parse(query);
        assert_eq!(
            query.score(&terms(body, names)),
            score,
            "{query:?} in {body:?} and {names:?}"
        );
        assert!(score.is_none_or(|score| query.scores().contains(&score)));
    }
}

#[test]
fn each_score_has_its_own_points() {
    let best_first = Query::parse("p").scores();
    assert!(best_first.is_sorted_by(|a, b| a > b && a.points() > b.points()));
    for points in 0..=u8::MAX {
        let score = Score::from_points(points);
        assert_eq!(
            score.map(Score::points),
            best_first.iter().map(|s| s.points()).find(|p| *p == points)
        );
    }
}

#[test]
fn matches_are_highlighted() {
    let table: &[(&str, &str, &[&str])] = &[
        ("tea", "Tea, steam and TEACUPS", &["Tea", "TEA"]),
        ("tea ", "Tea, steam and TEACUPS", &["Tea"]),
        ("cafe ol", "Un café olé", &["café", "ol"]),
        ("s", "Straße ß", &["S", "ß"]),
        ("東京都", "東京都と京都", &["東京都", "京都"]),
        ("都", "東京都と京都", &["都", "都"]),
        ("👍", "👍🏽 ok 👍", &["👍🏽", "👍"]),
        ("❤", "I ❤\u{FE0F} it", &["❤\u{FE0F}"]),
        ("e", "e\u{301}te\u{301}", &["e\u{301}"]),
        ("ab", "a\u{AD}\u{AD}bc", &["a\u{AD}\u{AD}b"]),
        ("don't", "I don't", &["don", "t"]),
        ("x", "nothing", &[]),
        ("?", "? nothing", &[]),
    ];
    for (query, text, expected) in table {
        let marked = Query::parse(query).highlights(text);
        let marked: Vec<_> = marked.into_iter().map(|range| &text[range]).collect();
        assert_eq!(marked, *expected, "{query:?} in {text:?}");
    }
}

#[test]
fn the_longest_word_is_highlighted_in_few_attempts() {
    let text = format!("a{}bc", "\u{AD}".repeat(32 * 1024 - 2));
    let mut looks = 0;
    let end = shortest(&text, |beginning| {
        looks += 1;
        beginning.contains('b')
    });
    assert_eq!(end, text.len() - 1);
    assert!((1..=17).contains(&looks), "{looks}");
    assert_eq!(Query::parse("ab").highlights(&text), vec![0..end]);
}

fn finds(query: &str, text: &str) -> bool {
    let query = Query::parse(query);
    let tokens = words(text);
    !query.is_empty()
        && query
            .terms()
            .iter()
            .all(|term| tokens.iter().any(|token| term.matches(token)))
}

proptest! {
    #[test]
    fn encoding_preserves_prefixes_and_nothing_else(a in "\\PC{0,8}", b in "\\PC{0,8}") {
        let both = format!("{a}{b}");
        prop_assert!(encode(&both).starts_with(&encode(&a)));
        prop_assert_eq!(encode(&b).starts_with(&encode(&a)), b.starts_with(&a));
    }

    #[test]
    fn the_index_is_the_encoded_tokens(text in "([ -~]|\\PC){0,60}") {
        let expected: Vec<_> = tokens(&text).map(|token| encode(&token)).collect();
        prop_assert_eq!(index_terms(&text), expected.join(" "));
    }

    #[test]
    fn the_fast_path_for_ascii_gives_the_same_terms(text in "[ -~\n]{0,200}") {
        let expected: Vec<_> = tokens(&text).map(|token| encode(&token)).collect();
        prop_assert_eq!(index_terms(&text), expected.join(" "));
    }

    #[test]
    fn words_are_found_anywhere_in_a_text(word in "\\w{1,8}", before in "\\PC{0,10}", after in "\\PC{0,10}") {
        let alone = words(&word);
        let all = words(&format!("{before} {word} {after}"));
        prop_assert!(alone.iter().all(|token| all.contains(token)), "{alone:?} in {all:?}");
    }

    #[test]
    fn a_text_is_found_by_itself(text in "([a-z ]|\\PC){1,30}") {
        prop_assume!(!Query::parse(&text).is_empty());
        prop_assert!(finds(&text, &text));
    }

    #[test]
    fn a_latin_text_is_found_by_each_beginning(text in "[a-zA-Z0-9éÜßñ東京 ,.']{1,20}", chars in 1usize..20) {
        let beginning: String = text.chars().take(chars).collect();
        prop_assume!(!Query::parse(&beginning).is_empty());
        prop_assert!(finds(&beginning, &text));
    }

    #[test]
    fn highlights_are_whole_characters_in_order_and_do_not_touch(text in "(\\PC|[a-z東가กé ]){0,40}", query in "(\\PC|[a-z東가กé ]){1,4}") {
        let query = Query::parse(&query);
        let marked = query.highlights(&text);
        prop_assert!(marked.is_sorted_by(|a, b| a.end < b.start));
        prop_assert!(marked.iter().all(|range| range.start < range.end && text.get(range.clone()).is_some()));
        let terms = IndexTerms { body: index_terms(&text), attachments: String::new() };
        prop_assert!(query.score(&terms).is_none() || !marked.is_empty());
    }

    #[test]
    fn only_the_matching_beginning_of_a_word_is_highlighted(
        text in "[a-zé東가กか한क]([a-zé東가กか한क㎏ﷺ]|[\u{AD}\u{301}\u{3099}\u{93C}\u{94D}\u{11A8}\u{200D}]|\\PC){0,12}",
        chars in 1usize..6,
    ) {
        let Some(token) = analyze(&text).next() else { return Ok(()) };
        let asked: String = token.text.chars().take(chars).collect();
        let term = QueryTerm { text: asked, prefix: true };
        let enough = |beginning: &str| tokens(beginning).next().is_some_and(|token| term.matches(&token));
        let written = &text[token.range];
        let mut ends = written.grapheme_indices(true).map(|(at, grapheme)| at + grapheme.len());
        let one_by_one = ends.find(|end| enough(&written[..*end]));
        prop_assert_eq!(shortest(written, enough), one_by_one.unwrap_or(written.len()));
    }

    #[test]
    fn ranges_are_whole_characters_in_order(text in "(\\PC|[a-z東가กé]){0,40}") {
        let mut start = 0;
        for token in analyze(&text) {
            prop_assert!(!token.text.is_empty() && token.text.len() <= 64);
            prop_assert!(token.range.start >= start && token.range.start < token.range.end);
            prop_assert!(text.get(token.range.clone()).is_some());
            start = token.range.start;
        }
    }

    #[test]
    fn spelling_forms_make_the_same_tokens(
        text in "((\\p{Latin}{1,6}|\\p{Hiragana}{1,6}|\\p{Hangul}{1,6}|\\p{Devanagari}{1,6}|\\p{Cyrillic}{1,6}|\\p{Greek}{1,6}|\\p{Arabic}{1,6}|\\p{Hebrew}{1,6}|\\p{Thai}{1,6}) ){0,3}",
    ) {
        prop_assert_eq!(words(&text.nfd().collect::<String>()), words(&text.nfc().collect::<String>()));
    }
}

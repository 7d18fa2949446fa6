//! Random scripts for the comparison with the naive model, and their generators.

use proptest::prelude::*;
use proptest::sample::Index;

use super::fixtures::at;
use crate::domain::member::PreferencesPatch;
use crate::domain::role::Role;
use crate::domain::search::Score;

/// A line of a script.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// Carries out an action through one of the two instances.
    Ask(Instance, Question),
    /// Closes both instances and opens them again.
    Restart,
}

/// The instance through which an action is carried out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instance {
    First,
    Second,
}

/// An action whose arguments do not depend on earlier lines, so that lines can be removed when a script is shrunk.
///
/// [`Stage`](super::stage::Stage) turns it into an action with ids and positions of the present state.
#[derive(Clone, Debug)]
pub(super) enum Question {
    CreateDirect(Chat),
    Commit(Vec<Proposal>),
    Advance(Vec<(Chat, Person, u64, u64)>),
    UpdatePreferences(Chat, Person, PreferencesPatch),
    Conversations(Vec<Chat>),
    Rosters(Vec<Chat>),
    Heads(Vec<Chat>),
    MemberCounts(Vec<Chat>),
    Members(Vec<(Chat, Person)>),
    Memberships(Person),
    Messages(Vec<(Chat, Index)>),
    MessageById(Chat, u64),
    History(Chat, Vec<u64>, Direction, Index, usize),
    Changes(Chat, Vec<u64>, Index, usize),
    Search(
        Vec<(Chat, Vec<u64>)>,
        &'static str,
        Option<Person>,
        Option<(Chat, Index, Score)>,
        usize,
    ),
    CountUnread(Vec<(Chat, Index, Index)>),
    Senders(Vec<(Chat, Index, Index, Vec<Person>)>),
    LastSent(Vec<(Chat, Person)>),
}

/// A change to commit.
#[derive(Clone, Debug)]
pub(super) enum Proposal {
    Create(Chat, Vec<Person>),
    Append(Chat, Person, u64, Staleness),
    Revise(Chat, Index, Revision, Staleness, Staleness),
    /// The pair has the number of its message, and those of the messages before it.
    UpdateGroup(Chat, Vec<(Person, Membership)>, Option<u8>, (u64, Vec<u64>), Staleness),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    Newest,
    Before,
    After,
    Between,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Revision {
    Edit(u8),
    Delete,
    React(Person),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Membership {
    Join,
    Leave,
    Role(Role),
}

/// Difference between a number and the right one, in either direction. Mostly zero.
pub(super) type Staleness = i64;

/// Number of a conversation: first the groups, then the pairs.
pub(super) type Chat = u64;

pub(super) type Person = u64;

// Few conversations and people, so that the actions of a short script affect each other.
pub(super) const GROUPS: u64 = 2;
pub(super) const PAIRS: [(Person, Person); 2] = [(0, 1), (2, 1)];
pub(super) const PEOPLE: u64 = 4;

/// Generates scripts. The numbers are relative frequencies.
pub(super) fn scripts() -> impl Strategy<Value = Vec<Line>> {
    let instance = prop_oneof![Just(Instance::First), Just(Instance::Second)];
    let line = prop_oneof![
        40 => (instance, questions()).prop_map(|(instance, question)| Line::Ask(instance, question)),
        1 => Just(Line::Restart),
    ];
    prop::collection::vec(line, 1..50)
}

fn questions() -> impl Strategy<Value = Question> {
    let chat = || 0..GROUPS + PAIRS.len() as u64;
    let chats = || prop::collection::vec(chat(), 0..4);
    let person = || 0..PEOPLE;
    let index = any::<Index>;
    let people = || prop::collection::btree_set(person(), 0..4).prop_map(|people| people.into_iter().collect());
    let edges = || prop_oneof![2 => Just(vec![1]), 3 => prop::collection::vec(1..20_u64, 0..6)];
    let limit = || prop_oneof![1..5_usize, Just(100)];
    let direction = prop::sample::select(vec![
        Direction::Newest,
        Direction::Before,
        Direction::After,
        Direction::Between,
    ]);
    let words = prop::sample::select(vec![
        "message ",
        "mess",
        "edit",
        "edit 1",
        "message 1",
        "1 ",
        "edit mess",
        "?",
    ]);
    let score = prop_oneof![Just(Score::BodyWord), Just(Score::BodyStart), Just(Score::NameWord)];
    let past = prop::option::of((chat(), index(), score));
    let patch = (
        any::<Option<Option<u16>>>(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    );
    let patch = patch.prop_map(|(muted_until, archived, pinned)| PreferencesPatch {
        muted_until: muted_until.map(|until| until.map(|millis| at(i64::from(millis)))),
        archived,
        pinned,
    });
    prop_oneof![
        20 => prop::collection::vec(proposals(), 1..8).prop_map(Question::Commit),
        2 => (GROUPS..GROUPS + PAIRS.len() as u64).prop_map(Question::CreateDirect),
        5 => prop::collection::vec((chat(), person(), 0..8_u64, 0..8_u64), 0..5).prop_map(Question::Advance),
        2 => (chat(), person(), patch)
            .prop_map(|(chat, person, patch)| Question::UpdatePreferences(chat, person, patch)),
        1 => chats().prop_map(Question::Conversations),
        2 => chats().prop_map(Question::Rosters),
        2 => chats().prop_map(Question::Heads),
        1 => chats().prop_map(Question::MemberCounts),
        1 => prop::collection::vec((chat(), person()), 0..5).prop_map(Question::Members),
        2 => person().prop_map(Question::Memberships),
        1 => prop::collection::vec((chat(), index()), 0..5).prop_map(Question::Messages),
        1 => (chat(), 0..60_u64).prop_map(|(chat, n)| Question::MessageById(chat, n)),
        5 => (chat(), edges(), direction, index(), limit())
            .prop_map(|(chat, edges, direction, place, limit)| Question::History(chat, edges, direction, place, limit)),
        5 => (chat(), edges(), index(), limit())
            .prop_map(|(chat, edges, after, limit)| Question::Changes(chat, edges, after, limit)),
        4 => (prop::collection::btree_map(chat(), edges(), 0..4), words, prop::option::of(person()), past, limit())
            .prop_map(|(within, words, from, past, limit)| {
                Question::Search(within.into_iter().collect(), words, from, past, limit)
            }),
        3 => prop::collection::vec((chat(), index(), index()), 0..5).prop_map(Question::CountUnread),
        2 => prop::collection::vec((chat(), index(), index(), people()), 0..4).prop_map(Question::Senders),
        2 => prop::collection::vec((chat(), person()), 0..8).prop_map(Question::LastSent),
    ]
}

fn proposals() -> impl Strategy<Value = Proposal> {
    let chat = || 0..GROUPS + PAIRS.len() as u64;
    let person = || 0..PEOPLE;
    let stale = || prop_oneof![12 => Just(0_i64), 1 => -2..=3_i64];
    let revision = prop_oneof![
        4 => any::<u8>().prop_map(Revision::Edit),
        2 => Just(Revision::Delete),
        2 => person().prop_map(Revision::React),
    ];
    let membership = || {
        prop_oneof![
            3 => Just(Membership::Join),
            3 => Just(Membership::Leave),
            1 => Just(Membership::Role(Role::Admin)),
            1 => Just(Membership::Role(Role::Owner)),
        ]
    };
    // Numbers that no other message has, each once in a change, and repeated by others.
    let preceding = || {
        prop_oneof![
            7 => Just(Vec::new()),
            3 => prop::sample::subsequence((60..80_u64).collect::<Vec<_>>(), 1..=3),
        ]
    };
    let people = || prop::collection::btree_map(person(), membership(), 0..3);
    prop_oneof![
        2 => (0..GROUPS, prop::collection::btree_set(person(), 1..4))
            .prop_map(|(group, people)| Proposal::Create(group, people.into_iter().collect())),
        20 => (chat(), person(), 0..60_u64, stale())
            .prop_map(|(chat, person, n, fence)| Proposal::Append(chat, person, n, fence)),
        10 => (chat(), any::<Index>(), revision, stale(), stale())
            .prop_map(|(chat, message, revision, rev, fence)| Proposal::Revise(chat, message, revision, rev, fence)),
        3 => (0..GROUPS, people(), any::<Option<u8>>(), (0..60_u64, preceding()), stale())
            .prop_map(|(group, people, title, numbers, fence)| {
                Proposal::UpdateGroup(group, people.into_iter().collect(), title, numbers, fence)
            }),
    ]
}

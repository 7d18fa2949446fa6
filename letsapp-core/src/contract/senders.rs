//! Messages by their sender: the newest of each user, and the senders of a span.

use std::collections::BTreeSet;

use super::Trial;
use super::fixtures::{call, conversation_id, deleted, system, text, user_id};
use super::history::span;
use super::steps::{append, revise, update_group};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::message::{Message, SystemEvent};
use crate::domain::window::Span;
use crate::ports::SenderQuery;

pub async fn senders_of_a_span_come_each_once(trial: Trial) {
    let id = trial.long_conversation().await;
    let all = trial.everything(id).await;
    let among: Vec<_> = (1..=5).map(user_id).collect();
    let spans = [(0, 100), (0, 1), (1, 2), (30, 40), (99, 100), (50, 50), (16, 17)];
    let asked = spans.map(|(after, through)| ask(span(id, after, through), &among));
    let answers = trial.messages().senders(&asked).await.unwrap();
    assert_eq!(answers.len(), spans.len());
    for ((after, through), senders) in spans.into_iter().zip(answers) {
        let within = |message: &&Message| after < message.seq.0 && message.seq.0 <= through && message.is_from_user();
        let expected: BTreeSet<_> = all.iter().filter(within).map(|message| message.sender_id).collect();
        assert_eq!(senders.len(), expected.len(), "each once");
        assert_eq!(senders.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

pub async fn only_senders_asked_about_are_named(trial: Trial) {
    let users: Vec<_> = (1..=4).map(user_id).collect();
    let [ana, ben, cem, dan] = users[..] else {
        unreachable!("there are four")
    };
    let id = trial.group(1, &users).await;
    trial.store(append(text(id, 2, ana), Seq(1))).await;
    let gone = trial.store(append(text(id, 3, ben), Seq(1))).await;
    trial.store(revise(deleted(&gone, 9), Seq(1))).await;
    trial.store(append(text(id, 4, cem), Seq(1))).await;
    // Ana's newest messages are system messages; of Dan there is nothing else.
    let mut fence = Seq(1);
    for (n, actor) in [(5, ana), (6, dan), (7, ana)] {
        fence = trial
            .store(update_group(&[], system(id, n, actor, renamed()), fence))
            .await
            .seq;
    }
    let asked = [
        ask(span(id, 0, 7), &[ana, ben, dan]),
        ask(span(id, 2, 7), &users),
        ask(span(id, 0, 7), &[]),
        ask(span(conversation_id(9), 0, 5), &users),
        ask(span(id, 0, 7), &[user_id(9)]),
        ask(span(id, 4, 7), &users),
        ask(span(id, 1, 3), &[cem, ben]),
    ];
    let mut answers = trial.messages().senders(&asked).await.unwrap();
    answers.iter_mut().for_each(|senders| senders.sort_unstable());
    let sorted = |senders: &[UserId]| {
        let mut senders = senders.to_vec();
        senders.sort_unstable();
        senders
    };
    let expected = [
        sorted(&[ana, ben]),
        sorted(&[ben, cem]),
        vec![],
        vec![],
        vec![],
        vec![],
        vec![ben],
    ];
    assert_eq!(answers, expected);
    assert_eq!(trial.messages().senders(&[]).await.unwrap(), Vec::<Vec<UserId>>::new());
}

pub async fn the_newest_message_of_each_sender_is_found(trial: Trial) {
    let (ana, ben, cem) = (user_id(1), user_id(2), user_id(3));
    let (chat, group) = (trial.direct(ana, ben).await, trial.group(1, &[ana, ben, cem]).await);
    let elsewhere = trial.direct(ana, cem).await;
    let pairs = [chat, group, elsewhere]
        .into_iter()
        .flat_map(|id| [ana, ben, cem].map(|user_id| (id, user_id)));
    let pairs: Vec<_> = pairs.chain([(conversation_id(9), ana)]).collect();
    let last_sent = async |trial: &Trial| {
        let mut last_sent = trial.messages().last_sent(&pairs).await.unwrap();
        last_sent.sort_unstable();
        last_sent
    };
    let sorted = |mut expected: Vec<((ConversationId, UserId), Seq)>| {
        expected.sort_unstable();
        expected
    };
    assert_eq!(last_sent(&trial).await, [], "a system message is not sent by a user");
    for n in 0..40 {
        trial
            .store(append(text(chat, n, if n < 30 { ana } else { ben }), Seq::ZERO))
            .await;
    }
    trial.store(append(text(group, 2, cem), Seq(1))).await;
    let newest = trial.store(append(text(group, 3, ana), Seq(1))).await;
    trial.store(append(text(group, 4, ben), Seq(1))).await;
    let expected = |ben_in_group| {
        sorted(vec![
            ((chat, ana), Seq(30)),
            ((chat, ben), Seq(40)),
            ((group, cem), Seq(2)),
            ((group, ana), Seq(3)),
            ((group, ben), Seq(ben_in_group)),
        ])
    };
    assert_eq!(last_sent(&trial).await, expected(4));
    trial.store(revise(deleted(&newest, 9), Seq(1))).await;
    assert_eq!(last_sent(&trial).await, expected(4), "deleted ones count");
    let mut fence = Seq(1);
    for n in 5..9 {
        fence = trial
            .store(update_group(&[], system(group, n, ana, renamed()), fence))
            .await
            .seq;
    }
    trial.store(update_group(&[], call(chat, 40, ana), Seq::ZERO)).await;
    assert_eq!(last_sent(&trial).await, expected(4), "system messages do not");
    trial.store(append(text(group, 9, ben), fence)).await;
    assert_eq!(last_sent(&trial).await, expected(9));
    assert_eq!(last_sent(&trial.another().await).await, expected(9));
    assert_eq!(trial.messages().last_sent(&[]).await.unwrap(), []);
    let one = trial.messages().last_sent(&[(group, ben)]).await.unwrap();
    assert_eq!(one, [((group, ben), Seq(9))]);
}

fn renamed() -> SystemEvent {
    SystemEvent::TitleChanged {
        title: "Another title".to_owned(),
    }
}

fn ask(span: Span, among: &[UserId]) -> SenderQuery {
    SenderQuery {
        span,
        among: among.to_vec(),
    }
}

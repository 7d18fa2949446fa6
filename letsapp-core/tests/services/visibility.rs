//! Every method that reads a group shows a member the messages in their windows of membership and no others.

use std::collections::BTreeMap;

use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::domain::principal::Principal;
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::SendMessage;
use letsapp_core::protocol::{Message, SyncRequest};
use letsapp_core::services::{ConversationError, Forbidden};

use crate::world::{World, edit, limit};

/// The relation of a user to a group: member, former member, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    In,
    Out,
    Never,
}

/// The outcome of a method for a message that the user may or may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Shown,
    NotFound,
    NotAMember,
    Invalid,
}

fn verdict<T: std::fmt::Debug>(outcome: &Result<T, ConversationError>) -> Verdict {
    match outcome {
        Ok(_) => Verdict::Shown,
        Err(ConversationError::NotFound) => Verdict::NotFound,
        Err(ConversationError::Forbidden(Forbidden::NotAMember)) => Verdict::NotAMember,
        Err(ConversationError::Invalid(_)) => Verdict::Invalid,
        Err(error) => panic!("{error:?}"),
    }
}

fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq.0).collect()
}

#[tokio::test]
async fn members_read_the_messages_in_their_windows_and_no_others() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let id = world.group(&ana, &[]).await;
    let say = async |who: &Principal| drop(world.say(who, id, "words").await);
    let edit = async |seq: u64| {
        let request = edit("other words");
        let edited = world.app.messages().edit(&ana, id, Seq(seq), request, None).await;
        edited.unwrap();
    };
    say(&ana).await; // 2
    look(&world, &ben, id, Standing::Never, &[]).await;

    world.add(&ana, id, ben.user_id).await; // 3
    say(&ana).await; // 4
    say(&ben).await; // 5
    edit(2).await;
    look(&world, &ben, id, Standing::In, &[3, 4, 5]).await;

    world.remove(&ana, id, ben.user_id).await.unwrap(); // 6
    say(&ana).await; // 7
    // A former member still sees the messages of their windows, in their present state.
    edit(4).await;
    edit(7).await;
    look(&world, &ben, id, Standing::Out, &[3, 4, 5, 6]).await;

    world.add(&ana, id, ben.user_id).await; // 8
    say(&ana).await; // 9
    look(&world, &ben, id, Standing::In, &[3, 4, 5, 6, 8, 9]).await;

    world.remove(&ben, id, ben.user_id).await.unwrap(); // 10
    say(&ana).await; // 11
    edit(9).await;
    look(&world, &ben, id, Standing::Out, &[3, 4, 5, 6, 8, 9, 10]).await;
    look(&world, &ana, id, Standing::In, &(1..=11).collect::<Vec<_>>()).await;
    look(&world, &eve, id, Standing::Never, &[]).await;
}

/// Checks every method that reads a group.
async fn look(world: &World, who: &Principal, id: ConversationId, standing: Standing, visible: &[u64]) {
    let at = format!("{standing:?} with {visible:?}");
    pages(world, who, id, standing, visible, &at).await;
    single_messages(world, who, id, standing, visible, &at).await;
    the_group_itself(world, who, id, standing, visible, &at).await;
}

async fn pages(world: &World, who: &Principal, id: ConversationId, standing: Standing, visible: &[u64], at: &str) {
    let messages = world.app.messages();
    let newest_first: Vec<_> = visible.iter().rev().copied().collect();
    for (range, expected) in [
        (Range::After(Seq(0)), visible.to_vec()),
        (
            Range::After(Seq(4)),
            visible.iter().copied().filter(|seq| *seq > 4).collect(),
        ),
        (
            Range::Between {
                after: Seq(2),
                before: Seq(7),
            },
            visible.iter().copied().filter(|seq| *seq > 2 && *seq < 7).collect(),
        ),
        (Range::Newest, newest_first.clone()),
        (
            Range::Before(Seq(8)),
            newest_first.iter().copied().filter(|seq| *seq < 8).collect(),
        ),
    ] {
        let history = messages.history(who, id, range, limit(50)).await;
        match standing {
            Standing::Never => assert_eq!(verdict(&history), Verdict::NotFound, "{at}: {range:?}"),
            _ => assert_eq!(seqs(&history.unwrap().items), expected, "{at}: {range:?}"),
        }
        let (mut read, mut after) = (Vec::new(), range);
        while let Ok(page) = messages.history(who, id, after, limit(2)).await {
            read.extend(seqs(&page.items));
            let Some(next) = page.next else { break };
            after = match range {
                Range::After(_) => Range::After(next),
                Range::Between { before, .. } => Range::Between { after: next, before },
                Range::Newest | Range::Before(_) => Range::Before(next),
            };
        }
        assert_eq!(read, expected, "{at}: {range:?}, page by page");
    }
    let changes = messages.changes(who, id, Rev(0), limit(50)).await;
    match standing {
        Standing::Never => assert_eq!(verdict(&changes), Verdict::NotFound, "{at}"),
        _ => {
            let mut changed = seqs(&changes.unwrap().items);
            changed.sort_unstable();
            assert_eq!(changed, visible, "{at}: changes");
        }
    }
    let request = SyncRequest {
        conversations: BTreeMap::from([(id, Rev(0))]),
        since: None,
    };
    let sync = world.sync(who, request).await;
    let mut changed = seqs(&sync.changes);
    changed.sort_unstable();
    assert_eq!(changed, visible, "{at}: sync");
    let listed = sync.conversations.iter().any(|conversation| conversation.id == id);
    let removed = sync.removed.contains(&id);
    assert_eq!(
        (listed, removed),
        (standing == Standing::In, standing != Standing::In),
        "{at}"
    );
}

async fn single_messages(
    world: &World,
    who: &Principal,
    id: ConversationId,
    standing: Standing,
    visible: &[u64],
    at: &str,
) {
    let messages = world.app.messages();
    let thumb = || Emoji::parse("👍").unwrap();
    // Beyond both ends: a message that does not exist gets the same answer as one that may not be seen.
    for seq in (0..=13).map(Seq) {
        let seen = visible.contains(&seq.0);
        let shown = if seen { Verdict::Shown } else { Verdict::NotFound };
        let found = messages.find(who, id, seq).await;
        assert_eq!(verdict(&found), shown, "{at}: message {seq}");
        let reactions = messages.reactions(who, id, seq, None, limit(5)).await;
        assert_eq!(verdict(&reactions), shown, "{at}: reactions to {seq}");
        let receipts = messages.message_receipts(who, id, seq, None, limit(5)).await;
        let expected = match standing {
            Standing::Out if seen => Verdict::NotAMember,
            _ => shown,
        };
        assert_eq!(verdict(&receipts), expected, "{at}: receipts of {seq}");
        if seen && standing == Standing::In {
            continue;
        }
        let refused = match standing {
            Standing::In | Standing::Never => Verdict::NotFound,
            Standing::Out => Verdict::NotAMember,
        };
        let request = edit("mine");
        let edited = messages.edit(who, id, seq, request, None).await;
        assert_eq!(verdict(&edited), refused, "{at}: edit of {seq}");
        let deleted = messages.delete(who, id, seq, None).await;
        assert_eq!(verdict(&deleted), refused, "{at}: deletion of {seq}");
        let reacted = messages.react(who, id, seq, Some(thumb()), None).await;
        assert_eq!(verdict(&reacted), refused, "{at}: reaction to {seq}");
        let unreacted = messages.unreact(who, id, seq, thumb(), None).await;
        assert_eq!(verdict(&unreacted), refused, "{at}: no reaction to {seq}");
        let request = SendMessage {
            reply_to: Some(seq),
            ..SendMessage::text("as you said").unwrap()
        };
        let answer = world.send(who, id, request).await;
        let refused = match standing {
            Standing::In => Verdict::Invalid,
            Standing::Out => Verdict::NotAMember,
            Standing::Never => Verdict::NotFound,
        };
        assert_eq!(verdict(&answer), refused, "{at}: answer to {seq}");
    }
}

async fn the_group_itself(
    world: &World,
    who: &Principal,
    id: ConversationId,
    standing: Standing,
    visible: &[u64],
    at: &str,
) {
    let conversations = world.app.conversations();
    let of_members = match standing {
        Standing::In => Verdict::Shown,
        Standing::Out => Verdict::NotAMember,
        Standing::Never => Verdict::NotFound,
    };
    let members = conversations.members(who, id, None, limit(5)).await;
    assert_eq!(verdict(&members), of_members, "{at}: members");
    let receipts = conversations.receipts(who, id, None, limit(5)).await;
    assert_eq!(verdict(&receipts), of_members, "{at}: receipts");
    let list = conversations.list(who, None, limit(5)).await.unwrap().items;
    let listed = list.iter().any(|conversation| conversation.id == id);
    assert_eq!(listed, standing != Standing::Never, "{at}: list");
    let found = conversations.find(who, id).await;
    match standing {
        Standing::Never => assert_eq!(verdict(&found), Verdict::NotFound, "{at}"),
        _ => {
            let head = found.unwrap().head;
            assert_eq!(Some(&head.seq.0), visible.last(), "{at}: head");
            assert_eq!(head.last_message.unwrap().seq, head.seq, "{at}: newest");
        }
    }
}

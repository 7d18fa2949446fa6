//! Contacts and blocks: adding, removing, listing and looking up.

use super::Trial;
use super::fixtures::{at, user_id};
use super::hostile::texts;
use super::steps::at_once;
use crate::domain::contact::{Alias, Block, Contact, ContactEdge};
use crate::domain::id::UserId;

pub async fn a_contact_is_found_as_it_was_put(trial: Trial) {
    let (plain, named) = (contact(1, 2, 5), called(1, 3, 6, "Mum 💛"));
    assert_eq!(trial.contacts().put(plain.clone()).await.unwrap(), plain);
    assert_eq!(trial.contacts().put(named.clone()).await.unwrap(), named);
    assert_eq!(trial.contacts_of(1).await, sorted([plain, named]));
    assert_eq!(trial.contacts_of(2).await, [], "it is its owner's alone");
}

pub async fn a_contact_put_again_takes_the_new_alias_and_keeps_its_time(trial: Trial) {
    let contacts = trial.contacts();
    contacts.put(contact(1, 2, 5)).await.unwrap();
    contacts.put(contact(1, 3, 5)).await.unwrap();
    let named = called(1, 2, 5, "Two");
    let again = contacts.put(called(1, 2, 9, "Two")).await.unwrap();
    assert_eq!(again, named);
    assert_eq!(trial.contacts_of(1).await, sorted([named, contact(1, 3, 5)]));
    let renamed = contacts.put(called(1, 2, 10, "Deux")).await.unwrap();
    assert_eq!(renamed, called(1, 2, 5, "Deux"));
    assert_eq!(
        contacts.put(contact(1, 2, 11)).await.unwrap(),
        contact(1, 2, 5),
        "none takes the alias away"
    );
    assert_eq!(trial.contacts_of(1).await, sorted([contact(1, 2, 5), contact(1, 3, 5)]));
}

pub async fn a_contact_that_was_removed_comes_back_anew(trial: Trial) {
    let contacts = trial.contacts();
    contacts.put(called(1, 2, 5, "Two")).await.unwrap();
    assert!(!contacts.remove(edge(2, 1)).await.unwrap(), "the other way round");
    assert!(!contacts.remove(edge(1, 3)).await.unwrap(), "another user");
    assert!(contacts.remove(edge(1, 2)).await.unwrap());
    assert!(!contacts.remove(edge(1, 2)).await.unwrap(), "it is gone already");
    assert_eq!(trial.contacts_of(1).await, []);
    contacts.put(contact(1, 2, 9)).await.unwrap();
    assert_eq!(trial.contacts_of(1).await, [contact(1, 2, 9)]);
}

pub async fn a_block_keeps_its_first_time(trial: Trial) {
    let contacts = trial.contacts();
    assert_eq!(contacts.block(block(1, 2, 5)).await.unwrap(), block(1, 2, 5));
    assert_eq!(contacts.block(block(1, 2, 9)).await.unwrap(), block(1, 2, 5));
    assert_eq!(trial.blocks_of(1).await, [block(1, 2, 5)]);
    assert_eq!(trial.blocks_of(2).await, [], "it is its owner's alone");
}

pub async fn a_block_that_was_removed_comes_back_anew(trial: Trial) {
    let contacts = trial.contacts();
    contacts.block(block(1, 2, 5)).await.unwrap();
    assert!(!contacts.unblock(edge(2, 1)).await.unwrap(), "the other way round");
    assert!(!contacts.unblock(edge(1, 3)).await.unwrap(), "another user");
    assert!(contacts.unblock(edge(1, 2)).await.unwrap());
    assert!(!contacts.unblock(edge(1, 2)).await.unwrap(), "it is down already");
    assert_eq!(trial.blocks_of(1).await, []);
    assert_eq!(contacts.block(block(1, 2, 9)).await.unwrap(), block(1, 2, 9));
}

pub async fn contacts_and_blocks_are_independent(trial: Trial) {
    let contacts = trial.contacts();
    contacts.put(contact(1, 2, 5)).await.unwrap();
    contacts.block(block(1, 2, 6)).await.unwrap();
    assert_eq!(trial.contacts_of(1).await, [contact(1, 2, 5)]);
    assert_eq!(trial.blocks_of(1).await, [block(1, 2, 6)]);
    assert!(contacts.remove(edge(1, 2)).await.unwrap());
    assert_eq!(trial.blocks_of(1).await, [block(1, 2, 6)]);
    contacts.put(contact(1, 2, 7)).await.unwrap();
    assert!(contacts.unblock(edge(1, 2)).await.unwrap());
    assert_eq!(trial.contacts_of(1).await, [contact(1, 2, 7)]);
}

pub async fn lists_go_on_to_the_last_page_each_in_order(trial: Trial) {
    let contacts = trial.contacts();
    for n in 2..27 {
        contacts.put(contact(1, n, 5)).await.unwrap();
        contacts.put(contact(n, 1, 5)).await.unwrap();
        contacts.block(block(1, n + 100, 5)).await.unwrap();
        contacts.block(block(n + 100, 1, 5)).await.unwrap();
    }
    let (listed, blocked) = (in_order(2..27), in_order(102..127));
    for limit in [1, 7, 25, 26] {
        let (mut found, mut walls): (Vec<UserId>, Vec<UserId>) = (Vec::new(), Vec::new());
        while found.len() < listed.len() {
            let page = contacts
                .contacts(user_id(1), found.last().copied(), limit)
                .await
                .unwrap();
            let rest = listed.len() - found.len();
            assert_eq!(page.len(), limit.min(rest), "by {limit}");
            found.extend(page.iter().map(|contact| contact.user_id));
            let page = contacts.blocks(user_id(1), walls.last().copied(), limit).await.unwrap();
            assert_eq!(page.len(), limit.min(rest), "by {limit}");
            walls.extend(page.iter().map(|block| block.user_id));
        }
        assert_eq!((&found, &walls), (&listed, &blocked), "by {limit}");
        assert_eq!(
            contacts
                .contacts(user_id(1), found.last().copied(), limit)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            contacts.blocks(user_id(1), walls.last().copied(), limit).await.unwrap(),
            []
        );
    }
    assert_eq!(contacts.contacts(user_id(1), None, 0).await.unwrap(), []);
    assert_eq!(contacts.blocks(user_id(1), None, 0).await.unwrap(), []);
    assert_eq!(contacts.contacts(user_id(1), None, usize::MAX).await.unwrap().len(), 25);
}

pub async fn edges_are_looked_up_in_their_direction(trial: Trial) {
    let contacts = trial.contacts();
    contacts.put(contact(1, 2, 5)).await.unwrap();
    contacts.put(contact(1, 1, 5)).await.unwrap();
    contacts.block(block(2, 1, 5)).await.unwrap();
    let asked = [
        edge(1, 2),
        edge(2, 1),
        edge(1, 2),
        edge(1, 1),
        edge(1, 3),
        edge(3, 2),
        edge(2, 2),
    ];
    let mut listed = contacts.listed(&asked).await.unwrap();
    listed.sort_unstable();
    let mut expected = [edge(1, 1), edge(1, 2)];
    expected.sort_unstable();
    assert_eq!(listed, expected, "each once");
    assert_eq!(contacts.blocked(&asked).await.unwrap(), [edge(2, 1)]);
    assert_eq!(contacts.listed(&[]).await.unwrap(), []);
    assert_eq!(contacts.blocked(&[]).await.unwrap(), []);
}

pub async fn hundreds_of_edges_are_looked_up_in_one_call(trial: Trial) {
    let contacts = trial.contacts();
    for n in 0..60 {
        contacts.put(contact(n, 1_000, 5)).await.unwrap();
        contacts.block(block(1_000, n, 5)).await.unwrap();
    }
    let asked: Vec<_> = (0..600).flat_map(|n| [edge(n, 1_000), edge(1_000, n)]).collect();
    let mut listed = contacts.listed(&asked).await.unwrap();
    listed.sort_unstable();
    let mut expected: Vec<_> = (0..60).map(|n| edge(n, 1_000)).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    let mut blocked = contacts.blocked(&asked).await.unwrap();
    blocked.sort_unstable();
    let expected: Vec<_> = in_order(0..60)
        .into_iter()
        .map(|id| ContactEdge::new(user_id(1_000), id))
        .collect();
    assert_eq!(blocked, expected);
}

pub async fn a_contact_put_concurrently_keeps_one_time(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        let put = at_once((0..12).map(|n| {
            let contacts = if n % 2 == 0 {
                trial.contacts()
            } else {
                another.contacts()
            };
            async move {
                let named = called(round, 100, n, &format!("alias {n}"));
                contacts.put(named).await.unwrap()
            }
        }))
        .await;
        let kept = trial.contacts_of(round).await;
        assert_eq!(kept.len(), 1);
        assert!(put.iter().all(|put| put.added_at == kept[0].added_at), "{put:?}");
        assert!(put.contains(&kept[0]), "its alias is one that was given");
    }
}

pub async fn a_block_put_concurrently_keeps_one_time(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        let put = at_once((0..12).map(|n| {
            let contacts = if n % 2 == 0 {
                trial.contacts()
            } else {
                another.contacts()
            };
            async move { contacts.block(block(round, 100, n)).await.unwrap() }
        }))
        .await;
        assert!(put.iter().all(|block| *block == put[0]), "{put:?}");
        assert_eq!(trial.blocks_of(round).await, [put[0]]);
    }
}

pub async fn of_concurrent_removals_exactly_one_reports_success(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        trial.contacts().put(contact(round, 100, 5)).await.unwrap();
        trial.contacts().block(block(round, 100, 5)).await.unwrap();
        let removed = at_once((0..12).map(|n| {
            let contacts = if n % 2 == 0 {
                trial.contacts()
            } else {
                another.contacts()
            };
            async move {
                let edge = edge(round, 100);
                (
                    contacts.remove(edge).await.unwrap(),
                    contacts.unblock(edge).await.unwrap(),
                )
            }
        }))
        .await;
        assert_eq!(removed.iter().filter(|(removed, _)| *removed).count(), 1);
        assert_eq!(removed.iter().filter(|(_, unblocked)| *unblocked).count(), 1);
    }
}

pub async fn concurrent_putting_and_removing_leaves_one_or_none(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        at_once((0..12).map(|n| {
            let contacts = if n % 2 == 0 {
                trial.contacts()
            } else {
                another.contacts()
            };
            async move {
                match n % 4 {
                    0 => drop(contacts.remove(edge(round, 100)).await.unwrap()),
                    1 => drop(contacts.unblock(edge(round, 100)).await.unwrap()),
                    2 => drop(contacts.put(contact(round, 100, n)).await.unwrap()),
                    _ => drop(contacts.block(block(round, 100, n)).await.unwrap()),
                }
            }
        }))
        .await;
        let (contacts, blocks) = (trial.contacts_of(round).await, trial.blocks_of(round).await);
        assert!(contacts.len() <= 1 && blocks.len() <= 1, "{contacts:?} {blocks:?}");
        let asked = [edge(round, 100)];
        assert_eq!(trial.contacts().listed(&asked).await.unwrap().len(), contacts.len());
        assert_eq!(trial.contacts().blocked(&asked).await.unwrap().len(), blocks.len());
    }
}

pub async fn forgetting_a_user_removes_only_what_they_own(trial: Trial) {
    let contacts = trial.contacts();
    for n in 2..12 {
        contacts.put(contact(1, n, 5)).await.unwrap();
        contacts.block(block(1, n, 5)).await.unwrap();
    }
    contacts.put(contact(2, 1, 5)).await.unwrap();
    contacts.block(block(3, 1, 5)).await.unwrap();
    for _ in 0..2 {
        contacts.forget(user_id(1)).await.unwrap();
        assert_eq!((trial.contacts_of(1).await, trial.blocks_of(1).await), (vec![], vec![]));
        assert_eq!(trial.contacts_of(2).await, [contact(2, 1, 5)]);
        assert_eq!(trial.blocks_of(3).await, [block(3, 1, 5)]);
    }
    contacts.forget(user_id(99)).await.unwrap();
}

pub async fn aliases_are_kept_to_the_byte(trial: Trial) {
    for (n, text) in (100..).zip(texts()) {
        let named = called(1, n, 5, &text);
        assert_eq!(trial.contacts().put(named.clone()).await.unwrap(), named);
        let kept = trial.contacts().contacts(user_id(1), None, 1).await.unwrap();
        assert_eq!(kept, [named]);
        assert!(trial.contacts().remove(edge(1, n)).await.unwrap());
    }
}

pub async fn contacts_and_blocks_survive_a_restart(mut trial: Trial) {
    trial.contacts().put(called(1, 2, 5, "Two")).await.unwrap();
    trial.contacts().put(contact(1, 3, 6)).await.unwrap();
    trial.contacts().remove(edge(1, 3)).await.unwrap();
    trial.contacts().block(block(1, 4, 7)).await.unwrap();
    trial.contacts().block(block(1, 5, 8)).await.unwrap();
    trial.contacts().unblock(edge(1, 5)).await.unwrap();
    trial.restart().await;
    assert_eq!(trial.contacts_of(1).await, [called(1, 2, 5, "Two")]);
    assert_eq!(trial.blocks_of(1).await, [block(1, 4, 7)]);
    assert_eq!(
        trial.contacts().put(contact(1, 2, 9)).await.unwrap(),
        contact(1, 2, 5),
        "listed since before"
    );
}

fn edge(owner: u64, other: u64) -> ContactEdge {
    ContactEdge::new(user_id(owner), user_id(other))
}

fn contact(owner: u64, other: u64, millis: i64) -> Contact {
    Contact {
        owner_id: user_id(owner),
        user_id: user_id(other),
        alias: None,
        added_at: at(millis),
    }
}

fn called(owner: u64, other: u64, millis: i64, alias: &str) -> Contact {
    Contact {
        alias: Some(Alias::from_stored(alias)),
        ..contact(owner, other, millis)
    }
}

fn block(owner: u64, other: u64, millis: i64) -> Block {
    Block {
        owner_id: user_id(owner),
        user_id: user_id(other),
        blocked_at: at(millis),
    }
}

fn sorted<const N: usize>(mut contacts: [Contact; N]) -> Vec<Contact> {
    contacts.sort_by_key(|contact| contact.user_id);
    contacts.into()
}

fn in_order(others: std::ops::Range<u64>) -> Vec<UserId> {
    let mut ids: Vec<_> = others.map(user_id).collect();
    ids.sort_unstable();
    ids
}

impl Trial {
    async fn contacts_of(&self, owner: u64) -> Vec<Contact> {
        self.contacts().contacts(user_id(owner), None, 100).await.unwrap()
    }

    async fn blocks_of(&self, owner: u64) -> Vec<Block> {
        self.contacts().blocks(user_id(owner), None, 100).await.unwrap()
    }
}

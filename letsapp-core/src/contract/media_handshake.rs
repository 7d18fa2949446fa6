//! Referring to a file and removing it at the same time: whoever found it live keeps it.

use super::Trial;
use super::fixtures::{at, blob_id, media_id};
use super::media_fixtures::{media, message_holder, reference};
use super::steps::at_once;
use crate::domain::media::{Media, MediaState};

/// Side whose step is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Refers to a file, or shares its bytes.
    Referrer,
    /// Removes a file.
    Remover,
}

pub async fn in_every_order_of_the_steps_a_file_found_live_is_kept(trial: Trial) {
    let another = trial.another().await;
    let mut kept = [0, 0];
    for (n, order) in (1..).zip(orders(2, 3)) {
        trial.add_media(&media(n, 1)).await;
        let mut referrer = Referrer::new(&trial, n);
        let mut remover = Remover::new(&another, n);
        for side in &order {
            match side {
                Side::Referrer => referrer.step().await,
                Side::Remover => remover.step().await,
            }
        }
        let stored = trial.media_if_any(n).await;
        let live = stored.is_some_and(|media| media.state == MediaState::Live);
        assert!(live || !referrer.found_live, "{order:?}");
        assert!(
            live || trial.media_if_any(n).await.is_none(),
            "it is one or the other: {order:?}"
        );
        kept[usize::from(live)] += 1;
    }
    // Removed only where the references were read before the first step of the referrer: three steps are left then.
    assert_eq!(kept, [3, 7]);
}

pub async fn referring_while_others_remove_keeps_what_was_found_live(trial: Trial) {
    let another = trial.another().await;
    for n in 1..=24 {
        trial.add_media(&media(n, 1)).await;
    }
    let both = at_once((1..=48).map(|task| {
        let n = task.min(49 - task);
        let (trial, another) = (trial.clone(), another.clone());
        async move {
            if task <= 24 {
                let mut referrer = Referrer::new(&trial, n);
                referrer.step().await;
                referrer.step().await;
                (n, referrer.found_live)
            } else {
                let mut remover = Remover::new(&another, n);
                for _ in 0..3 {
                    remover.step().await;
                }
                (n, false)
            }
        }
    }));
    for (n, found_live) in both.await {
        let stored = trial.media_if_any(n).await;
        assert!(
            !found_live || stored.is_some_and(|media| media.state == MediaState::Live),
            "file {n}"
        );
    }
}

pub async fn in_every_order_of_the_steps_bytes_of_a_present_file_may_be_shared(trial: Trial) {
    let another = trial.another().await;
    let mut refused = 0;
    for (n, order) in (1..).zip(orders(2, 2)) {
        let original = Media {
            state: MediaState::Deleting,
            ..media(n, 1)
        };
        trial.add_media(&original).await;
        let copy = Media {
            blob: original.blob,
            ..media(100 + n, 1)
        };
        // The one who shares adds a record with the same bytes, then looks whether the original is there. The one who
        // removes moves it on, then looks whether the bytes are needed.
        let (mut added, mut shared, mut removed, mut needed) = (false, false, false, true);
        for side in &order {
            match side {
                Side::Referrer if added => shared = trial.media_if_any(n).await.is_some(),
                Side::Referrer => {
                    trial.add_media(&copy).await;
                    added = true;
                }
                Side::Remover if removed => needed = another.media().holds_blob(blob_id(n)).await.unwrap(),
                Side::Remover => {
                    let (from, to) = (MediaState::Deleting, MediaState::Removed);
                    removed = another.media().set_state(media_id(n), from, to, None).await.unwrap();
                }
            }
        }
        assert!(needed || !shared, "{order:?}");
        refused += usize::from(!needed);
    }
    // Only where both steps of the remover come before the record.
    assert_eq!(refused, 1);
}

/// Returns every order of so many steps of the two sides.
fn orders(referrer: usize, remover: usize) -> Vec<Vec<Side>> {
    let first = |side, (referrer, remover)| {
        let rest = orders(referrer, remover).into_iter();
        rest.map(move |rest| [vec![side], rest].concat()).collect::<Vec<_>>()
    };
    match (referrer, remover) {
        (0, 0) => vec![Vec::new()],
        (0, _) => first(Side::Remover, (0, remover - 1)),
        (_, 0) => first(Side::Referrer, (referrer - 1, 0)),
        _ => [
            first(Side::Referrer, (referrer - 1, remover)),
            first(Side::Remover, (referrer, remover - 1)),
        ]
        .concat(),
    }
}

/// Refers to a file, then looks whether it is live.
struct Referrer<'a> {
    trial: &'a Trial,
    n: u64,
    referred: bool,
    found_live: bool,
}

impl<'a> Referrer<'a> {
    fn new(trial: &'a Trial, n: u64) -> Self {
        Self {
            trial,
            n,
            referred: false,
            found_live: false,
        }
    }

    async fn step(&mut self) {
        if self.referred {
            let found = self.trial.media_if_any(self.n).await;
            self.found_live = found.is_some_and(|media| media.state == MediaState::Live);
        } else {
            let reference = reference(self.n, message_holder(1, self.n), 5);
            self.trial.media().refer(&[reference]).await.unwrap();
            self.referred = true;
        }
    }
}

/// Marks a file, then looks for references, and then removes it or puts it back.
struct Remover<'a> {
    trial: &'a Trial,
    n: u64,
    marked: bool,
    next: Option<MediaState>,
}

impl<'a> Remover<'a> {
    fn new(trial: &'a Trial, n: u64) -> Self {
        Self {
            trial,
            n,
            marked: false,
            next: None,
        }
    }

    async fn step(&mut self) {
        match self.next {
            Some(next) => self.set(MediaState::Deleting, next).await,
            None if self.marked => {
                let is_free = self.trial.refs_of(self.n).await.is_empty();
                self.next = Some(if is_free { MediaState::Removed } else { MediaState::Live });
            }
            None => {
                self.set(MediaState::Live, MediaState::Deleting).await;
                self.marked = true;
            }
        }
    }

    async fn set(&self, from: MediaState, to: MediaState) {
        let store = self.trial.media();
        let moved = store.set_state(media_id(self.n), from, to, Some(at(9))).await;
        assert!(moved.unwrap(), "nobody else moves it");
    }
}

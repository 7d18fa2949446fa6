//! Files from upload to removal, on the store in memory and by a clock that the test moves.

mod hostile;
mod limits;
mod rescan;
mod reservations;
mod sweeping;
mod unsure;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use crate::adapters::blobs::MemoryBlobs;
use crate::domain::id::{ConversationId, MediaId, Seq};
use crate::domain::media::Variant;
use crate::domain::principal::Principal;
use crate::domain::text::Title;
use crate::engine::jobs::cleanup;
use crate::engine::media::opened::OpenedFiles;
use crate::engine::media::sweeper::UNSENT;
use crate::ports::{BoxError, ByteStream, Clock as _, ManualClock};
use crate::protocol::requests::{CreateConversation, DeleteAccount, EditMessage, Password, SendMessage, UpdateMe};
use crate::services::media::{FileDetails, NewFile, UrlFor};
use crate::services::{ConversationError, Made, MediaError};
use crate::{LetsApp, LetsAppBuilder};
use crate::{domain::timestamp::Timestamp, protocol};

const HOUR: Duration = Duration::from_secs(3600);

struct Bench {
    app: LetsApp,
    clock: Arc<ManualClock>,
    blobs: Arc<MemoryBlobs>,
    ana: Principal,
    ben: Principal,
    chat: ConversationId,
}

impl Bench {
    async fn new() -> Self {
        Self::with(LetsApp::builder()).await
    }

    async fn with(builder: LetsAppBuilder) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
        let blobs = Arc::new(MemoryBlobs::new());
        let app = builder.clock(clock.clone()).blobs(blobs.clone());
        let app = app.build().await.unwrap();
        let ana = app.sign_up("ana", "a long password").await.unwrap();
        let ben = app.sign_up("ben", "a long password").await.unwrap();
        let direct = CreateConversation::Direct { user_id: ben.user_id };
        let chat = app.conversations().create(&ana, direct, None).await.unwrap().0.id;
        Self {
            app,
            clock,
            blobs,
            ana,
            ben,
            chat,
        }
    }

    async fn upload(&self, who: &Principal, name: &str, bytes: &'static [u8]) -> protocol::Media {
        let draft = self.app.media().receive_bytes(who, NewFile::named(name), bytes).await;
        let finished = self.app.media().finish(draft.unwrap(), FileDetails::default()).await;
        finished.unwrap().0
    }

    async fn send(&self, who: &Principal, files: &[MediaId]) -> Result<protocol::Message, ConversationError> {
        let message = SendMessage {
            attachments: files.to_vec(),
            ..SendMessage::text("see").unwrap()
        };
        self.app
            .messages()
            .send(who, self.chat, message, None)
            .await
            .map(|(message, _)| message)
    }

    async fn edit(&self, seq: Seq, files: Option<&[MediaId]>) -> Result<protocol::Message, ConversationError> {
        let edit = EditMessage {
            body: crate::domain::body::Body::parse("look").unwrap(),
            mentions: Vec::new(),
            attachments: files.map(<[_]>::to_vec),
        };
        self.app.messages().edit(&self.ana, self.chat, seq, edit, None).await
    }

    /// Lets time pass, and then the sweeper and the cleanup job do what is due.
    async fn after(&self, time: Duration) {
        self.clock.advance(time);
        // What is released in the background is released by now.
        tokio::task::yield_now().await;
        let engine = self.app.engine();
        cleanup::round(engine).await.unwrap();
        let sweeper = engine.files.as_ref().unwrap().sweeper();
        sweeper.round().await.unwrap();
        sweeper.round().await.unwrap();
    }

    fn opened(&self) -> Arc<OpenedFiles> {
        Arc::clone(&self.app.engine().files.as_ref().unwrap().opened)
    }

    fn clock_at(&self, later: Duration) -> Timestamp {
        self.clock.now().plus(later)
    }

    async fn exists(&self, who: &Principal, id: MediaId) -> bool {
        match self.app.media().find(who, id).await {
            Ok(_) => true,
            Err(MediaError::NotFound) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn chunks(parts: &'static [&'static str], end: Option<&'static str>) -> ByteStream {
    let parts = parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes())));
    let end = end.map(|error| Err(BoxError::from(error)));
    stream::iter(parts.chain(end).collect::<Vec<_>>()).boxed()
}

#[tokio::test]
async fn a_file_that_is_not_sent_is_removed_after_a_day() {
    let bench = Bench::new().await;
    let file = bench.upload(&bench.ana, "a.txt", b"some words").await;
    bench.after(UNSENT - HOUR).await;
    assert!(bench.exists(&bench.ana, file.id).await);
    bench.after(HOUR).await;
    assert!(!bench.exists(&bench.ana, file.id).await);
    assert!(bench.blobs.is_empty());
    let gone = bench.send(&bench.ana, &[file.id]).await;
    assert!(matches!(gone, Err(ConversationError::Invalid(_))), "{gone:?}");
}

#[tokio::test]
async fn a_file_stays_as_long_as_a_message_carries_it() {
    let bench = Bench::new().await;
    let file = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let sent = bench.send(&bench.ana, &[file.id]).await.unwrap();
    assert_eq!(sent.attachments.first().map(|attachment| attachment.id), Some(file.id));
    bench.after(40 * UNSENT).await;
    assert!(
        bench.exists(&bench.ben, file.id).await,
        "who sees the message sees the file"
    );
    bench
        .app
        .messages()
        .delete(&bench.ana, bench.chat, sent.seq, None)
        .await
        .unwrap();
    bench.after(Duration::from_secs(1)).await;
    assert!(!bench.exists(&bench.ana, file.id).await && !bench.exists(&bench.ben, file.id).await);
    assert!(bench.blobs.is_empty());
}

#[tokio::test]
async fn a_file_that_an_edit_drops_and_another_takes_back_stays() {
    let bench = Bench::new().await;
    let (file, other) = (
        bench.upload(&bench.ana, "a.txt", b"some words").await,
        bench.upload(&bench.ana, "b.txt", b"other words").await,
    );
    let sent = bench.send(&bench.ana, &[file.id, other.id]).await.unwrap();
    bench.clock.advance(Duration::from_secs(1));
    let edited = bench.edit(sent.seq, Some(&[other.id])).await.unwrap();
    assert_eq!(edited.attachments.len(), 1);
    bench.clock.advance(Duration::from_secs(1));
    let edited = bench.edit(sent.seq, Some(&[other.id, file.id])).await.unwrap();
    assert_eq!(edited.attachments.len(), 2);
    bench.after(Duration::from_secs(1)).await;
    let edited = bench.edit(sent.seq, None).await.unwrap();
    assert_eq!(edited.attachments.len(), 2, "an edit that names no files keeps them");
    bench.after(2 * UNSENT).await;
    assert!(bench.exists(&bench.ana, file.id).await && bench.exists(&bench.ana, other.id).await);

    bench.clock.advance(Duration::from_secs(1));
    let forbidden = bench.edit(sent.seq, Some(&[])).await;
    assert!(
        matches!(forbidden, Err(ConversationError::Forbidden(_))),
        "too late by now"
    );
}

#[tokio::test]
async fn a_send_that_is_refused_keeps_no_file_for_ever() {
    let bench = Bench::new().await;
    let file = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let message = SendMessage {
        attachments: vec![file.id],
        reply_to: Some(Seq(99)),
        ..SendMessage::text("see").unwrap()
    };
    let refused = bench.app.messages().send(&bench.ana, bench.chat, message, None).await;
    assert!(matches!(refused, Err(ConversationError::Invalid(_))));
    bench.after(UNSENT - HOUR).await;
    assert!(
        bench.exists(&bench.ana, file.id).await,
        "the message may still be on its way"
    );
    bench.after(2 * HOUR).await;
    assert!(!bench.exists(&bench.ana, file.id).await);
    assert!(bench.blobs.is_empty());
}

#[tokio::test]
async fn only_ones_own_files_can_be_sent_and_those_one_sees_forwarded() {
    let bench = Bench::new().await;
    let file = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let foreign = |error: &ConversationError| matches!(error, ConversationError::Invalid(errors) if errors[0].field == "attachments");
    let forward = |id| SendMessage {
        attachments: vec![id],
        forwarded: true,
        ..SendMessage::text("see").unwrap()
    };
    assert!(foreign(&bench.send(&bench.ben, &[file.id]).await.unwrap_err()));
    let unseen = bench
        .app
        .messages()
        .send(&bench.ben, bench.chat, forward(file.id), None)
        .await;
    assert!(foreign(&unseen.unwrap_err()), "nothing shows it to him");
    let made_up = MediaId::from_bytes([7; 16]);
    assert!(foreign(&bench.send(&bench.ana, &[made_up]).await.unwrap_err()));

    let sent = bench.send(&bench.ana, &[file.id]).await.unwrap();
    assert!(
        foreign(&bench.send(&bench.ben, &[file.id]).await.unwrap_err()),
        "seen, but not forwarded"
    );
    let forwarded = bench
        .app
        .messages()
        .send(&bench.ben, bench.chat, forward(file.id), None)
        .await;
    assert_eq!(forwarded.unwrap().0.attachments[0].id, file.id);
    assert_eq!(bench.blobs.len(), 1, "not copied");
    bench.clock.advance(Duration::from_secs(1));
    bench
        .app
        .messages()
        .delete(&bench.ana, bench.chat, sent.seq, None)
        .await
        .unwrap();
    bench.after(2 * UNSENT).await;
    assert!(
        bench.exists(&bench.ana, file.id).await,
        "the forwarded message carries it"
    );
}

#[tokio::test]
async fn the_same_bytes_of_an_owner_are_stored_once() {
    let bench = Bench::new().await;
    let first = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let second = bench.upload(&bench.ana, "b.txt", b"some words").await;
    assert_ne!(first.id, second.id);
    bench.after(Duration::from_secs(1)).await;
    assert_eq!(bench.blobs.len(), 1);
    let foreign = bench.upload(&bench.ben, "c.txt", b"some words").await;
    assert_eq!(bench.blobs.len(), 2, "nobody's upload tells of somebody else's");
    bench.app.media().delete(&bench.ben, foreign.id).await.unwrap();
    assert_eq!(bench.blobs.len(), 1);

    bench.app.media().delete(&bench.ana, first.id).await.unwrap();
    assert_eq!(bench.blobs.len(), 1, "the second needs them");
    assert!(bench.exists(&bench.ana, second.id).await);
    bench.app.media().delete(&bench.ana, second.id).await.unwrap();
    assert!(bench.blobs.is_empty());
}

#[tokio::test]
async fn a_repeated_upload_is_the_same_file_and_another_under_its_id_is_refused() {
    let bench = Bench::new().await;
    let id = MediaId::from_uuid(bench.app.ids().random());
    let upload = async |name: &str, bytes: &'static str| {
        let draft = bench
            .app
            .media()
            .receive_bytes(&bench.ana, NewFile::named(name), bytes)
            .await
            .unwrap();
        let details = FileDetails {
            id: Some(id),
            ..FileDetails::default()
        };
        bench.app.media().finish(draft, details).await
    };
    let (first, made) = upload("a.txt", "some words").await.unwrap();
    assert_eq!((first.id, made), (id, Made::Now));
    let (again, made) = upload("a.txt", "some words").await.unwrap();
    assert_eq!((&again, made), (&first, Made::Before));
    for (name, bytes) in [("a.txt", "other words"), ("b.txt", "some words")] {
        assert!(
            matches!(upload(name, bytes).await, Err(MediaError::Conflict)),
            "{name} {bytes}"
        );
    }
    bench.after(Duration::from_secs(1)).await;
    assert_eq!(bench.blobs.len(), 1);
}

#[tokio::test]
async fn the_files_of_an_erased_account_and_of_a_deleted_group_are_removed() {
    let bench = Bench::new().await;
    let group = CreateConversation::Group {
        id: None,
        title: Title::parse("Tea").unwrap(),
        about: None,
        member_ids: vec![bench.ben.user_id],
    };
    let group = bench
        .app
        .conversations()
        .create(&bench.ana, group, None)
        .await
        .unwrap()
        .0
        .id;
    let file = bench.upload(&bench.ana, "a.txt", b"in the group").await;
    let message = SendMessage {
        attachments: vec![file.id],
        ..SendMessage::text("see").unwrap()
    };
    bench
        .app
        .messages()
        .send(&bench.ana, group, message, None)
        .await
        .unwrap();
    let unsent = bench.upload(&bench.ben, "b.txt", b"never sent").await;
    let sent = bench.upload(&bench.ben, "c.txt", b"sent to ana").await;
    bench.send(&bench.ben, &[sent.id]).await.unwrap();

    bench.app.conversations().delete(&bench.ana, group, None).await.unwrap();
    let password = Password::parse("a long password").unwrap();
    bench
        .app
        .erasure()
        .delete_account(&bench.ben, DeleteAccount { password })
        .await
        .unwrap();
    bench.after(2 * HOUR).await;
    assert!(!bench.exists(&bench.ana, file.id).await, "the group is gone");
    assert!(
        bench.exists(&bench.ana, sent.id).await,
        "messages of an erased account stay"
    );
    let engine = bench.app.engine();
    assert!(engine.stores.media.find(&[unsent.id]).await.unwrap().is_empty());
    assert_eq!(bench.blobs.len(), 1);
}

#[tokio::test]
async fn a_profile_shows_its_picture_and_releases_the_one_before() {
    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B";
    let bench = Bench::new().await;
    let set = async |id: Option<MediaId>| {
        let patch = UpdateMe {
            avatar_media_id: Some(id),
            ..UpdateMe::default()
        };
        bench.app.users().update_me(&bench.ana, patch.into()).await
    };
    let picture = bench.upload(&bench.ana, "a.gif", GIF).await;
    let text = bench.upload(&bench.ana, "a.txt", b"no picture").await;
    assert!(set(Some(text.id)).await.is_err());
    assert!(!bench.exists(&bench.ben, picture.id).await);
    set(Some(picture.id)).await.unwrap();
    assert!(
        bench.exists(&bench.ben, picture.id).await,
        "whoever sees the profile sees its picture"
    );
    let in_use = bench.app.media().delete(&bench.ana, picture.id).await;
    assert!(matches!(in_use, Err(MediaError::InUse)));
    bench.app.contacts().block(&bench.ana, bench.ben.user_id).await.unwrap();
    assert!(
        !bench.exists(&bench.ben, picture.id).await,
        "but for those who are blocked"
    );
    bench.after(2 * UNSENT).await;
    assert!(bench.exists(&bench.ana, picture.id).await);
    set(None).await.unwrap();
    bench.after(Duration::from_secs(1)).await;
    assert!(!bench.exists(&bench.ana, picture.id).await);
}

#[tokio::test]
async fn a_link_is_good_for_its_file_and_its_time_alone() {
    let bench = Bench::new().await;
    let media = bench.app.media();
    let file = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let stranger = media.link(&bench.ben, file.id, Variant::Original, None).await;
    assert!(matches!(stranger, Err(MediaError::NotFound)));
    let no_preview = media.link(&bench.ana, file.id, Variant::Thumbnail, None).await;
    assert!(matches!(no_preview, Err(MediaError::NotFound)));
    let minute = Some(Duration::from_secs(60));
    let UrlFor::Link(link) = media
        .link(&bench.ana, file.id, Variant::Original, minute)
        .await
        .unwrap()
    else {
        panic!("the store has no addresses of its own");
    };
    let open = media.open(&link).await.unwrap();
    let read: Vec<_> = open.read(Some(5..10)).await.unwrap().collect().await;
    let read: Vec<u8> = read.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!((open.size, read.as_slice()), (10, &b"words"[..]));

    let is_bad = async |altered| matches!(media.open(&altered).await, Err(MediaError::BadLink));
    let mut altered = link.clone();
    altered.link.variant = Variant::Thumbnail;
    assert!(is_bad(altered).await);
    let mut altered = link.clone();
    altered.link.expires_at = altered.link.expires_at.plus(HOUR);
    assert!(is_bad(altered).await);
    let mut altered = link.clone();
    altered.link.media_id = MediaId::from_bytes([7; 16]);
    assert!(is_bad(altered).await);
    bench.clock.advance(Duration::from_secs(61));
    assert!(is_bad(link).await, "it has expired");
}

#[tokio::test]
async fn a_link_ends_with_its_file() {
    let bench = Bench::new().await;
    let media = bench.app.media();
    let file = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let UrlFor::Link(link) = media.link(&bench.ana, file.id, Variant::Original, None).await.unwrap() else {
        panic!("the store has no addresses of its own");
    };
    for _ in 0..2 {
        assert_eq!(media.open(&link).await.unwrap().size, 10);
    }
    media.delete(&bench.ana, file.id).await.unwrap();
    let gone = media.open(&link).await.map(drop);
    assert!(matches!(gone, Err(MediaError::NotFound)), "{gone:?}");
    assert!(bench.blobs.is_empty());
}

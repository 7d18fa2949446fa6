//! Text for users, times and messages. Pure functions: nothing is requested from the server.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use letsapp_core::domain::id::UserId;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::{Clock, SystemClock};
use letsapp_core::protocol::{
    Attachment, Conversation, Message, MessageKind, Presence, PresenceStatus, ReceiptStatus, SystemEvent, User,
};

use super::output::{Colours, Style};
use super::sanitize::{one_line, sanitize};

/// Names of users, by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    me: Option<UserId>,
    known: HashMap<UserId, String>,
}

impl Names {
    pub(super) fn new(me: &User) -> Self {
        let mut names = Self {
            me: Some(me.id),
            known: HashMap::new(),
        };
        names.insert(me);
        names
    }

    pub(super) fn insert(&mut self, user: &User) {
        self.known.insert(user.id, short_name_of(user));
    }

    pub(super) fn contains(&self, id: UserId) -> bool {
        self.known.contains_key(&id)
    }

    pub(super) fn is_me(&self, id: UserId) -> bool {
        self.me == Some(id)
    }

    /// Returns a user's name, as shown in messages.
    pub(super) fn name(&self, id: UserId) -> String {
        match self.known.get(&id) {
            _ if self.is_me(id) => "you".to_owned(),
            Some(name) => name.clone(),
            None => "somebody".to_owned(),
        }
    }

    fn list(&self, ids: &[UserId]) -> String {
        let names: Vec<_> = ids.iter().map(|id| self.name(*id)).collect();
        names.join(", ")
    }
}

/// Returns a user's display name, with the username if it is different.
pub(super) fn name_of(user: &User) -> String {
    match &user.username {
        None => "a deleted user".to_owned(),
        Some(username) if *username == user.display_name => one_line(username),
        Some(username) => format!("{} (@{})", one_line(&user.display_name), one_line(username)),
    }
}

fn short_name_of(user: &User) -> String {
    match &user.username {
        None => "a deleted user".to_owned(),
        Some(_) => one_line(&user.display_name),
    }
}

/// Returns the title of a group, or the name of the other user in a direct conversation.
pub(super) fn title_of(conversation: &Conversation) -> String {
    match (&conversation.title, &conversation.peer) {
        (Some(title), _) => one_line(title),
        (None, Some(peer)) => name_of(peer),
        (None, None) => "a conversation".to_owned(),
    }
}

/// Formats a time in the local time zone, without the date if it is today.
pub(super) fn local_time(at: Timestamp) -> String {
    local_time_in(at, SystemClock.now(), &TimeZone::system())
}

fn local_time_in(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = |at: Timestamp| {
        jiff::Timestamp::from_millisecond(at.as_millis())
            .unwrap_or_default()
            .to_zoned(zone.clone())
    };
    let (at, now) = (local(at), local(now));
    let format = if at.date() == now.date() {
        "%H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    at.strftime(format).to_string()
}

/// Formats a presence.
pub(super) fn presence(presence: &Presence) -> String {
    match (presence.status, presence.last_seen_at) {
        (PresenceStatus::Online, _) => "online".to_owned(),
        (PresenceStatus::Offline, Some(at)) => format!("last seen {}", local_time(at)),
        (PresenceStatus::Offline, None) => "offline".to_owned(),
    }
}

/// Formats a number of bytes, such as `1.5 MB`.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let units = [(1_000_000, 1_000, "kB"), (1_000_000_000, 1_000_000, "MB")];
    let unit = units.into_iter().find(|(end, _, _)| bytes < *end);
    let (_, unit, name) = unit.unwrap_or((u64::MAX, 1_000_000_000, "GB"));
    // Rounded down, so that 999,999 bytes are not 1000.0 kB.
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// Returns the text of a message with the names of its files, without its sender and time.
pub(super) fn summary(message: &Message, names: &Names) -> String {
    let text = text_of(message, names);
    let files = message
        .attachments
        .iter()
        .map(|file| format!("[{}]", one_line(&file.file_name)));
    let text = (!text.is_empty()).then_some(text);
    text.into_iter().chain(files).collect::<Vec<_>>().join(" ")
}

/// Returns a file of a message as a line with its name, its size and the id for `letsapp download`.
///
/// The line is indented by less than the further lines of a text, so that no text can imitate it.
pub(super) fn attachment(file: &Attachment, colours: Colours) -> String {
    let rest = colours.apply(Style::Dim, &format!("{} {}", size(file.size), file.id));
    format!("    [{}] {rest}", one_line(&file.file_name))
}

fn text_of(message: &Message, names: &Names) -> String {
    if message.deleted_at.is_some() {
        return "(deleted)".to_owned();
    }
    if let Some(event) = &message.system {
        return system(message.sender_id, event, names);
    }
    if message.kind == MessageKind::System {
        return format!(
            "{} did something that this version can't show",
            names.name(message.sender_id)
        );
    }
    sanitize(&message.body)
}

/// Returns a message with its number, time, sender and reactions, and a line for each of its files. Further lines of its
/// text are indented.
pub(super) fn message(message: &Message, names: &Names, colours: Colours, ticks: Option<ReceiptStatus>) -> String {
    let head = colours.apply(
        Style::Dim,
        &format!("[{}] #{}", local_time(message.sent_at), message.seq),
    );
    let text = text_of(message, names);
    if message.kind == MessageKind::System {
        return format!("{head} {}", colours.apply(Style::Dim, &format!("— {text}")));
    }
    let style = if names.is_me(message.sender_id) {
        Style::Me
    } else {
        Style::Name
    };
    let name = colours.apply(style, &names.name(message.sender_id));
    let text = if message.deleted_at.is_some() {
        colours.apply(Style::Dim, &text)
    } else {
        text
    };
    let mut notes = String::new();
    if let Some(seq) = message.reply_to {
        notes.push_str(&colours.apply(Style::Dim, &format!(" (to #{seq})")));
    }
    if message.edited_at.is_some() && message.deleted_at.is_none() {
        notes.push_str(&colours.apply(Style::Dim, " (edited)"));
    }
    let reactions = reactions(message);
    if !reactions.is_empty() {
        notes.push_str(&format!(" {reactions}"));
    }
    if let Some(status) = ticks {
        notes.push_str(&format!(" {}", self::ticks(status, colours)));
    }
    let text = if text.is_empty() { text } else { format!(" {text}") };
    let mut lines = format!("{head} {name}:{text}{notes}");
    for file in &message.attachments {
        lines.push('\n');
        lines.push_str(&attachment(file, colours));
    }
    lines
}

/// Returns a message's reactions with their counts, such as `[❤ 2 👍 1]`.
pub(super) fn reactions(message: &Message) -> String {
    if message.reactions.is_empty() {
        return String::new();
    }
    let each: Vec<_> = message
        .reactions
        .iter()
        .map(|reaction| format!("{} {}", one_line(&reaction.emoji), reaction.count))
        .collect();
    format!("[{}]", each.join(" "))
}

/// Returns the ticks for a status: ✓ sent, ✓✓ delivered, coloured ✓✓ read. Without colours, the latter says so.
pub(super) fn ticks(status: ReceiptStatus, colours: Colours) -> String {
    match (status, colours) {
        (ReceiptStatus::Sent, _) => colours.apply(Style::Dim, "✓"),
        (ReceiptStatus::Delivered, _) => colours.apply(Style::Dim, "✓✓"),
        (ReceiptStatus::Read, Colours::On) => colours.apply(Style::Read, "✓✓"),
        (ReceiptStatus::Read, Colours::Off) => "✓✓ read".to_owned(),
    }
}

fn system(sender: UserId, event: &SystemEvent, names: &Names) -> String {
    let who = names.name(sender);
    match event {
        SystemEvent::GroupCreated { .. } => format!("{who} created the group"),
        SystemEvent::TitleChanged { title } => format!("{who} renamed the group to {}", one_line(title)),
        SystemEvent::AboutChanged { about } => format!("{who} changed the description: {}", one_line(about)),
        SystemEvent::PictureChanged { .. } => format!("{who} changed the picture"),
        SystemEvent::MembersAdded { user_ids } => format!("{who} added {}", names.list(user_ids)),
        SystemEvent::MemberRemoved { user_id } => format!("{who} removed {}", names.name(*user_id)),
        SystemEvent::MemberLeft { user_id } => format!("{} left", names.name(*user_id)),
        SystemEvent::RoleChanged { user_id, role } => {
            let role = format!("{role:?}").to_lowercase();
            format!("{who} made {} {role}", names.name(*user_id))
        }
        SystemEvent::GroupDeleted => format!("{who} deleted the group"),
        SystemEvent::Call { media, outcome, .. } => format!("{} call: {}", one_line(media), one_line(outcome)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use letsapp_core::domain::id::{ConversationId, MediaId, MessageId, Rev, Seq};
    use letsapp_core::protocol::ReactionSummary;

    pub(crate) const ANA: UserId = UserId::from_bytes([1; 16]);
    pub(crate) const BEN: UserId = UserId::from_bytes([2; 16]);

    pub(crate) fn names() -> Names {
        let known = HashMap::from([(ANA, "Ana".to_owned()), (BEN, "Ben".to_owned())]);
        Names { me: Some(ANA), known }
    }

    pub(crate) fn message_from(sender_id: UserId, seq: u64, rev: u64, body: &str) -> Message {
        Message {
            id: MessageId::from_bytes([u8::try_from(seq).unwrap(); 16]),
            conversation_id: ConversationId::from_bytes([7; 16]),
            seq: Seq(seq),
            rev: Rev(rev),
            sender_id,
            kind: MessageKind::User,
            body: body.to_owned(),
            reply_to: None,
            forwarded: false,
            mentions: Vec::new(),
            attachments: Vec::new(),
            reactions: Vec::new(),
            my_reaction: None,
            sent_at: Timestamp::from_millis(0),
            edited_at: None,
            deleted_at: None,
            system: None,
        }
    }

    pub(crate) fn file(id: u8, file_name: &str, size: u64) -> Attachment {
        Attachment {
            id: MediaId::from_bytes([id; 16]),
            file_name: file_name.to_owned(),
            content_type: "image/png".to_owned(),
            size,
            width: None,
            height: None,
            duration: None,
            waveform: None,
            thumbnail: None,
        }
    }

    fn shown(shown: &Message) -> String {
        let line = message(shown, &names(), Colours::Off, None);
        line.split_once("] ").unwrap().1.to_owned()
    }

    #[test]
    fn a_message_shows_sender_text_and_changes() {
        let mut sample = message_from(BEN, 3, 5, "hello\x1b[2J");
        assert_eq!(shown(&sample), "#3 Ben: hello\u{fffd}[2J");
        sample.reply_to = Some(Seq(1));
        sample.edited_at = Some(Timestamp::from_millis(1));
        sample.reactions = vec![ReactionSummary {
            emoji: "❤".to_owned(),
            count: 2,
            user_ids: vec![ANA, BEN],
        }];
        assert_eq!(shown(&sample), "#3 Ben: hello\u{fffd}[2J (to #1) (edited) [❤ 2]");
        let deleted = Message {
            deleted_at: Some(Timestamp::from_millis(2)),
            reply_to: None,
            reactions: Vec::new(),
            ..sample
        };
        assert_eq!(shown(&deleted), "#3 Ben: (deleted)");
    }

    #[test]
    fn each_file_has_a_line_that_no_text_can_imitate() {
        let mut sample = message_from(BEN, 3, 5, "Look!\n    [cat.png] 1 B");
        sample.attachments = vec![file(1, "cat.png", 1_234_567), file(2, "a\n\x1b[2Jb", 12)];
        let files = "\n    [cat.png] 1.2 MB 01010101-0101-0101-0101-010101010101\
                     \n    [a \u{fffd}[2Jb] 12 B 02020202-0202-0202-0202-020202020202";
        let imitation = "\n            [cat.png] 1 B";
        assert_eq!(shown(&sample), format!("#3 Ben: Look!{imitation}{files}"));
        sample.body.clear();
        assert_eq!(shown(&sample), format!("#3 Ben:{files}"));
        assert_eq!(summary(&sample, &names()), "[cat.png] [a \u{fffd}[2Jb]");
    }

    #[test]
    fn sizes_are_rounded_down() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (67_108_864, "67.1 MB"),
            (5_000_000_000, "5.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_system_message_is_shown_as_a_sentence() {
        let mut notice = message_from(BEN, 4, 6, "");
        notice.kind = MessageKind::System;
        notice.system = Some(SystemEvent::MembersAdded {
            user_ids: vec![ANA, UserId::from_bytes([3; 16])],
        });
        assert_eq!(shown(&notice), "#4 — Ben added you, somebody");
        notice.system = None;
        assert_eq!(shown(&notice), "#4 — Ben did something that this version can't show");
    }

    #[test]
    fn ticks_show_the_receipt_status() {
        let of = |status, colours| ticks(status, colours);
        assert_eq!(of(ReceiptStatus::Sent, Colours::Off), "✓");
        assert_eq!(of(ReceiptStatus::Delivered, Colours::Off), "✓✓");
        assert_eq!(
            of(ReceiptStatus::Read, Colours::Off),
            "✓✓ read",
            "visible without colours"
        );
        assert_ne!(
            of(ReceiptStatus::Read, Colours::On),
            of(ReceiptStatus::Delivered, Colours::On)
        );
    }

    #[test]
    fn presence_shows_online_or_last_seen() {
        let at = SystemClock.now();
        assert_eq!(presence(&Presence::online(BEN, at)), "online");
        assert_eq!(
            presence(&Presence::offline(BEN, Some(at))),
            format!("last seen {}", local_time(at))
        );
        assert_eq!(presence(&Presence::offline(BEN, None)), "offline");
    }

    #[test]
    fn a_time_has_its_date_unless_it_is_today() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let of = |text: &str| local_time_in(text.parse().unwrap(), now, &TimeZone::UTC);
        assert_eq!(of("2026-11-22T09:05:00Z"), "09:05");
        assert_eq!(of("2026-11-21T23:59:00Z"), "2026-11-21 23:59");
    }
}

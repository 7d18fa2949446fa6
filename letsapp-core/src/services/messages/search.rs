//! Searching messages.

use std::collections::HashMap;

use crate::domain::id::ConversationId;
use crate::domain::member::Member;
use crate::domain::message::Message;
use crate::domain::page::{Limit, Page};
use crate::domain::principal::Principal;
use crate::domain::search::{Found, Hit, Query, Rank, Scope, Search};
use crate::engine::error::ConversationError;
use crate::engine::media::refresh;
use crate::protocol;
use crate::protocol::requests::SearchMessages;
use crate::protocol::{Highlight, SearchHit};
use crate::services::messages::MessageService;

/// Maximum number of highlights of one hit. A message of 64 KiB may match thousands of times, and a client shows only a
/// few of them.
const MAX_HIGHLIGHTS: usize = 100;

/// A page of the messages that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// Hits, the best first.
    pub items: Vec<SearchHit>,
    /// The `past` of the next page; `None` on the last.
    pub next: Option<Rank>,
    /// Whether not everything could be looked at in time, so that hits may be missing.
    pub partial: bool,
}

impl MessageService {
    /// Searches the messages that the caller may see, and returns the best hits first.
    ///
    /// [`Score`](crate::domain::search::Score) rates a hit, and [`Rank`] orders hits of the same score. A query without
    /// words, such as `?!`, finds nothing.
    ///
    /// `past` is the rank at which the previous page ended. Pages neither repeat nor skip a message that is not changed
    /// between them.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the request names a conversation of which the caller never was a member.
    ///
    /// # Examples
    ///
    /// ```
    /// # use letsapp_core::{LetsApp, protocol::requests::{CreateConversation, SearchMessages, SendMessage}};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let app = LetsApp::in_memory().await?;
    /// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
    /// let direct = CreateConversation::Direct { user_id: ben.user_id };
    /// let (chat, _) = app.conversations().create(&ana, direct, None).await?;
    /// app.messages().send(&ana, chat.id, SendMessage::text("Tea at the Café Zoë?")?, None).await?;
    ///
    /// let request = SearchMessages { from: Some(ana.user_id), ..SearchMessages::text("cafe zo")? };
    /// let found = app.messages().search(&ben, request, None, Default::default()).await?;
    /// let marked: Vec<_> = found.items[0].highlights.iter().map(|part| (part.start, part.end)).collect();
    /// assert_eq!(marked, [(11, 15), (16, 18)]);
    /// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
    /// ```
    pub async fn search(
        &self,
        principal: &Principal,
        request: SearchMessages,
        past: Option<Rank>,
        limit: Limit,
    ) -> Result<SearchPage, ConversationError> {
        let engine = &*self.engine;
        let members = match request.conversation_id {
            Some(id) => vec![engine.access.reader(id, principal.user_id).await?.0],
            None => engine.stores.conversations.memberships(principal.user_id).await?,
        };
        let search = Search {
            query: Query::parse(request.q.as_str()),
            within: members.into_iter().map(scope).collect(),
            from: request.from,
            after: request.after,
            before: request.before,
            past,
            limit: limit.get() + 1,
            budget: engine.search_budget,
        };
        let query = search.query.clone();
        let Found { mut hits, partial } = engine.stores.messages.search(search).await?;
        refresh(&engine.stores, hits.iter_mut().map(|hit| &mut hit.message)).await?;
        let members = self.look_again(principal, &hits).await?;
        let shown = hits.iter().map(|hit| {
            let shown = is_visible(hit, &members).then(|| SearchHit {
                message: protocol::Message::seen_by(&hit.message, principal.user_id),
                score: hit.score.points(),
                highlights: highlights(&query, &hit.message),
            });
            (hit.rank(), shown)
        });
        let Page { items, next, .. } = Page::cut(shown, limit).flatten();
        Ok(SearchPage { items, next, partial })
    }

    /// Returns the caller's present memberships in the conversations of the hits.
    ///
    /// The search used memberships that were read before it. If the caller was removed from a group in between, it may
    /// have found messages that were sent after the removal.
    async fn look_again(
        &self,
        principal: &Principal,
        hits: &[Hit],
    ) -> Result<HashMap<ConversationId, Member>, ConversationError> {
        let mut ids: Vec<ConversationId> = hits.iter().map(|hit| hit.message.conversation_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let of: Vec<_> = ids.into_iter().map(|id| (id, principal.user_id)).collect();
        let members = self.engine.stores.conversations.members(&of).await?.into_iter();
        Ok(members.map(|member| (member.conversation_id, member)).collect())
    }
}

fn is_visible(hit: &Hit, members: &HashMap<ConversationId, Member>) -> bool {
    let member = members.get(&hit.message.conversation_id);
    member.is_some_and(|member| member.sees(hit.message.seq))
}

fn scope(member: Member) -> Scope {
    Scope {
        conversation_id: member.conversation_id,
        windows: member.windows,
    }
}

/// Returns the places in the text and the file names of a message that match the query, at most [`MAX_HIGHLIGHTS`].
fn highlights(query: &Query, message: &Message) -> Vec<Highlight> {
    let names = message.attachments.iter().enumerate();
    let names = names.map(|(place, file)| (format!("attachments.{place}.file_name"), file.file_name.as_str()));
    let texts = std::iter::once(("body".to_owned(), message.body())).chain(names);
    texts
        .flat_map(|(field, text)| Highlight::of(field, text, query.highlights(text)))
        .take(MAX_HIGHLIGHTS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{MediaId, Seq};
    use crate::domain::media::Attachment;
    use crate::domain::message::Content;
    use crate::domain::role::Role;
    use crate::domain::search::Score;
    use crate::engine::fixtures::{ANA, BEN, member, message};

    fn file(name: &str) -> Attachment {
        Attachment {
            id: MediaId::from_bytes([9; 16]),
            file_name: name.to_owned(),
            content_type: "text/plain".to_owned(),
            size: 1,
            width: None,
            height: None,
            duration: None,
            waveform: None,
            is_processing: false,
            thumbnail: None,
        }
    }

    fn marked(query: &str, message: &Message) -> Vec<(String, usize, usize)> {
        let marks = highlights(&Query::parse(query), message);
        marks
            .into_iter()
            .map(|mark| (mark.field, mark.start, mark.end))
            .collect()
    }

    #[test]
    fn highlights_count_code_points_in_text_and_file_names() {
        let message = Message {
            content: Content::Text("👩‍👩‍👧 Zoë's report".to_owned()),
            attachments: vec![file("photo.png"), file("report.pdf")],
            ..message(ANA, 1)
        };
        let expected = [("body", 12, 18), ("attachments.1.file_name", 0, 6)];
        let expected = expected.map(|(field, start, end)| (field.to_owned(), start, end));
        assert_eq!(marked("report", &message), expected);
        assert_eq!(marked("ZOE ", &message), [("body".to_owned(), 6, 9)]);
    }

    #[test]
    fn hits_sent_after_a_removal_are_not_returned() {
        let hit = |seq| Hit {
            message: message(ANA, seq),
            score: Score::BodyWord,
        };
        let mut removed = member(BEN, Role::Member, 2);
        removed.windows[0].to = Some(Seq(4));
        let members = HashMap::from([(removed.conversation_id, removed)]);
        let visible = |members| (1..=6).filter(move |seq| is_visible(&hit(*seq), members));
        assert_eq!(visible(&members).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(visible(&HashMap::new()).count(), 0);
    }

    #[test]
    fn a_message_has_at_most_a_hundred_highlights() {
        let message = Message {
            content: Content::Text("ha ".repeat(1_000)),
            ..message(ANA, 1)
        };
        let marks = marked("ha", &message);
        assert_eq!(marks.len(), MAX_HIGHLIGHTS);
        assert_eq!(marks[99], ("body".to_owned(), 297, 299));
    }
}

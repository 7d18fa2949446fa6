//! The command `search`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use clap::Args;
use letsapp_core::domain::id::ConversationId;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::protocol::requests::SearchMessages;
use letsapp_core::protocol::{Highlight, SearchHit, SearchResults};

use super::context::Context;
use super::failure::Failure;
use super::messages::load_name;
use super::output::{Colours, Format, Style};
use super::render::{Names, local_time, title_of};
use super::sanitize::one_line;
use super::target::Target;
use crate::{ClientError, Page};

/// Number of characters to show of a message. Fits on two lines of a narrow terminal.
const EXCERPT_CHARS: usize = 120;

/// Number of characters to show before the first match, so that the reader sees its context.
const CONTEXT_CHARS: usize = 30;

#[derive(Debug, Args)]
pub(super) struct Search {
    /// Words to search for. A message must contain all of them; the last one may be the start of a word
    #[arg(value_name = "QUERY", required = true)]
    words: Vec<String>,
    /// Search only this conversation: a username, a group's title, or an id
    #[arg(long = "in", value_name = "USER|CONVERSATION")]
    within: Option<Target>,
    /// Search only messages of this user
    #[arg(long, value_name = "USER")]
    from: Option<Target>,
    /// Search only messages sent before this time, such as 2026-11-22T09:00:00Z
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    /// Search only messages sent after this time
    #[arg(long, value_name = "TIME")]
    after: Option<Timestamp>,
    /// Show at most this many messages
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Search {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let request = self.request(context).await?;
        let SearchResults {
            items: hits, partial, ..
        } = read_hits(context, &request, limit).await?;
        let mut labels = match context.output.format() {
            Format::Json => HitLabels::default(),
            Format::Text => HitLabels::new(context).await?,
        };
        for hit in &hits {
            labels.load(context, hit).await;
            context
                .output
                .show(hit, || line(hit, &labels, context.output.colours()))?;
        }
        if hits.is_empty() {
            context.output.status("no messages found")?;
        }
        if partial {
            context.output.status("not all messages could be searched in time")?;
        }
        Ok(())
    }

    async fn request(self, context: &Context) -> Result<SearchMessages, Failure> {
        let request = SearchMessages::text(self.words.join(" ")).map_err(ClientError::from)?;
        let conversation_id = match self.within {
            Some(target) => Some(target.conversation(context).await?.id),
            None => None,
        };
        let from = match self.from {
            Some(target) => Some(target.user(context).await?),
            None => None,
        };
        Ok(SearchMessages {
            conversation_id,
            from,
            before: self.before,
            after: self.after,
            ..request
        })
    }
}

/// Names of the senders and conversations of the hits. Not loaded for JSON, which contains ids only.
#[derive(Default)]
struct HitLabels {
    names: Option<Names>,
    titles: HashMap<ConversationId, String>,
}

impl HitLabels {
    async fn new(context: &Context) -> Result<Self, Failure> {
        let me = context.client.me().await.map_err(|error| context.explain(error))?;
        Ok(Self {
            names: Some(Names::new(&me.user)),
            titles: HashMap::new(),
        })
    }

    /// Loads the names for a hit. A failure is ignored: the hit can be shown without them.
    async fn load(&mut self, context: &Context, hit: &SearchHit) {
        let Some(names) = &mut self.names else { return };
        let id = hit.message.conversation_id;
        if let Entry::Vacant(entry) = self.titles.entry(id) {
            let title = match context.client.conversation(id).await {
                Ok(conversation) => title_of(&conversation),
                Err(_) => id.to_string(),
            };
            entry.insert(title);
        }
        load_name(context, names, hit.message.sender_id).await;
    }

    fn title(&self, id: ConversationId) -> &str {
        self.titles.get(&id).map_or("", String::as_str)
    }
}

/// Reads the best `limit` hits, page by page; partial if one of the pages is.
async fn read_hits(context: &Context, request: &SearchMessages, limit: usize) -> Result<SearchResults, Failure> {
    let (mut items, mut partial) = (Vec::new(), false);
    let mut page = Page::of(limit.min(200));
    loop {
        let part = context.client.search(request, page.clone()).await;
        let part = part.map_err(|error| context.explain(error))?;
        items.extend(part.items);
        partial |= part.partial;
        match part.next_cursor {
            Some(cursor) if items.len() < limit => page = page.after(cursor),
            next_cursor => {
                items.truncate(limit);
                return Ok(SearchResults {
                    items,
                    next_cursor,
                    partial,
                });
            }
        }
    }
}

/// Formats a hit on one line: conversation, time, sender, and the text around the first match.
fn line(hit: &SearchHit, labels: &HitLabels, colours: Colours) -> String {
    let message = &hit.message;
    let title = colours.apply(Style::Name, labels.title(message.conversation_id));
    let when = colours.apply(
        Style::Dim,
        &format!("[{}] #{}", local_time(message.sent_at), message.seq),
    );
    let who = labels
        .names
        .as_ref()
        .map_or_else(String::new, |names| names.name(message.sender_id));
    let highlights = |field: &str| {
        hit.highlights
            .iter()
            .filter(|highlight| highlight.field == field)
            .collect::<Vec<_>>()
    };
    let body = excerpt(&message.body, &highlights("body"), colours);
    let files = message.attachments.iter().enumerate().map(|(place, file)| {
        let highlights = highlights(&format!("attachments.{place}.file_name"));
        format!("[{}]", excerpt(&file.file_name, &highlights, colours))
    });
    let parts: Vec<_> = (!body.is_empty()).then_some(body).into_iter().chain(files).collect();
    format!("{title} {when} {who}: {}", parts.join(" "))
}

/// Returns the part of a text around its first match, on one line and with all matches coloured.
fn excerpt(text: &str, highlights: &[&Highlight], colours: Colours) -> String {
    let chars: Vec<char> = text.chars().collect();
    let first = highlights.first().map_or(0, |highlight| highlight.start);
    let start = if chars.len() <= EXCERPT_CHARS {
        0
    } else {
        first.saturating_sub(CONTEXT_CHARS).min(chars.len())
    };
    let end = chars.len().min(start + EXCERPT_CHARS);
    let part = |from: usize, to: usize| one_line(&chars[from..to].iter().collect::<String>());
    let mut shown = String::new();
    if start > 0 {
        shown.push('…');
    }
    let mut at = start;
    for highlight in highlights {
        let (from, to) = (highlight.start.clamp(at, end), highlight.end.clamp(at, end));
        if from < to {
            shown.push_str(&part(at, from));
            shown.push_str(&colours.apply(Style::Match, &part(from, to)));
            at = to;
        }
    }
    shown.push_str(&part(at, end));
    if end < chars.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tests::{BEN, message_from, names};

    fn highlight(start: usize, end: usize) -> Highlight {
        Highlight {
            field: "body".to_owned(),
            start,
            end,
        }
    }

    #[test]
    fn matches_are_coloured_unless_colours_are_off() {
        let highlights = [highlight(0, 3), highlight(10, 13)];
        let highlights: Vec<_> = highlights.iter().collect();
        assert_eq!(excerpt("Tea,\nmore tea", &highlights, Colours::Off), "Tea, more tea");
        assert_eq!(
            excerpt("Tea,\nmore tea", &highlights, Colours::On),
            "\x1b[1;33mTea\x1b[0m, more \x1b[1;33mtea\x1b[0m"
        );
    }

    #[test]
    fn a_long_message_is_cut_around_the_first_match() {
        let text = format!("{}tea{}", "é".repeat(500), "ü".repeat(500));
        let shown = excerpt(&text, &[&highlight(500, 503)], Colours::Off);
        assert_eq!(
            shown,
            format!(
                "…{}tea{}…",
                "é".repeat(CONTEXT_CHARS),
                "ü".repeat(EXCERPT_CHARS - CONTEXT_CHARS - 3)
            )
        );
        assert_eq!(
            excerpt(&text, &[&highlight(2_000, 3_000)], Colours::Off),
            "…",
            "a server may send invalid positions"
        );
    }

    #[test]
    fn hits_are_sanitized() {
        let hostile = "a\x1b[2Jb\u{202e}c";
        assert_eq!(
            excerpt(hostile, &[&highlight(1, 2)], Colours::Off),
            "a\u{fffd}[2Jb\u{fffd}c"
        );
    }

    #[test]
    fn a_hit_shows_conversation_number_and_sender() {
        let message = message_from(BEN, 3, 5, "tea?");
        let labels = HitLabels {
            names: Some(names()),
            titles: HashMap::from([(message.conversation_id, "The Club".to_owned())]),
        };
        let hit = SearchHit {
            message,
            score: 20,
            highlights: vec![highlight(0, 3)],
        };
        let line = line(&hit, &labels, Colours::Off);
        assert!(
            line.starts_with("The Club [") && line.ends_with("] #3 Ben: tea?"),
            "{line}"
        );
    }
}

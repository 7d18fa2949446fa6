//! The command `download`, and uploading the files of a message.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use letsapp_core::domain::id::MediaId;
use letsapp_core::protocol::{Code, Media, Status};
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::messages::with_retries;
use super::progress::ProgressBar;
use super::render::size;
use super::sanitize::one_line;
use crate::{ClientError, Existing, Upload, Variant};

/// Maximum number of files in a message, checked before the first one is uploaded.
const MAX_FILES: usize = 10;

#[derive(Debug, Args)]
pub(super) struct Download {
    /// The id of the file, from `letsapp history`
    #[arg(value_name = "MEDIA_ID")]
    id: MediaId,
    /// The place for the file: a path, or a directory that exists [default: the file's name, in this directory]
    #[arg(long, short, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Download the small preview of a picture or a video
    #[arg(long)]
    thumbnail: bool,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
}

/// A file that was downloaded.
#[derive(Serialize)]
struct Downloaded {
    id: MediaId,
    path: String,
    size: u64,
}

impl Download {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (client, id) = (&context.client, self.id);
        let media = with_retries(async || client.media(id).await).await;
        let media = media.map_err(|error| match error.code() {
            Some(Code::NotFound) => Failure::Refused(format!("there is no file {id} for you")),
            _ => context.explain(error),
        })?;
        let variant = if self.thumbnail {
            Variant::Thumbnail
        } else {
            Variant::Original
        };
        if self.thumbnail && media.thumbnail.is_none() {
            let still = if media.status == Status::Processing { " yet" } else { "" };
            let name = one_line(&media.file_name);
            return Err(Failure::Refused(format!("{name} has no preview{still}")));
        }
        let path = match self.out {
            Some(out) if out.is_dir() => out.join(default_name(context, &media, variant).await?),
            Some(out) => out,
            None => PathBuf::from(default_name(context, &media, variant).await?),
        };
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        let download = crate::Download::new(id, &path).variant(variant).existing(existing);
        let bar = Arc::new(ProgressBar::new(&media.file_name, &context.output));
        let downloaded = with_retries(async || {
            let bar = Arc::clone(&bar);
            client.download(&download, move |progress| bar.show(progress)).await
        })
        .await;
        bar.clear();
        let size = downloaded.map_err(|error| context.explain(error))?;
        let path = path.display().to_string();
        let shown = Downloaded { id, path, size };
        context.output.show(&shown, || line(&shown))
    }
}

/// Checks the files of a message before any is sent.
pub(super) fn check(paths: Vec<PathBuf>) -> Result<Vec<Upload>, Failure> {
    if paths.len() > MAX_FILES {
        return Err(Failure::Usage(format!("a message has at most {MAX_FILES} files")));
    }
    let uploads: Vec<_> = paths.into_iter().map(Upload::new).collect();
    for upload in &uploads {
        upload.size()?;
    }
    Ok(uploads)
}

/// Uploads the files of a message one after the other. Repeated if the server can't be reached: the id of an upload
/// keeps it from being stored twice.
pub(super) async fn upload(context: &Context, uploads: &[Upload]) -> Result<Vec<MediaId>, Failure> {
    let mut ids = Vec::new();
    for upload in uploads {
        let bar = Arc::new(ProgressBar::new(upload.name(), &context.output));
        let uploaded = with_retries(async || {
            let bar = Arc::clone(&bar);
            let progress = move |progress| bar.show(progress);
            context.client.upload(upload, progress).await
        })
        .await;
        bar.clear();
        let media = uploaded.map_err(|error| match context.explain(error) {
            // Otherwise nobody would know which of the files was refused.
            failure @ Failure::Client(ClientError::Problem(_)) => failure.about(upload.path().display()),
            failure => failure,
        })?;
        ids.push(media.id);
    }
    Ok(ids)
}

/// Returns the name for a downloaded file, safe even if the server's is not.
async fn default_name(context: &Context, media: &Media, variant: Variant) -> Result<String, Failure> {
    let name = safe_name(&media.file_name);
    match variant {
        Variant::Original => Ok(name),
        Variant::Thumbnail => {
            let content_type = context.client.content_type(media.id, variant).await;
            let content_type = content_type.map_err(|error| context.explain(error))?;
            Ok(thumbnail_name(&name, &content_type))
        }
    }
}

/// Makes a name of one that another user has chosen: in this directory, not hidden, without characters that some file
/// system refuses.
fn safe_name(name: &str) -> String {
    let safe: String = one_line(name)
        .chars()
        .map(|char| match char {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            char => char,
        })
        .collect();
    match safe.trim_start_matches(['.', ' ']).trim_end_matches(['.', ' ']) {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

fn thumbnail_name(name: &str, content_type: &str) -> String {
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let extension = match content_type {
        "image/webp" => "webp",
        "image/png" => "png",
        _ => "jpg",
    };
    format!("{stem}.thumbnail.{extension}")
}

fn line(downloaded: &Downloaded) -> String {
    format!("{} ({})", one_line(&downloaded.path), size(downloaded.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_user_stays_in_the_directory_and_is_not_hidden() {
        for (name, safe) in [
            ("Übersicht (final).pdf", "Übersicht (final).pdf"),
            ("../../.bashrc", "_.._.bashrc"),
            (".profile", "profile"),
            ("C:\\boot.ini", "C__boot.ini"),
            ("a\u{202e}gpj.exe\n", "a\u{fffd}gpj.exe"),
            ("..", "file"),
            ("", "file"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
    }

    #[test]
    fn a_preview_is_named_after_its_file_and_its_own_type() {
        assert_eq!(thumbnail_name("cat.png", "image/webp"), "cat.thumbnail.webp");
        assert_eq!(thumbnail_name("film.mp4", "image/jpeg"), "film.thumbnail.jpg");
    }

    #[test]
    fn the_files_of_a_message_are_checked_before_any_is_sent() {
        let failure = check(vec![PathBuf::from("x"); MAX_FILES + 1]).unwrap_err();
        assert_eq!(failure.message().unwrap(), "a message has at most 10 files");
        let failure = check(vec![PathBuf::from("/dev/null")]).unwrap_err();
        assert_eq!(
            (failure.message().unwrap().as_str(), failure.exit_code()),
            ("/dev/null: is not a regular file", 5)
        );
    }
}
